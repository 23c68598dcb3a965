"""What other libraries hold in memory: pandas, xarray, pynapple, torch, numpy.

Nothing is imported here: an object that arrives has brought its library along.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import DataError, DataTypeError
from ...types import Label, Recording
from .common import as_neural, as_trial

__all__ = ["MEMORY", "align", "from_memory"]

Labels = Mapping[str, Any]


def from_memory(
    data: Any,
    *,
    labels: Labels | None = None,
    trial: Any = None,
    bin_s: float | None = None,
    name: str = "recording",
) -> Recording:
    """Builds a recording from an object of another library.

    Args:
        data: Activity. A numpy array, torch tensor or nested list `(T, N)`; a pandas DataFrame
            or Series; an xarray DataArray, whose dimension `time` becomes the first; a pynapple
            TsdFrame or Tsd, one row for each bin, or a TsGroup, counted in bins of `bin_s`.
        labels: Label name to values `(T,)` or `(T, d)`. For a DataFrame also the name of a
            column, which is then no neuron; for xarray the name of a coordinate along time; for
            pynapple a Tsd or TsdFrame of its own clock: floats are interpolated at the centre of
            each bin, other values taken from the nearest time.
        trial: Trial ids `(T,)`, or a name as in `labels`. `None`: the epochs of a pynapple
            object are the trials when there are several.
        bin_s: Width of a bin in seconds; needed for a TsGroup, else only stored. `None` takes the
            median step of a pynapple object.
        name: Name of the recording.

    Raises:
        DataTypeError: If the object is of no known library.
        DataError: If lengths disagree, a name does not exist, or `bin_s` is missing.

    Example:
        >>> from_memory(np.ones((5, 2)), labels={"lap": [0, 0, 1, 1, 1]}).labels["lap"].kind
        'categorical'
    """
    library = type(data).__module__.partition(".")[0]
    adapt = MEMORY.get("numpy" if isinstance(data, (list, tuple)) else library)
    if adapt is None:
        raise DataTypeError(
            f"a recording can be made from objects of {', '.join(MEMORY)}; got {type(data)!r}. "
            "Convert it with numpy.asarray first."
        )
    neural, named, trial, width = adapt(data, dict(labels or {}), trial, bin_s)
    return Recording(
        neural=neural,
        labels={
            key: value if isinstance(value, Label) else Label(value, name=key)
            for key, value in named.items()
        },
        trial=None if trial is None else as_trial(trial),
        bin_s=width,
        name=name,
        source=f"{library} {type(data).__name__}",
    )


_Parts = tuple[Any, dict[str, Any], Any, float | None]


def _from_numpy(data: Any, labels: dict[str, Any], trial: Any, bin_s: float | None) -> _Parts:
    if isinstance(data, Tensor):
        neural = data.detach().float().cpu().numpy()
    else:
        neural = np.asarray(data)
        if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
            raise DataError("neural must not be masked; fill or cut the masked values first.")
    return _matrix(neural), labels, trial, bin_s


def _from_pandas(data: Any, labels: dict[str, Any], trial: Any, bin_s: float | None) -> _Parts:
    frame = data.to_frame() if data.ndim == 1 else data
    taken = [key for key in [*labels.values(), trial] if isinstance(key, (str, int))]
    for key in taken:
        if key not in frame.columns:
            raise DataError(
                f"a label must name a column or hold values; {key!r} is no column. "
                f"Available: {', '.join(map(str, frame.columns))}."
            )

    def values(value: Any) -> Any:
        if isinstance(value, (str, int)):
            return frame[value].to_numpy()
        return value.to_numpy() if hasattr(value, "to_numpy") else value

    neural = frame.drop(columns=taken).to_numpy()
    return _matrix(neural), {key: values(v) for key, v in labels.items()}, values(trial), bin_s


def _from_xarray(data: Any, labels: dict[str, Any], trial: Any, bin_s: float | None) -> _Parts:
    if not hasattr(data, "dims") or hasattr(data, "data_vars"):
        raise DataTypeError(
            "a recording can be made from an xarray DataArray; got a Dataset. "
            "Pass one of its variables."
        )
    time = "time" if "time" in data.dims else data.dims[0]
    data = data.transpose(time, ...)

    def values(value: Any) -> Any:
        if isinstance(value, str):
            if value not in data.coords or data.coords[value].dims != (time,):
                along = [str(key) for key, c in data.coords.items() if c.dims == (time,)]
                raise DataError(
                    f"a label must name a coordinate along {time} or hold values; got "
                    f"{value!r}. Available: {', '.join(along) or 'none'}."
                )
            return data.coords[value].values
        return getattr(value, "values", value)

    named = {key: values(value) for key, value in labels.items()}
    return _matrix(data.values), named, values(trial), bin_s


def _from_pynapple(data: Any, labels: dict[str, Any], trial: Any, bin_s: float | None) -> _Parts:
    if type(data).__name__ in ("Ts", "TsGroup"):  # times without values
        if bin_s is None:
            raise DataError(
                f"spike times need a bin width; got a {type(data).__name__}. Pass bin_s=."
            )
        data = data.count(bin_s)
    times_s = np.asarray(data.times())
    if bin_s is None and len(times_s) > 1:
        bin_s = float(np.median(np.diff(times_s)))
    if trial is None and len(data.time_support) > 1:
        trial = np.searchsorted(np.asarray(data.time_support.start), times_s, side="right")
    named = {key: _at(value, times_s, key) for key, value in labels.items()}
    neural = _matrix(np.asarray(data.values))
    return neural, named, _at(trial, times_s, "trial"), bin_s


def _at(value: Any, times_s: np.ndarray, key: str) -> Any:
    """Values of a pynapple series at other times; anything else stays as it is."""
    if not (hasattr(value, "times") and hasattr(value, "values")):
        return value
    return align(np.asarray(value.times()), np.asarray(value.values), times_s, key)


def align(source_s: np.ndarray, values: np.ndarray, times_s: np.ndarray, key: str) -> np.ndarray:
    """Values of a series at other times: floats interpolated, everything else the nearest.

    Args:
        source_s: Times of the series `(S,)`, ascending, in seconds.
        values: `(S,)` or `(S, d)`.
        times_s: Where it is wanted `(T,)`.
        key: What error messages call it.

    Raises:
        DataError: If a wanted time lies outside the series by more than two of its steps.
    """
    if len(source_s) == 0 or len(source_s) != len(values) or np.any(np.diff(source_s) < 0):
        raise DataError(
            f"the times of {key} must ascend, one for each value; got {len(source_s)} times and "
            f"{len(values)} values. Sort or repair it first."
        )
    slack = 2 * float(np.median(np.diff(source_s))) if len(source_s) > 1 else 0.0
    outside = (times_s < source_s[0] - slack) | (times_s > source_s[-1] + slack)
    if outside.any():
        raise DataError(
            f"{key} must cover all bins; it spans {source_s[0]:g} to {source_s[-1]:g} s and "
            f"{int(outside.sum())} of {len(times_s)} bins lie outside. Crop the activity first."
        )
    if values.dtype.kind == "f":
        columns = values.reshape(len(values), -1)
        mixed = [np.interp(times_s, source_s, columns[:, i]) for i in range(columns.shape[1])]
        return np.stack(mixed, axis=1) if values.ndim > 1 else mixed[0]
    after = np.clip(np.searchsorted(source_s, times_s), 1, max(1, len(source_s) - 1))
    after = np.minimum(after, len(source_s) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(times_s - source_s[before]) <= np.abs(source_s[after] - times_s)
    return np.asarray(values[np.where(closer, before, after)])


def _matrix(array: np.ndarray) -> Tensor:
    if array.dtype.kind == "O" and all(isinstance(x, (int, float)) for x in array.ravel()):
        array = array.astype(np.float64)  # columns of different numbers
    if array.dtype.kind not in "biuf":
        raise DataTypeError(
            f"neural must hold numbers; got dtype {array.dtype}. Convert it, or name columns of "
            "words as labels."
        )
    return as_neural(array[:, None] if array.ndim == 1 else array)


MEMORY: Mapping[str, Callable[[Any, dict[str, Any], Any, float | None], _Parts]] = {
    "numpy": _from_numpy,
    "torch": _from_numpy,
    "pandas": _from_pandas,
    "xarray": _from_xarray,
    "pynapple": _from_pynapple,
}
