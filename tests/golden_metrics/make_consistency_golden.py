"""Writes `consistency.npz` with cebra 0.6.1.

Run with an environment that has `cebra`:
`python tests/golden_metrics/make_consistency_golden.py`.
"""

from pathlib import Path

import numpy as np


def embedding(rng, num_bins, num_dims):
    """A noisy embedding of a label; some bins of the label are empty and have to be filled."""
    label = rng.uniform(0.0, 1.0, num_bins)
    label = np.where((label > 0.40) & (label < 0.412), 0.39, label)
    weight = rng.normal(size=(4, num_dims))
    features = np.stack([label, np.sin(6 * label), np.cos(5 * label), label**2], 1)
    return features @ weight + 0.3 * rng.normal(size=(num_bins, num_dims)), label


def main():
    from cebra.integrations.sklearn.metrics import consistency_score

    rng = np.random.default_rng(0)
    pairs = [embedding(rng, t, d) for t, d in ((300, 3), (260, 3), (340, 2))]
    embeddings, labels = zip(*pairs, strict=True)
    golden = {f"embedding_{i}": x for i, x in enumerate(embeddings)}
    golden |= {f"label_{i}": u for i, u in enumerate(labels)}

    def between_datasets(ids, num_bins=100):
        return consistency_score(
            list(embeddings),
            between="datasets",
            labels=[u.copy() for u in labels],
            dataset_ids=ids,
            num_discretization_bins=num_bins,
        )

    for num_bins in (100, 40):
        golden[f"datasets_{num_bins}"], golden["pairs"], _ = between_datasets(
            ["a", "b", "c"], num_bins
        )
    golden["datasets_repeated"] = between_datasets(["a", "b", "a"])[0]
    golden["runs"] = consistency_score([x[:260] for x in embeddings], between="runs")[0]
    np.savez_compressed(Path(__file__).with_name("consistency.npz"), **golden)


if __name__ == "__main__":
    main()
