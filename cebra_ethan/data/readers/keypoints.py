"""Behaviour from video: keypoints of DeepLabCut and SLEAP as labels, one row for each frame.

Keypoints that the tracker was unsure of become NaN and are filled by interpolation over time.
Frames are never dropped, so the rows stay those of the video and of the neural recording.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import DataError, DataIntegrityError
from ...types import Label
from ...utils.optional import require
from .common import PathLike, reading
from .hdf5 import walk_datasets
from .pandas_hdf5 import read_frames

__all__ = ["Keypoints", "fill_gaps", "load_deeplabcut", "load_sleap"]

HEADER = ("scorer", "individuals", "bodyparts", "coords")


@dataclass(frozen=True)
class Keypoints:
    """Positions of one animal.

    Args:
        positions: Pixels `(frames, keypoints, 2)`, without gaps.
        names: The keypoints.
        filled: Which were interpolated, `(frames, keypoints)`.
        animal: Name of the animal; empty when the file knows only one.
    """

    positions: np.ndarray
    names: list[str]
    filled: np.ndarray
    animal: str = field(default="")

    def to_array(self) -> np.ndarray:
        """Returns `(frames, 2 * keypoints)`: x and y of the first keypoint, of the second..."""
        return self.positions.reshape(len(self.positions), -1)

    def labels(self) -> dict[str, Label]:
        """Returns a continuous label `(frames, 2)` for each keypoint, for `Recording(labels=)`."""
        return {
            name: Label(self.positions[:, index], "continuous", name=name)
            for index, name in enumerate(self.names)
        }


def load_deeplabcut(
    file: PathLike,
    keypoints: Sequence[str] | None = None,
    pcutoff: float = 0.6,
    animal: str | None = None,
) -> Keypoints:
    r"""Reads a table of DeepLabCut, `.csv` or `.h5`, with one animal or several.

    Args:
        file: What DeepLabCut wrote; `.h5` is read without PyTables, which would run code.
        keypoints: Names of body parts, in the order wanted; `None` for all.
        pcutoff: Positions with a smaller likelihood are replaced by interpolation.
        animal: Which individual of a file with several; `None` if there is only one.

    Raises:
        DataError: If a keypoint or animal does not exist, or one has no frame above `pcutoff`.
        DataIntegrityError: If the file is damaged or no table of DeepLabCut.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "video.csv"
        >>> _ = path.write_text(
        ...     "scorer,a,a,a\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
        ...     "0,1,5,0.9\n1,700,5,0.1\n2,3,5,0.9\n"
        ... )
        >>> load_deeplabcut(path).to_array()[:, 0].tolist()
        [1.0, 2.0, 3.0]
    """
    path = Path(file)
    if not 0 <= pcutoff <= 1:
        raise DataError(f"pcutoff must lie in [0, 1]; got {pcutoff}. The default is 0.6.")
    names, values = _hdf5_table(path) if path.suffix.lower() != ".csv" else _csv_table(path)
    with reading(path, "a table of DeepLabCut"):
        tracks: dict[str, dict[str, dict[str, np.ndarray]]] = {}
        for place, name in enumerate(names):
            *individual, part, coordinate = name[1:]
            track = tracks.setdefault(individual[0] if individual else "", {})
            track.setdefault(part, {})[coordinate] = values[:, place]
    chosen = _one_of(list(tracks), animal, path)
    parts = {key: axes for key, axes in tracks[chosen].items() if {"x", "y"} <= set(axes)}
    wanted = _wanted(keypoints, list(parts), path)
    positions = np.stack([np.stack([parts[n]["x"], parts[n]["y"]], axis=-1) for n in wanted], 1)
    sure = np.stack([parts[n].get("likelihood", np.ones(len(values))) for n in wanted], axis=1)
    # a likelihood that is NaN is no likelihood above the cutoff
    return _filled(positions, ~(sure >= pcutoff), wanted, chosen, path)


def load_sleap(
    file: PathLike,
    keypoints: Sequence[str] | None = None,
    pcutoff: float = 0.0,
    animal: str | None = None,
) -> Keypoints:
    """Reads the analysis HDF5 of SLEAP: `tracks` `(tracks, 2, nodes, frames)` and its names.

    Args:
        file: What SLEAP's "Export analysis HDF5" wrote.
        keypoints: Names of nodes, in the order wanted; `None` for all.
        pcutoff: Positions with a smaller score are replaced by interpolation. SLEAP's scores are
            no probabilities; what it did not find at all is NaN and filled in any case.
        animal: Name of the track; `None` if there is only one.

    Raises:
        DataError: If a node or track does not exist, or one was never found.
        DataIntegrityError: If the file is damaged or no analysis file of SLEAP.
    """
    path = Path(file)
    h5py = require("h5py", extra="data")
    with reading(path, "an analysis file of SLEAP"), h5py.File(path, "r") as source:
        parts = {key: item for key, item in walk_datasets(source, path)}
        missing = {"tracks", "node_names"} - set(parts)
        if missing:
            raise DataIntegrityError(
                f"an analysis file of SLEAP must hold tracks and node_names; {path} has "
                f"{', '.join(parts) or 'nothing'}. Export it with File > Export Analysis HDF5."
            )
        tracks = np.asarray(parts["tracks"][()], dtype=float)
        nodes = [_text(name) for name in parts["node_names"][()]]
        names = (
            [_text(name) for name in parts["track_names"][()]] if "track_names" in parts else []
        )
        scores = parts["point_scores"][()] if "point_scores" in parts else None
        if tracks.ndim != 4 or tracks.shape[1:3] != (2, len(nodes)):
            raise ValueError(f"tracks have shape {tracks.shape} for {len(nodes)} nodes")
        if scores is not None and scores.shape != (len(tracks), len(nodes), tracks.shape[3]):
            raise ValueError(f"point_scores have shape {scores.shape}")
    if len(names) != len(tracks):  # untracked files have no names
        names = [f"track_{index}" for index in range(len(tracks))]
    chosen = names.index(_one_of(names, animal, path))
    wanted = _wanted(keypoints, nodes, path)
    places = [nodes.index(name) for name in wanted]
    positions = tracks[chosen].transpose(2, 1, 0)[:, places]
    unsure = np.zeros(positions.shape[:2], dtype=bool)
    if scores is not None:
        unsure = scores[chosen].T[:, places] < pcutoff
    return _filled(positions, unsure, wanted, names[chosen], path)


def fill_gaps(positions: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Returns a copy in which gaps are interpolated over time.

    Args:
        positions: `(frames, keypoints, 2)`.
        gaps: Which to replace, `(frames, keypoints)`. Before the first good frame and after the
            last, the nearest good one is repeated. A keypoint without any stays as it is.

    Example:
        >>> gaps = np.array([[True], [False], [True], [False]])
        >>> values = np.array([9.0, 1.0, 9.0, 3.0])
        >>> fill_gaps(np.stack([values, values], axis=-1)[:, None], gaps)[:, 0, 0].tolist()
        [1.0, 1.0, 2.0, 3.0]
    """
    filled = positions.copy()
    frames = np.arange(len(positions))
    for point in range(positions.shape[1]):
        good = ~gaps[:, point]
        if good.any():
            for axis in range(positions.shape[2]):
                known = positions[good, point, axis]
                filled[~good, point, axis] = np.interp(frames[~good], frames[good], known)
    return filled


def _filled(
    positions: np.ndarray, unsure: np.ndarray, names: list[str], animal: str, path: Path
) -> Keypoints:
    gaps = unsure | ~np.isfinite(positions).all(axis=-1)
    lost = [name for name, all_gone in zip(names, gaps.all(axis=0), strict=True) if all_gone]
    if lost:
        raise DataError(
            f"a keypoint must be seen at least once; in {path} {', '.join(lost)} never reaches "
            "pcutoff. Lower pcutoff, or leave them out with keypoints=."
        )
    return Keypoints(fill_gaps(positions, gaps), names, gaps, animal)


def _csv_table(path: Path) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Rows of names (scorer, individuals, bodyparts, coords), then an index and numbers."""
    with reading(path, "a table of DeepLabCut"), path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
        head = [row for row in rows[: len(HEADER)] if row[0].strip() in HEADER]
        if [row[0].strip() for row in head][-2:] != ["bodyparts", "coords"] or len(head) < 3:
            raise ValueError("its first rows are not scorer, bodyparts and coords")
        # the frame lies in the first column; labelled images have their path in three
        first = next(index for index, cell in enumerate(head[0]) if index and cell.strip())
        names = [tuple(row[place] for row in head) for place in range(first, len(head[0]))]
        values = [
            [float(cell) if cell.strip() else np.nan for cell in row[first:]]
            for row in rows[len(head) :]
        ]
        return names, np.array(values, dtype=float).reshape(len(values), len(names))


def _hdf5_table(path: Path) -> tuple[list[tuple[str, ...]], np.ndarray]:
    frames = read_frames(path)
    found = [one for one in frames.values() if one.columns and len(one.columns[0]) in (3, 4)]
    if len(found) != 1:
        raise DataIntegrityError(
            f"{path} must hold one table of DeepLabCut, with scorer, bodyparts and coords; it "
            f"has {', '.join(frames) or 'no table of pandas'}. Choose the file that "
            "analyze_videos wrote."
        )
    return found[0].columns, found[0].values.astype(float)


def _one_of(names: list[str], wanted: str | None, path: Path) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names and wanted is not None:
        return wanted
    raise DataError(
        f"animal must name one of those in {path}; got {wanted!r}. "
        f"Available: {', '.join(names) or 'none'}."
    )


def _wanted(keypoints: Sequence[str] | None, names: list[str], path: Path) -> list[str]:
    wanted = names if keypoints is None else list(keypoints)
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise DataError(
            f"keypoints must be in {path}; got {', '.join(unknown) or 'none'}. "
            f"Available: {', '.join(names) or 'none'}."
        )
    return wanted


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
