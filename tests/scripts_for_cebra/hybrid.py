"""Behaviour and time together."""

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


X, y = simulate(1200, 20)
train, test = slice(0, 960), slice(970, 1200)
model = cebra.CEBRA(
    model_architecture="offset5-model",
    batch_size=256,
    learning_rate=3e-3,
    max_iterations=150,
    time_offsets=5,
    output_dimension=4,
    hybrid=True,
    device="cpu",
)
model.fit(X[train], y[train])
decoder = cebra.KNNDecoder(n_neighbors=9).fit(model.transform(X[train]), y[train])
print(
    json.dumps(
        {
            "loss": float(model.state_dict_["loss"][-1]),
            "r2": float(decoder.score(model.transform(X[test]), y[test])),
        }
    )
)
