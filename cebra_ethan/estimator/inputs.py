"""What users pass to `fit` and `transform`, checked and brought into one form."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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

__all__ = ["check_neural", "checked_recording", "one_session", "user_labels"]


def one_session(
    X: Any, y: Any, labels: Sequence[Any], trial: Any
) -> tuple[Any, Any, Sequence[Any], Any]:
    """Takes apart a `Recording` or a list of one session; other input comes back as it is.

    A list of sessions is a list or tuple of two-dimensional arrays; labels and trials are then
    lists of the same length.

    Raises:
        DataError: If there are several sessions, or labels for another number of them.
    """
    if isinstance(X, Recording):
        y = dict(X.labels) if y is None else y
        return X.neural, y, labels, X.trial if trial is None else trial
    if not (isinstance(X, (list, tuple)) and len(X) and getattr(X[0], "ndim", 0) == 2):
        return X, y, labels, trial
    for name, value in (("y", y), *((f"label {k + 1}", v) for k, v in enumerate(labels))):
        if value is not None and len(value) != len(X):
            raise DataError(
                f"{name} must list one entry for each session; got {len(value)} for {len(X)} "
                "sessions. Pass lists of equal length."
            )
    if len(X) > 1:
        raise DataError(
            f"training on several sessions together is not there yet; got {len(X)} sessions. Fit "
            "one estimator for each, and compare them with metrics.consistency."
        )
    first = [None if value is None else value[0] for value in (y, *labels)]
    return X[0], first[0], first[1:], None if trial is None else trial[0]


def check_neural(X: Any, estimator: BaseEstimator) -> np.ndarray:
    """Returns activity as a finite two-dimensional array of numbers.

    Raises:
        DataError: If values are missing, masked, NaN or infinite, or the shape is wrong.
        DataTypeError: If the type is not a number.
        TypeError: If the matrix is sparse.
    """
    X = as_array(X, "X")
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    array = check_array(
        X,
        dtype=None if kind in "biufmM" else "numeric",
        ensure_all_finite=False,
        estimator=estimator,
        input_name="X",
    )
    check_numeric(array, "X")
    check_finite(array, "X")
    return np.asarray(array)


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


def checked_recording(
    estimator: CEBRA,
    X: Any,
    y: Any,
    labels: Sequence[Any],
    trial: Any,
    *,
    fitted: bool = False,
    min_samples: int | None = None,
) -> Recording:
    """Returns the recording of what the user passed to a method of the estimator.

    Args:
        estimator: Its architecture and `time_offsets` say how many bins are needed.
        X: Activity `(T, N)`.
        y: First label, or a mapping of labels.
        labels: Further labels.
        trial: Trial of each bin.
        fitted: `X` must have the neurons that were fitted.
        min_samples: Bins that are needed, where it is not one window and its positive.

    Raises:
        DataError: If there are too few bins, or something does not fit.
    """
    X, y, labels, trial = one_session(X, y, labels, trial)
    table = hasattr(X, "columns")
    if fitted and table:  # other columns are named first, whatever they hold
        _check_neurons(estimator, X)
    array = check_neural(X, estimator)
    offset = estimator.offset_ if fitted else resolve_offset(estimator.model_architecture)
    needed = min_samples or offset.span + estimator.time_offsets
    if len(array) < needed:
        raise DataError(
            f"{estimator.model_architecture} with time_offsets={estimator.time_offsets} needs at "
            f"least {needed} time bins; got n_samples={len(array)}. Pass more data, or a smaller "
            "model or time_offsets."
        )
    if fitted and not table:
        _check_neurons(estimator, X)
    recording = as_recording(array, labels=user_labels(y, *labels), trial=trial, name="X")
    silent = int((recording.neural == recording.neural[0]).all(dim=0).sum())
    if silent and not fitted:
        warnings.warn(
            f"{silent} of {recording.num_neurons} neurons in X are constant: they carry no "
            "information",
            UserWarning,
            stacklevel=4,
        )
    return recording


def _check_neurons(estimator: CEBRA, X: Any) -> None:
    try:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    except ValueError as error:
        raise DataError(f"{error} Pass the neurons that the model was fitted with.") from None
