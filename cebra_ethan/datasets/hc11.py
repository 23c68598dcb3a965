r"""The rats of hc-11 from their sources: as published with the paper, and from two archives.

All give what `hippocampus.load_rat` gives: counts in bins of 25 ms, `position` in metres,
`direction`, one trial for each run along the track.

**As published with the paper**, `rat_hippocampus/{name}.jl`: a dictionary with `spikes`
`(bins, neurons)` and `position` `(bins, 3)`, the place in metres and two columns for the
direction. That of `buddy` was compared with a real file; those of the others are known by name and
MD5 only.

**CRCNS hc-11**, `{session}_sessInfo.mat` (MATLAB 7.3): `sessInfo.Spikes.SpikeTimes` (s) and
`SpikeIDs`, the cell of each spike (100 × shank + cluster), `PyrIDs` and `IntIDs`;
`sessInfo.Position.OneDLocation` (m; NaN where the rat does not run along the track) with
`TimeStamps` (s), 39.06 Hz; `sessInfo.Epochs.MazeEpoch` (start and end, s).

**DANDI 000044**, the same in NWB: `units/spike_times` with `cell_type` (`excitatory` or
`inhibitory`), a series that ends with `LinearizedTimeSeries`, and `intervals/epochs` with `label`
(`MazeEpoch`). Its `rate` is the sampling period (0.0256), which the loader takes as such.

The layouts of the two archives are known from public code that reads them; no file of either was
at hand, and tests write small ones. The authors of the paper drop bins without a position sample;
here the position is interpolated inside a run, so there are about 2 % more bins.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from ..data.readers.matlab import matlab_arrays
from ..errors import DataIntegrityError, InvalidParameterError
from ..types import Label, Recording
from .files import read_published
from .nwb import open_nwb

__all__ = ["PUBLISHED_RATS", "load_dandi_000044", "load_hc11", "load_published_rat"]

PUBLISHED_RATS = ("achilles", "buddy", "cicero", "gatsby")
BIN_S = 0.025
MIN_RUN_M = 0.8  # half of the track: what is shorter is a turn or a loss of the tracking
MAZE = "MazeEpoch"
CITATION = "Grosmark & Buzsáki 2016"

_Array = np.ndarray


def load_published_rat(name: str, root: str | os.PathLike[str] | None = None) -> Recording:
    """Loads a rat as the paper's authors publish it.

    The direction is named by the movement, not by its column, see `hippocampus.load_rat`.

    Args:
        name: One of `PUBLISHED_RATS`.
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Raises:
        InvalidParameterError: If the name is unknown.
        FileNotFoundError: If `rat_hippocampus/{name}.jl` is not in the data folder.
        DataIntegrityError: If it is not the published file (MD5), or not as described.
    """
    if name not in PUBLISHED_RATS:
        raise InvalidParameterError(
            f"name must be one of {', '.join(PUBLISHED_RATS)}; got {name!r}."
        )
    relative = f"rat_hippocampus/{name}.jl"
    arrays = read_published(relative, ("spikes", "position"), root)
    place = arrays["position"].astype(np.float64)
    if place.ndim != 2 or place.shape[1] != 3 or len(place) != len(arrays["spikes"]):
        raise DataIntegrityError(
            f"{relative} must hold a position of three columns for each bin of spikes; got "
            f"{place.shape} and {arrays['spikes'].shape}. Download it again."
        )
    column = place[:, 1].astype(int)
    lap = np.cumsum(np.diff(column, prepend=column[0]) != 0)
    right = _grows(place[:, 0], lap)
    return _rat(
        arrays["spikes"],
        place[:, 0],
        right,
        lap,
        name=f"rat-{name}-published",
        source=f"CRCNS hc-11 ({CITATION}), {relative} of Schneider et al. (2023)",
    )


def load_hc11(path: str | os.PathLike[str]) -> Recording:
    """Loads the run along the track from a file of CRCNS hc-11.

    Args:
        path: `{session}_sessInfo.mat`, from an account at crcns.org.

    Returns:
        Counts of the pyramidal cells `(T, N)` with `position` (m), `direction` and runs as trials.

    Raises:
        FileNotFoundError: If there is no such file.
        DataIntegrityError: If it is damaged, or not as the module describes.
        MissingDependencyError: If h5py is not installed.

    References:
        Grosmark & Buzsáki (2016), Science 351, 1440-1443, doi:10.1126/science.aad1935; data
        doi:10.6080/K0862DC5.
    """
    path = Path(path)
    arrays = matlab_arrays(path)
    wanted = {
        "times": "Spikes.SpikeTimes",
        "cells": "Spikes.SpikeIDs",
        "pyramidal": "Spikes.PyrIDs",
        "position": "Position.OneDLocation",
        "clock": "Position.TimeStamps",
        "maze": f"Epochs.{MAZE}",
    }
    missing = [key for key in wanted.values() if f"sessInfo.{key}" not in arrays]
    if missing:
        raise DataIntegrityError(
            f"{path} must hold sessInfo with {', '.join(missing)}; it has "
            f"{', '.join(list(arrays)[:20]) or 'nothing'}. It is another file of the data set."
        )
    part = {key: np.ravel(arrays[f"sessInfo.{name}"]) for key, name in wanted.items()}
    spikes = [np.sort(part["times"][part["cells"] == cell]) for cell in part["pyramidal"]]
    start_s, stop_s = (float(edge) for edge in part["maze"][:2])
    return _running(
        spikes,
        part["clock"].astype(np.float64),
        part["position"].astype(np.float64),
        (start_s, stop_s),
        path,
    )


def load_dandi_000044(path: str | os.PathLike[str]) -> Recording:
    """Loads the run along the track from a file of DANDI 000044.

    Args:
        path: `sub-{rat}_ses-{session}_behavior+ecephys.nwb`.

    Returns:
        As `load_hc11`.

    Raises:
        FileNotFoundError: If there is no such file.
        DataIntegrityError: If it is damaged, or not as the module describes.
        MissingDependencyError: If h5py is not installed.

    References:
        See `load_hc11`; https://dandiarchive.org/dandiset/000044.
    """
    path = Path(path)
    with open_nwb(path) as file:
        pyramidal = file.column("units/cell_type").astype(str)
        pairs = zip(file.spike_times(), pyramidal, strict=True)
        spikes = [times for times, kind in pairs if kind.startswith(("excit", "pyr"))]
        series = file.series("LinearizedTimeSeries")
        place = file.values(series).reshape(len(file.values(series)), -1)[:, 0]
        clock_s = file.times(series, slowest_hz=1.0)
        epochs = file.column("intervals/epochs/label").astype(str) == MAZE
        if not epochs.any():
            raise DataIntegrityError(f"{path} must have an epoch called {MAZE}; it has none.")
        edges = [
            float(file.array(f"intervals/epochs/{edge}")[epochs][0])
            for edge in ("start_time", "stop_time")
        ]
    return _running(spikes, clock_s, place, (edges[0], edges[1]), path)


def _running(
    spikes: list[_Array],
    clock_s: _Array,
    place: _Array,
    maze_s: tuple[float, float],
    path: Path,
) -> Recording:
    """Counts spikes in the runs: stretches of the maze epoch in which the place is known."""
    known = np.isfinite(place) & (clock_s >= maze_s[0]) & (clock_s <= maze_s[1])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    counts: list[_Array] = []
    places: list[_Array] = []
    rights: list[_Array] = []
    runs: list[_Array] = []
    for first, last in edges.reshape(-1, 2):
        own_s, own = clock_s[first:last], place[first:last]
        num_bins = int((own_s[-1] - own_s[0]) / BIN_S + 1e-9)
        if np.ptp(own) < MIN_RUN_M or num_bins < 1:
            continue
        border_s = own_s[0] + BIN_S * np.arange(num_bins + 1)
        counts.append(np.stack([np.diff(np.searchsorted(s, border_s)) for s in spikes], axis=1))
        places.append(np.interp(border_s[:-1] + BIN_S / 2, own_s, own))
        rights.append(np.full(num_bins, own[-1] > own[0]))
        runs.append(np.full(num_bins, len(runs)))
    if not runs or not spikes:
        raise DataIntegrityError(
            f"{path} must hold pyramidal cells and runs of over {MIN_RUN_M} m; it has "
            f"{len(spikes)} cells and {len(runs)} runs. A circular maze has no loader here."
        )
    return _rat(
        np.concatenate(counts),
        np.concatenate(places),
        np.concatenate(rights),
        np.concatenate(runs),
        name=path.stem,
        source=f"{path.name} ({CITATION})",
    )


def _grows(place: _Array, lap: _Array) -> _Array:
    """Whether the place grows in the lap to which a bin belongs."""
    first = np.flatnonzero(np.diff(lap, prepend=-1))
    last = np.append(first[1:], len(lap)) - 1
    return np.asarray(
        (place[last] > place[first])[np.searchsorted(first, np.arange(len(lap)), "right") - 1]
    )


def _rat(
    counts: _Array, place: _Array, right: _Array, lap: _Array, *, name: str, source: str
) -> Recording:
    return Recording(
        neural=torch.from_numpy(np.asarray(counts, dtype=np.float32)),
        labels={
            "position": Label(place, "continuous", name="position"),
            "direction": Label(np.where(right, "right", "left"), "categorical", name="direction"),
        },
        trial=torch.from_numpy(lap.astype(np.int64)),
        bin_s=BIN_S,
        name=name,
        source=source,
    )
