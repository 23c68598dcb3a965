"""Calcium events of mouse CA1 over days, on a straight and an L-shaped track of 96 cm.

Sheintuch, L., Geva, N., Baumer, H., Rechavi, Y., Rubin, A. & Ziv, Y. (2020). Multiple maps for the
same spatial context can stably coexist in the mouse hippocampus. Current Biology 30, 1467-1476,
doi:10.1016/j.cub.2020.02.018.
"""

from __future__ import annotations

import os

import numpy as np
import torch

from ..errors import InvalidParameterError
from ..types import Label, Recording
from .files import SHA256, verified_path

__all__ = ["MICE", "load_mouse", "mouse_days"]

FOLDER = "mouse_ca1_linear_track"
MICE = ("C6M4", "C7M4", "C11M1", "C12M4", "C13M1", "C16M4")
TRACKS = ("A", "B")
CM_PER_M = 100


def mouse_days(mouse: str, track: str = "A") -> list[int]:
    """Returns the days on which a mouse was recorded on a track.

    Example:
        >>> mouse_days("C7M4", "A")  # one recording is left out at its source
        [1, 2, 3, 4, 5, 7, 8]
    """
    _check(mouse, track)
    start, end = f"{FOLDER}/{mouse}_{track}_s", ".npz"
    return sorted(int(name[len(start) : -len(end)]) for name in SHA256 if name.startswith(start))


def load_mouse(
    mouse: str,
    track: str = "A",
    day: int = 1,
    *,
    root: str | os.PathLike[str] | None = None,
    min_speed: float = 0.0,
) -> Recording:
    """Loads one recording.

    Events are sparse, about 0.025 in a second and cell, so a model should see half a second (ten
    bins) or more. Five trials of three minutes follow each other; frames between them are missing.

    Args:
        mouse: One of `MICE`.
        track: `"A"`, straight, or `"B"`, L-shaped.
        day: 1 to 8, see `mouse_days`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.
        min_speed: Frames in which the mouse is slower are left out, in cm/s. What remains is cut
            into trials where frames are missing.

    Returns:
        Event amplitudes `(frames, cells)` with the labels `position` (m), `speed` (m/s, negative
        to the left) and `direction`.

    Raises:
        InvalidParameterError: If there is no such mouse, track or day.
        FileNotFoundError: If the file is not in the data folder.
        DataIntegrityError: If it is not the published one.
    """
    days = mouse_days(mouse, track)
    if day not in days:
        raise InvalidParameterError(
            f"day must be one of {', '.join(map(str, days))} for {mouse} on track {track}; got "
            f"{day!r}."
        )
    path = verified_path(f"{FOLDER}/{mouse}_{track}_s{day}.npz", root)
    with np.load(path, allow_pickle=False) as file:
        neural = np.zeros(tuple(file["shape"]), dtype=np.float32)
        neural[file["event_frame"], file["event_cell"]] = file["event_amplitude"]
        speed = file["velocity_cm_s"].astype(np.float64) / CM_PER_M
        position = file["position_cm"].astype(np.float64) / CM_PER_M
        jump = np.diff(file["movie_frame"]) != 1
        trial = np.concatenate([[0], np.cumsum(jump | (np.diff(file["trial"]) != 0))])
        bin_s = 1 / float(file["frame_rate_hz"])
    labels = {
        "position": Label(position, name="position"),
        "speed": Label(speed, name="speed"),
        "direction": Label(np.where(speed >= 0, "right", "left"), name="direction"),
    }
    recording = Recording(
        neural=torch.from_numpy(neural),
        labels=labels,
        trial=torch.from_numpy(trial),
        bin_s=bin_s,
        name=f"{mouse} {track} day {day}",
        source=f"{FOLDER}/{path.name} (Sheintuch et al. 2020)",
    )
    moving = np.flatnonzero(np.abs(speed) >= min_speed / CM_PER_M)
    return recording if len(moving) == len(recording) else recording[torch.from_numpy(moving)]


def _check(mouse: str, track: str) -> None:
    if mouse not in MICE or track not in TRACKS:
        raise InvalidParameterError(
            f"a mouse must be one of {', '.join(MICE)} on track {' or '.join(TRACKS)}; got "
            f"{mouse!r} on track {track!r}."
        )
