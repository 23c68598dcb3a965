"""`cebra.datasets`: our recordings as its classes, with the columns and attributes of those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.split import round_trips, three_fold_trial_split
from ...datasets import load_dataset
from ...datasets.area2 import load_area2_published
from ...datasets.files import data_root
from ...datasets.hc11 import PUBLISHED_RATS, load_published_rat
from ...datasets.synthetic import load_synthetic
from ...errors import InvalidParameterError
from ...types import Recording
from .data import DatasetCollection, TensorDataset

__all__ = [
    "AREA2_LABELS",
    "AREA2_SESSIONS",
    "FOLDS",
    "RATS",
    "Area2BumpDataset",
    "Area2BumpShuffledDataset",
    "ContinuousGaussianMixtureDataset",
    "MultipleRatsTrialSplitDataset",
    "SingleRatCorruptDataset",
    "SingleRatDataset",
    "SingleRatTrialSplitDataset",
    "SyntheticData",
]

RATS = PUBLISHED_RATS
FOLDS = (0, 1, 2)
AREA2_SESSIONS = ("active", "passive", "active-passive", "all")
AREA2_LABELS = {
    "": ("position", "passive"),
    "pos": ("position", None),
    "target": (None, "direction"),
    "posdir": ("position", "direction"),
}
"""What a name says to the continuous and the discrete label of a dataset."""

_PREPARED = ("achilles", "buddy")
_TRAIN_SHARE = 0.8
_NUM_DIRECTIONS = 8


class SingleRatDataset(TensorDataset):
    """A rat on the linear track: counts per 25 ms; position (m), rightwards, leftwards.

    Args:
        name: One of `RATS`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.
        download: Must be false: recordings are read from disk.

    Raises:
        InvalidParameterError: If there is no such rat, or it should be downloaded.
        FileNotFoundError: If neither `rat_hippocampus/{name}.npz` nor `.jl` is in the folder.
    """

    def __init__(self, name: str = "achilles", root: Any = None, download: bool = False) -> None:
        _refuse(download)
        self.name = name
        super().__init__(*_columns(_rat(name, root)))

    @property
    def index(self) -> Tensor:
        """The continuous label."""
        return self.continuous_index


class SingleRatTrialSplitDataset(SingleRatDataset):
    """A part of a rat's round trips, see `data.split.three_fold_trial_split`.

    Args:
        name: As for `SingleRatDataset`.
        split_no: The fold: 0, 1 or 2.
        split: `"train"`, `"valid"`, `"test"`, `"wo_test"` for the first two, or `"all"`; `None`
            takes all too.
        root: As for `SingleRatDataset`.

    Raises:
        InvalidParameterError: If there is no such part.
    """

    def __init__(
        self,
        name: str = "achilles",
        split_no: int = 0,
        split: str | None = None,
        root: Any = None,
    ) -> None:
        self.name, self.split_no, self.split_name = name, split_no, split
        rat = _rat(name, root)
        if split not in (None, "all"):
            parts = three_fold_trial_split(round_trips(rat.labels["direction"].values), split_no)
            parts["wo_test"] = np.sort(np.concatenate([parts["train"], parts["valid"]]))
            if split not in parts:
                raise InvalidParameterError(
                    f"split must be one of {', '.join(parts)} or all; got {split!r}."
                )
            rat = rat[parts[str(split)]]
        TensorDataset.__init__(self, *_columns(rat))


class SingleRatCorruptDataset(SingleRatDataset):
    """A rat whose labels are in random order: a control.

    Args:
        name: As for `SingleRatDataset`.
        seed: Of the order, which is that of `cebra`.
        root: As for `SingleRatDataset`.
    """

    def __init__(self, name: str, seed: int, root: Any = None) -> None:
        self.name = name
        neural, columns = _columns(_rat(name, root))
        order = _order(len(columns), seed)
        TensorDataset.__init__(self, neural, columns[order])


class MultipleRatsTrialSplitDataset(DatasetCollection):
    """The same part of all rats, see `SingleRatTrialSplitDataset`.

    Args:
        split_no: The fold.
        split: The part.
        root: The data folder.
    """

    def __init__(self, split_no: int = 0, split: str | None = None, root: Any = None) -> None:
        super().__init__(*(SingleRatTrialSplitDataset(rat, split_no, split, root) for rat in RATS))


class Area2BumpDataset(TensorDataset):
    """Area 2 of a macaque that reaches and is pushed, in trials of 600 bins of 1 ms.

    Args:
        path: The folder `monkey_reaching_preload_smth_40`; `None` looks in the data folder.
        session: One of `AREA2_SESSIONS`; `"active-passive"` are all trials, too.
        download: Must be false: recordings are read from disk.
        labels: A row of `AREA2_LABELS`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.

    Attributes:
        pos: Position of the hand `(T, 2)`.
        vel: Its velocity, likewise.
        passive: Whether it was pushed, `(T,)`; 0 or 1.
        target: Direction, `(T,)`: 0 to 7.
        target_actpas: The same, plus 8 where the hand was pushed.
        trial_len: Bins of a trial.
        num_trials: How many.

    Raises:
        InvalidParameterError: If there is no such session, or it should be downloaded.
        FileNotFoundError: If a file is not in the folder.
    """

    def __init__(
        self,
        path: Any = None,
        session: str = "active",
        download: bool = False,
        *,
        labels: str = "",
        root: Any = None,
    ) -> None:
        _refuse(download)
        if session not in AREA2_SESSIONS:
            raise InvalidParameterError(
                f"session must be one of {', '.join(AREA2_SESSIONS)}; got {session!r}."
            )
        self.session, self._labels = session, labels
        self._root = root if path is None else Path(path).parent
        self.split("all")

    def split(self, split: str) -> None:
        """Reads one part: `"train"`, `"valid"`, `"test"` or `"all"`."""
        kind = "all" if self.session == "active-passive" else self.session
        reading = load_area2_published(kind, split, self._root)
        values = {name: one.to_numpy() for name, one in reading.labels.items()}
        self.pos = torch.as_tensor(values["position"]).float()
        self.vel = torch.as_tensor(values["velocity"]).float()
        self.passive = torch.as_tensor(~values["active"].astype(bool)).long()
        self.target = torch.as_tensor(values["direction"].astype(int))
        self.target_actpas = self.target + _NUM_DIRECTIONS * self.passive
        assert reading.trial is not None
        self.num_trials = int(reading.trial.max()) + 1
        self.trial_len = len(reading) // self.num_trials
        self.trial_indices = torch.arange(self.trial_len).repeat(self.num_trials).float()
        continuous, discrete = self._chosen()
        super().__init__(reading.neural, continuous, discrete, trial=reading.trial)

    def _chosen(self) -> tuple[Tensor | None, Tensor | None]:
        both = self.session == "active-passive"
        target = self.target_actpas if both and self._labels == "target" else self.target
        found = {"position": self.pos, "direction": target, "passive": self.passive}
        continuous, discrete = AREA2_LABELS[self._labels]
        if self._labels == "pos" and both:
            discrete = "passive"
        return found.get(str(continuous)), found.get(str(discrete))


class Area2BumpShuffledDataset(Area2BumpDataset):
    """The same with labels in random order: a control.

    Args:
        path: As for `Area2BumpDataset`.
        session: Likewise.
        download: Likewise.
        labels: Likewise.
        shuffled: `"trial"`, `"position"` or `"target"`: which label.
        root: As for `Area2BumpDataset`.
    """

    def __init__(
        self,
        path: Any = None,
        session: str = "active",
        download: bool = False,
        *,
        labels: str = "",
        shuffled: str = "position",
        root: Any = None,
    ) -> None:
        if shuffled not in ("trial", "position", "target"):
            raise InvalidParameterError(
                f"shuffled must be 'trial', 'position' or 'target'; got {shuffled!r}."
            )
        self._shuffled = shuffled
        super().__init__(path, session, download, labels=labels, root=root)

    def _chosen(self) -> tuple[Tensor | None, Tensor | None]:
        order = _order(len(self.pos), 1)
        continuous, discrete = super()._chosen()
        if self._shuffled == "position":
            return None if continuous is None else continuous[order], discrete
        return continuous, None if discrete is None else discrete[order]


class SyntheticData(TensorDataset):
    """A hundred neurons driven by a known latent, see `datasets.synthetic.load_synthetic`.

    Args:
        name: The noise, such as `"poisson"`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.
        download: Must be false: recordings are read from disk.

    Attributes:
        latents: The true latent `(T, 2)`.
        lam: Expected counts `(T, N)`.

    Raises:
        InvalidParameterError: If there is no such noise, or it should be downloaded.
        FileNotFoundError: If the file is not in the folder.
    """

    def __init__(self, name: str, root: Any = None, download: bool = False) -> None:
        _refuse(download)
        self.name = name
        published = load_synthetic(name, root)
        self.latents = torch.as_tensor(published.latent).float()
        self.lam = torch.as_tensor(published.rate).float()
        super().__init__(published.recording.neural, published.recording.labels["c"].values)

    @property
    def index(self) -> Tensor:
        """The continuous label."""
        return self.continuous_index


class ContinuousGaussianMixtureDataset(SyntheticData):
    """As `SyntheticData`; it can be split.

    Args:
        noise: The noise.
        root: The data folder.
    """

    def __init__(self, noise: str = "poisson", root: Any = None) -> None:
        super().__init__(noise, root)
        self.noise, self.latent = noise, self.latents

    def split(self, split: str, train_ratio: float = _TRAIN_SHARE, valid_ratio: float = 1) -> None:
        """Keeps the first points, `"train"`, the rest, `"valid"`, or `"all"`.

        Raises:
            InvalidParameterError: If there is no such part.
        """
        border = int(len(self) * train_ratio)
        parts = {"train": slice(border), "valid": slice(border, None), "all": slice(None)}
        if split not in parts:
            raise InvalidParameterError(f"split must be one of {', '.join(parts)}; got {split!r}.")
        rows = parts[split]
        TensorDataset.__init__(self, self.neural[rows], self.index[rows])


def _rat(name: str, root: Any) -> Recording:
    """Reads our file of a rat, or that of the paper's authors if only it is there."""
    if name not in RATS:
        raise InvalidParameterError(f"name must be one of {', '.join(RATS)}; got {name!r}.")
    place = data_root(root) / "rat_hippocampus"
    only_published = (place / f"{name}.jl").is_file() and not (place / f"{name}.npz").is_file()
    if name in _PREPARED and not only_published:
        return load_dataset(f"rat-{name}", root)
    return load_published_rat(name, root)


def _columns(rat: Recording) -> tuple[Tensor, np.ndarray]:
    right = rat.labels["direction"].to_numpy() == "right"
    position = rat.labels["position"].to_numpy().reshape(len(right))
    return rat.neural, np.column_stack([position, right, ~right])


def _order(count: int, seed: int) -> np.ndarray:
    rows = np.arange(count)
    np.random.Generator(np.random.PCG64(seed)).shuffle(rows)
    return rows


def _refuse(download: bool) -> None:
    if download:
        raise InvalidParameterError(
            "recordings are read from disk; got download=True. Fetch the file with "
            "cebra_ethan.datasets.fetch, and leave download out."
        )
