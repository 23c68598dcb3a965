"""The preprocessed mice of the visual-drift study: calcium events and spikes during a movie.

Deitch, D., Rubin, A. & Ziv, Y. (2021). Representational drift in the mouse visual cortex. Current
Biology 31, 4327-4339, doi:10.1016/j.cub.2021.07.062; files of the repository zivlab/visual_drift,
one `.mat` for each mouse, made from Allen Visual Coding. The paper on CEBRA took its calcium
imaging from them.

Names and shapes of the variables were taken from the analysis script of that repository and from
code that others published; no file was at hand, so nothing here has met a real one. The tests
write small files of the same structure, in both formats of MATLAB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data.readers.common import PathLike
from ..data.readers.matlab import matlab_arrays
from ..errors import DataError, DataIntegrityError, InvalidParameterError
from ..types import Label
from .allen_movie import NUM_FRAMES
from .allen_recording import AREAS, VisualRecording, layer_of_depth, visual_recording

__all__ = ["DRIFT_AREAS", "read_drift_calcium", "read_drift_neuropixels"]

DRIFT_AREAS = ("VISp", "VISl", "VISal", "VISpm", "VISrl", "VISam", "LGd", "LP")
"""Columns of the cell arrays of Neuropixels, in order."""

SOURCE = "Allen Visual Coding as preprocessed by Deitch, Rubin & Ziv (2021)"
FRAME_S = 1 / 30
_NUM_MOVIES = 2  # rows of `informative_rater_mat`
_NUM_SESSIONS = 3  # rows of `filtered_traces_days_events`


def read_drift_calcium(
    path: PathLike,
    *,
    session: int | None = None,
    area: str | None = None,
    num_frames: int = NUM_FRAMES,
    features: np.ndarray | None = None,
    scene: np.ndarray | None = None,
) -> VisualRecording:
    """Reads calcium events during Natural Movie One, ten repeats in each of three sessions.

    Args:
        path: `data/calcium_excitatory/AREA/CONTAINER.mat`.
        session: 0, 1 or 2: all cells of that session (`filtered_traces_days_events`). `None` puts
            the three sessions side by side as in the paper: cells with events in all of them
            (`united_traces_days_events`), each three times, as different neurons.
        area: Area of the cells; `None` takes the name of the folder.
        num_frames: Frames of the movie.
        features: Features of the movie's frames, for the label `features`.
        scene: Scenes of the movie's frames, for the label `scene`.

    Returns:
        Events `(repeats * frames, cells)` at 30 Hz, one trial a repeat. The layer follows from
        `imaging_depth` where the file has it.

    Raises:
        InvalidParameterError: If there is no such session.
        DataError: If the area is not known, or no cell is in all sessions.
        DataIntegrityError: If the file is damaged or lacks the variable.
    """
    path = Path(path)
    if session not in (None, *range(_NUM_SESSIONS)):
        raise InvalidParameterError(f"session must be 0, 1, 2 or None for all; got {session!r}.")
    where = area or path.parent.name
    if where not in AREAS:
        raise DataError(
            f"cells need an area, one of {', '.join(AREAS)}; {path} lies in {where!r}. Pass area=."
        )
    arrays = matlab_arrays(path)
    if session is not None:
        events = _variable(arrays, f"filtered_traces_days_events[{session}]", path)
        if events.ndim != 2:
            raise _wrong_shape(path, "filtered_traces_days_events", events, "(cells, frames)")
    else:
        united = _variable(arrays, "united_traces_days_events", path)
        if united.ndim != 3:
            raise _wrong_shape(
                path, "united_traces_days_events", united, "(cells, frames, sessions)"
            )
        seen = np.isfinite(united).all(axis=1) & (np.nan_to_num(united) != 0).any(axis=1)
        if not seen.all(axis=1).any():
            raise DataError(
                f"a cell must have events in every session to be united; none of {path} has. "
                "Pass session=."
            )
        events = np.concatenate(list(np.moveaxis(united[seen.all(axis=1)], 2, 0)))
    depth = arrays.get("imaging_depth", np.array([""])).reshape(-1)
    return visual_recording(
        _repeats(events, num_frames, path),
        area=where,
        layer=layer_of_depth(str(depth[0])) if len(depth) else "",
        mouse=path.stem,
        name=f"allen-calcium-{path.stem}",
        source=f"{path} ({SOURCE})",
        bin_s=FRAME_S,
        features=features,
        scene=scene,
    )


def read_drift_neuropixels(
    path: PathLike,
    *,
    areas: tuple[str, ...] = AREAS,
    num_frames: int = NUM_FRAMES,
    features: np.ndarray | None = None,
    scene: np.ndarray | None = None,
) -> VisualRecording:
    """Reads spikes during Natural Movie One at 30 Hz: two blocks of ten, or of thirty, repeats.

    Units with a missing value are left out.

    Args:
        path: `data/neuropixels/session_NUMBER.mat`.
        areas: Areas to take, of `DRIFT_AREAS`; those that the mouse lacks are skipped.
        num_frames: Frames of the movie.
        features: Features of the movie's frames, for the label `features`.
        scene: Scenes of the movie's frames, for the label `scene`.

    Returns:
        Activity `(2 * repeats * frames, units)`, one trial a repeat, block after block, with the
        label `block`.

    Raises:
        InvalidParameterError: If an area is none of `DRIFT_AREAS`.
        DataError: If the mouse has none of the areas.
        DataIntegrityError: If the file is damaged or lacks the variable.
    """
    path = Path(path)
    if not set(areas) <= set(DRIFT_AREAS):
        raise InvalidParameterError(
            f"areas must be some of {', '.join(DRIFT_AREAS)}; got {', '.join(areas)}."
        )
    arrays = matlab_arrays(path)
    parts, place = [], []
    for area in areas:
        name = f"informative_rater_mat[{_NUM_MOVIES * DRIFT_AREAS.index(area)}]"
        units = arrays.get(name)
        if units is None or units.size == 0:
            continue
        if units.ndim != 3:
            raise _wrong_shape(path, name, units, "(units, frames, blocks)")
        units = units[np.isfinite(units).all(axis=(1, 2))]
        blocks = np.moveaxis(units, 2, 0)
        parts.append([_repeats(block, num_frames, path) for block in blocks])
        place.extend([area] * len(units))
    if not place:
        raise DataError(
            f"a mouse must have units in {', '.join(areas)}; {path} has none. It may hold other "
            "variables: informative_rater_mat is read."
        )
    activity = np.concatenate(
        [np.concatenate(blocks, axis=2) for blocks in zip(*parts, strict=True)]
    )
    per_block = len(parts[0][0]) * num_frames
    block = np.arange(len(activity) * num_frames) // per_block
    return visual_recording(
        activity,
        area=place,
        mouse=path.stem,
        name=f"allen-neuropixels-{path.stem}",
        source=f"{path} ({SOURCE})",
        bin_s=FRAME_S,
        features=features,
        scene=scene,
        extra={"block": Label(block, name="block")},
    )


def _variable(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in arrays:
        raise DataIntegrityError(
            f"a mouse of the visual-drift study holds {name}; {path} has "
            f"{', '.join(sorted(arrays)[:10]) or 'nothing'}. Use a file as it is published."
        )
    return arrays[name]


def _repeats(activity: np.ndarray, num_frames: int, path: Path) -> np.ndarray:
    """Activity `(cells, repeats * frames)` as `(repeats, frames, cells)`."""
    if activity.shape[1] % num_frames:
        raise DataIntegrityError(
            f"{path} must hold whole repeats of {num_frames} frames; it has {activity.shape[1]} "
            "frames. Pass num_frames=."
        )
    return activity.T.reshape(-1, num_frames, len(activity))


def _wrong_shape(path: Path, name: str, array: np.ndarray, wanted: str) -> DataIntegrityError:
    return DataIntegrityError(
        f"{name} must have the shape {wanted}; that of {path} has {array.shape}. Use a file as it "
        "is published."
    )
