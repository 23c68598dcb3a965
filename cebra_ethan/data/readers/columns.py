"""Rows of cells, as spreadsheets hold them, into named columns."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataIntegrityError
from ...types import Recording
from .arrays import is_header, remaining
from .common import Key, Keys, LabelKeys, PathLike, Table, assemble

__all__ = ["as_words", "assemble_columns", "columns_of"]

MAX_WORD_BYTES = 1 << 30

log = logging.getLogger(__name__)


def columns_of(
    rows: Sequence[Sequence[Any]], where: Path, header: bool | None
) -> dict[str, np.ndarray]:
    """Returns the columns of a sheet by name: those of its header, or counted from 0.

    Args:
        rows: Cells: numbers, strings, truth values, dates or `None`.
        where: What error messages call it.
        header: Whether the first row names the columns; `None` decides from its cells.

    Raises:
        DataIntegrityError: If there are no rows, or names occur twice.

    Example:
        >>> columns_of([["x", "side"], [0.5, "left"], [None, "right"]], Path("a.xlsx"), None)
        {'x': array([0.5, nan]), 'side': array(['left', 'right'], dtype='<U5')}
    """
    rows = [row for row in rows if any(cell is not None and cell != "" for cell in row)]
    if not rows:
        raise DataIntegrityError(f"{where} must have at least one row; it is empty.")
    width = max(len(row) for row in rows)
    rows = [[*row, *[None] * (width - len(row))] for row in rows]
    first = ["" if cell is None else str(cell).strip() for cell in rows[0]]
    named = is_header(first, where) if header is None else header
    names = [name or str(index) for index, name in enumerate(first)]
    if not named:
        names = [str(index) for index in range(width)]
    skipped = 1 if named and first[0] == "" and width > 1 else 0  # the index of pandas
    if len(set(names[skipped:])) < width - skipped:
        twice = sorted({name for name in names[skipped:] if names[skipped:].count(name) > 1})
        raise DataIntegrityError(
            f"columns must have names of their own; {where} has {', '.join(twice)} twice. "
            "Rename one, or pass header=False."
        )
    body = rows[named:]
    return {
        name: _column([row[index] for row in body], where)
        for index, name in enumerate(names)
        if index >= skipped
    }


def as_words(cells: Iterable[Any], where: PathLike) -> np.ndarray:
    """Returns words as an array, `None` as the empty word.

    Raises:
        DataIntegrityError: If one word is so long that the array, which gives each word the same
            room, would be absurdly large.
    """
    words = ["" if cell is None else str(cell) for cell in cells]
    num_bytes = 4 * len(words) * max((len(word) for word in words), default=0)
    if num_bytes > MAX_WORD_BYTES:
        raise DataIntegrityError(
            f"labels must be short words; those of {where} would take {num_bytes / 1e9:.1f} GB. "
            "Shorten them, or leave the column of notes out."
        )
    return np.array(words, dtype=np.str_)


def assemble_columns(
    columns: Mapping[str, np.ndarray],
    path: Path,
    *,
    neural: Keys | None,
    labels: LabelKeys | None,
    trial: Key | None,
    bin_s: float | None,
) -> Recording:
    """Builds a recording from columns; `neural=None` takes all that are no label and no trial."""
    table = Table(str(path), list(columns), columns.__getitem__)
    if neural is None:
        neural = remaining(table, labels, trial)
        log.warning("%s: columns taken as neurons: %s", path.name, ", ".join(map(str, neural)))
    return assemble(table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem)


def _column(cells: list[Any], where: Path) -> np.ndarray:
    """Numbers as numbers, an empty cell among them as NaN, and everything else as words."""
    if all(isinstance(cell, bool) for cell in cells):
        return np.array(cells, dtype=bool)
    present = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in present):
        whole = len(present) == len(cells) and all(isinstance(cell, int) for cell in present)
        if whole and all(abs(cell) < 1 << 63 for cell in present):
            return np.array(cells, dtype=np.int64)
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    return as_words(cells, where)
