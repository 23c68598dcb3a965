"""What every experiment leaves behind: a run folder, its provenance, and readable tables."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cebra_ethan.report.record import spread
from cebra_ethan.types import Recording
from cebra_ethan.utils.files import atomic_write, sweep_temporary

__all__ = [
    "open_run_folder",
    "provenance",
    "read_json",
    "spread",
    "table",
    "write_csv",
    "write_json",
    "write_yaml",
]

_PACKAGES = ("cebra-ethan", "numpy", "scipy", "scikit-learn", "torch", "matplotlib")


def open_run_folder(
    experiment: str, config: Any, out: str | os.PathLike[str] | None = None
) -> Path:
    """Makes the folder of a run, or opens one to finish it.

    Args:
        experiment: Its name; without `out` the folder is `runs/{experiment}-{date}-{time}`.
        config: A dataclass; written as `config.yaml`, and compared with the one that is there.
        out: The folder to use.

    Returns:
        The folder; what a killed run left half written in it is swept.

    Raises:
        FileExistsError: If `out` is a file, or holds other files or a run with other settings.
    """
    if out is None:
        out = Path("runs") / f"{experiment}-{time.strftime('%Y%m%d-%H%M%S')}"
        for number in range(2, 100):  # two runs in one second
            if not out.exists():
                break
            out = out.with_name(f"{out.name.split('_')[0]}_{number}")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(
            f"the run folder must be a folder; {folder} is a file. Choose another --out."
        )
    settings = _plain(dataclasses.asdict(config))
    present = folder / "config.yaml"
    if present.exists():
        old = yaml.safe_load(present.read_text(encoding="utf-8")) or {}
        changed = sorted(k for k in {*old, *settings} if old.get(k) != settings.get(k))
        if changed:
            raise FileExistsError(
                f"a run is finished with the settings it began with; {folder} differs in "
                f"{', '.join(changed)}. Choose another --out."
            )
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        sweep_temporary(place)
    is_run = present.exists() or (folder / "parts").exists()
    if not is_run and any(folder.iterdir()):
        raise FileExistsError(
            f"the run folder must be new, empty, or hold a run; {folder} holds other files. "
            "Choose another --out."
        )
    write_yaml(present, settings)
    return folder


def provenance(recordings: Sequence[Recording], seeds: Sequence[int]) -> dict[str, Any]:
    """Returns what is needed to make a result again: versions, seeds, commit, checksums."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git(),
        "seeds": list(seeds),
        "data": [
            {
                "name": recording.name,
                "source": recording.source,
                "shape": list(recording.neural.shape),
                "sha256_of_arrays": _checksum(recording),
            }
            for recording in recordings
        ],
    }


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON atomically; arrays become lists, NaN and infinity become `null`."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as file:
        file.write(f"{text}\n".encode())


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_yaml(path: str | os.PathLike[str], value: Mapping[str, Any]) -> None:
    """Writes YAML atomically, in the order given."""
    with atomic_write(path) as file:
        file.write(yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True).encode())


def write_csv(path: str | os.PathLike[str], columns: Mapping[str, Sequence[Any]]) -> None:
    """Writes columns of equal length as a table, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns an aligned plain-text table: the first column to the left, the others right.

    Example:
        >>> print(table(["method", "cm"], [["CEBRA", 7.2], ["chance", 48.0]]))
        method    cm
        ------------
        CEBRA    7.2
        chance  48.0
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [list(header), *cells]
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]])


def _plain(value: Any) -> Any:
    """Returns a value made of what JSON and YAML know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, os.PathLike) else value


def _checksum(recording: Recording) -> str:
    digest = hashlib.sha256(recording.neural.numpy().tobytes())
    for name in sorted(recording.labels):
        digest.update(recording.labels[name].values.numpy().tobytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git() -> dict[str, Any]:
    """The commit of this checkout, and whether files differ from it; empty outside of git."""
    try:
        commit, status = (
            subprocess.run(
                ["git", *arguments],
                cwd=Path(__file__).parent,
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit, "changed": bool(status)}
