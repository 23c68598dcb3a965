"""Recordings of Natural Movie One that resolve its frames: whatever files lie in one folder.

The folder `allen_movie_one` of the data folder holds, in `neuropixels` and in `calcium`, `.nwb`
files of the Allen Institute or `.mat` files of visual-drift, at any depth, and beside them
`frames.npz` with the arrays `features` `(frames, d)` and, for scenes, `scene` `(frames,)`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidParameterError
from .allen_drift import read_drift_calcium, read_drift_neuropixels
from .allen_mice import frame_average
from .allen_nwb import read_calcium_nwb, read_neuropixels_nwb
from .allen_recording import AREAS, VisualRecording
from .files import data_root

__all__ = ["FRAME_ARRAYS", "MOVIE_FOLDER", "load_movie_file", "load_movie_files", "movie_files"]

MOVIE_FOLDER = "allen_movie_one"
FRAME_ARRAYS = f"{MOVIE_FOLDER}/frames.npz"


def movie_files(modality: str, root: str | os.PathLike[str] | None = None) -> list[Path]:
    """Returns the recordings of a method that are there, sorted.

    Args:
        modality: `"neuropixels"` or `"calcium"`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.
    """
    folder = data_root(root) / MOVIE_FOLDER / modality
    return sorted([*folder.rglob("*.nwb"), *folder.rglob("*.mat")])


def load_movie_files(
    modality: str, root: str | os.PathLike[str] | None = None
) -> list[VisualRecording]:
    """Returns all recordings of a method at the rate of the movie, with features of the frames.

    Args:
        modality: `"neuropixels"` or `"calcium"`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.

    Raises:
        FileNotFoundError: If there is no recording, or no `frames.npz`.
        DataError: If a file does not hold the movie as a whole.
    """
    frames = _frame_arrays(modality, root)
    return [_read(file, modality, frames) for file in movie_files(modality, root)]


def load_movie_file(
    modality: str, root: str | os.PathLike[str] | None = None, file: str | None = None
) -> VisualRecording:
    """Returns one recording of a method at the rate of the movie, with features of the frames.

    Args:
        modality: `"neuropixels"` or `"calcium"`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.
        file: Its name; `None` takes the first.

    Raises:
        FileNotFoundError: If there is no recording, or no `frames.npz`.
        InvalidParameterError: If none has this name.
    """
    frames, there = _frame_arrays(modality, root), movie_files(modality, root)
    chosen = [path for path in there if file in (None, path.name)]
    if not chosen:
        raise InvalidParameterError(
            f"file must be one of {', '.join(path.name for path in there)}; got {file!r}."
        )
    return _read(chosen[0], modality, frames)


def _frame_arrays(modality: str, root: str | os.PathLike[str] | None) -> dict[str, np.ndarray]:
    arrays = data_root(root) / FRAME_ARRAYS
    if not movie_files(modality, root) or not arrays.is_file():
        raise FileNotFoundError(
            f"recordings that resolve frames are looked for as {arrays.parent / modality}/*.nwb "
            f"or *.mat and {arrays}; they are not there. The simulated source needs none."
        )
    with np.load(arrays, allow_pickle=False) as archive:
        return {key: archive[key] for key in ("features", "scene") if key in archive.files}


def _read(path: Path, modality: str, frames: dict[str, np.ndarray]) -> VisualRecording:
    own: dict[str, Any] = {**frames, "num_frames": len(frames["features"])}
    if modality == "calcium" and path.suffix == ".nwb":
        return read_calcium_nwb(path, **own)
    if modality == "calcium":
        return read_drift_calcium(path, **own)
    if path.suffix == ".nwb":
        return read_neuropixels_nwb(path, areas=AREAS, bins_per_frame=1, **own)
    return frame_average(read_drift_neuropixels(path, areas=AREAS, **own))
