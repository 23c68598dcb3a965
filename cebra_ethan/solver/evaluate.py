"""How well a trained model tells positives from negatives, on any data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..data.loader import ContrastiveLoader
from ..errors import DataError
from ..metrics import goodness_of_fit as metric
from ..models.criterions import BaseInfoNCE
from ..models.multisession import Encoder
from ..types import Batch, Objective, Recording
from .embed import Embedded, embed_batches, has_own_windows

if TYPE_CHECKING:
    from .base import SingleSessionSolver

__all__ = ["goodness_of_fit", "mean_loss", "resampling_blocks"]

_ROWS_AT_ONCE = 16_384
_MIN_BLOCKS = 20
_SPANS_PER_BLOCK = 10


@torch.no_grad()
def goodness_of_fit(
    model: Encoder, objective: Objective, loader: ContrastiveLoader, place: int = 0
) -> metric.GoodnessOfFit:
    """Returns the goodness of fit in bits over the batches of a loader.

    The InfoNCE loss of each reference is taken with the similarity and temperature that the
    criterion was trained with. The interval is a bootstrap over the trials of the references (over
    blocks of time where there are no trials), since neighbouring bins share their windows.

    Args:
        model: Embeds windows.
        objective: Its criterion says how points compare; its dimensions are used.
        loader: Draws from the data to judge; one reference sees `loader.num_negatives`.
        place: Which of the positives that it draws are those of the objective.

    Raises:
        DataError: If the criterion does not say how it compares points.
    """
    criterion = objective.criterion
    if not isinstance(criterion, BaseInfoNCE):
        raise DataError(
            "goodness of fit needs a criterion that derives from models.criterions.BaseInfoNCE, "
            f"so that similarities are known; got {type(criterion).__name__}."
        )
    loader.bind(model.offset)
    was_training = model.training
    model.eval()
    losses, rows = [], []
    for batch, points in _embedded(model, loader):
        reference = objective.subspace(points.reference)
        positive = objective.subspace(points.positive[place])
        to_positive = criterion.similarity(reference, positive[:, None])[:, 0]
        sharpness = criterion.inverse_temperature
        negative = objective.subspace(points.negative)
        groups = [(reference, negative)]
        if batch.group_sizes is not None:
            sizes = list(batch.group_sizes)
            groups = list(zip(reference.split(sizes), negative.split(sizes), strict=True))
        to_negative = [criterion.partition(*group) for group in groups]
        losses.append(torch.cat(to_negative) - sharpness * to_positive)
        rows.append(batch.indices.reference)
    model.train(was_training)
    blocks = resampling_blocks(loader.dataset.recordings, model.offset.span)
    drawn = blocks[torch.cat(rows).cpu().numpy()]
    return metric.goodness_of_fit(
        torch.cat(losses).cpu().double().numpy(),
        loader.num_negatives,
        drawn if len(np.unique(drawn)) > 1 else None,
    )


def _embedded(model: Encoder, loader: ContrastiveLoader) -> Iterator[tuple[Batch, Embedded]]:
    """Yields the batches of a loader with their points, several embedded in one pass."""
    waiting: list[Batch] = []
    for batch in loader:
        waiting.append(batch)
        indices = batch.indices
        parts = (indices.reference, *indices.positive, indices.negative)
        num_rows = sum(part.numel() for part in parts) * len(waiting)
        if has_own_windows(batch) or num_rows >= _ROWS_AT_ONCE:
            yield from zip(waiting, embed_batches(model, waiting), strict=True)
            waiting = []
    if waiting:
        yield from zip(waiting, embed_batches(model, waiting), strict=True)


@torch.no_grad()
def mean_loss(solver: SingleSessionSolver, loader: ContrastiveLoader) -> float:
    """Returns the mean loss over the batches of a loader, in nats."""
    model = solver.model
    was_training = model.training
    model.eval()
    loader.bind(model.offset)
    losses = [solver.loss(batch)[0] for batch in loader]
    model.train(was_training)
    return float(torch.stack(losses).mean())


def resampling_blocks(recordings: Sequence[Recording], span: int) -> np.ndarray:
    """Returns the trial of each bin, or a block of time where there are fewer than two trials.

    A block of time is ten receptive fields long, shorter where that would leave under 20 blocks.
    Blocks of different recordings differ.
    """
    blocks = [_blocks(recording, span) for recording in recordings]
    first = np.cumsum([0, *(one.max() + 1 for one in blocks)])
    return np.concatenate([one + start for one, start in zip(blocks, first, strict=False)])


def _blocks(recording: Recording, span: int) -> np.ndarray:
    segments = recording.segments
    if len(segments) > 1:
        return np.repeat(np.arange(len(segments)), (segments[:, 1] - segments[:, 0]).numpy())
    num_bins = len(recording)
    block_bins = min(_SPANS_PER_BLOCK * span, max(1, num_bins // _MIN_BLOCKS))
    return metric.time_blocks(num_bins, block_bins)
