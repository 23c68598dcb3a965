"""Several animals: one space for rats with other neurons, and a third one that comes later.

The rats are simulated on one track; their cells have nothing to do with each other.
"""

from cebra_ethan import CEBRA
from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.metrics.consistency import consistency_score
from cebra_ethan.metrics.decoding import decode

rats = [
    load_dataset("rat-simulated", num_bins=4000, num_neurons=count, seed=seed)
    for seed, count in enumerate((60, 50, 40))
]
(first, test_1), (second, test_2), (third, test_3) = (
    time_split(rat, test_fraction=0.3, gap=20) for rat in rats
)
settings = {
    "model_architecture": "offset10-model",
    "output_dimension": 3,
    "time_offsets": 10,
    "batch_size": 128,
    "max_iterations": 200,
    "max_adapt_iterations": 100,
    "learning_rate": 1e-3,
    "random_state": 0,
}
bins = [(test.labels["position"], test.labels["direction"]) for test in (test_1, test_2)]


def consistency(points):
    return consistency_score(points, bins, num_bins=17).scores.mean()


together = CEBRA(**settings).fit([first, second])  # recordings bring labels and trials along
joint = together.transform([test_1, test_2])
untrained = CEBRA(**settings | {"learning_rate": 1e-12, "max_iterations": 1})
untrained.fit([first, second])
print("Simulated rats 1 and 2, consistency in held-out laps, R2 of linear maps between them:")
print(f"  trained together  {consistency(joint):.2f}")
print(f"  untrained encoder {consistency(untrained.transform([test_1, test_2])):.2f}")

# One space means that a decoder of one rat reads the other.
source = together.transform(first, session_id=0), first.labels["position"]
across = decode(*source, joint[1], test_2.labels["position"])
print(f"Rat 2 by a decoder of rat 1: {100 * across.median_error:.1f} cm", end=" ")
print(f"(chance {100 * across.chance.median_error:.1f} cm)")

together.adapt(third)  # a new input layer; the others stay as they are
bits = together.score(test_3, session_id=2)
print(f"Rat 3, adapted in {settings['max_adapt_iterations']} steps: {bits:.2f} bits, held out")
