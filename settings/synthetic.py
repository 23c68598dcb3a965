"""The settings of experiment 1, points of known latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import ExperimentConfig

__all__ = ["SyntheticConfig"]


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig(ExperimentConfig):
    """A known latent read from a hundred neurons; fixed settings stand in the experiment.

    Args:
        noises: Rows of `cebra_ethan.datasets.synthetic.NOISES`, the first is the main case.
        methods: Rows of `experiments.synthetic.methods.METHODS` that run on the main case.
        noise_methods: Those that run on the other noises.
        noise_seeds: Seeds there, at most `num_seeds`. The paper has 100 everywhere.
        num_mixings: Further draws of the mixing, on which CEBRA runs once; simulated only.
        num_points: Points that are simulated, or taken of the published file.
        test_fraction: Share of the points, at the end, on which CEBRA is not trained (paper).
        max_iterations: Training steps of CEBRA (the authors' gist; 5,000 in the demo).
        pivae_epochs: Of pi-VAE (demo).
        lfads_trials: Settings that autoLFADS tries; not published.
        lfads_epochs: Of each of them; not published.
    """

    _METHODS: ClassVar = (
        "behavior", "autolfads", "pi-vae", "pi-vae-gaussian", "umap", "t-sne", "pca",
        "permuted", "untrained", "label", "no-embedding", "chance",
    )  # fmt: skip
    CHOICES: ClassVar = {
        "noises": ("poisson", "gaussian", "laplace", "uniform", "t", "refractory_poisson"),
        "methods": _METHODS,
        "noise_methods": _METHODS,
    }
    FRACTIONS: ClassVar = ("test_fraction",)
    MAY_BE_ZERO: ClassVar = ("num_mixings",)
    PRESETS: ClassVar = {
        "smoke": {
            "num_seeds": 1, "noises": ("poisson", "gaussian"), "num_mixings": 1,
            "methods": (*_METHODS[:4], *_METHODS[5:]),  # UMAP compiles for longer than all else
            "noise_methods": ("behavior", "pi-vae", "permuted", *_METHODS[-4:]),
            "num_points": 600, "max_iterations": 60, "pivae_epochs": 2,
            "lfads_trials": 1, "lfads_epochs": 1,
        },
        "quick": {
            "num_seeds": 2, "noises": ("poisson", "gaussian"), "noise_seeds": 1,
            "num_mixings": 1, "num_points": 4000, "max_iterations": 500, "pivae_epochs": 30,
            "lfads_trials": 1,
        },
        "paper": {},
    }  # fmt: skip

    num_seeds: int = 20
    noises: tuple[str, ...] = CHOICES["noises"]
    methods: tuple[str, ...] = _METHODS
    noise_methods: tuple[str, ...] = tuple(m for m in _METHODS if m not in ("umap", "t-sne"))
    noise_seeds: int = 5
    num_mixings: int = 5
    num_points: int = 15_000
    test_fraction: float = 0.2
    max_iterations: int = 1000
    pivae_epochs: int = 100
    lfads_trials: int = 4
    lfads_epochs: int = 40
