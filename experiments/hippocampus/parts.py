"""Parts of the experiment as files, done in this process or in another one.

Workers import this module by its name, which they could not do with `run_experiment`: as a program
that is called `__main__`.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from cebra_ethan.types import Recording
from config import HippocampusConfig
from data_loader import load
from experiments.hippocampus.methods import run_part
from utils import write_json

__all__ = ["num_cores", "part_file", "rats", "run_and_store"]


@functools.lru_cache(maxsize=2)
def rats(config: HippocampusConfig) -> Mapping[str, Recording]:
    """Returns the recordings of a configuration by their short names."""
    options = {}
    if config.source == "simulated":
        options = {"num_bins": config.num_bins, "num_neurons": config.num_neurons}
    recordings = load("hippocampus", config.source, config.data_root, **options)
    return dict(zip(config.rats, recordings, strict=True))


def run_and_store(
    config: HippocampusConfig, folder: Path, jobs: int, rat: str, method: str, seed: int
) -> None:
    """Runs one part and writes its numbers; that file, written last, says that it is done."""
    if jobs > 1:  # a process of its own
        torch.set_num_threads(max(1, num_cores() // jobs))
        warnings.filterwarnings("ignore", message=".*neurons in X are constant")
    numbers = run_part(config, rats(config)[rat], method, seed, folder / rat)
    write_json(part_file(folder, rat, method, seed), {"rat": rat} | numbers)


def part_file(folder: Path, rat: str, method: str, seed: int) -> Path:
    """Returns where the numbers of a part stand."""
    return folder / "parts" / f"{rat}-{method}-{seed}.json"


def num_cores() -> int:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
