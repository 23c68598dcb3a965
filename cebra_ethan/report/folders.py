"""Reads what a run left: its results, where they came from, and files inside its folder only."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError, DataIntegrityError
from .record import SCHEMA

__all__ = ["Run", "data_uri", "inside", "read_run"]

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}

_DEFAULTS: Mapping[str, Any] = {
    "simulated": None,
    "configuration": {},
    "notes": [],
    "numbers": {},
    "rows": [],
    "missing_controls": {},
    "waived_controls": {},
    "comparison": [],
    "statistics": [],
    "figures": [],
    "embeddings": [],
    "failed": {},
    "preset": "",
}


@dataclass(frozen=True)
class Run:
    """What one run folder holds.

    Args:
        folder: Where.
        results: `results.json`, with empty values for what it lacks.
        provenance: `provenance.json`, or nothing.
    """

    folder: Path
    results: Mapping[str, Any]
    provenance: Mapping[str, Any]


def read_run(folder: str | os.PathLike[str]) -> Run:
    """Reads a run folder.

    Raises:
        DataError: If it holds no `results.json` that a report can show.
        DataIntegrityError: If that file is damaged.
    """
    place = Path(folder)
    path = place / "results.json"
    if not path.is_file():
        raise DataError(
            f"a run folder must hold results.json; {place} does not. Give the folder that an "
            "experiment or `cebra-ethan compare` wrote."
        )
    results = _read(path)
    if results.get("schema") != SCHEMA or not {"title", "question", "source"} <= results.keys():
        raise DataError(
            f"results.json must be of schema {SCHEMA}; {path} is of {results.get('schema')!r}. "
            "Run the experiment again."
        )
    record = place / "provenance.json"
    return Run(place, {**_DEFAULTS, **results}, _read(record) if record.is_file() else {})


def inside(folder: Path, path: str) -> Path:
    """Returns a file of a run folder.

    Raises:
        DataIntegrityError: If the path leads out of the folder, or nothing is there.
    """
    place = (folder / path).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise DataIntegrityError(
            f"a run folder may only name its own files; {folder} names {path!r}. Do not trust it."
        )
    if not place.is_file():
        raise DataIntegrityError(
            f"{folder} names {path}, which is not there. Run the experiment again."
        )
    return place


def data_uri(path: Path) -> str:
    """Returns a picture as an address that needs no file.

    Raises:
        DataError: If it is neither PNG nor SVG.
    """
    if path.suffix not in _TYPES:
        raise DataError(
            f"a figure of a report must end in {' or '.join(_TYPES)}; got {path.name!r}. "
            "Save it as PNG."
        )
    return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise DataIntegrityError(
            f"{path} must be JSON; it cannot be read ({error}). Run the experiment again."
        ) from None
    if not isinstance(value, dict):
        raise DataIntegrityError(f"{path} must hold a mapping; got {type(value).__name__}.")
    return value
