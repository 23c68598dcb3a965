"""Our own file of one recording: an `.npz` archive with a JSON header and no pickles."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from ...errors import DataIntegrityError
from ...types import Label, Recording
from ...utils.files import atomic_write
from .common import PathLike, as_neural, as_trial, reading

__all__ = ["HEADER", "read_recording", "save_recording"]

HEADER = "cebra_ethan_recording"
VERSION = 1


def save_recording(recording: Recording, path: PathLike) -> None:
    """Writes a recording to an `.npz` file, whole or not at all.

    Args:
        recording: What to write; it may lie on any device.
        path: Where; an existing file is replaced. Use the suffix `.npz`.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile, torch
        >>> path = Path(tempfile.mkdtemp()) / "rat.npz"
        >>> save_recording(Recording(torch.ones(4, 2), {"lap": Label([0, 0, 1, 1])}), path)
        >>> read_recording(path).labels["lap"].values
        tensor([0, 0, 1, 1])
    """
    header = {
        "version": VERSION,
        "name": recording.name,
        "source": recording.source,
        "bin_s": recording.bin_s,
        "labels": [
            {"key": key, "name": label.name, "kind": label.kind}
            | {"period": label.period, "weight": label.weight}
            for key, label in recording.labels.items()
        ],
    }
    arrays = {HEADER: np.array(json.dumps(header)), "neural": recording.neural.numpy(force=True)}
    if recording.trial is not None:
        arrays["trial"] = recording.trial.numpy(force=True)
    for index, label in enumerate(recording.labels.values()):
        arrays[f"label{index}"] = label.values.numpy(force=True)
        if label.classes is not None:
            arrays[f"classes{index}"] = label.classes
    with atomic_write(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_recording(path: PathLike) -> Recording:
    """Reads a recording that `save_recording` wrote.

    Args:
        path: The `.npz` file.

    Returns:
        The recording, equal in every field to the one that was saved.

    Raises:
        FileNotFoundError: If it does not exist.
        DataIntegrityError: If it is damaged, of a newer version, or not a recording of ours.
    """
    with reading(path, "a recording of CEBRA-Ethan"), Path(path).open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, NpzFile) or HEADER not in file:
            raise DataIntegrityError(
                f"{path} must be a file of save_recording; it holds {', '.join(file)}. "
                "Use cebra_ethan.data.readers.read with neural= and labels=."
            )
        header = _header(str(file[HEADER]), Path(path))
        return Recording(
            neural=as_neural(file["neural"]),
            labels={
                entry["key"]: _label(file, index, entry)
                for index, entry in enumerate(header["labels"])
            },
            trial=as_trial(file["trial"]) if "trial" in file else None,
            bin_s=header["bin_s"],
            name=header["name"],
            source=header["source"],
        )


def _header(text: str, path: Path) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(text)
    if header["version"] != VERSION:
        raise DataIntegrityError(
            f"this version reads recordings of format {VERSION}; {path} has format "
            f"{header['version']!r}. Update cebra-ethan or save it again."
        )
    width = header["bin_s"]
    number = isinstance(width, float | int) and math.isfinite(width) and width > 0
    if not (width is None or number):
        raise ValueError(f"bin_s is {width!r}")
    if not all(isinstance(header[key], str) for key in ("name", "source")):
        raise ValueError("name or source is no string")
    return header


def _label(file: NpzFile, index: int, entry: Mapping[str, Any]) -> Label:
    values = file[f"label{index}"]
    options = {key: entry[key] for key in ("kind", "period", "weight", "name")}
    if entry["kind"] != "categorical":
        return Label(values, **options)
    # A label keeps the classes that none of its bins carries: show them all, then drop them.
    classes = file[f"classes{index}"]
    if len(values) and values.min() < 0:
        raise ValueError(f"label {entry['key']} has a negative code")
    return Label(np.concatenate([classes, classes[values]]), **options)[len(classes) :]
