"""Tables that pandas wrote into HDF5, and so DeepLabCut's `.h5`, read without PyTables.

PyTables and `pandas.read_hdf` unpickle the attributes of a file, which runs code. Here h5py reads
the numbers and `utils.restricted` the names of the columns. Layouts: `format="table"`, where the
blocks are fields of one dataset, and `format="fixed"`, where each block is a dataset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, DataIntegrityError
from ...utils.inflate import byte_limit
from ...utils.optional import require
from ...utils.restricted import rebuild
from .common import reading
from .hdf5 import walk_datasets

__all__ = ["Frame", "read_frames"]

Name = tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """A table of pandas: numbers `(T, columns)` and the levels of each column's name."""

    values: np.ndarray
    columns: list[Name]

    def select(self, columns: list[Any] | None, where: str) -> np.ndarray:
        """Returns the columns of which one level, or all levels together, are asked for.

        Raises:
            DataError: If there is no such column; the message lists the names.
        """
        if columns is None:
            return self.values
        chosen = []
        for wanted in columns:
            name = (wanted,) if isinstance(wanted, str) else wanted
            whole = tuple(map(str, name)) if isinstance(name, tuple) else (str(name),)
            found = [
                index
                for index, column in enumerate(self.columns)
                if whole == column or (len(whole) == 1 and whole[0] in column)
            ]
            if not found:
                known = dict.fromkeys(level for column in self.columns for level in column)
                raise DataError(
                    f"columns must name columns of {where}; got {wanted!r}. "
                    f"Available: {', '.join(known)}."
                )
            chosen.extend(found)
        return self.values[:, chosen]


def read_frames(path: Path) -> dict[str, Frame]:
    """Returns every table of pandas in an HDF5 file by the key of `to_hdf`, numbers only.

    Raises:
        DataIntegrityError: If the file is damaged, points to other files, or a name in it would
            run code.
    """
    h5py = require("h5py", extra="data")
    found = {}
    with reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        groups = {
            name.rpartition("/")[0]: dataset.parent for name, dataset in walk_datasets(file, path)
        }
        for key, group in groups.items():
            kind = _text(group.attrs.get("pandas_type", b""))
            if kind in ("frame_table", "frame"):
                blocks = _table(group, path) if kind == "frame_table" else _fixed(group)
                frame = _joined(list(blocks), group, path)
                if frame is not None:
                    found[key] = frame
    return found


Block = tuple[list[Name], np.ndarray]


def _table(group: Any, path: Path) -> Iterator[Block]:
    """One dataset with a field for each block; the names are a pickled attribute."""
    table = group["table"]
    _check(table, path)
    rows = table[()]
    for field in rows.dtype.names:
        kind = table.attrs.get(f"{field}_kind")
        if field == "index" or kind is None or rows[field].dtype.kind not in "biuf":
            continue
        names = rebuild(_bytes(kind), f"{path} ({group.name}/table, names of columns)")
        yield [_name(name) for name in names], rows[field].reshape(len(rows), -1)


def _fixed(group: Any) -> Iterator[Block]:
    """A dataset `blockN_values` beside `blockN_items`, or levels and codes of several levels."""
    for index in range(int(group.attrs["nblocks"])):
        values = group[f"block{index}_values"]
        if values.dtype.kind not in "biuf":
            continue
        _check(values, Path(values.file.filename))
        yield _items(group, f"block{index}_items"), values[()]


def _items(group: Any, prefix: str) -> list[Name]:
    if _text(group.attrs[f"{prefix}_variety"]) != "multi":
        return [_name(_text(item)) for item in group[prefix][()]]
    parts = []
    for level in range(int(group.attrs[f"{prefix}_nlevels"])):
        words = [_text(word) for word in group[f"{prefix}_level{level}"][()]]
        parts.append([words[code] for code in group[f"{prefix}_label{level}"][()]])
    return list(zip(*parts, strict=True))


def _joined(blocks: list[Block], group: Any, path: Path) -> Frame | None:
    """The blocks side by side, in the order that the table had where it is known."""
    if not blocks:
        return None
    names = [name for block, _ in blocks for name in block]
    values = np.column_stack([numbers for _, numbers in blocks])
    if len(names) != values.shape[1]:
        raise ValueError(f"{group.name} has {len(names)} names for {values.shape[1]} columns")
    order = _order(group, path)
    places = {name: place for place, name in enumerate(names)}
    known = [places[name] for name in order if name in places]
    if len(known) == len(names):
        return Frame(values[:, known], [names[place] for place in known])
    return Frame(values, names)


def _order(group: Any, path: Path) -> list[Name]:
    axes = group.attrs.get("non_index_axes")
    if axes is not None:
        found = rebuild(_bytes(axes), f"{path} ({group.name}, names of columns)")
        return [_name(name) for _, names in found for name in names]
    return _items(group, "axis0") if "axis0_variety" in group.attrs else []


def _check(dataset: Any, path: Path) -> None:
    if dataset.nbytes > byte_limit(path.stat().st_size):
        raise DataIntegrityError(
            f"a table must not be much larger than its file; {dataset.name} in {path} claims "
            f"{dataset.nbytes / 1e9:.1f} GB. It is damaged: export it again."
        )


def _name(value: Any) -> Name:
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _bytes(value: Any) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else bytes(value)
