"""A model that is saved and read again."""

import json
import os
import tempfile

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


X, y = simulate(600, 20)
model = cebra.CEBRA(
    model_architecture="offset5-model",
    batch_size=128,
    learning_rate=3e-3,
    max_iterations=50,
    temperature_mode="auto",
    output_dimension=3,
    device="cpu",
)
model.fit(X, y)
path = os.path.join(tempfile.mkdtemp(), "cebra_model.pt")
model.save(path)
loaded = cebra.CEBRA.load(path)
ax = cebra.plot_temperature(loaded)
print(
    json.dumps(
        {
            "difference": float(np.abs(model.transform(X) - loaded.transform(X)).max()),
            "loss": float(loaded.state_dict_["loss"][-1]),
            "temperature": float(loaded.state_dict_["log"]["temperature"][-1]),
            "output_dimension": loaded.output_dimension,
        }
    )
)
