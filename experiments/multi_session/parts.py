"""The parts of the experiment: training, a size of the encoder, or an animal that is left out.

Other processes import this module by its name, which they could not do with `run_experiment`: as a
program that is called `__main__`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config import MultiSessionConfig
from experiments.common import Part
from experiments.multi_session.adaptation import run_adaptation
from experiments.multi_session.methods import METHODS, run_part, run_size

__all__ = ["parts"]


def parts(config: MultiSessionConfig, folder: Path) -> list[Part]:
    """Returns the parts of a configuration; a method that draws nothing has one seed."""
    found = []
    for group in config.chosen_groups:
        for method in config.methods:
            for seed in range(config.num_seeds if METHODS[method].draws else 1):
                key: dict[str, Any] = {"group": group, "method": method, "seed": seed}
                found.append(Part(f"{group}-{method}-{seed}", run_part, {"config": config} | key))
        for seed in range(config.num_seeds):
            key = {"adapted_group": group, "seed": seed}
            found.append(
                Part(f"{group}-adaptation-{seed}", run_adaptation, {"config": config} | key)
            )
        found += _size_parts(config, group)
    return found


def _size_parts(config: MultiSessionConfig, group: str) -> list[Part]:
    """Returns the parts of the sizes that the main rows do not have."""
    found = []
    for size in config.sizes:
        for method in ("joint", "single"):
            if method in config.methods and size != config.num_hidden_units:
                for seed in range(config.num_seeds):
                    key = {"size_group": group, "method": method, "size": size, "seed": seed}
                    name = f"{group}-size{size}-{method}-{seed}"
                    found.append(Part(name, run_size, {"config": config} | key))
    return found
