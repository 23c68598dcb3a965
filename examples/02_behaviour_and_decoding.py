"""Behaviour labels and decoding: train on the first 80 % of the time, read labels from the rest.

The rat is simulated. Every number stands beside one without an embedding and beside chance.
"""

from cebra_ethan import CEBRA
from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.metrics.decoding import decode, windowed_counts

rat = load_dataset("rat-simulated", num_bins=4000, num_neurons=60, seed=0)
train, test = time_split(rat, test_fraction=0.2, gap=20)  # no window and no pair spans both
print(
    f"Simulated rat, {rat.num_neurons} neurons: {len(train)} bins to train, {len(test)} held out"
)

# Floats are compared as numbers, classes must be equal, angles are `Label(x, "circular", 360)`.
for name, label in train.labels.items():
    print(f"  {name}: {label.kind}")

cebra = CEBRA(
    model_architecture="offset10-model",  # sees ten bins of 25 ms
    output_dimension=3,
    time_offsets=10,
    batch_size=256,
    max_iterations=250,
    learning_rate=1e-3,
    random_state=0,
)
cebra.fit(train.neural, train.labels)
print(f"Goodness of fit, held out: {cebra.score(test.neural, test.labels):.2f} bits (chance: 0)")

embedded = cebra.transform(train.neural), cebra.transform(test.neural)
counts = windowed_counts(train.neural), windowed_counts(test.neural)


def decoded(label, features):
    return decode(features[0], train.labels[label], features[1], test.labels[label])


place, place_counts = decoded("position", embedded), decoded("position", counts)
print("Position, median error of nearest neighbours:")
print(f"  with the embedding          {100 * place.median_error:5.1f} cm")
print(f"  no embedding, from counts   {100 * place_counts.median_error:5.1f} cm")
print(f"  chance, the median position {100 * place.chance.median_error:5.1f} cm")

way, way_counts = decoded("direction", embedded), decoded("direction", counts)
print("Direction, accuracy:")
print(f"  with the embedding          {way.accuracy:5.0%}")
print(f"  no embedding, from counts   {way_counts.accuracy:5.0%}")
print(f"  chance, the usual direction {way.chance.accuracy:5.0%}")
