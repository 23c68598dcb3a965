"""Pickle, joblib and torch files through the restricted reader: arrays in containers, no code."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, bfloat16

from ...types import Recording
from ...utils.restricted import load_restricted
from .columns import as_words
from .common import Key, Keys, LabelKeys, PathLike, Table, assemble, reading

__all__ = ["foreign_arrays", "read_foreign"]

ALONE = "neural"
"""The key of an array that lies in a file without any container."""

MAX_DEPTH = 20
MAX_LISTED = 50_000_000
NUMBERS = {bool, int, float, np.float32, np.float64, np.int64}


def read_foreign(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads arrays and tensors of a `.pkl`, `.jl` or `.pt` file, and nothing that could run.

    The keys are those of the dictionary inside, with `/` between levels, or positions in a list;
    an array alone is called `"neural"`. See `utils.restricted.load_restricted` for what is read.

    Raises:
        DataError: If a key does not exist or none can be chosen; the message lists the keys.
        DataIntegrityError: If the file is damaged or names anything that is not plain data; the
            message contains "pickle is not allowed" and the name.
    """
    path = Path(path)
    arrays = foreign_arrays(path)
    table = Table(str(path), list(arrays), lambda key: arrays[key].copy())
    return assemble(table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem)


def foreign_arrays(path: Path) -> dict[str, np.ndarray]:
    """Returns every array, tensor, number and list of numbers of a file by its key.

    They may be read-only views of one another: copy what is handed on.
    """
    return dict(_walk(load_restricted(path), "", set(), path))


def _walk(value: Any, key: str, seen: set[int], path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Visits each container once: one that holds itself, or is shared very often, must end."""
    with reading(path, "arrays"):
        array = _array(value, path)
    if array is not None:
        yield key or ALONE, array
        return
    if id(value) in seen or key.count("/") > MAX_DEPTH:
        return
    seen.add(id(value))
    items: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        items = value
    elif isinstance(value, (list, tuple)):
        items = dict(enumerate(value))
    for name, item in items.items():
        yield from _walk(item, f"{key}/{name}" if key else str(name), seen, path)


def _array(value: Any, path: Path) -> np.ndarray | None:
    """Numbers or words as an array; `None` for what is a container or of another kind."""
    if isinstance(value, Tensor):
        # numpy does not know bfloat16
        return (value.float() if value.dtype == bfloat16 else value).numpy(force=True)
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        found = _listed(value.ravel().tolist(), path)
        return None if found is None or found.ndim != 1 else found.reshape(value.shape)
    if isinstance(value, (list, tuple)):
        return _listed(value, path)
    if isinstance(value, (bool, int, float, str, np.generic, np.ndarray)):
        array = np.asarray(value)
        return array if array.dtype.kind in "biufcUSMm" else None
    return None


def _listed(items: list[Any] | tuple[Any, ...], path: Path) -> np.ndarray | None:
    """A list of numbers, of words, or of equally long lists of numbers."""
    kinds = {type(item) for item in items}
    if kinds == {str}:
        return as_words(items, path)
    if kinds and kinds <= NUMBERS:
        array = np.asarray(items)
        return array if array.dtype.kind in "biuf" else None
    lengths = {len(item) for item in items} if kinds and kinds <= {list, tuple} else set()
    if len(lengths) != 1 or len(items) * max(lengths) > MAX_LISTED:
        return None
    if not all({type(cell) for cell in item} <= NUMBERS for item in items):
        return None
    array = np.asarray(items)
    return array if array.dtype.kind in "biuf" else None
