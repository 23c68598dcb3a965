"""Several decoders on one embedding, with figures."""

import json

import cebra
import matplotlib
import numpy as np
import sklearn.model_selection

matplotlib.use("Agg")

rng = np.random.default_rng(0)


def simulate(num_bins, num_neurons):
    """Place cells on a track that is run to and fro."""
    time = np.arange(num_bins)
    position = np.abs((time / 100 + rng.normal(size=num_bins).cumsum() / 200) % 2 - 1)
    centers = rng.uniform(-0.1, 1.1, size=num_neurons)
    rates = 4 * np.exp(-((position[:, None] - centers) ** 2) / 0.02)
    return rng.poisson(rates).astype(np.float32), position


X, y = simulate(1000, 20)
train_X, test_X, train_y, test_y = sklearn.model_selection.train_test_split(
    X, y, test_size=0.2, shuffle=False
)
model = cebra.CEBRA(
    batch_size=256,
    learning_rate=3e-3,
    max_iterations=150,
    time_offsets=5,
    output_dimension=3,
    device="cpu",
)
model.fit(train_X, train_y)
train, test = model.transform(train_X), model.transform(test_X)
knn = cebra.KNNDecoder(n_neighbors=9, metric="cosine").fit(train, train_y)
lasso = cebra.L1LinearRegressor(alpha=0.001).fit(train, train_y)
cebra.plot_loss(model)
cebra.plot_embedding(train, embedding_labels=train_y, cmap="magma", markersize=1)
cebra.plot_embedding(train, embedding_labels="time", idx_order=(1, 0))
cebra.compare_models([model, model], labels=["one", "two"])
figure, axes = cebra.plot_overview(model, train_X)
print(
    json.dumps(
        {
            "knn": float(knn.score(test, test_y)),
            "lasso": float(lasso.score(test, test_y)),
            "panels": len(axes),
        }
    )
)
