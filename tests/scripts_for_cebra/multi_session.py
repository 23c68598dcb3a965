"""Two animals in one embedding."""

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


(X1, y1), (X2, y2) = simulate(900, 20), simulate(1000, 25)
model = cebra.CEBRA(
    model_architecture="offset5-model",
    batch_size=256,
    learning_rate=3e-3,
    max_iterations=150,
    time_offsets=5,
    output_dimension=3,
    device="cpu",
)
model.fit([X1, X2], [y1, y2])
embeddings = [model.transform(X, session_id=k) for k, X in enumerate([X1, X2])]
decoder = cebra.KNNDecoder(n_neighbors=9).fit(embeddings[0], y1)
scores, pairs, datasets = cebra.sklearn.metrics.consistency_score(
    embeddings, labels=[y1, y2], dataset_ids=["one", "two"], between="datasets"
)
ax = cebra.plot_consistency(scores, pairs, datasets)
print(
    json.dumps(
        {
            "loss": float(model.state_dict_["loss"][-1]),
            "r2_across": float(decoder.score(embeddings[1], y2)),
            "consistency": float(np.mean(scores)),
            "names": sorted(set(pairs.ravel().tolist())),
        }
    )
)
