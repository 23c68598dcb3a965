"""Checkpoints that are whole, checked, and never run code.

A file is::

    8 bytes   magic, "CEBRAETH"
    8 bytes   length of the body, little-endian
    32 bytes  SHA-256 of the body
    ...       body: safetensors, its metadata one JSON text

A state is a nest of dicts, lists and tuples with numbers, strings and tensors as leaves. Tensors
go to safetensors, the nest with their names in place of them to the JSON text.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import CheckpointError
from ..utils.files import atomic_write, sweep_temporary

__all__ = ["MIGRATIONS", "SCHEMA_VERSION", "load_state", "save_state"]

SCHEMA_VERSION = 2
"""Goes up when a state gets, loses or renames a key, or gives it another meaning."""


def _without_fingerprint(state: dict[str, Any]) -> dict[str, Any]:
    """Says that a solver kept no digest of its data, and an estimator no widths of its labels."""
    if state.get("kind") == "solver":
        return {**state, "fingerprint": None}
    if state.get("kind") == "estimator":
        solver = {**state["solver"], "fingerprint": None}
        return {**state, "solver": solver, "fitted": {**state["fitted"], "label_forms_": {}}}
    return state


MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _without_fingerprint}
"""A row for each older version: maps its state to that of the next version.

Whoever raises `SCHEMA_VERSION` adds a row here, and the files in `tests/legacy` tell if it works.
"""

_MAGIC = b"CEBRAETH"
_PREFIX = struct.Struct("<8sQ32s")
_MAX_HEADER_BYTES = 2 << 20  # parsed, a text of this length can take twenty times the memory
_FOREIGN = {
    b"PK\x03\x04": "a zip archive, such as a torch or cebra checkpoint (.pt) or an .npz file",
    b"\x80": "a pickle",
    b"\x89PNG": "a PNG picture",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUM": "an .npy array",
}


def save_state(
    path: str | os.PathLike[str],
    state: dict[str, Any],
    keep: str | os.PathLike[str] | None = None,
) -> None:
    """Writes a state; the file is the old one or the new one at every moment.

    Args:
        path: Where the file will be.
        state: A nest of dicts, lists and tuples of numbers, strings and tensors.
        keep: The name that the old file takes, see `utils.files.atomic_write`.

    Raises:
        CheckpointError: If the state has a leaf that JSON and safetensors cannot hold.
        OSError: If the file cannot be written; a file that was there stays.
    """
    tensors: dict[str, Tensor] = {}
    tree = _encode(state, "state", tensors)
    text = json.dumps({"schema": SCHEMA_VERSION, "state": tree}, separators=(",", ":"))
    body = safetensors.torch.save(tensors, metadata={"cebra_ethan": text})
    length = int.from_bytes(body[:8], "little")
    if length > _MAX_HEADER_BYTES:
        raise CheckpointError(
            f"the text of a checkpoint must not exceed {_MAX_HEADER_BYTES} bytes, so that no file "
            f"can fill the memory; got {length}. Hold long lists as tensors."
        )
    sweep_temporary(Path(path).parent)
    with atomic_write(path, keep) as file:
        file.write(_PREFIX.pack(_MAGIC, len(body), hashlib.sha256(body).digest()))
        file.write(body)


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a state, that of an older version as the present one would have written it.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it is not one of ours, damaged, or from a newer version.
    """
    body = _checked_body(Path(path))
    document = _metadata(body, path)
    version: Any = document.get("schema")
    steps = range(version, SCHEMA_VERSION) if type(version) is int else range(0)
    known = type(version) is int and version <= SCHEMA_VERSION
    if not known or any(number not in MIGRATIONS for number in steps):
        raise CheckpointError(
            f"a checkpoint must have schema version {SCHEMA_VERSION}; {path} has {version!r}. "
            "Open it with the version of cebra-ethan that wrote it."
        )
    try:
        tensors = safetensors.torch.load(body)
        state = _decode(document.get("state"), tensors)
        if steps and not isinstance(state, dict):
            raise ValueError("its state is no mapping")
        for number in steps:
            state = MIGRATIONS[number](state)
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} holds no valid state ({error!r:.200}). Use an older checkpoint."
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds no valid state: a mapping is expected at its root.")
    return state


def _checked_body(path: Path) -> bytes:
    with path.open("rb") as file:
        prefix = file.read(_PREFIX.size)
        if not prefix.startswith(_MAGIC):
            raise CheckpointError(
                f"a checkpoint begins with {_MAGIC.decode()}; {path} looks like "
                f"{_describe(prefix)}. Pass a file that CEBRA.save or a solver wrote."
            )
        if len(prefix) < _PREFIX.size:
            raise CheckpointError(
                f"{path} is truncated: it ends inside its first {_PREFIX.size} bytes."
            )
        _, length, checksum = _PREFIX.unpack(prefix)
        found = os.fstat(file.fileno()).st_size - _PREFIX.size
        if found != length:
            raise CheckpointError(
                f"{path} is truncated or longer than written: its body has {found} bytes instead "
                f"of {length}. Use an older checkpoint."
            )
        start = file.read(8)
        header = int.from_bytes(start, "little")
        if header > _MAX_HEADER_BYTES:  # said before a large body is read
            raise CheckpointError(
                f"{path} is damaged or truncated: its header claims {header} bytes, more than "
                f"{_MAX_HEADER_BYTES}. Use an older checkpoint."
            )
        body = start + file.read()
    if hashlib.sha256(body).digest() != checksum:
        raise CheckpointError(
            f"{path} is damaged: its checksum (SHA-256) does not fit. Use an older checkpoint."
        )
    return body


def _describe(prefix: bytes) -> str:
    if not prefix:
        return "an empty file"
    for start, kind in _FOREIGN.items():
        if prefix.startswith(start):
            return kind
    if len(prefix) > 9 and prefix[8:9] == b"{":
        return "a plain safetensors file"
    return f"something else (first bytes {prefix[:8]!r})"


def _metadata(body: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns our JSON text out of the safetensors header, read before any tensor is."""
    try:
        length = int.from_bytes(body[:8], "little")
        if length > len(body) - 8:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(body[8 : 8 + length], object_pairs_hook=_unique_keys)
        document = json.loads(
            header["__metadata__"]["cebra_ethan"], object_pairs_hook=_unique_keys
        )
        if not isinstance(document, dict):
            raise TypeError("the metadata is no mapping")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} holds no valid metadata ({error!r:.200}). Use an older checkpoint."
        ) from error
    return document


def _unique_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands twice")
    return result


def _encode(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        items = [[key, _encode(one, f"{name}/{key}", tensors)] for key, one in value.items()]
        return {"dict": items}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_encode(one, f"{name}/{k}", tensors) for k, one in enumerate(value)]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise CheckpointError(
        f"a checkpoint holds numbers, strings, tensors and nests of them; {name} is a "
        f"{type(value).__name__}. Leave it out, or name it by a string that a table knows."
    )


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return _unique_keys([(key, _decode(one, tensors)) for key, one in content])
    if kind in ("list", "tuple"):
        nest = [_decode(one, tensors) for one in content]
        return nest if kind == "list" else tuple(nest)
    raise ValueError(f"unknown kind {kind!r}")
