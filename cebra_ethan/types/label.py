"""One value per time bin, with the kind that says how two values compare."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, DataTypeError

__all__ = ["Kind", "Label"]

Kind = Literal["continuous", "circular", "categorical"]


class Label:
    """One value per time bin, with the kind that says how two values compare.

    Args:
        values: `(T,)` or `(T, d)`. Floats are continuous unless `kind` says otherwise; integers,
            bools and strings are categorical, one-dimensional, and re-coded to `0 .. C-1`.
        kind: `"continuous"`, `"circular"` or `"categorical"`; `None` infers it from the type.
        period: Length of one turn of a circular label, in the label's unit (360 for degrees).
        weight: Multiplies the label's squared distance when several labels are searched together.
        name: What error messages call this label.

    Attributes:
        values: Float64 `(T, d)`, or int64 codes `(T,)` for a categorical label.
        classes: The original value of each code, sorted; `None` unless categorical.

    Raises:
        DataTypeError: If values are neither numbers, bools nor strings.
        DataError: If values are not finite, have the wrong rank, or kind and period disagree.

    Example:
        >>> Label(["left", "right", "left"]).values
        tensor([0, 1, 0])
        >>> Label([350.0, 10.0], "circular", period=360.0).kind
        'circular'
    """

    def __init__(
        self,
        values: Any,
        kind: Kind | None = None,
        *,
        period: float | None = None,
        weight: float = 1.0,
        name: str = "label",
    ) -> None:
        array = _as_array(values, name)
        inferred: Kind = "continuous" if array.dtype.kind == "f" else "categorical"
        self.kind: Kind = kind or inferred
        self.name, self.period, self.weight = name, period, float(weight)
        self.classes: np.ndarray | None = None
        if self.kind not in get_args(Kind):
            raise DataError(
                f"the kind of {name} must be one of {', '.join(get_args(Kind))}; got {kind!r}."
            )
        turns = period is not None and np.isfinite(period) and period > 0
        if (period is not None or self.kind == "circular") and not (
            turns and self.kind == "circular"
        ):
            raise DataError(
                f"a circular label needs a positive, finite period, other kinds none; {name} has "
                f"kind={self.kind!r} and period={period!r}."
            )
        if not (np.isfinite(weight) and weight > 0):
            raise DataError(f"the weight of {name} must be positive and finite; got {weight!r}.")
        if self.kind == "categorical":
            self.values, self.classes = _encode(array, name)
        else:
            self.values = _as_columns(array, name)
            if period is not None:
                self.values = self.values.remainder(period)
                self.values[self.values >= period] = 0.0  # where a tiny negative was rounded up

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        turn = f", period={self.period:g}" if self.period is not None else ""
        return f"Label({self.name!r}, {self.kind}, shape={tuple(self.values.shape)}{turn})"

    def __getitem__(self, rows: Any) -> Label:
        """Returns the label at some rows; the codes of a categorical label keep their meaning."""
        part = object.__new__(Label)
        part.__dict__.update(self.__dict__)
        part.values = self.values[rows]
        return part

    def to_numpy(self) -> np.ndarray:
        """Returns the values as given: `(T,)` or `(T, d)`, categories in their original form."""
        values = self.values.numpy(force=True)
        if self.classes is not None:
            return np.asarray(self.classes[values])
        return values[:, 0] if values.shape[1] == 1 else values


def _as_array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().float() if values.dtype == torch.bfloat16 else values.detach()
        values = values.cpu().numpy()
    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = _from_objects(array, name)
    if array.dtype.kind not in "biufUS":
        raise DataTypeError(
            f"labels must be numbers, bools or strings; {name} has dtype {array.dtype}. "
            "Convert it first."
        )
    if array.ndim not in (1, 2) or array.size == 0:
        raise DataError(
            f"a label must have shape (time bins,) or (time bins, columns) and not be empty; "
            f"{name} has shape {array.shape}."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            f"labels must be finite; {name} holds NaN or infinity, first in row {row}. "
            "Fill these bins or cut them from the labels and the neural data."
        )
    return array


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    values = array.ravel().tolist()
    if all(isinstance(value, str) for value in values):
        return array.astype(str)
    if all(isinstance(value, (bool, int, np.bool_, np.integer)) for value in values):
        return np.array(values).reshape(array.shape)  # stays a bool or an integer: categorical
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        kinds = sorted({type(value).__name__ for value in values})
        raise DataTypeError(
            f"labels must be numbers, bools or strings; {name} has dtype object and holds "
            f"{', '.join(kinds)}. Convert it first."
        ) from None


def _encode(array: np.ndarray, name: str) -> tuple[Tensor, np.ndarray]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"a categorical label must have shape (time bins,); {name} has shape {array.shape}. "
            "Pass one label for each column, or Label(values, 'continuous') if the columns are "
            "numbers to compare."
        )
    if array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        raise DataError(
            f"an integer label must fit into int64; {name} goes up to {array.max()}. "
            "Pass class names as strings instead."
        )
    classes, codes = np.unique(array, return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64)), classes


def _as_columns(array: np.ndarray, name: str) -> Tensor:
    if array.dtype.kind in "US":
        raise DataError(f"a continuous or circular label needs numbers; {name} holds strings.")
    columns = array.astype(np.float64)
    return torch.from_numpy(columns[:, None] if columns.ndim == 1 else columns)
