"""Parquet tables: a row for each time bin, a column for each neuron or a column of vectors."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataIntegrityError
from ...types import Recording
from ...utils.inflate import byte_limit
from ...utils.optional import require
from .columns import as_words, assemble_columns
from .common import Key, Keys, LabelKeys, PathLike, reading

__all__ = ["parquet_columns", "read_parquet"]

INDEX = "__index_level_"
CELL_BYTES = 8


def read_parquet(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads a parquet file, also one that pandas or polars wrote; their index is left out.

    Args:
        path: The file.
        neural: Columns of activity; `None` takes every column that is no label and no trial. A
            column of lists of one length is a matrix.
        labels: Columns, or a mapping from label name to column.
        trial: Column of the trial ids; `None` takes the one called `trial`.
        bin_s: Width of a bin in seconds.

    Raises:
        DataError: If a column does not exist.
        DataIntegrityError: If the file is damaged or a column holds neither numbers nor words.
        MissingDependencyError: If pyarrow is not installed.
    """
    path = Path(path)
    columns = parquet_columns(path)
    return assemble_columns(columns, path, neural=neural, labels=labels, trial=trial, bin_s=bin_s)


def parquet_columns(path: Path) -> dict[str, np.ndarray]:
    """Returns the columns of a parquet file by name; see `read_parquet`."""
    parquet = require("pyarrow.parquet", extra="data")
    with reading(path, "a parquet file"), path.open("rb") as stream:
        file = parquet.ParquetFile(stream, page_checksum_verification=True)
        num_cells = file.metadata.num_rows * file.metadata.num_columns
        if num_cells < 0 or num_cells * CELL_BYTES > byte_limit(path.stat().st_size):
            raise DataIntegrityError(
                f"a table must not unfold to much more than its size; {path} claims {num_cells} "
                "cells. It is damaged or made to fill the memory: export it again."
            )
        table = file.read(use_threads=False)
        table.validate(full=True)
        names = [name for name in table.column_names if not name.startswith(INDEX)]
        return {name: _values(table.column(name), name, path) for name in names}


def _values(column: Any, name: str, path: Path) -> np.ndarray:
    arrow = require("pyarrow", extra="data")
    kinds = arrow.types
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kinds.is_list(column.type) or kinds.is_large_list(column.type):
        return _matrix(column, name, path)
    if kinds.is_fixed_size_list(column.type):
        return _matrix(column, name, path)
    values = column.to_numpy()
    if kinds.is_string(column.type) or kinds.is_large_string(column.type):
        return as_words(values, path)
    if values.dtype.kind == "O" and kinds.is_boolean(column.type) and column.null_count:
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    if values.dtype.kind not in "biufMm":
        raise DataIntegrityError(
            f"columns must hold numbers or words; {name} in {path} has {column.type}. "
            "Convert it before export."
        )
    return np.asarray(values)


def _matrix(column: Any, name: str, path: Path) -> np.ndarray:
    """A column of lists as a matrix, one row for each list."""
    lists = column.combine_chunks()
    flat = np.asarray(lists.flatten().to_numpy(zero_copy_only=False))
    lengths = {len(item) for item in lists} if lists.null_count == 0 else set()
    if len(lengths) != 1 or flat.dtype.kind not in "biuf":
        raise DataIntegrityError(
            f"a column of lists must hold numbers, all lists as long; {name} in {path} does not. "
            "Pad or split it before export."
        )
    return flat.reshape(len(lists), -1)
