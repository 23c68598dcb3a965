"""Outputs that appear when they are complete, and complaints before the work instead of after."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ..errors import CebraError
from ..utils.files import atomic_write

__all__ = [
    "CHECKPOINT",
    "OutputError",
    "check_file",
    "checkpoint_path",
    "new_folder",
    "provenance",
    "read_run",
    "write_json",
    "write_yaml",
]

CHECKPOINT = "checkpoint.ckpt"


class OutputError(CebraError, OSError):
    """An output path cannot be written, or holds something already."""


@contextlib.contextmanager
def new_folder(
    path: str | os.PathLike[str], overwrite: bool = False, marker: str = CHECKPOINT
) -> Iterator[Path]:
    """Opens a folder for writing that takes its name only when the block ends well.

    Args:
        path: Where the folder will be.
        overwrite: Whether a run folder that is there may be replaced.
        marker: The file that says that it is a run folder of this kind.

    Yields:
        A folder beside it to write to; it is removed on an error.

    Raises:
        OutputError: At once, if `path` is taken or its parent cannot be written.
    """
    target = Path(path)
    _check_free(target, overwrite, marker)
    made_parent = not target.parent.exists()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise OutputError(f"--out must be a place to write; {target}: {error.strerror}.") from None
    try:
        yield work
        work.chmod(0o777 & ~_umask())
        old = work.with_name(f"{work.name}.old")
        if target.exists():
            target.rename(old)
        work.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if made_parent and not target.exists():
            with contextlib.suppress(OSError):  # something else was put there meanwhile
                target.parent.rmdir()


def check_file(path: str | None, suffixes: tuple[str, ...], overwrite: bool) -> Path | None:
    """Returns the path of a file that can be written.

    Raises:
        OutputError: If it has another suffix, is taken, or its folder cannot be written.
    """
    if path is None:
        return None
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise OutputError(f"--out must end in {', '.join(suffixes)}; got {path!r}.")
    if target.is_dir():
        raise OutputError(f"--out must be a file; {target} is a folder.")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists; choose another --out or add --overwrite.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise OutputError(f"--out must be a place to write; {target}: {error.strerror}.") from None
    return target


def checkpoint_path(path: str) -> Path:
    """Returns the checkpoint of a run folder, or the path itself."""
    place = Path(path)
    return place / CHECKPOINT if place.is_dir() else place


def read_run(path: str) -> Mapping[str, Any]:
    """Returns `config` and `provenance` of the run folder of a checkpoint; empty without one."""
    folder = checkpoint_path(path).parent
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        if isinstance(config, dict) and isinstance(record, dict):
            found = {"config": config, "provenance": record}
    return found


def provenance(recording: str, shape: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Returns what is needed to make a run again: versions, seed, checksum of the recording."""
    packages = ("cebra-ethan", "torch", "numpy", "scipy", "scikit-learn")
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "python": sys.version.split()[0],
        "packages": {name: metadata.version(name) for name in packages},
        "seed": seed,
        "recording": {
            "path": str(Path(recording).resolve()),
            "shape": list(shape),
            "sha256": checksum(recording),
        },
    }


def checksum(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON atomically."""
    with atomic_write(path) as file:
        file.write(f"{json.dumps(value, indent=2)}\n".encode())


def write_yaml(path: str | os.PathLike[str], value: Mapping[str, Any]) -> None:
    """Writes YAML atomically, in the order given."""
    with atomic_write(path) as file:
        file.write(yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True).encode())


def _check_free(target: Path, overwrite: bool, marker: str) -> None:
    if target.exists() and not target.is_dir():
        raise OutputError(f"--out must be a folder; {target} is a file. Choose another.")
    if not target.is_dir():
        return
    inside = [path.name for path in target.iterdir()]
    if not inside:
        return
    if not overwrite:
        raise OutputError(
            f"--out must be new or empty; {target} holds {len(inside)} files. "
            "Choose another or add --overwrite."
        )
    if marker not in inside:  # never remove what this program did not write
        raise OutputError(
            f"--overwrite replaces run folders only; {target} holds no {marker}. "
            "Choose another --out."
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
