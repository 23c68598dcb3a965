"""MATLAB files of every version: 4 through SciPy, 5 to 7 by `matlab5`, 7.3 by `matlab_hdf5`.

Fields of a structure are keys with `.` between levels; the cells of a cell array are `name[0]`,
`name[1]`, and one of texts is an array of words. Objects and functions of MATLAB are left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import io, sparse

from ...errors import DataIntegrityError
from ...types import Recording
from ...utils.inflate import byte_limit
from .columns import as_words
from .common import Key, Keys, LabelKeys, PathLike, Table, assemble, reading
from .matlab5 import is_version5, variables_of
from .matlab_hdf5 import MAX_ARRAYS, hdf5_arrays

__all__ = ["matlab_arrays", "read_matlab"]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
HDF5_PLACES = (0, 512)
"""Version 7.3 is HDF5 behind a header of 512 bytes."""


def read_matlab(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads variables of a `.mat` file of any version.

    MATLAB has no vectors: `(T, 1)` and `(1, T)` become `(T,)`. Its numbers are floating point
    unless converted, so a label of classes is `Label(..., "categorical")` or saved as `int32`.

    Raises:
        DataError: If a variable does not exist or none can be chosen; the message lists them.
        DataIntegrityError: If the file is damaged or points to other files.
        MissingDependencyError: If it is of version 7.3 and h5py is not installed.
    """
    path = Path(path)
    arrays = matlab_arrays(path)
    table = Table(str(path), list(arrays), lambda key: _vector(arrays[key]))
    return assemble(table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem)


def matlab_arrays(path: Path) -> dict[str, np.ndarray]:
    """Returns every array, text and cell of texts of a file by name, in MATLAB's shape."""
    with path.open("rb") as file:
        start = file.read(HDF5_PLACES[-1] + len(HDF5_MAGIC))
    with reading(path, "a MATLAB file"):
        if any(start[place:].startswith(HDF5_MAGIC) for place in HDF5_PLACES):
            return hdf5_arrays(path)
        variables = variables_of(path) if is_version5(start) else _version4(path)
        found: dict[str, np.ndarray] = {}
        for name, value in variables:
            for key, array in _flatten(value, name, path):
                found[key] = array
                if len(found) > MAX_ARRAYS:
                    raise DataIntegrityError(
                        f"a file must hold at most {MAX_ARRAYS:,} arrays; {path} has more in its "
                        "cells. Save only the variables that are needed."
                    )
    return found


def _version4(path: Path) -> Iterator[tuple[str, Any]]:
    for name, value in io.loadmat(path).items():
        if sparse.issparse(value):
            if 16 * np.prod(value.shape, dtype=float) > byte_limit(path.stat().st_size):
                raise DataIntegrityError(
                    f"a sparse matrix must fit into memory; {name} in {path} has shape "
                    f"{value.shape}. Save its non-zero part."
                )
            value = value.toarray()
        if isinstance(value, np.ndarray):
            yield name, value.tolist() if value.dtype.kind == "U" else value


def _flatten(value: Any, name: str, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the arrays in structures and cells; texts are lists of their rows."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, tuple) and value and all(_is_text(cell) for cell in value):
        yield name, as_words([cell[0] for cell in value], path)
    elif isinstance(value, tuple):
        for index, cell in enumerate(value):
            yield from _flatten(cell, f"{name}[{index}]", path)
    elif isinstance(value, list) and value and isinstance(value[0], str):
        yield name, as_words(value, path)
    elif isinstance(value, list):
        for index, record in enumerate(value):
            prefix = name if len(value) == 1 else f"{name}[{index}]"
            for field, item in record.items():
                yield from _flatten(item, f"{prefix}.{field}", path)


def _is_text(cell: Any) -> bool:
    return isinstance(cell, list) and len(cell) == 1 and isinstance(cell[0], str)


def _vector(array: np.ndarray) -> np.ndarray:
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array
