"""One array out of any file: what `cebra.load_data` does, without running code from the file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...utils.optional import require
from .arrays import csv_columns, npy_array, npz_archive, npz_member
from .common import Key, PathLike, Table, reading
from .excel import excel_columns
from .foreign import foreign_arrays
from .hdf5 import dataset_array, walk_datasets
from .matlab import matlab_arrays
from .pandas_hdf5 import read_frames
from .parquet import parquet_columns

__all__ = ["LOADERS", "load_data"]

Columns = Sequence[Key]


def load_data(
    file: PathLike,
    key: Key | None = None,
    columns: Columns | None = None,
    header: bool | None = None,
) -> np.ndarray:
    r"""Returns one array of a file; the suffix chooses how it is read.

    Args:
        file: A file with a suffix in `LOADERS`.
        key: Which array: a name or a position in the file; for Excel the sheet. `None` takes the
            first array of numbers with at least one dimension.
        columns: Columns to keep, by name or position; for a table of DeepLabCut also a body part.
        header: Whether the first row of a table names the columns; `None` decides from its cells.

    Returns:
        The array, in the shape and type of the file.

    Raises:
        FileNotFoundError: If the file does not exist.
        DataError: If the suffix is unknown, or a key or column does not exist.
        DataIntegrityError: If the file is damaged, or "pickle is not allowed" as it could run
            code.
        MissingDependencyError: If the format's library is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "session.csv"
        >>> _ = path.write_text("x,y\n1,2\n3,4\n")
        >>> load_data(path).tolist(), load_data(path, columns=["y"]).tolist()
        ([[1, 2], [3, 4]], [[2], [4]])
    """
    path = Path(file)
    suffix = path.suffix.lower()
    if suffix not in LOADERS:
        raise DataError(
            f"the suffix of a data file must be one of {', '.join(LOADERS)}; got {path.name!r}. "
            "Export it to one of these."
        )
    if not path.is_file():
        raise FileNotFoundError(f"data must be in an existing file; {path} is none.")
    return LOADERS[suffix](path, key, columns, header)


def _npy(path: Path, key: Key | None, columns: Columns | None, _: bool | None) -> np.ndarray:
    array = npy_array(path)
    return _from_arrays({"array": array}, path, key, columns)


def _npz(path: Path, key: Key | None, columns: Columns | None, _: bool | None) -> np.ndarray:
    with path.open("rb") as file:
        archive = npz_archive(file, path)
        table = Table(str(path), archive.files, lambda name: npz_member(archive, name, path))
        return _from_table(table, key, columns)


def _hdf5(path: Path, key: Key | None, columns: Columns | None, _: bool | None) -> np.ndarray:
    """Tables of pandas first, since their datasets alone have lost the names."""
    h5py = require("h5py", extra="data")
    frames = read_frames(path)
    if key is None and frames:
        key = next(iter(frames))
    wanted = str(key).strip("/")
    if wanted in frames:
        frame = frames[wanted]
        return frame.select(None if columns is None else list(columns), str(path)).copy()
    with reading(path, "an HDF5 file"):
        source = h5py.File(path, "r")
    with source:
        with reading(path, "an HDF5 file"):
            datasets = dict(walk_datasets(source, path))
        table = Table(str(path), list(datasets), lambda name: dataset_array(datasets[name], path))
        if key is None:  # what holds numbers is known without reading it
            numbers = [name for name, one in datasets.items() if _is_array(one)]
            table = Table(str(path), numbers, table.load)
        return _from_table(table, key, columns)


def _is_array(one: Any) -> bool:
    return bool(one.ndim) and one.dtype.kind in "biufc"


def _matlab(path: Path, key: Key | None, columns: Columns | None, _: bool | None) -> np.ndarray:
    return _from_arrays(matlab_arrays(path), path, key, columns)


def _foreign(path: Path, key: Key | None, columns: Columns | None, _: bool | None) -> np.ndarray:
    return _from_arrays(foreign_arrays(path), path, key, columns)


def _csv(path: Path, key: Key | None, columns: Columns | None, header: bool | None) -> np.ndarray:
    return _from_columns(csv_columns(path, header), path, key, columns)


def _parquet(path: Path, key: Key | None, columns: Columns | None, _: bool | None) -> np.ndarray:
    return _from_columns(parquet_columns(path), path, key, columns)


def _excel(
    path: Path, key: Key | None, columns: Columns | None, header: bool | None
) -> np.ndarray:
    found = excel_columns(path, header=header, sheet=0 if key is None else key)
    return _from_columns(found, path, None, columns)


def _from_arrays(
    arrays: Mapping[str, np.ndarray], path: Path, key: Key | None, columns: Columns | None
) -> np.ndarray:
    return _from_table(Table(str(path), list(arrays), arrays.__getitem__), key, columns)


def _from_table(table: Table, key: Key | None, columns: Columns | None) -> np.ndarray:
    if key is None:
        loaded = (table.load(name) for name in table.keys)
        array = next(filter(_is_array, loaded), None)
        if array is None:
            raise DataError(
                f"a data file must hold an array of numbers; {table.where} holds "
                f"{', '.join(table.keys) or 'nothing'}. Pass key= for another kind."
            )
    else:
        array = table.load(table.resolve(key, "key"))
    if columns is None:
        return array.copy()
    places = [column for column in columns if isinstance(column, int)]
    inside = array.ndim == 2 and all(0 <= place < array.shape[1] for place in places)
    if not inside or len(places) < len(columns):
        raise DataError(
            f"columns must count those of a matrix; got {list(columns)} for an array of shape "
            f"{array.shape} in {table.where}. Leave columns= out."
        )
    return array[:, places].copy()


def _from_columns(
    found: Mapping[str, np.ndarray], path: Path, key: Key | None, columns: Columns | None
) -> np.ndarray:
    """Columns side by side as one matrix; `key` is one of them alone."""
    table = Table(str(path), list(found), found.__getitem__)
    if key is not None:
        return found[table.resolve(key, "key")].copy()
    wanted = table.keys if columns is None else [table.resolve(c, "columns") for c in columns]
    words = [name for name in wanted if found[name].dtype.kind in "OSU"]
    if words and (columns is None or len(words) < len(wanted)):
        raise DataError(
            f"an array must hold numbers, or words alone; the columns {', '.join(words)} of "
            f"{path} hold words. Choose with columns=."
        )
    return np.column_stack([found[name] for name in wanted])


LOADERS: Mapping[str, Callable[[Path, Key | None, Columns | None, bool | None], np.ndarray]] = {
    ".csv": _csv,
    ".h": _hdf5,
    ".h5": _hdf5,
    ".hdf": _hdf5,
    ".hdf5": _hdf5,
    ".jl": _foreign,
    ".joblib": _foreign,
    ".mat": _matlab,
    ".npy": _npy,
    ".npz": _npz,
    ".nwb": _hdf5,
    ".p": _foreign,
    ".parquet": _parquet,
    ".pickle": _foreign,
    ".pkl": _foreign,
    ".pt": _foreign,
    ".pth": _foreign,
    ".tsv": _csv,
    ".xls": _excel,
    ".xlsm": _excel,
    ".xlsx": _excel,
}
