"""A model that is adapted to other neurons."""

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


(X1, y1), (X2, y2) = simulate(900, 20), simulate(900, 15)
steps = []
model = cebra.CEBRA(
    model_architecture="offset5-model",
    batch_size=256,
    learning_rate=3e-3,
    max_iterations=150,
    max_adapt_iterations=100,
    time_offsets=5,
    output_dimension=3,
    device="cpu",
)
model.fit(X1, y1, callback=lambda step, solver: steps.append(step), callback_frequency=50)
model.fit(X2, y2, adapt=True)
embedding = model.transform(X2)
decoder = cebra.KNNDecoder(n_neighbors=9).fit(embedding[:700], y2[:700])
print(
    json.dumps(
        {
            "loss": float(model.state_dict_["loss"][-1]),
            "r2": float(decoder.score(embedding[710:], y2[710:])),
            "steps": steps,
            "n_features": model.n_features_,
        }
    )
)
