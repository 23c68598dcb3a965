"""CEBRA beside UMAP and PCA, and beside what it must be held against: shuffles and no embedding.

The rat is simulated. `cebra-ethan compare FILE --labels position` does the same for a file and
needs no program. UMAP needs the extra `baselines`; it compiles first, half a
minute or more.
"""

import torch

from cebra_ethan import CEBRA
from cebra_ethan.baselines import BASELINES
from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.metrics.decoding import decode, windowed_counts
from cebra_ethan.metrics.significance import shuffle_labels

rat = load_dataset("rat-simulated", num_bins=2500, num_neurons=60, seed=1)
train, test = time_split(rat, test_fraction=0.2, gap=20)
position, truth = train.labels["position"], test.labels["position"]


def cebra(labels, steps=200):
    model = CEBRA(
        model_architecture="offset10-model",
        output_dimension=3,
        time_offsets=10,
        batch_size=256,
        max_iterations=steps,
        learning_rate=1e-3 if steps > 1 else 1e-12,
        random_state=0,
    )
    model.fit(train.neural, labels)
    return model.transform(train.neural), model.transform(test.neural)


def baseline(name, **params):
    method = BASELINES[name](n_components=3, window_bins=10, random_state=0, **params)
    method.fit(train.neural)  # the training part alone, as for CEBRA
    return method.transform(train.neural), method.transform(test.neural)


# Encoder and decoder both learn from the shuffled label; the test label stays true.
shuffled = {
    how: shuffle_labels(position, how, torch.Generator().manual_seed(0))
    for how in ("permute", "shift")
}
counts = windowed_counts(train.neural), windowed_counts(test.neural)
rows = {
    "CEBRA, learns from position": (cebra(position), position),
    "CEBRA-Time, no labels": (cebra(None), position),
    "UMAP": (baseline("umap", metric="cosine"), position),
    "PCA": (baseline("pca"), position),
    "control: labels permuted": (cebra(shuffled["permute"]), shuffled["permute"]),
    "control: labels shifted": (cebra(shuffled["shift"]), shuffled["shift"]),
    "control: untrained encoder": (cebra(None, steps=1), position),
    "control: no embedding, counts": (counts, position),
}
print("Simulated rat, position in the last fifth of the time, median error in cm:")
for name, (points, label) in rows.items():
    score = decode(points[0], label, points[1], truth)
    print(f"  {name:<30} {100 * score.median_error:5.1f}")
print(f"  {'chance: the median position':<30} {100 * score.chance.median_error:5.1f}")
