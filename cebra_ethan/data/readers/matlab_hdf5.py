"""MATLAB 7.3: an HDF5 file in which numbers lie transposed, texts are codes, cells references."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ...errors import DataIntegrityError
from ...utils.inflate import byte_limit
from ...utils.optional import require
from .hdf5 import walk_datasets

__all__ = ["MAX_ARRAYS", "MAX_DEPTH", "hdf5_arrays"]

MAX_DEPTH = 20
MAX_ARRAYS = 100_000


def hdf5_arrays(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file of version 7.3 by name; see `matlab_arrays`.

    Raises:
        DataIntegrityError: If it points to other files or asks for absurd memory.
        MissingDependencyError: If h5py is not installed.
    """
    h5py = require("h5py", extra="data")
    with h5py.File(path, "r") as file:
        visitor = _Visitor(file, path)
        found: dict[str, np.ndarray] = {}
        for name, dataset in walk_datasets(file, path):
            if not name.startswith("#") and "MATLAB_sparse" not in dataset.parent.attrs:
                found.update(visitor.dataset(dataset, name.replace("/", "."), 0))
        for name, group in _sparse_groups(file):
            found[name] = visitor.sparse(group, name)
    return found


class _Visitor:
    """Follows references, but no more of them than a real file has."""

    def __init__(self, file: Any, path: Path) -> None:
        self.h5py = require("h5py", extra="data")
        self.file, self.path, self.left = file, path, MAX_ARRAYS
        self.limit = byte_limit(path.stat().st_size)

    def dataset(self, dataset: Any, name: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yields what one dataset holds: an array, texts, or the arrays in its cells."""
        self._count(dataset, name)
        kind = dataset.attrs.get("MATLAB_class", b"")
        if dataset.attrs.get("MATLAB_empty"):  # it holds its shape
            shape = [int(size) for size in np.ravel(dataset[()])]
            if kind == b"char":
                yield name, np.array([""])
            elif 0 in shape and kind not in (b"cell", b"struct"):
                yield name, np.empty([min(size, 1 << 20) for size in shape])
        elif dataset.dtype.kind == "O":
            yield from self._cells(dataset, name, depth)
        elif kind == b"char":
            codes = np.atleast_2d(dataset[()].T).astype("<u2")
            texts = [row.tobytes().decode("utf-16-le", "replace") for row in codes]
            yield name, np.array(texts)
        elif dataset.dtype.names == ("real", "imag"):
            parts = dataset[()]
            yield name, (parts["real"] + 1j * parts["imag"]).T
        elif dataset.dtype.kind in "biuf":
            values = dataset[()].T
            yield name, values.astype(bool) if kind == b"logical" else values

    def _cells(self, dataset: Any, name: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        """A cell array; one of texts becomes an array of words."""
        reference = self.h5py.check_ref_dtype(dataset.dtype)
        if reference is not self.h5py.Reference or depth > MAX_DEPTH:
            return
        cells = [
            list(self._target(self.file[cell], f"{name}[{index}]", depth + 1)) if cell else []
            for index, cell in enumerate(np.ravel(dataset[()].T, order="F"))
        ]
        if cells and all(len(cell) == 1 and cell[0][1].dtype.kind == "U" for cell in cells):
            yield name, np.concatenate([cell[0][1][:1] for cell in cells])
        else:
            for cell in cells:
                yield from cell

    def _target(self, item: Any, name: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        """What a reference points to: a dataset, or a structure, whose links are hard ones."""
        if isinstance(item, self.h5py.Dataset):
            yield from self.dataset(item, name, depth)
        elif depth <= MAX_DEPTH:
            for field in item:
                if isinstance(item.get(field, getlink=True), self.h5py.HardLink):
                    yield from self._target(item[field], f"{name}.{field}", depth + 1)

    def _count(self, dataset: Any, name: str) -> None:
        self.left -= 1
        self.limit -= dataset.nbytes
        if self.left < 0 or self.limit < 0:
            raise DataIntegrityError(
                f"a file must hold at most {MAX_ARRAYS:,} arrays, not much larger than itself; "
                f"{self.path} has more at {name}. Save only the variables that are needed."
            )

    def sparse(self, group: Any, name: str) -> np.ndarray:
        """Column-compressed parts `data`, `ir`, `jc`; the attribute is the number of rows."""
        columns = group["jc"][()].astype(np.int64)
        shape = (int(group.attrs["MATLAB_sparse"]), len(columns) - 1)
        self.limit -= 8 * shape[0] * shape[1]
        if self.limit < 0:
            raise DataIntegrityError(
                f"a sparse matrix must fit into memory; {name} in {self.path} has shape {shape}. "
                "Save its non-zero part."
            )
        if "data" not in group:
            return np.zeros(shape)
        parts = (group["data"][()], group["ir"][()].astype(np.int64), columns)
        matrix = sparse.csc_matrix(parts, shape=shape)
        matrix.check_format(full_check=True)  # indices outside would be written outside
        return np.asarray(matrix.toarray())


def _sparse_groups(group: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    h5py = require("h5py", extra="data")
    for key in group:
        if key.startswith("#") or not isinstance(group.get(key, getlink=True), h5py.HardLink):
            continue
        item = group[key]
        if isinstance(item, h5py.Group) and depth < MAX_DEPTH:
            if "MATLAB_sparse" in item.attrs:
                yield f"{prefix}{key}", item
            else:
                yield from _sparse_groups(item, f"{prefix}{key}.", depth + 1)
