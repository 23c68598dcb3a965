"""NWB files: spike times or a time series as activity, behaviour aligned to its bins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...types import Label, Recording
from ...utils.optional import require
from .common import Key, LabelKeys, PathLike, Table, as_mapping, as_neural, as_trial, reading
from .hdf5 import walk_datasets
from .memory import align

__all__ = ["read_nwb"]

UNITS = "units"


def read_nwb(
    path: PathLike,
    *,
    neural: str | None = None,
    labels: LabelKeys | None = None,
    trial: str | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads a session in Neurodata Without Borders.

    Args:
        path: The `.nwb` file.
        neural: `"units"` counts spike times in bins of `bin_s`; another name is a time series
            `(T, N)`, whose rows are the bins. `None` takes the units if there are any.
        labels: Names of time series, or a mapping from label name to series. Floats are
            interpolated at the centre of each bin, other values taken from the nearest time.
        trial: Name of a table of intervals; `None` takes `trials` if there is one. Bins start
            anew with every trial, and what lies outside all trials is left out.
        bin_s: Width of a bin in seconds. Needed for units; a time series has its own.

    Raises:
        DataError: If a name does not exist (the message lists those that do), `bin_s` is missing
            or contradicts the series, or a label does not cover the bins.
        DataIntegrityError: If the file is damaged or points to other files.
    """
    path = Path(path)
    h5py = require("h5py", extra="data")
    pynwb = require("pynwb", extra="data")
    with reading(path, "an NWB file"), h5py.File(path, "r") as file:
        for _ in walk_datasets(file, path):
            pass  # raises when anything points outside
    with reading(path, "an NWB file"):
        source = pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True)
    with source:
        with reading(path, "an NWB file"):
            session = source.read()
            series = _all_series(session, pynwb.TimeSeries)
        table = Table(str(path), [UNITS, *series], lambda key: np.asarray(series[key].data))
        if neural is None:
            neural = UNITS if session.units is not None else _only(series, path)
        wanted = as_mapping(labels, table.keys)
        named = {key: series[_series_key(table, value)] for key, value in wanted.items()}
        epochs = _intervals(session, trial, path)
        if table.resolve(neural, "neural") == UNITS:
            bins = _count_spikes(session, epochs, named, bin_s, path)
        else:
            bins = _rows_of(series[neural], epochs, bin_s, path)
        with reading(path, "one recording"):
            return Recording(
                neural=as_neural(bins.neural),
                labels={key: _label(bins, item, key) for key, item in named.items()},
                trial=as_trial(bins.trial) if epochs is not None else None,
                bin_s=bins.bin_s,
                name=path.stem,
                source=str(path),
            )


@dataclass(frozen=True)
class _Bins:
    """Activity `(T, N)` with the centre (s) and the trial of each bin."""

    neural: np.ndarray
    centre_s: np.ndarray
    trial: np.ndarray
    bin_s: float


def _all_series(session: Any, kind: type) -> dict[str, Any]:
    """Every time series by name; names that occur twice carry their container's."""
    found: list[Any] = [item for item in session.objects.values() if isinstance(item, kind)]
    names = [item.name for item in found]
    return {
        item.name if names.count(item.name) == 1 else f"{item.parent.name}/{item.name}": item
        for item in found
        if getattr(item, "data", None) is not None
    }


def _series_key(table: Table, key: Key) -> str:
    name = table.resolve(key, "labels")
    if name == UNITS:
        raise DataError(
            f"labels must be time series; {table.where} has {', '.join(table.keys[1:])}."
        )
    return name


def _only(series: Mapping[str, Any], path: Path) -> str:
    if len(series) == 1:
        return next(iter(series))
    raise DataError(
        f"neural must be chosen when there are no units; {path} holds the time series "
        f"{', '.join(series) or 'none'}. Pass neural= with one of them."
    )


def _intervals(session: Any, trial: str | None, path: Path) -> np.ndarray | None:
    """Start and stop of each trial `(trials, 2)` in seconds, or `None`."""
    tables = {} if session.intervals is None else dict(session.intervals.items())
    if trial is None and "trials" not in tables:
        return None
    if (trial or "trials") not in tables:
        raise DataError(
            f"trial must name a table of intervals in {path}; got {trial!r}. "
            f"Available: {', '.join(tables) or 'none'}."
        )
    table = tables[trial or "trials"]
    spans = np.stack([table["start_time"][:], table["stop_time"][:]], axis=1).astype(float)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if (spans[:, 1] <= spans[:, 0]).any() or (spans[1:, 0] < spans[:-1, 1] - 1e-9).any():
        raise DataError(
            f"trials must last and not overlap; the table {table.name} of {path} has others. "
            "Name another table with trial=, or repair it."
        )
    return spans


def _count_spikes(
    session: Any,
    epochs: np.ndarray | None,
    labels: Mapping[str, Any],
    bin_s: float | None,
    path: Path,
) -> _Bins:
    if session.units is None:
        raise DataError(f"neural='units' needs a table of units; {path} has none.")
    if bin_s is None or not bin_s > 0:
        raise DataError(
            f"spike times need a bin width in seconds; got bin_s={bin_s}. Pass bin_s=."
        )
    with reading(path, "an NWB file"):
        num_units = len(session.units)
        spikes = [
            np.sort(np.asarray(session.units.get_unit_spike_times(unit)))
            for unit in range(num_units)
        ]
    if epochs is None:
        epochs = _common_span(spikes, labels, path)
    # A tolerance of a billionth of a bin keeps 10 bins in a trial of 0.25 s.
    counts = np.floor((epochs[:, 1] - epochs[:, 0]) / bin_s + 1e-9).astype(int)
    if counts.sum() < 1:
        raise DataError(f"a trial must last at least one bin; none of {path} lasts {bin_s} s.")
    edges = [
        start + bin_s * np.arange(n + 1) for (start, _), n in zip(epochs, counts, strict=True)
    ]
    neural = [
        np.stack([np.diff(np.searchsorted(times, edge)) for times in spikes], axis=1)
        for edge in edges
    ]
    centre_s = np.concatenate([(edge[1:] + edge[:-1]) / 2 for edge in edges])
    return _Bins(
        np.concatenate(neural), centre_s, np.repeat(np.arange(len(epochs)), counts), bin_s
    )


def _common_span(spikes: list[np.ndarray], labels: Mapping[str, Any], path: Path) -> np.ndarray:
    """Without trials: from the first to the last spike, cut to what all labels cover."""
    full = [times for times in spikes if len(times)]
    if not full:
        raise DataError(f"units must have spikes; those of {path} have none.")
    clocks = [_times(item) for item in labels.values()]
    start = max([min(times[0] for times in full), *(clock[0] for clock in clocks)])
    stop = min([max(times[-1] for times in full), *(clock[-1] for clock in clocks)])
    if stop <= start:
        raise DataError(f"spikes and labels must overlap in time; in {path} they do not.")
    return np.array([[start, stop]])


def _rows_of(item: Any, epochs: np.ndarray | None, bin_s: float | None, path: Path) -> _Bins:
    with reading(path, "an NWB file"):
        times_s, neural = _times(item), _values(item)
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else bin_s or 1.0
    if bin_s is not None and abs(bin_s - step) > 0.01 * step:
        raise DataError(
            f"bin_s must be the step of the time series; {item.name} in {path} has {step:g} s, "
            f"got {bin_s:g}. Leave bin_s out, or resample the series first."
        )
    trial = np.zeros(len(times_s), dtype=int)
    if epochs is not None:
        trial = np.searchsorted(epochs[:, 0], times_s, side="right") - 1
        inside = (trial >= 0) & (times_s < epochs[np.maximum(trial, 0), 1])
        times_s, neural, trial = times_s[inside], neural[inside], trial[inside]
        if not inside.any():
            raise DataError(f"trials must overlap {item.name}; in {path} none does.")
    return _Bins(neural, times_s, trial, step)


def _label(bins: _Bins, item: Any, key: str) -> Label:
    return Label(align(_times(item), _values(item), bins.centre_s, key), name=key)


def _times(item: Any) -> np.ndarray:
    """The time of each sample in seconds."""
    if item.timestamps is not None:
        return np.asarray(item.timestamps[:], dtype=float)
    return float(item.starting_time) + np.arange(len(item.data)) / float(item.rate)


def _values(item: Any) -> np.ndarray:
    """The samples in the unit of the series."""
    values = np.asarray(item.data[:])
    factor, shift = float(item.conversion or 1.0), float(getattr(item, "offset", 0.0) or 0.0)
    if values.dtype.kind in "iuf" and (factor, shift) != (1.0, 0.0):
        return values * factor + shift
    return values
