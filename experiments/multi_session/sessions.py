"""The sessions of each set, and the part of each that is held out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.datasets.hippocampus import simulate_rats
from cebra_ethan.datasets.mouse import MICE, mouse_days
from cebra_ethan.models.model import resolve_offset
from cebra_ethan.types import Label, Recording
from config import MultiSessionConfig

__all__ = ["ARCHITECTURE", "LABELS", "TIME_OFFSET", "TITLES", "Session", "columns", "sessions"]

ARCHITECTURE = "offset10-model"
TIME_OFFSET = 10
LABELS = ("position", "direction")

TITLES = {
    "simulated-rats": "Simulated rats",
    "rats": "Rats achilles and buddy",
    "mice": "Six mice",
    "days": "A mouse over eight days",
}
"""What figures call each set of sessions."""

_CALCIUM = ("mice", "days")


@dataclass(frozen=True)
class Session:
    """One recording, cut in two.

    Args:
        name: Of the animal or day, short.
        train: The first part; a receptive field and a time offset at its end are left out.
        test: The last part, whole laps apart from the first, that no encoder sees.
        whole: Both and what lies between, for CEBRA-Time as in the paper.
    """

    name: str
    train: Recording
    test: Recording
    whole: Recording

    def labels(self, part: str) -> dict[str, Label]:
        """Returns position and direction of `"train"`, `"test"` or `"whole"`."""
        recording: Recording = getattr(self, part)
        return {name: recording.labels[name] for name in LABELS}


def columns(labels: Mapping[str, Label]) -> np.ndarray:
    """Returns position (m) and one-hot direction, left and right, as `(T, 3)`."""
    direction = labels["direction"].to_numpy()
    sides = [direction == side for side in ("left", "right")]
    return np.column_stack([labels["position"].to_numpy(), *sides]).astype(np.float32)


@functools.lru_cache(maxsize=1)
def sessions(config: MultiSessionConfig, group: str) -> tuple[Session, ...]:
    """Returns the sessions of a set.

    Calcium events are in units of their standard deviation over bins and cells of the training
    part; counts are as they are.

    Raises:
        FileNotFoundError: If a recording is not in the data folder.
    """
    gap = resolve_offset(ARCHITECTURE).span + TIME_OFFSET
    found = []
    for name, recording in _recordings(config, group).items():
        train, test = time_split(recording, config.test_fraction, gap)
        parts = [train, test, recording]
        if group in _CALCIUM:
            # amplitudes are near 0.02, so that biases outweigh them and training stands still
            scale = train.neural.std()
            parts = [replace(part, neural=part.neural / scale) for part in parts]
        found.append(Session(name, *parts))
    return tuple(found)


def _recordings(config: MultiSessionConfig, group: str) -> dict[str, Recording]:
    if group == "simulated-rats":
        rats = simulate_rats(config.num_bins, config.num_neurons)
        return {f"rat {place}": rat for place, rat in enumerate(rats, start=1)}
    root = config.data_root
    if group == "rats":
        return {name: load_dataset(f"rat-{name}", root) for name in ("achilles", "buddy")}
    running = {"min_speed": config.min_speed_cm_s}
    if group == "mice":
        return {mouse: load_dataset(f"mouse-{mouse}", root, **running) for mouse in MICE}
    days = mouse_days(MICE[0])
    return {
        f"day {day}": load_dataset(f"mouse-{MICE[0]}", root, day=day, **running) for day in days
    }
