"""What a training began with, so that resuming it with something else is noticed.

Weights of one shape fit any recording with as many neurons: a checkpoint that loads may still be
that of other data. It therefore keeps a digest of each array, and the settings as text.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..data.loader import ContrastiveLoader
from ..errors import CheckpointError
from ..types import Label, Recording

__all__ = ["Fingerprint", "check_fingerprint", "describe", "fingerprint"]

log = logging.getLogger(__name__)

Fingerprint = dict[str, dict[str, str]]
"""`"data"`: the digest of each array by name; `"settings"`: the text of each by name."""


def fingerprint(
    loader: ContrastiveLoader,
    valid_loader: ContrastiveLoader | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Fingerprint:
    """Returns digests of the data of a training, and how it draws and learns from them.

    The number of steps is no part of it: a training may always be made longer.

    Args:
        loader: Of the training part.
        valid_loader: Of the held-out part.
        settings: Those of the caller, by name; `None` for how the loader draws.

    Example:
        >>> import torch
        >>> from cebra_ethan.data.dataset import ContrastiveDataset
        >>> loader = ContrastiveLoader(ContrastiveDataset(torch.ones(99, 5)), 16)
        >>> found = fingerprint(loader)
        >>> list(found["data"]), found["settings"]["batch_size"]
        (['neural'], '16')
    """
    data = _digests(loader.dataset.recordings, "")
    if valid_loader is not None:
        data |= _digests(valid_loader.dataset.recordings, "held-out ")
    own: dict[str, Any] = {"batch_size": loader.batch_size}
    if settings is None:
        own |= vars(loader.dataset.options)
        own |= {"augmentation": loader.augmentation}
        own |= {"objectives": getattr(loader, "objectives", None)}
    own |= settings or {}
    return {"data": data, "settings": {name: describe(value) for name, value in own.items()}}


def check_fingerprint(state: Mapping[str, Any], own: Fingerprint, path: Path) -> None:
    """Refuses to resume a training from the checkpoint of another one.

    Args:
        state: What was read from `path`.
        own: Of the training that is to go on.
        path: What messages call the checkpoint.

    Raises:
        CheckpointError: With all that differs.
    """
    found = state.get("fingerprint")
    if found is None:
        log.warning(
            "%s keeps no digest of what it was trained on, as those of cebra-ethan 0.1: that data "
            "and settings are the same could not be checked",
            path,
        )
        return
    names = dict.fromkeys([*own["data"], *found["data"]])
    odd = [name for name in names if own["data"].get(name) != found["data"].get(name)]
    old, new = found["settings"], own["settings"]
    odd += [
        f"{name} ({old[name]} there, {new[name]} here)"
        for name in new
        if old.get(name, new[name]) != new[name]  # one that a later version has added is no change
    ]
    if odd:
        raise CheckpointError(
            "a training is resumed with the data and settings that it began with; in "
            f"{path} differ: {', '.join(odd)}. Pass what was passed then, or another folder to "
            "start anew."
        )


def describe(value: Any) -> str:
    """Returns a text that is the same for the same setting, in any process.

    Example:
        >>> describe({"rate": 1, "names": ("a", None)})
        '{rate: 1, names: [a, None]}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {describe(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(describe, value))}]"
    if value is None or isinstance(value, (str, bool, np.bool_)):
        return str(value)
    if isinstance(value, (int, float, np.integer, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}{describe(vars(value))}"
    return getattr(value, "__qualname__", type(value).__name__)


def _digests(recordings: Sequence[Recording], prefix: str) -> dict[str, str]:
    digests = {}
    for number, recording in enumerate(recordings):
        place = f" of session {number}" if len(recordings) > 1 else ""
        digests[f"{prefix}neural{place}"] = _digest(recording.neural)
        for name, label in recording.labels.items():
            digests[f"{prefix}label {name!r}{place}"] = _label_digest(label)
        if recording.trial is not None:
            digests[f"{prefix}trial{place}"] = _digest(recording.trial)
    return digests


def _label_digest(label: Label) -> str:
    classes = [] if label.classes is None else label.classes.tolist()
    return _digest(label.values, label.kind, label.period, label.weight, classes)


def _digest(values: Tensor, *further: object) -> str:
    array = np.ascontiguousarray(values.numpy(force=True))
    digest = hashlib.sha256(repr((array.shape, array.dtype.str, *further)).encode())
    digest.update(array.view(np.uint8).data if array.size else b"")
    return digest.hexdigest()[:32]  # 128 bits
