"""What users pass to `fit` and `transform`, checked and brought into one form."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from ..data.dataset import as_labels, as_recording
from ..errors import DataError
from ..models.model import resolve_offset
from ..types import Label, Recording
from ..utils.validation import as_array, check_finite, check_numeric

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = [
    "Session",
    "as_sessions",
    "check_neural",
    "checked_recording",
    "checked_sessions",
    "is_list",
    "one_session",
    "user_labels",
]


class Session(NamedTuple):
    """What the user passed for one session."""

    X: Any
    y: Any = None
    labels: tuple[Any, ...] = ()
    trial: Any = None


def is_list(X: Any) -> bool:
    """Returns whether `X` is a list of sessions: recordings or two-dimensional arrays."""
    if not isinstance(X, (list, tuple)):
        return False
    return any(isinstance(one, Recording) or len(getattr(one, "shape", ())) == 2 for one in X)


def as_sessions(X: Any, y: Any, labels: Sequence[Any], trial: Any) -> list[Session]:
    """Returns what was passed for each session; one session where `X` is no list of them.

    A list of sessions is a list or tuple of `Recording`s or two-dimensional arrays; labels and
    trials are then lists of the same length. A `Recording` brings its own labels and trials. The
    label of a session may be a tuple or list of several.

    Raises:
        DataError: If a list has entries for another number of sessions, or sessions are nested
            plain lists.
    """
    if _depth(X) > 2:
        raise DataError(
            "several sessions must be a list of two-dimensional arrays, tensors or Recordings; "
            f"got plain lists, nested {_depth(X)} deep. Convert each with np.asarray(session)."
        )
    if not is_list(X):
        return [_unpacked(Session(X, y, tuple(labels), trial))]
    columns = {"y": y, **{f"label {k}": v for k, v in enumerate(labels, start=1)}, "trial": trial}
    for name, value in columns.items():
        if value is not None and (isinstance(value, Mapping) or len(value) != len(X)):
            count = "one mapping" if isinstance(value, Mapping) else f"{len(value)}"
            raise DataError(
                f"{name} must list one entry for each session; got {count} for {len(X)} "
                "sessions. Pass lists of equal length."
            )
    y, *others, trial = ([None] * len(X) if v is None else v for v in columns.values())
    rows = zip(X, y, zip(*others, strict=True) if others else [()] * len(X), trial, strict=True)
    return [_unpacked(Session(*row)) for row in rows]


def one_session(X: Any, y: Any, labels: Sequence[Any], trial: Any) -> Session:
    """Returns what was passed for the only session.

    Raises:
        DataError: If there are several.
    """
    session, *others = as_sessions(X, y, labels, trial)
    if others:
        raise DataError(
            f"one session is adapted at a time; got {1 + len(others)}. Call adapt for each."
        )
    return session


def _depth(values: Any) -> int:
    """Returns how deep plain lists and tuples are nested, told by the first entries."""
    depth = 0
    while isinstance(values, (list, tuple)) and not is_list(values):
        depth, values = depth + 1, values[0] if len(values) else None
    return depth


def _num_rows(values: Any) -> int:
    """Returns the length of what is passed as activity; sparse matrices have a shape alone."""
    if getattr(values, "shape", ()):
        return int(values.shape[0])
    return len(values) if isinstance(values, (list, tuple, Recording)) else 0


def _unpacked(session: Session) -> Session:
    X, y, labels, trial = session
    if _is_several(y, _num_rows(X)):
        y, labels = y[0], (*y[1:], *labels)
    if not isinstance(X, Recording):
        return Session(X, y, labels, trial)
    y = dict(X.labels) if y is None else y
    return Session(X.neural, y, labels, X.trial if trial is None else trial)


def _is_several(y: Any, num_bins: int) -> bool:
    """Returns whether a plain list or tuple holds labels, and not one value for each time bin."""
    if not isinstance(y, (list, tuple)) or len(y) in (0, num_bins):
        return False
    return all(
        len(one) == num_bins if isinstance(one, (list, tuple)) else _is_label(one) for one in y
    )


def _is_label(value: Any) -> bool:
    return isinstance(value, Label) or len(getattr(value, "shape", ())) > 0


def check_neural(X: Any, estimator: BaseEstimator, name: str = "X") -> np.ndarray:
    """Returns activity as a finite two-dimensional array of numbers; `name` is what errors say.

    Raises:
        DataError: If values are missing, masked, NaN or infinite, or the shape is wrong.
        DataTypeError: If the type is not a number.
        TypeError: If the matrix is sparse.
    """
    if X is None or (isinstance(X, (list, tuple)) and not X):
        raise DataError(
            f"{name} must be activity of shape (time bins, neurons); got {X!r}. Pass an array, or "
            "for several sessions a list of arrays."
        )
    X = _rows(as_array(X, name), name)
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    array = check_array(
        X,
        dtype=None if kind in "biufmM" else "numeric",
        ensure_all_finite=False,
        estimator=estimator,
        input_name=name,
    )
    check_numeric(array, name)
    check_finite(array, name)
    return np.asarray(array)


def _rows(X: Any, name: str) -> Any:
    """Returns plain lists as an array; numpy does not say which rows differ."""
    if not isinstance(X, (list, tuple)):
        return X
    try:
        array = np.asarray(X)
        return X if array.dtype == object else array  # scikit-learn says what is no number
    except ValueError as error:
        raise DataError(
            f"{name} must have rows of one length; got lists that differ. Pass one row of the "
            "same neurons for each time bin; several sessions are a list of arrays."
        ) from error


def user_labels(*given: Any) -> dict[str, Label]:
    """Returns the labels of `fit(X, y, *labels)` by name.

    A mapping keeps its names, a table with several columns theirs, so that each column has its
    own kind; the rest are numbered.

    Raises:
        DataError: If two labels have one name.
    """
    named: dict[str, Any] = {}
    for value in given:
        if value is None:
            continue
        if isinstance(value, Mapping) or len(getattr(value, "columns", ())) > 1:
            new = {str(name): value[name] for name in getattr(value, "columns", value)}
            if named.keys() & new.keys():
                raise DataError(
                    "each label must have a name of its own; got "
                    f"{', '.join(map(repr, named.keys() & new.keys()))} twice. Rename one."
                )
            named |= new
        elif isinstance(value, Label):
            named[f"label {len(named)}" if value.name in ("label", *named) else value.name] = value
        else:
            named[f"label {len(named)}"] = as_array(value, "y")
    return as_labels(named)


def checked_sessions(
    estimator: CEBRA, X: Any, y: Any, labels: Sequence[Any], trial: Any, *, fitted: bool = False
) -> list[Recording]:
    """Returns the recording of each session that the user passed to train or to evaluate on.

    Args:
        estimator: Its architecture and `time_offsets` say how many bins are needed.
        X: Activity `(T, N)`, or a list of several.
        y: First label, or a mapping of labels; a list with an entry for each session.
        labels: Further labels, likewise.
        trial: Trial of each bin, likewise.
        fitted: There must be as many sessions, with the neurons that were fitted.

    Raises:
        DataError: If there are too few bins, or something does not fit.
    """
    sessions = as_sessions(X, y, labels, trial)
    if fitted and len(sessions) != estimator.num_sessions_:
        raise DataError(
            f"the model was fitted with {estimator.num_sessions_} session(s); got "
            f"{len(sessions)}. Pass a list with one entry for each."
        )
    numbers: Sequence[int | None] = range(len(sessions)) if len(sessions) > 1 else [None]
    return [
        checked_recording(estimator, one, number, fitted=fitted)
        for number, one in zip(numbers, sessions, strict=True)
    ]


def checked_recording(
    estimator: CEBRA,
    session: Session,
    number: int | None = None,
    *,
    fitted: bool = False,
    min_samples: int | None = None,
) -> Recording:
    """Returns the recording of one session.

    Args:
        estimator: As for `checked_sessions`.
        session: What the user passed.
        number: Which session it is, where there are several.
        fitted: `X` must have the neurons that were fitted.
        min_samples: Bins that are needed, where it is not one window and its positive.

    Raises:
        DataError: If there are too few bins, or something does not fit.
    """
    X, y, labels, trial = session
    name = "X" if number is None else f"session {number}"
    table = hasattr(X, "columns")
    if fitted and table:  # other columns are named first, whatever they hold
        _check_neurons(estimator, X, number)
    try:
        array = check_neural(X, estimator, name)
        offset = estimator.offset_ if fitted else resolve_offset(estimator.model_architecture)
        needed = min_samples or offset.span + estimator.time_offsets
        if len(array) < needed:
            raise DataError(
                f"{estimator.model_architecture} with time_offsets={estimator.time_offsets} needs "
                f"at least {needed} time bins; got n_samples={len(array)}. Pass more data, or a "
                "smaller model or time_offsets."
            )
        if fitted and not table:
            _check_neurons(estimator, X, number)
        recording = as_recording(array, labels=user_labels(y, *labels), trial=trial, name=name)
    except (ValueError, TypeError) as error:
        if number is not None and name not in str(error):
            error.args = (f"{name}: {error}",)
        raise
    silent = 0 if fitted else _num_constant(recording)
    if silent:
        warnings.warn(
            f"{silent} of {recording.num_neurons} neurons in {name} are constant: they carry no "
            "information",
            UserWarning,
            stacklevel=5,
        )
    return recording


def _num_constant(recording: Recording) -> int:
    lowest, highest = recording.neural.aminmax(dim=0)
    return int((lowest == highest).sum())


def _check_neurons(estimator: CEBRA, X: Any, number: int | None) -> None:
    if number is not None:
        expected = estimator.n_features_in_[number]
        if X.shape[1] != expected:
            raise DataError(
                f"session {number} was fitted with {expected} neurons; got {X.shape[1]}. Pass the "
                "neurons that the model was fitted with, or use adapt for others."
            )
        return
    try:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    except ValueError as error:
        raise DataError(f"{error} Pass the neurons that the model was fitted with.") from None
