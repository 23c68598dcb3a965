"""Consistency over runs."""

import json

import cebra
import numpy as np

rng = np.random.default_rng(0)


def simulate(num_bins, num_neurons):
    """Place cells on a track that is run to and fro."""
    time = np.arange(num_bins)
    position = np.abs((time / 100 + rng.normal(size=num_bins).cumsum() / 200) % 2 - 1)
    centers = rng.uniform(-0.1, 1.1, size=num_neurons)
    rates = 4 * np.exp(-((position[:, None] - centers) ** 2) / 0.02)
    return rng.poisson(rates).astype(np.float32), position


X, y = simulate(900, 20)
embeddings, bits = [], []
for _ in range(3):
    model = cebra.CEBRA(
        model_architecture="offset5-model",
        batch_size=256,
        learning_rate=3e-3,
        max_iterations=400,
        time_offsets=5,
        output_dimension=3,
        device="cpu",
    )
    embeddings.append(model.fit_transform(X, y))
    bits.append(cebra.sklearn.metrics.goodness_of_fit_history(model)[-1])
scores, pairs, runs = cebra.sklearn.metrics.consistency_score(embeddings, between="runs")
aligned = cebra.data.helper.ensemble_embeddings(embeddings, labels=[y, y, y], post_norm=True)
print(
    json.dumps(
        {
            "runs": float(np.mean(scores)),
            "num_scores": len(scores),
            "bits": float(np.mean(bits)),
            "ensemble": list(aligned.shape),
        }
    )
)
