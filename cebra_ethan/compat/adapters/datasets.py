"""`cebra.datasets`: the recordings that we have, under their names there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fnmatch import filter as matching
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ...datasets.files import DATA_VARIABLE, data_root
from ...datasets.synthetic import NOISES
from ...errors import InvalidParameterError
from ...utils.device import resolve_device
from .recordings import (
    AREA2_SESSIONS,
    FOLDS,
    RATS,
    Area2BumpDataset,
    Area2BumpShuffledDataset,
    ContinuousGaussianMixtureDataset,
    MultipleRatsTrialSplitDataset,
    SingleRatCorruptDataset,
    SingleRatDataset,
    SingleRatTrialSplitDataset,
    SyntheticData,
)

__all__ = [
    "NAMES",
    "device",
    "get_datapath",
    "get_options",
    "init",
    "register",
    "set_datapath",
]

_Class = TypeVar("_Class")


def _names() -> dict[str, Callable[..., Any]]:
    made: dict[str, Callable[..., Any]] = {
        "rat-hippocampus-single": SingleRatDataset,
        "rat-hippocampus-3fold-trial-split": SingleRatTrialSplitDataset,
        "rat-hippocampus-multisubjects-3fold-trial-split": MultipleRatsTrialSplitDataset,
        "area2-bump": Area2BumpDataset,
        "continuous-gaussian-mixture": ContinuousGaussianMixtureDataset,
    }
    for rat in RATS:
        made[f"rat-hippocampus-single-{rat}"] = partial(SingleRatDataset, rat)
        for fold in FOLDS:
            name = f"rat-hippocampus-{rat}-3fold-trial-split-{fold}"
            made[name] = partial(SingleRatTrialSplitDataset, rat, fold)
    for fold in FOLDS:
        name = f"rat-hippocampus-multisubjects-3fold-trial-split-{fold}"
        made[name] = partial(MultipleRatsTrialSplitDataset, fold)
    for session in AREA2_SESSIONS:
        for labels in ("pos", "target", "posdir"):
            name = f"area2-bump-{labels}-{session}"
            made[name] = partial(Area2BumpDataset, session=session, labels=labels)
    for session in ("active", "active-passive"):
        for end, labels, shuffled in _SHUFFLED:
            made[f"area2-bump-{labels}-{session}-{end}"] = partial(
                Area2BumpShuffledDataset, session=session, labels=labels, shuffled=shuffled
            )
    for noise in NOISES:
        made[f"continuous-gaussian-mixture-{noise}"] = partial(
            ContinuousGaussianMixtureDataset, noise
        )
        if noise != "refractory_poisson":
            made[f"continuous-label-{noise}"] = partial(SyntheticData, noise)
    return made


_SHUFFLED = (
    ("shuffled-trial", "pos", "trial"),
    ("shuffled-position", "pos", "position"),
    ("shuffled", "target", "target"),
)
_CORRUPT = re.compile(rf"rat-hippocampus-({'|'.join(RATS)})-corrupt-(\d+)")

NAMES: dict[str, Callable[..., Any]] = _names()
"""Name to what makes it; `rat-hippocampus-{rat}-corrupt-{seed}` is known beside these."""


def init(name: str, **options: Any) -> Any:
    """Returns a recording by its name in `cebra`, read from disk and checked.

    Args:
        name: A row of `NAMES`.
        options: Of its class, see `recordings`: `root`, the data folder, and `split` of a name
            with a fold; `download` is refused with what to do.

    Raises:
        InvalidParameterError: If there is no such name, split or option.
        FileNotFoundError: If the recording is not there; nothing is downloaded.
    """
    corrupt = _CORRUPT.fullmatch(name)
    if name not in NAMES and corrupt is None:
        raise InvalidParameterError(
            f"a dataset of cebra that is also here is one of {', '.join(NAMES)}; got {name!r}. "
            "Pass your own arrays to cebra.data.TensorDataset or CEBRA.fit, or see "
            "cebra_ethan.datasets.list_datasets() for more recordings and simulated ones."
        )
    if options.pop("download", None):
        raise InvalidParameterError(
            "recordings are read from disk; got download=True. Fetch the file with "
            "cebra_ethan.datasets.fetch, or put it into the data folder and pass root=."
        )
    if options.get("split") is not None and "-split" not in name:
        raise InvalidParameterError(
            f"{name!r} has no splits; got split={options['split']!r}. Leave it out, or call "
            "split() of the dataset where it has one."
        )
    if corrupt is not None:
        return SingleRatCorruptDataset(corrupt[1], int(corrupt[2]), **options)
    return NAMES[name](**options)


def register(name: str) -> Callable[[type[_Class]], type[_Class]]:
    """Returns a decorator that makes a dataset of one's own known by a name.

    Args:
        name: A new one.

    Raises:
        InvalidParameterError: If there is such a dataset.
    """
    if name in NAMES:
        raise InvalidParameterError(f"the name of a dataset must be new; got {name!r}.")

    def add(cls: type[_Class]) -> type[_Class]:
        NAMES[name] = cls
        return cls

    return add


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
