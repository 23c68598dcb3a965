"""Held-out data: blocks of time or whole trials, with a gap that no window crosses.

Neighbouring bins share their windows and their labels, so a random split of bins tests on what it
trained on. All splits here cut at few places and leave bins out around each cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import DataError
from ..types import Recording

__all__ = ["BlockedKFold", "TrialKFold", "round_trips", "three_fold_trial_split", "time_split"]


def time_split(
    recording: Recording, test_fraction: float = 0.2, gap: int = 0
) -> tuple[Recording, Recording]:
    """Returns the first part of a recording for training and the last for testing.

    Args:
        recording: What to cut.
        test_fraction: Share of the time bins at the end that are held out, in (0, 1).
        gap: Bins left out between both, at the end of the training part.

    Raises:
        DataError: If a part would be empty.

    Example:
        >>> train, test = time_split(Recording(torch.zeros(100, 3)), test_fraction=0.2, gap=10)
        >>> len(train), len(test)
        (70, 20)
    """
    border = int((1 - test_fraction) * len(recording) + 1e-9)  # 0.1 of 10 bins is one bin
    _check_gap(gap)
    if not 0 < test_fraction < 1 or border - gap < 1 or border >= len(recording):
        raise DataError(
            "test_fraction must be between 0 and 1 and leave bins on both sides of the gap; got "
            f"test_fraction={test_fraction!r} and gap={gap} for {len(recording)} bins."
        )
    return recording[: border - gap], recording[border:]


@dataclass(frozen=True)
class BlockedKFold:
    """Consecutive blocks of time as test sets, for scikit-learn's cross-validation.

    Args:
        n_splits: Number of blocks, at least 2.
        gap: Bins left out of the training set on each side of the test block.

    Example:
        >>> train, test = next(BlockedKFold(n_splits=2, gap=1).split(range(6)))
        >>> train, test
        (array([4, 5]), array([0, 1, 2]))
    """

    n_splits: int = 5
    gap: int = 0

    def split(
        self,
        X: Any,
        y: Any = None,
        groups: Any = None,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields training and test bins of each fold."""
        num_bins = len(X)
        if not 2 <= self.n_splits <= num_bins:
            raise DataError(
                f"n_splits must be between 2 and the number of time bins; got {self.n_splits} "
                f"for {num_bins} bins."
            )
        _check_gap(self.gap)
        bins = np.arange(num_bins)
        for test in np.array_split(bins, self.n_splits):
            keep = (bins < test[0] - self.gap) | (bins > test[-1] + self.gap)
            if not keep.any():
                raise DataError(
                    f"the gap must leave training bins; gap={self.gap} takes all {num_bins}. "
                    "Use a smaller gap or more data."
                )
            yield bins[keep], test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Returns the number of folds."""
        return self.n_splits


@dataclass(frozen=True)
class TrialKFold:
    """Whole trials as test sets: consecutive runs of trials, no trial in both parts.

    Args:
        n_splits: Number of folds, at most the number of trials.

    Example:
        >>> list(TrialKFold(2).split(range(4), groups=[1, 1, 2, 2]))[0]
        (array([2, 3]), array([0, 1]))
    """

    n_splits: int = 5

    def split(
        self,
        X: Any,
        y: Any = None,
        groups: Any = None,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields training and test bins of each fold; `groups` is the trial of each bin."""
        if groups is None or len(groups) != len(X):
            raise DataError(
                "groups must be the trial of each time bin; got "
                f"{None if groups is None else len(groups)} for {len(X)} bins."
            )
        trial = np.asarray(groups)
        trials = trial[np.sort(np.unique(trial, return_index=True)[1])]  # in order of appearance
        if not 2 <= self.n_splits <= len(trials):
            raise DataError(
                f"n_splits must be between 2 and the number of trials; got {self.n_splits} for "
                f"{len(trials)} trials."
            )
        for part in np.array_split(trials, self.n_splits):
            test = np.isin(trial, part)
            yield np.flatnonzero(~test), np.flatnonzero(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Returns the number of folds."""
        return self.n_splits


def round_trips(direction: Int[Tensor, " time"]) -> Int[Tensor, " time"]:
    """Returns the round trip of each bin: a new one starts at every second change of direction.

    Args:
        direction: The running direction of each bin, two codes.

    Example:
        >>> round_trips(torch.tensor([0, 0, 1, 1, 0, 1, 1]))
        tensor([0, 0, 0, 0, 1, 1, 1])
    """
    change = torch.zeros_like(direction)
    change[1:] = (direction[1:] != direction[:-1]).long()
    return change.cumsum(0) // 2


def three_fold_trial_split(trial: Int[Tensor, " time"], fold: int) -> dict[str, np.ndarray]:
    """Returns the split of the paper's rat experiments: bins of `train`, `valid` and `test`.

    The trials are cut into three consecutive thirds. In each third a three-fold split in order
    gives a training and a held-out part; the first half of the held-out trials tests (the larger
    one if they are odd in number), the second validates. The parts of all thirds are put together.

    Args:
        trial: The trial of each bin, a run of equal values; for the rats a round trip, see
            `round_trips`.
        fold: 0, 1 or 2.

    Raises:
        DataError: If there are fewer than 18 trials, too few for two held-out ones in each third.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods.
    """
    trials, bins = (part.numpy() for part in _runs(trial))
    if fold not in (0, 1, 2) or len(trials) < 18:
        raise DataError(
            f"fold must be 0, 1 or 2 and there must be 18 trials or more; got fold={fold!r} and "
            f"{len(trials)} trials."
        )
    parts: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    for third in np.array_split(trials, 3):
        held_out = np.array_split(third, 3)[fold]
        test, valid = np.array_split(held_out, 2)
        parts["test"].append(test)
        parts["valid"].append(valid)
        parts["train"].append(np.setdiff1d(third, held_out))
    return {
        name: np.flatnonzero(np.isin(bins, np.concatenate(ids))) for name, ids in parts.items()
    }


def _runs(trial: Int[Tensor, " time"]) -> tuple[Int[Tensor, " runs"], Int[Tensor, " time"]]:
    """Returns the numbers of the runs of equal values, and the run of each bin."""
    change = torch.zeros_like(trial)
    change[1:] = (trial[1:] != trial[:-1]).long()
    run = change.cumsum(0)
    return torch.arange(int(run[-1]) + 1), run


def _check_gap(gap: int) -> None:
    if gap < 0:
        raise DataError(
            f"gap must be zero bins or more; got {gap!r}. A negative one would train on test bins."
        )
