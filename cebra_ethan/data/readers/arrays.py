"""Plain arrays: NumPy's `.npy` and `.npz`, and tables of text."""

import csv
import logging
import warnings
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from ...errors import DataError, DataIntegrityError
from ...types import Recording
from ...utils.optional import require
from .common import (
    TRIAL_KEY,
    Key,
    Keys,
    LabelKeys,
    PathLike,
    Table,
    as_mapping,
    assemble,
    pickle_refused,
    reading,
)
from .recording_io import HEADER, read_recording

__all__ = [
    "csv_columns",
    "is_header",
    "npy_array",
    "npz_archive",
    "npz_member",
    "read_csv",
    "read_npy",
    "read_npz",
    "remaining",
]

log = logging.getLogger(__name__)


def read_npy(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads one array of activity `(T, N)`; its only key is `"neural"`.

    Raises:
        DataError: If other keys are asked for.
        DataIntegrityError: If the file is damaged or holds Python objects.
    """
    path = Path(path)
    array = npy_array(path)
    table = Table(str(path), ["neural"], lambda _: array)
    return assemble(table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem)


def read_npz(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads an archive of arrays; a file of `save_recording` is recognised and needs no options.

    See `common.assemble` for what is chosen when an option is `None`.

    Raises:
        DataError: If a key does not exist or none can be chosen; the message lists the keys.
        DataIntegrityError: If the file is damaged or holds Python objects.
    """
    path = Path(path)
    with path.open("rb") as file:
        archive = npz_archive(file, path)
        if HEADER not in archive.files:
            table = Table(str(path), archive.files, lambda key: npz_member(archive, key, path))
            return assemble(
                table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem
            )
    if any(option is not None for option in (neural, labels, trial, bin_s)):
        raise DataError(
            f"{path} is a saved recording and says itself what is neural; leave neural=, "
            "labels=, trial= and bin_s= out and change the recording afterwards."
        )
    return read_recording(path)


def read_csv(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
    header: bool | None = None,
) -> Recording:
    """Reads a table with one row for each time bin, cut by commas (`.csv`) or tabs (`.tsv`).

    Columns are named by their header or counted from 0. A column of whole numbers or words is a
    categorical label. A first column without a name, as pandas writes its index, is left out.

    Args:
        path: The file, in UTF-8.
        neural: Columns of activity; `None` takes every column that is no label and no trial.
        labels: Columns, or a mapping from label name to column.
        trial: Column of the trial ids; `None` takes the one called `trial`.
        bin_s: Width of a bin in seconds.
        header: Whether the first row names the columns; `None` decides from its cells.

    Raises:
        DataError: If a column does not exist, or the first row could be a header or data.
        DataIntegrityError: If the table is damaged or a neural column holds no numbers.
    """
    path = Path(path)
    columns = csv_columns(path, header)
    table = Table(str(path), list(columns), columns.__getitem__)
    if neural is None:
        neural = remaining(table, labels, trial)
        log.warning("%s: columns taken as neurons: %s", path.name, ", ".join(map(str, neural)))
    return assemble(table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem)


def npy_array(path: Path) -> np.ndarray:
    """Returns the array of a `.npy` file; see `read_npy`."""
    with path.open("rb") as file:
        magic = file.read(6)
    if magic != b"\x93NUMPY":
        raise DataIntegrityError(
            f"{path} must be a .npy file; it begins with {magic!r}. Export it again with np.save."
        )
    with reading(path, "a .npy file"):
        try:
            # Mapped, so that a header that promises more than the file holds is found out.
            return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
        except ValueError as error:
            raise _named(error, path) from error


def npz_archive(file: BufferedReader, path: Path) -> NpzFile:
    """Returns the archive in an open `.npz` file; `npz_member` reads its arrays."""
    magic = file.read(2)
    if magic != b"PK":
        raise DataIntegrityError(
            f"{path} must be a .npz archive; it begins with {magic!r}. "
            "It is damaged or of another format: export it again with np.savez."
        )
    file.seek(0)
    with reading(path, "a .npz archive"):
        archive: NpzFile = np.load(file, allow_pickle=False)
        return archive


def npz_member(archive: NpzFile, key: str, path: Path) -> np.ndarray:
    """Returns one array of an open `.npz` archive."""
    with reading(path, "a .npz archive"):
        try:
            return np.asarray(archive[key])
        except ValueError as error:
            raise _named(error, path) from error


def csv_columns(path: Path, header: bool | None = None) -> dict[str, np.ndarray]:
    """Returns the columns of a table of text by name or number; see `read_csv`."""
    pandas = require("pandas", extra="data")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    with reading(path, "a table of text in UTF-8"):
        first = _first_row(path, separator)
    named = is_header(first, path) if header is None else header
    with reading(path, "a table of text in UTF-8"):
        with warnings.catch_warnings():
            # Rows that are too long are only a warning to pandas, which then cuts them.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                path,
                sep=separator,
                header=0 if named else None,
                index_col=0 if named and first[0] == "" else False,
                low_memory=False,
                skipinitialspace=True,
            )
    keys = [str(key).strip() for key in frame.columns]
    return {key: frame.iloc[:, index].to_numpy() for index, key in enumerate(keys)}


def _named(error: ValueError, path: Path) -> Exception:
    """Numpy refuses Python objects in three wordings; ours is one and names the file."""
    words = ("pickle", "Object arrays", "Python objects")
    return pickle_refused(path) if any(word in str(error) for word in words) else error


def _first_row(path: Path, separator: str) -> list[str]:
    with path.open("rb") as binary:
        if b"\0" in binary.read(65536):
            raise DataIntegrityError(
                f"{path} must be text in UTF-8; it holds NUL bytes. It is binary or UTF-16: "
                "export it again."
            )
    with path.open(encoding="utf-8", newline="") as file:
        row = next((row for row in csv.reader(file, delimiter=separator) if row), None)
    if row is None:
        raise DataIntegrityError(f"{path} must have at least one row; it is empty.")
    return [cell.strip().removeprefix("\ufeff") for cell in row]


def is_header(cells: list[str], path: Path) -> bool:
    """Whether the first row names the columns: words do, numbers do not."""
    unnamed_index = cells[0] == "" and len(cells) > 1
    numeric = [_is_number(cell) for cell in cells[unnamed_index:]]
    counted = [str(index) for index in range(len(cells) - unnamed_index)]
    if unnamed_index or not any(numeric):
        return True
    if all(numeric) and not (len(cells) > 1 and cells == counted):
        return False
    raise DataError(
        f"the first row of a table must clearly be a header or data; {path} begins with "
        f"{', '.join(cells[:8])}. Pass header=True or header=False."
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def remaining(table: Table, labels: LabelKeys | None, trial: Key | None) -> list[Key]:
    """Every column that is neither a label nor the trial."""
    taken = {table.resolve(key, "labels") for key in as_mapping(labels, table.keys).values()}
    taken.add(TRIAL_KEY if trial is None else table.resolve(trial, "trial"))
    rest: list[Key] = [key for key in table.keys if key not in taken]
    if not rest:
        raise DataError(
            f"a recording needs columns of activity; all of {', '.join(table.keys)} in "
            f"{table.where} are labels or trials. Pass neural=."
        )
    return rest
