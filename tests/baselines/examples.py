"""Small data and small settings that all tests of the methods share."""

import numpy as np

from cebra_ethan.baselines import LFADS

RANDOM = np.random.default_rng(0)
PLACE = np.linspace(0, 2 * np.pi, 150)
CENTRES = np.linspace(0, 2 * np.pi, 6, endpoint=False)
RATES = 3 * np.exp(np.cos(PLACE[:, None] - CENTRES) - 1)
NEURAL = RANDOM.poisson(RATES).astype(np.float32)
TRIAL = np.repeat([0, 1, 2], 50)

_LFADS = {
    "sequence_length": 20,
    "overlap": 5,
    "num_encoder": 6,
    "num_generator": 6,
    "num_initial": 3,
    "num_controller": 4,
    "num_factors": 3,
    "epochs": 2,
    "device": "cpu",
}
_PIVAE = {"num_units": 8, "epochs": 2, "batch_size": 50, "device": "cpu"}

SMALL = {
    "pca": {"window_bins": 3},
    "t-sne": {"perplexity": 5, "max_iterations": 20, "window_bins": 3},
    "umap": {"n_neighbors": 5, "window_bins": 3},
    "vae": _PIVAE,
    "pi-vae": _PIVAE,
    "pi-vae-without-labels": _PIVAE,
    "conv-pi-vae": _PIVAE,
    "conv-pi-vae-without-labels": _PIVAE,
    "lfads": {**_LFADS, "n_components": 2},
    "autolfads": {"lfads": LFADS(**_LFADS), "n_trials": 2, "n_components": 2},
}
"""Quick parameters for each row of `BASELINES`."""
