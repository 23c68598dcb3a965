"""The parts of the experiment; other processes import this module by its name."""

from __future__ import annotations

from pathlib import Path

from config import AllenConfig
from experiments.allen import methods
from experiments.common import CONTROLS, Part
from experiments.common.movie import MODALITIES

__all__ = ["parts"]

_TRAINED = ("permuted", "shifted")
_FIXED = ("no-embedding", "chance")  # no seed changes them but that of the neurons


def parts(config: AllenConfig, folder: Path) -> list[Part]:
    """Returns the pairs, the areas and the single mice of a configuration, with controls."""
    return [*_pairs(config), *_areas(config), *_mice(config)]


def _pairs(config: AllenConfig) -> list[Part]:
    found = []
    for number in config.num_neurons:
        for dims in config.dimensions:
            for seed in range(config.num_seeds):
                own = {"config": config, "num_neurons": number, "dims": dims, "seed": seed}
                found.append(Part(f"pair-{number}n-{dims}d-{seed}", methods.pair, own))
        for control in CONTROLS:
            seeds = config.control_seeds if control in _TRAINED else config.num_seeds
            for seed in range(seeds):
                own = {"config": config, "num_neurons": number, "method": control, "seed": seed}
                found.append(Part(f"pair-{number}n-{control}-{seed}", methods.control, own))
    return found


def _areas(config: AllenConfig) -> list[Part]:
    found = []
    for seed in range(config.area_seeds):
        for area in config.areas:
            own = {"config": config, "area": area, "seed": seed}
            found.append(Part(f"areas-joint-{area}-{seed}", methods.area_pair, own))
            for modality in MODALITIES:
                for kind in methods.WITHIN:
                    more = own | {"modality": modality, "training": kind}
                    name = f"areas-{modality}-{kind}-{area}-{seed}"
                    found.append(Part(name, methods.area_within, more))
    for control in methods.AREA_CONTROLS:
        for seed in range(min(config.control_seeds, config.area_seeds)):
            own = {"config": config, "method": control, "seed": seed}
            found.append(Part(f"areas-{control}-{seed}", methods.area_control, own))
    return found


def _mice(config: AllenConfig) -> list[Part]:
    found = []
    for number, neurons in enumerate(config.mouse_neurons):
        for method in methods.MOUSE_METHODS:
            for seed in range(1 if method in _FIXED else config.control_seeds):
                own = {"config": config, "number": number, "num_neurons": neurons}
                own |= {"method": method, "seed": seed}
                found.append(
                    Part(f"mouse-{number + 1}-{method}-{seed}", methods.single_mouse, own)
                )
    return found
