"""The methods that CEBRA stands beside: pi-VAE, UMAP, t-SNE, PCA, LFADS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cebra_ethan.baselines import BASELINES, LFADS, PAPER_SETTINGS
from cebra_ethan.types import Label, Recording
from config import HippocampusConfig
from experiments.hippocampus.splits import Parts

__all__ = ["BUILDERS", "fit_baseline", "monte_carlo"]

_TRACK_M, _NUM_POSITIONS = 1.6, 100  # the candidates of the paper's Monte-Carlo decoding
_SETTINGS = PAPER_SETTINGS["hippocampus"]

BUILDERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "conv-pivae": ("conv-pi-vae-without-labels", _SETTINGS["conv-pi-vae"]),
    "pivae": ("pi-vae-without-labels", _SETTINGS["pi-vae"]),
    "umap": ("umap", _SETTINGS["umap"]),
    "tsne": ("t-sne", _SETTINGS["t-sne"]),
    "pca": ("pca", _SETTINGS["pca"]),
    "lfads": ("lfads", {"n_components": 2}),
    "autolfads": ("autolfads", {"n_components": 2}),
}
"""Method to its row of `cebra_ethan.baselines.BASELINES`, and the paper's settings."""


def fit_baseline(
    config: HippocampusConfig, name: str, seed: int, parts: Parts, labels: Mapping[str, Label],
    whole: bool,
) -> Any:  # fmt: skip
    """Returns a fitted method.

    Args:
        config: Epochs and trials.
        name: Row of `BUILDERS`.
        seed: Of whatever it draws.
        parts: The training part is learned from.
        labels: Of the training part; pi-VAE reads them.
        whole: Learn from the whole recording instead, as in the paper.
    """
    row, settings = BUILDERS[name.removesuffix("-all")]
    options: dict[str, Any] = {"random_state": seed, **settings}
    if name.endswith("pivae"):
        options |= {"epochs": config.pivae_epochs, "device": config.device}
    if name == "lfads":
        options |= {"epochs": config.lfads_epochs, "device": config.device}
    if name == "autolfads":
        lfads = LFADS(epochs=config.lfads_epochs, device=config.device)
        options |= {"lfads": lfads, "n_trials": config.lfads_trials}
    part = parts.whole if whole else parts.train
    trial = parts.trial(part, config)
    if "lfads" in name and trial is not None:
        trial = _long_enough(trial, 50)
    model = BASELINES[row](**options)
    return model.fit(part.neural, dict(labels) if name.endswith("pivae") else None, trial=trial)


def monte_carlo(model: Any, recordings: Sequence[Recording]) -> list[Mapping[str, np.ndarray]]:
    """Returns the most likely position and direction of each bin, by pi-VAE's own decoding.

    Candidates are 100 positions in each direction; 100 latents are drawn for each (paper).
    """
    where = np.linspace(0.0, _TRACK_M, _NUM_POSITIONS)
    candidates = {
        "position": Label(np.tile(where, 2), "continuous"),
        "direction": Label(np.repeat(["left", "right"], _NUM_POSITIONS), "categorical"),
    }
    return [model.decode(one.neural, candidates, num_samples=100) for one in recordings]


def _long_enough(trial: Any, num_bins: int) -> Any:
    """Returns trials for LFADS: none where the longest is shorter than a segment."""
    lengths = np.bincount(np.unique(np.asarray(trial), return_inverse=True)[1])
    return trial if lengths.max() >= num_bins else None
