"""Turns what users hold into what the package computes with, or says what is wrong with it."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch

from ..errors import DataError, DataTypeError, InvalidParameterError

__all__ = ["as_array", "check_finite", "check_numeric", "explain_keywords", "to_float32"]

P = ParamSpec("P")
R = TypeVar("R")


def explain_keywords(init: Callable[P, R]) -> Callable[P, R]:
    """Decorates a constructor to answer an unknown keyword with the nearest and all known ones.

    The signature stays that of the constructor, for people and for `inspect`.

    Example:
        >>> class Model:
        ...     @explain_keywords
        ...     def __init__(self, width=3):
        ...         self.width = width
        >>> Model(widht=4)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        InvalidParameterError: Model() got an unexpected keyword argument 'widht'. Did you mean ...
    """
    _, *known = inspect.signature(init).parameters

    @functools.wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        unknown = [name for name in kwargs if name not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            raise InvalidParameterError(
                f"{type(args[0]).__name__}() got an unexpected keyword argument "
                f"{', '.join(map(repr, unknown))}. "
                + (f"Did you mean {near[0]!r}? " if near else "")
                + f"Its parameters are {', '.join(known)}."
            )
        return init(*args, **kwargs)

    return checked


def as_array(values: Any, name: str) -> Any:
    """Returns a plain array of a tensor, a file-backed dataset or a masked array.

    Tables keep their column names: whatever has `columns` comes back as it is.

    Args:
        values: What the user passed.
        name: What messages call it.

    Raises:
        DataError: If a masked array has masked values.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise DataError(
                f"{name} must have a value everywhere; got a masked array with "
                f"{int(np.ma.count_masked(values))} masked values. Fill them with .filled(value) "
                "or cut these time bins."
            )
        return values.data
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    if hasattr(values, "columns") or hasattr(values, "toarray"):
        return values
    return (
        np.asarray(values) if hasattr(values, "__array__") or hasattr(values, "shape") else values
    )


def check_numeric(values: np.ndarray, name: str) -> None:
    """Refuses arrays whose type only looks like a number.

    Raises:
        DataTypeError: For dates, time differences, raw bytes and records.
    """
    if values.dtype.kind not in "biuf":
        raise DataTypeError(
            f"{name} must hold numbers; got dtype {values.dtype}. Convert it to float first."
        )


def check_finite(values: np.ndarray, name: str) -> None:
    """Refuses NaN and infinity, and says where the first one is.

    Raises:
        DataError: With the count and the place of the first value.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # such a sum is looked at below
        if values.dtype.kind != "f" or np.isfinite(values.sum()):
            return  # one pass without a temporary array
    bad = ~np.isfinite(values)
    if bad.any():
        what = "NaN" if np.isnan(values).any() else "infinity"
        row, *column = np.argwhere(bad)[0].tolist()
        place = f"(row {row}, column {column[0]})" if column else f"row {row}"
        raise DataError(
            f"{name} must be finite; it contains {what} ({int(bad.sum())} values that are NaN or "
            f"infinity, first at {place}). Fill these values or cut these time bins."
        )


def to_float32(values: np.ndarray, name: str) -> np.ndarray:
    """Returns a C-contiguous, writable float32 array in native byte order; copies only if needed.

    Raises:
        DataError: If a value does not fit into float32.
    """
    limit = float(np.finfo(np.float32).max)
    if values.dtype.kind == "f" and values.dtype.itemsize > 4 and values.size:
        largest = float(max(values.max(), -values.min()))
        if largest > limit:
            raise DataError(
                f"{name} must fit into float32; it holds {largest:g}, too large for float32 "
                f"(limit {limit:g}). Rescale it."
            )
    return np.require(values, np.float32, ["C", "W", "E"])  # torch warns about read-only memory
