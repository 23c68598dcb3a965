"""The parts of the experiment: a rat, a method and a seed each.

Other processes import this module by its name, which they could not do with `run_experiment`: as a
program that is called `__main__`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cebra_ethan.types import Recording
from config import HippocampusConfig
from data_loader import load
from experiments.common import Part
from experiments.hippocampus import methods
from experiments.hippocampus.methods import METHODS

__all__ = ["parts", "rats"]


@functools.lru_cache(maxsize=2)
def rats(config: HippocampusConfig) -> Mapping[str, Recording]:
    """Returns the recordings of a configuration by their short names."""
    options = {}
    if config.source == "simulated":
        options = {"num_bins": config.num_bins, "num_neurons": config.num_neurons}
    recordings = load("hippocampus", config.source, config.data_root, **options)
    return dict(zip(config.rats, recordings, strict=True))


def parts(config: HippocampusConfig, folder: Path) -> list[Part]:
    """Returns the parts of a configuration; a method that draws nothing has one seed."""
    found = []
    for rat in config.rats:
        for method in config.methods:
            for seed in range(config.num_seeds if METHODS[method].draws else 1):
                arguments = {"config": config, "folder": folder / rat}
                key = {"group": rat, "method": method, "seed": seed}
                found.append(Part(f"{rat}-{method}-{seed}", _run, arguments | key))
    return found


def _run(
    config: HippocampusConfig, folder: Path, group: str, method: str, seed: int
) -> dict[str, Any]:
    return methods.run_part(config, rats(config)[group], method, seed, folder)
