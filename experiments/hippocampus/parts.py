"""The parts: one for each (rat, method, seed, fold), and one for each embedding of topology."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cebra_ethan.baselines import BASELINES
from cebra_ethan.types import Recording
from config import HippocampusConfig
from data_loader import load
from experiments.common import Finished, Part
from experiments.hippocampus import homology, methods
from experiments.hippocampus.baselines import BUILDERS
from experiments.hippocampus.methods import METHODS
from experiments.hippocampus.results import NUMBERS
from experiments.hippocampus.splits import num_folds

__all__ = ["expanded", "libraries", "parts", "rats"]

_SHARE_OF_NEURONS = (1.0, 0.4, 0.75, 0.5)  # those of achilles and buddy, then our choice


@functools.lru_cache(maxsize=2)
def rats(config: HippocampusConfig) -> Mapping[str, Recording]:
    """Returns the recordings of a configuration by their short names."""
    if config.source == "real":
        recordings = load("hippocampus", config.source, config.data_root)
    else:
        recordings = [
            load(
                "hippocampus", config.source, seed=seed, num_bins=config.num_bins,
                num_neurons=max(4, round(config.num_neurons * _SHARE_OF_NEURONS[seed])),
            )[0]
            for seed in range(len(config.rats))
        ]  # fmt: skip
    return dict(zip(config.rats, recordings, strict=True))


def parts(config: HippocampusConfig, folder: Path) -> list[Part]:
    """Returns the parts of a configuration; a method that draws nothing has one seed.

    Rows that read one trained model in several ways share the part of the first of them.
    """
    found = []
    for rat in config.rats:
        for method, also in _shared(config.methods).items():
            for seed in range(config.num_seeds if METHODS[method].draws else 1):
                for fold in range(num_folds(config)):
                    key = {"group": rat, "method": method, "seed": seed, "fold": fold}
                    arguments = {"config": config, "folder": folder / rat, "also": also} | key
                    name = f"{rat}-{method}-{seed}" + (f"-fold{fold}" if fold else "")
                    found.append(Part(name, _run, arguments))
    return found + _topology(config)


def libraries(config: HippocampusConfig) -> dict[str, str]:
    """Returns the optional libraries of the chosen methods and of topology, with their extras."""
    rows = [BUILDERS.get(name.removesuffix("-all"), (None,))[0] for name in config.methods]
    needed = {BASELINES[row].needs: "baselines" for row in rows if row is not None}
    topology = {"ripser": "topology"} if config.topology_shuffles else {}
    return {module: extra for module, extra in needed.items() if module is not None} | topology


def expanded(done: Mapping[str, Finished]) -> list[Finished]:
    """Returns a finished part for each row and seed, in the order of the table.

    Numbers are means over the folds of a seed, which are no independent runs; what is not a number
    of the table, such as a p value, is that of the first fold.
    """
    folds: dict[tuple[str, str, int], list[Finished]] = {}
    for part in done.values():
        if "readings" not in part.values:
            continue
        own = {key: part[key] for key in ("group", "seed", "fold")}
        for row, numbers in {part["method"]: part.values, **part["readings"]}.items():
            one = dataclasses.replace(part, values={**numbers, **own, "method": row})
            folds.setdefault((own["group"], row, own["seed"]), []).append(one)
    found = [_mean_of_folds(parts) for parts in folds.values()]
    order = list(METHODS)
    groups = list(dict.fromkeys(part["group"] for part in found))
    return sorted(found, key=lambda p: (groups.index(p["group"]), order.index(p["method"])))


def _mean_of_folds(parts: Sequence[Finished]) -> Finished:
    first, *_ = sorted(parts, key=lambda part: part["fold"])
    means = {
        name: float(np.mean([part[name] for part in parts]))
        for name in NUMBERS
        if first.values.get(name) is not None
    }
    seconds = sum(part.seconds for part in parts)
    return dataclasses.replace(first, values={**first.values, **means}, seconds=seconds)


def _shared(chosen: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Returns the methods that are trained, each with the rows that read its model, too."""
    shared: dict[str, list[str]] = {}
    for method in chosen:
        source = METHODS[method].reads
        if source is None:
            shared.setdefault(method, [])
        else:
            shared.setdefault(source, []).append(method)
    return {method: tuple(also) for method, also in shared.items()}


def _topology(config: HippocampusConfig) -> list[Part]:
    if not config.topology_shuffles:
        return []
    kinds = [(kind, 0) for kind in homology.KINDS]
    kinds += [("threshold", seed) for seed in range(config.topology_shuffles)]
    return [
        Part(
            f"topology-{rat}-{dims}-{kind}-{seed}",
            _run_topology,
            {"config": config, "rat": rat, "dims": dims, "kind": kind, "seed": seed},
        )
        for rat in config.rats
        for dims in config.topology_dims
        for kind, seed in kinds
    ]


def _run(
    config: HippocampusConfig, folder: Path, group: str, method: str, seed: int, fold: int,
    also: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    return methods.run_part(config, rats(config)[group], method, seed, folder, fold, also)


def _run_topology(
    config: HippocampusConfig, rat: str, dims: int, kind: str, seed: int
) -> dict[str, Any]:
    return homology.run_part(config, rats(config)[rat], dims, kind, seed)
