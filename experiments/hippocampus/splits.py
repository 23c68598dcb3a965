"""What is trained on, what chooses `k`, and what is tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from cebra_ethan.data.split import round_trips, three_fold_trial_split, time_split
from cebra_ethan.models.model import resolve_offset
from cebra_ethan.types import Recording
from config import HippocampusConfig

__all__ = ["Parts", "num_folds", "split"]


@dataclass(frozen=True)
class Parts:
    """The parts of a rat.

    Args:
        train: What encoders learn from.
        test: What is decoded.
        valid: What chooses `k`; none takes the end of the training part.
        whole: The recording, for encoders that see everything, as in the paper.
        bins: The rows of the recording that `train`, `test`, `valid` are.
    """

    train: Recording
    test: Recording
    valid: Recording | None
    whole: Recording
    bins: Mapping[str, np.ndarray]

    def trial(self, part: Recording, config: HippocampusConfig) -> Any:
        """Returns the borders that windows may not cross, or `None` where there are none."""
        return part.trial if config.within_laps or config.split == "trials" else None

    def rows(self, pieces: Sequence[Recording]) -> list[np.ndarray]:
        """Returns the rows of the recording that these parts are."""
        names = {id(self.train): "train", id(self.test): "test", id(self.valid): "valid"}
        return [self.bins[names[id(piece)]] for piece in pieces]


def num_folds(config: HippocampusConfig) -> int:
    """Returns how often each seed trains: once, or once for each fold of trials."""
    return 3 if config.split == "trials" else 1


def split(recording: Recording, config: HippocampusConfig, fold: int = 0) -> Parts:
    """Cuts a recording in time, with a gap of receptive field and time offset, or by trials.

    With trials (paper), neighbouring round trips of different parts follow each other without gap;
    windows and pairs do not cross the borders.
    """
    if config.split == "trials":
        # laps are not borders here, only the cuts between parts are, as in the paper
        plain = recording if config.within_laps else replace(recording, trial=None)
        trips = round_trips(recording.labels["direction"].values.flatten().long())
        rows = three_fold_trial_split(trips, fold)
        cut = {name: plain[torch.from_numpy(bins)] for name, bins in rows.items()}
        return Parts(cut["train"], cut["test"], cut["valid"], recording, rows)
    gap = resolve_offset(config.model_architecture).span + config.time_offsets
    train, test = time_split(recording, config.test_fraction, gap)
    every = np.arange(len(recording))
    bins = {"train": every[: len(train)], "test": every[-len(test) :]}
    return Parts(train, test, None, recording, bins)
