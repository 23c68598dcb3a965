"""`cebra.datasets`: the recordings that we have, under their names there."""

from __future__ import annotations

import os
from fnmatch import filter as matching
from pathlib import Path
from typing import Any

import numpy as np

from ...data.split import three_fold_trial_split
from ...datasets import load_dataset
from ...datasets.files import DATA_VARIABLE, data_root
from ...errors import InvalidParameterError
from ...utils.device import resolve_device
from .data import TensorDataset

__all__ = ["device", "get_datapath", "get_options", "init", "set_datapath"]

RATS = ("achilles", "buddy")
FOLDS = (0, 1, 2)
NAMES: dict[str, tuple[str, int | None]] = {
    "rat-hippocampus-single": ("achilles", None),
    **{f"rat-hippocampus-single-{rat}": (rat, None) for rat in RATS},
    **{
        f"rat-hippocampus-{rat}-3fold-trial-split-{fold}": (rat, fold)
        for rat in RATS
        for fold in FOLDS
    },
}
"""Name to rat and fold."""


def init(
    name: str, *, root: Any = None, split: str | None = None, **options: Any
) -> TensorDataset:
    """Returns a recording by its name in `cebra`, read from disk and checked.

    Continuous labels are position, rightwards and leftwards, as there.

    Args:
        name: A row of `NAMES`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.
        split: `"train"`, `"valid"` or `"test"` of a name with a fold, `"all"` for everything.
        options: None is known; `download` is refused with what to do.

    Raises:
        InvalidParameterError: If there is no such name, split or option.
        FileNotFoundError: If the recording is not there; nothing is downloaded.
    """
    if name not in NAMES:
        raise InvalidParameterError(
            f"a dataset of cebra that is also here is one of {', '.join(NAMES)}; got {name!r}. "
            "Pass your own arrays to cebra.data.TensorDataset or CEBRA.fit, or see "
            "cebra_ethan.datasets.list_datasets() for more recordings and simulated ones."
        )
    if options.pop("download", None) or options:
        raise InvalidParameterError(
            f"recordings are read from disk; got {', '.join(options) or 'download=True'}. Put the "
            "file into the data folder and pass root=."
        )
    rat, fold = NAMES[name]
    recording = load_dataset(f"rat-{rat}", root)
    if fold is not None and split not in (None, "all"):
        assert recording.trial is not None
        parts = three_fold_trial_split(recording.trial, fold)
        if split not in parts:
            raise InvalidParameterError(f"split must be one of {', '.join(parts)}; got {split!r}.")
        recording = recording[parts[str(split)]]
    elif fold is None and split is not None:
        raise InvalidParameterError(f"{name!r} has no splits; got split={split!r}. Leave it out.")
    right = recording.labels["direction"].to_numpy() == "right"
    position = recording.labels["position"].to_numpy().reshape(len(right))
    return TensorDataset(recording.neural, np.column_stack([position, right, ~right]))


def get_options(pattern: str | None = None, limit: int | None = None) -> list[str]:
    """Returns names of datasets that match a shell-style pattern."""
    return matching(NAMES, pattern or "*")[:limit]


def get_datapath(path: str | None = None) -> str:
    """Returns the data folder, or a place in it.

    Raises:
        FileNotFoundError: If no folder is named or it does not exist.
    """
    return str(data_root() if path is None else data_root() / path)


def set_datapath(path: str | None = None, update_environ: bool = True) -> None:
    """Names the data folder, in the environment variable `CEBRA_ETHAN_DATA` of this process.

    Args:
        path: An existing folder.
        update_environ: Must stay true: there is no other place where it is kept.

    Raises:
        FileNotFoundError: If it does not exist.
        InvalidParameterError: If it is not to be kept.
    """
    if path is None or not update_environ:
        raise InvalidParameterError(
            "the data folder is kept in the environment; got "
            f"path={path!r} and update_environ={update_environ!r}. Pass root= where data are read."
        )
    os.environ[DATA_VARIABLE] = str(data_root(Path(path)))


def device() -> str:
    """Returns where `CEBRA` trains by default: `"cuda"`, `"mps"` or `"cpu"`."""
    return str(resolve_device("cuda_if_available"))
