"""Spreadsheets of Excel: one sheet, one row for each time bin, an optional header."""

import contextlib
import itertools
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, DataIntegrityError
from ...types import Recording
from ...utils.inflate import byte_limit
from ...utils.optional import require
from .columns import assemble_columns, columns_of
from .common import Key, Keys, LabelKeys, PathLike, reading

__all__ = ["excel_columns", "read_excel"]

MAX_CELLS = 50_000_000
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_excel(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
    header: bool | None = None,
    sheet: str | int = 0,
) -> Recording:
    """Reads one sheet of a workbook; formulas give the value that Excel stored last.

    Args:
        path: The file, `.xlsx`, `.xlsm` or `.xls`. Macros are not read.
        neural: Columns of activity; `None` takes every column that is no label and no trial.
        labels: Columns, or a mapping from label name to column.
        trial: Column of the trial ids; `None` takes the one called `trial`.
        bin_s: Width of a bin in seconds.
        header: Whether the first row names the columns; `None` decides from its cells.
        sheet: Name or number of the sheet.

    Raises:
        DataError: If a column or sheet does not exist, or the first row could be header or data.
        DataIntegrityError: If the file is damaged.
        MissingDependencyError: If openpyxl (or, for `.xls`, xlrd) is not installed.
    """
    path = Path(path)
    columns = excel_columns(path, header=header, sheet=sheet)
    return assemble_columns(columns, path, neural=neural, labels=labels, trial=trial, bin_s=bin_s)


def excel_columns(
    path: Path, *, header: bool | None = None, sheet: str | int = 0
) -> dict[str, np.ndarray]:
    """Returns the columns of one sheet; see `read_excel`."""
    with path.open("rb") as file:
        start = file.read(8)
    if start == OLD_EXCEL:
        rows = _old_rows(path, sheet)
    elif start.startswith(b"PK"):
        rows = _rows(path, sheet)
    else:
        raise DataIntegrityError(
            f"{path} must be a workbook of Excel; it begins with {start!r}. "
            "Save it again as .xlsx."
        )
    return columns_of(rows, path, header)


def _rows(path: Path, sheet: str | int) -> list[list[Any]]:
    openpyxl = require("openpyxl", extra="data")
    with reading(path, "a workbook of Excel"):
        with zipfile.ZipFile(path) as archive:
            num_bytes = sum(info.file_size for info in archive.infolist())
            if num_bytes > byte_limit(path.stat().st_size):
                raise DataIntegrityError(
                    f"a workbook must not unfold to much more than its size; {path} unfolds to "
                    f"{num_bytes / 1e9:.1f} GB. Export the sheet as csv."
                )
            broken = archive.testzip()  # openpyxl stops reading a sheet before its checksum
            if broken is not None:
                raise DataIntegrityError(
                    f"the parts of a workbook must have their checksum; {broken} in {path} has "
                    "another. The file is damaged: copy it again."
                )
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    with contextlib.closing(book):
        page = book[_chosen(book.sheetnames, sheet, path)]
        with reading(path, "a workbook of Excel"):
            page.reset_dimensions()  # what the file promises is not to be trusted
            return _counted(page.iter_rows(values_only=True), path)


def _old_rows(path: Path, sheet: str | int) -> list[list[Any]]:
    xlrd = require("xlrd", extra="data")
    with Path(os.devnull).open("w") as quiet:  # xlrd prints what it finds odd
        with reading(path, "a workbook of Excel"):
            book = xlrd.open_workbook(str(path), logfile=quiet)
        name = _chosen(book.sheet_names(), sheet, path)
        with reading(path, "a workbook of Excel"):
            page = book.sheet_by_name(name)
            rows = (page.row(index) for index in range(page.nrows))
            return _counted(([_old_cell(cell, xlrd) for cell in row] for row in rows), path)


def _old_cell(cell: Any, xlrd: Any) -> Any:
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK, xlrd.XL_CELL_ERROR):
        return None
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_NUMBER and float(cell.value).is_integer():
        return int(cell.value)  # the format has no whole numbers
    return cell.value


def _chosen(names: list[str], sheet: str | int, path: Path) -> str:
    if isinstance(sheet, str) and sheet in names:
        return sheet
    if isinstance(sheet, int) and -len(names) <= sheet < len(names):
        return names[sheet]
    raise DataError(
        f"sheet must name a sheet of {path}; got {sheet!r}. Available: {', '.join(names)}."
    )


def _counted(rows: Iterable[Iterable[Any]], path: Path) -> list[list[Any]]:
    """The rows, as long as they are not absurdly many: one far cell makes a wide row."""
    found, left = [], MAX_CELLS
    for row in rows:
        found.append(list(itertools.islice(row, left + 1)))
        left -= len(found[-1])
        if left < 0:
            raise DataIntegrityError(
                f"a sheet must have at most {MAX_CELLS:,} cells; {path} has more. "
                "Export it as csv."
            )
    return found
