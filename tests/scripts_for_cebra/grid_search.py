"""A small grid of parameters."""

import json
import tempfile

import numpy as np
from cebra import grid_search

rng = np.random.default_rng(0)


def simulate(num_bins, num_neurons):
    """Place cells on a track that is run to and fro."""
    time = np.arange(num_bins)
    position = np.abs((time / 100 + rng.normal(size=num_bins).cumsum() / 200) % 2 - 1)
    centers = rng.uniform(-0.1, 1.1, size=num_neurons)
    rates = 4 * np.exp(-((position[:, None] - centers) ** 2) / 0.02)
    return rng.poisson(rates).astype(np.float32), position


X, y = simulate(900, 20)
folder = tempfile.mkdtemp()
params = dict(
    model_architecture="offset1-model",
    batch_size=[128],
    learning_rate=[3e-3],
    max_iterations=[1, 100],
    output_dimension=[3],
    time_offsets=[5],
    device="cpu",
)
grid = grid_search.GridSearch()
models, settings = grid.generate_models(params)
grid.fit_models(datasets={"rat": (X, y)}, params=params, models_dir=folder)
best, name = grid.get_best_model(dataset_name="rat", models_dir=folder)
table = grid.get_df_results(models_dir=folder)
loaded, parameters = grid_search.GridSearch.load(folder)
print(
    json.dumps(
        {
            "models": sorted(models),
            "best": best.max_iterations,
            "name": name,
            "rows": len(table),
            "losses": [float(loss) for loss in sorted(table["loss"])],
            "loaded": sorted(loaded),
        }
    )
)
