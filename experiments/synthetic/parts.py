"""The parts of the experiment: a noise, a method and a seed each; and further draws of the mixing.

Other processes import this module by its name, which they could not do with `run_experiment`: as a
program that is called `__main__`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cebra_ethan.baselines import BASELINES
from cebra_ethan.types import Recording
from config import SyntheticConfig
from data_loader import load
from experiments.common import Part
from experiments.synthetic import methods
from experiments.synthetic.methods import METHODS

__all__ = ["MIXED", "activity", "libraries", "methods_of", "parts"]

MIXED = ("behavior", "untrained", "label", "no-embedding")
"""What runs on further draws of the mixing."""

_NEGATIVE = ("t",)  # noises whose activity goes below 0


@functools.lru_cache(maxsize=2)
def activity(config: SyntheticConfig, noise: str, mixing: int = 0) -> Recording:
    """Returns the activity of a noise; `labels["latent"]` is the truth.

    There is one data set of each noise, as in the paper: a seed draws weights and batches.
    """
    options: dict[str, Any] = {"noise": noise}
    if config.source == "simulated":
        options |= {"num_points": config.num_points, "mixing_seed": mixing}
    (recording,) = load("synthetic", config.source, config.data_root, **options)
    return recording[: config.num_points]


def libraries(config: SyntheticConfig) -> dict[str, str]:
    """Returns the optional libraries of the chosen methods, with their extra."""
    rows = [BASELINES[name].needs for name in config.methods if name in BASELINES]
    return {module: "baselines" for module in rows if module is not None}


def methods_of(config: SyntheticConfig, noise: str) -> list[str]:
    """Returns the methods that run on a noise; the activity decides whether some can."""
    chosen = config.methods if noise == config.noises[0] else config.noise_methods
    return [name for name in chosen if not (METHODS[name].counts and noise in _NEGATIVE)]


def parts(config: SyntheticConfig, folder: Path) -> Sequence[Part]:
    """Returns the parts of a configuration; a method that draws nothing has one seed."""
    found = []
    for noise in config.noises:
        most = config.num_seeds
        if noise != config.noises[0]:
            most = min(config.noise_seeds, config.num_seeds)
        for method in methods_of(config, noise):
            for seed in range(most if METHODS[method].draws else 1):
                key = {"group": noise, "method": method, "seed": seed}
                found.append(Part(f"{noise}-{method}-{seed}", _run, {"config": config} | key))
    mixings = config.num_mixings if config.source == "simulated" else 0
    for mixing in range(1, mixings + 1):
        arguments = {"config": config, "mixing": mixing}
        found.append(Part(f"mixing-{mixing}", _run_mixing, arguments))
    return found


def _run(config: SyntheticConfig, group: str, method: str, seed: int) -> dict[str, Any]:
    return methods.run_part(activity(config, group), config, method, seed)


def _run_mixing(config: SyntheticConfig, mixing: int) -> dict[str, Any]:
    recording = activity(config, config.noises[0], mixing)
    scores = {name: methods.run_part(recording, config, name, 0)["r2"] for name in MIXED}
    return {"scores": scores, "mean_count": float(recording.neural.mean())}
