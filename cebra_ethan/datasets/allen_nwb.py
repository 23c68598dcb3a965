"""NWB files of Allen Visual Coding as they are published: spikes by Neuropixels, dF/F by imaging.

Read with h5py alone, since the Allen Institute's own library needs a numpy of before 1.24. The
names of what is inside were taken from code that others published for these files; no file was at
hand, so nothing here has met a real one. The tests write small files of the same structure.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..data.readers.common import PathLike, reading
from ..data.readers.hdf5 import dataset_array, walk_datasets
from ..errors import DataError, DataIntegrityError
from ..types import Label
from ..utils.optional import require
from .allen_movie import NUM_FRAMES
from .allen_recording import (
    AREAS,
    VisualRecording,
    layer_of_depth,
    layer_of_place,
    visual_recording,
)

__all__ = ["QUALITY", "read_calcium_nwb", "read_neuropixels_nwb"]

log = logging.getLogger(__name__)

QUALITY: Mapping[str, tuple[str, float]] = {
    "isi_violations": ("at most", 0.5),
    "amplitude_cutoff": ("at most", 0.1),
    "presence_ratio": ("at least", 0.95),
}
"""Which units are kept, besides those called `good`: the defaults of the Allen Institute."""

PRESENTATIONS = "intervals/natural_movie_one_presentations"
ELECTRODES = "general/extracellular_ephys/electrodes"
PIPELINE = "processing/brain_observatory_pipeline"
MOVIE = "stimulus/presentation/natural_movie_one_stimulus"
IMAGING = "general/optophysiology/imaging_plane_1"


def read_neuropixels_nwb(
    path: PathLike,
    *,
    areas: tuple[str, ...] = AREAS,
    bins_per_frame: int = 4,
    num_frames: int = NUM_FRAMES,
    quality: Mapping[str, tuple[str, float]] = QUALITY,
    features: np.ndarray | None = None,
    scene: np.ndarray | None = None,
) -> VisualRecording:
    """Reads the responses to Natural Movie One from a session of DANDI 000021.

    Each presentation of a frame is cut into equal bins between its start and the start of the
    next, so that bins and frames cannot drift apart; the last frame of a repeat lasts until its
    own end. Sessions of type `brain_observatory_1.1` show the movie twenty times, in two blocks;
    the paper takes the first ten, `repeats_split(recording, range(10))[1]`.

    Args:
        path: The `.nwb` file of a session (`units`, `intervals`, electrodes; not of one probe).
        areas: Units elsewhere are left out.
        bins_per_frame: 4 are 120 Hz.
        num_frames: Frames of the movie.
        quality: Limits of unit metrics, rows of a table of units; a metric that is not a number
            fails. `{}` keeps every unit, also those not called good.
        features: Features of the movie's frames, for the label `features`.
        scene: Scenes of the movie's frames, for the label `scene`.

    Returns:
        Spike counts `(repeats * frames * bins_per_frame, units)`, one trial a repeat, with the
        label `block` (0, 1, ...) besides those of the movie. Layers are taken from the name of
        the electrode's location where it has one (`VISp2/3`); published files name areas alone.

    Raises:
        DataError: If no unit is left, or the movie was not shown as a whole.
        DataIntegrityError: If the file is damaged, points to other files, or lacks a table.
        MissingDependencyError: If h5py is not installed.

    References:
        Siegle et al. (2021), doi:10.1038/s41586-020-03171-x; DANDI 000021.
    """
    path = Path(path)
    with _opened(path) as file:
        location = _places(file)
        area, layer = (np.array(part) for part in zip(*map(layer_of_place, location), strict=True))
        keep = np.isin(area, areas) & _is_good(file, len(location), quality)
        if not keep.any():
            raise DataError(
                f"a session needs units of good quality in {', '.join(areas)}; {path} has "
                f"{len(keep)} units, of which none is. Loosen quality= or choose other areas=."
            )
        edges, block = _frame_edges(file, num_frames, bins_per_frame)
        spikes = _spike_times(file, keep)
    # Where frames follow each other the end of one bin is the start of the next.
    counts = np.stack(
        [
            np.searchsorted(times, edges[..., 1]) - np.searchsorted(times, edges[..., 0])
            for times in spikes
        ],
        axis=-1,
    )
    bin_s = float(np.median(edges[..., 1] - edges[..., 0]))
    return visual_recording(
        counts,
        area=area[keep],
        layer=layer[keep],
        mouse=path.stem,
        name=f"allen-neuropixels-{path.stem}",
        source=f"{path} (Allen Visual Coding - Neuropixels)",
        bin_s=bin_s,
        bins_per_frame=bins_per_frame,
        features=features,
        scene=scene,
        extra={"block": Label(np.repeat(block, counts.shape[1]), name="block")},
    )


def read_calcium_nwb(
    path: PathLike,
    *,
    area: str | None = None,
    num_frames: int = NUM_FRAMES,
    features: np.ndarray | None = None,
    scene: np.ndarray | None = None,
) -> VisualRecording:
    """Reads dF/F during Natural Movie One from a file of the Allen Brain Observatory (NWB 1).

    Each movie frame takes the sample of dF/F that the file itself names as its first
    (`frame_duration`), or without that the one whose time is nearest.

    Args:
        path: The `.nwb` file of one imaging session (`ophys_experiment_data/*.nwb`).
        area: Area of all cells; `None` takes the file's `targeted_structure` or imaging location.
        num_frames: Frames of the movie.
        features: Features of the movie's frames, for the label `features`.
        scene: Scenes of the movie's frames, for the label `scene`.

    Returns:
        dF/F `(repeats * frames, cells)` at 30 Hz, one trial a repeat. The layer follows from the
        imaging depth: L2/3 down to 250 µm, L4 down to 350, else L5/6.

    Raises:
        DataError: If the movie was not shown as a whole, or the area is not known.
        DataIntegrityError: If the file is damaged, points to other files, or lacks a table.
        MissingDependencyError: If h5py is not installed.

    References:
        de Vries et al. (2020), doi:10.1038/s41593-019-0550-9.
    """
    path = Path(path)
    with _opened(path) as file:
        trace = file.array(f"{PIPELINE}/DfOverF/imaging_plane_1/data")
        time_s = file.array(f"{PIPELINE}/DfOverF/imaging_plane_1/timestamps").astype(float)
        frame = file.array(f"{MOVIE}/data").astype(int)
        shown_s = file.array(f"{MOVIE}/timestamps").astype(float)
        first = file.get(f"{MOVIE}/frame_duration")
        where = area or file.text("general/targeted_structure", f"{IMAGING}/location")
        depth = file.text("general/imaging_depth", f"{IMAGING}/imaging depth")
    if trace.ndim != 2 or trace.shape[1] != len(time_s) or len(frame) != len(shown_s):
        raise DataError(
            f"dF/F must be (cells, samples) with a time for each sample, and the movie have a "
            f"time for each frame; {path} has {trace.shape}, {len(time_s)}, {len(frame)} and "
            f"{len(shown_s)}."
        )
    known = [one for one in AREAS if one in where.replace(",", " ").split()]
    if len(known) != 1:
        raise DataError(
            f"cells need an area, one of {', '.join(AREAS)}; {path} says {where!r}. Pass area=."
        )
    repeats = _whole_repeats(frame, num_frames, path)
    sample = _samples(time_s, shown_s[repeats], None if first is None else first[repeats], path)
    return visual_recording(
        trace.T[sample],
        area=known[0],
        layer=layer_of_depth(depth),
        mouse=path.stem,
        name=f"allen-calcium-{path.stem}",
        source=f"{path} (Allen Brain Observatory)",
        bin_s=float(np.median(np.diff(shown_s[repeats], axis=1))),
        features=features,
        scene=scene,
    )


class _File:
    """Datasets of an open HDF5 file by path; what is missing is an error that names the file."""

    def __init__(self, datasets: Mapping[str, Any], path: Path) -> None:
        self.datasets, self.path = datasets, path

    def array(self, name: str) -> np.ndarray:
        if name not in self.datasets:
            raise DataIntegrityError(
                f"a file of Allen Visual Coding holds {name}; {self.path} does not. Use the file "
                "of a whole session, as it is published."
            )
        return dataset_array(self.datasets[name], self.path)

    def get(self, name: str) -> np.ndarray | None:
        return self.array(name) if name in self.datasets else None

    def text(self, *names: str) -> str:
        """The first of several texts that is there."""
        found = [self.array(name) for name in names if name in self.datasets]
        return str(found[0].reshape(-1)[0]) if found else ""


@contextmanager
def _opened(path: Path) -> Iterator[_File]:
    h5py = require("h5py", extra="data")
    with reading(path, "an NWB file"):
        file = h5py.File(path, "r")
    with file:
        with reading(path, "an NWB file"):
            datasets = dict(walk_datasets(file, path))
        yield _File(datasets, path)


def _places(file: _File) -> list[str]:
    """Where the electrode of each unit with the largest spikes lies."""
    electrode, location = file.array(f"{ELECTRODES}/id"), file.array(f"{ELECTRODES}/location")
    place = dict(zip(electrode.tolist(), location.tolist(), strict=True))
    return [str(place.get(unit, "")) for unit in file.array("units/peak_channel_id").tolist()]


def _is_good(file: _File, num_units: int, quality: Mapping[str, tuple[str, float]]) -> np.ndarray:
    good = np.ones(num_units, dtype=bool)
    named = file.get("units/quality")
    if quality and named is not None:
        good &= named.astype(str) == "good"
    for metric, (side, limit) in quality.items():
        values = file.array(f"units/{metric}")
        good &= values <= limit if side == "at most" else values >= limit  # NaN is neither
    return good


def _spike_times(file: _File, keep: np.ndarray) -> list[np.ndarray]:
    times, ends = file.array("units/spike_times"), file.array("units/spike_times_index")
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    if len(ends) != len(keep) or (np.diff(ends.astype(np.int64)) < 0).any():
        raise DataIntegrityError(
            f"spike_times_index must have an end for each of {len(keep)} units, in order; "
            f"{file.path} has {len(ends)}."
        )
    return [np.sort(times[starts[unit] : int(ends[unit])]) for unit in np.flatnonzero(keep)]


def _frame_edges(
    file: _File, num_frames: int, bins_per_frame: int
) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of every bin `(repeats, bins, 2)` in seconds, and the block of each repeat."""
    start, stop, frame = (
        file.array(f"{PRESENTATIONS}/{key}").astype(float)
        for key in ("start_time", "stop_time", "frame")
    )
    block = file.get(f"{PRESENTATIONS}/stimulus_block")
    order = np.argsort(start, kind="stable")
    shown = order[_whole_repeats(frame[order], num_frames, file.path)]
    first = start[shown]
    last = np.concatenate([first[:, 1:], stop[shown][:, -1:]], axis=1)
    inside = np.linspace(0, 1, bins_per_frame + 1)
    edge = first[..., None] + (last - first)[..., None] * inside
    edges = np.stack([edge[..., :-1], edge[..., 1:]], axis=-1)
    blocks = np.zeros(len(start)) if block is None else block.astype(float)
    _, number = np.unique(blocks[shown[:, 0]], return_inverse=True)
    return edges.reshape(len(shown), -1, 2), number


def _whole_repeats(frame: np.ndarray, num_frames: int, path: Path) -> np.ndarray:
    """Rows of the frames of each repeat, `(repeats, frames)`; cut ones are left out."""
    starts = np.flatnonzero(frame == 0)
    rows = starts[starts + num_frames <= len(frame), None] + np.arange(num_frames)
    rows = rows[(frame[rows] == np.arange(num_frames)).all(axis=1)]
    if not len(rows):
        raise DataError(
            f"the movie must have been shown as a whole, frames 0 to {num_frames - 1} in order; "
            f"{path} has {len(frame)} presentations and no whole repeat. Pass num_frames=."
        )
    if len(rows) < len(starts):
        cut = len(starts) - len(rows)
        log.warning("%s: %d of %d repeats were cut and are left out", path, cut, len(starts))
    return np.asarray(rows)


def _samples(
    time_s: np.ndarray, shown_s: np.ndarray, first: np.ndarray | None, path: Path
) -> np.ndarray:
    """The sample of dF/F for each frame, `(repeats, frames)`."""
    if first is not None and np.isfinite(first).all():
        sample = first[..., 0].astype(np.int64)
        if sample.min() >= 0 and sample.max() < len(time_s):
            return sample
        raise DataError(
            f"frame_duration must name samples of dF/F, 0 to {len(time_s) - 1}; {path} has "
            f"{sample.min()} to {sample.max()}. It may hold other units: remove it from a copy."
        )
    right = np.clip(np.searchsorted(time_s, shown_s), 1, len(time_s) - 1)
    nearest = right - (shown_s - time_s[right - 1] < time_s[right] - shown_s)
    gap = float(np.median(np.diff(time_s)))
    if np.abs(time_s[nearest] - shown_s).max() > gap:
        raise DataError(
            f"imaging must cover the movie; in {path} a frame has no sample within {gap:.3g} s."
        )
    return np.asarray(nearest)
