"""From windows to points: the embeddings of a batch, and of a whole recording."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..models.base import OffsetModel
from ..models.multisession import Encoder
from ..types import Batch
from .stretches import embed_stretches, sparse_activity, stretches_pay

__all__ = ["Embedded", "embed", "embed_batches", "embed_parts", "has_own_windows", "transform"]

_CHUNK_BINS = 4096  # a multiple of every factor of subsampling


class Embedded(NamedTuple):
    """Points of a batch: reference and positives `(B, D)`, negative `(B, D)` or `(B, K, D)`."""

    reference: Tensor
    positive: tuple[Tensor, ...]
    negative: Tensor


def embed(model: Encoder, batch: Batch) -> Embedded:
    """Embeds all windows of a batch in one pass, of each session by its own encoder.

    On a processor a bin that was drawn several times is embedded once, and overlapping windows
    share their bins where that pays, see `solver.stretches`. Augmented windows are all different,
    so each of them is embedded.
    """
    return embed_batches(model, [batch])[0]


def embed_batches(model: Encoder, batches: Sequence[Batch]) -> list[Embedded]:
    """Embeds batches of one loader in one pass, so that they share their windows; see `embed`."""
    parts: list[Tensor] = []
    for batch in batches:
        indices = batch.indices
        parts += (indices.reference, *indices.positive, indices.negative)
    points = iter(embed_parts(model, batches[0], parts))
    return [
        Embedded(next(points), tuple(next(points) for _ in batch.indices.positive), next(points))
        for batch in batches
    ]


def embed_parts(model: Encoder, batch: Batch, parts: Sequence[Tensor]) -> list[Tensor]:
    """Returns the points of rows of any shape, each part `(..., D)`, in one pass; see `embed`."""
    rows = torch.cat([part.flatten() for part in parts])
    on_cpu = rows.device.type == "cpu"  # unique() waits for a GPU
    if on_cpu and batch.augmentation is None:
        distinct, place = rows.unique(return_inverse=True)
        points = _embed_distinct(model, batch, distinct).index_select(0, place)
    else:
        points = _embed_rows(model, batch, rows)
    split = points.split([part.numel() for part in parts])
    return [p.unflatten(0, part.shape) for p, part in zip(split, parts, strict=True)]


def _embed_distinct(
    model: Encoder, batch: Batch, rows: Int[Tensor, " rows"]
) -> Float[Tensor, "rows dims"]:
    """Embeds ascending rows of all sessions, where windows overlap in one pass over the bins."""
    if isinstance(model, OffsetModel):
        return _embed_session(model, batch, rows, 0)
    points, first = [], 0
    borders = torch.tensor([len(recording) for recording in batch.recordings]).cumsum(0)
    ends = torch.searchsorted(rows, borders).tolist()
    for number, (start, end) in enumerate(pairwise([0, *ends])):
        if end > start:
            own = rows[start:end] - first
            points.append(_embed_session(model.encoder(number), batch, own, number))
        first += len(batch.recordings[number])
    return torch.cat(points)


def _embed_session(
    model: OffsetModel, batch: Batch, rows: Int[Tensor, " rows"], session: int
) -> Float[Tensor, "rows dims"]:
    if not has_own_windows(batch) and stretches_pay(model, rows):
        recording = batch.recordings[session]
        sparse = sparse_activity(recording, len(rows) * model.offset.span)
        return embed_stretches(model, recording.neural, rows, sparse)
    alone: Tensor = model(batch.windows(rows, session)).squeeze(-1)
    return alone


def has_own_windows(batch: Batch) -> bool:
    """Returns whether the windows of a batch are its own, as those of unified sessions are."""
    return batch.augmentation is not None or type(batch).windows is not Batch.windows


def _embed_rows(
    model: Encoder, batch: Batch, rows: Int[Tensor, " rows"]
) -> Float[Tensor, "rows dims"]:
    if isinstance(model, OffsetModel):
        alone: Tensor = model(batch.windows(rows)).squeeze(-1)
        return alone
    borders = list(accumulate(len(recording) for recording in batch.recordings))
    # Comparisons with numbers of the host: a tensor of borders would have to be copied over.
    session = sum(((rows >= border).long() for border in borders[:-1]), torch.zeros_like(rows))
    order = session.argsort(stable=True)
    if batch.session_sizes is None:  # to count is to wait for the device
        sizes = session.bincount(minlength=len(borders)).tolist()
    else:
        sizes = [size * len(rows) // sum(batch.session_sizes) for size in batch.session_sizes]
    points, first = [], 0
    for number, own in enumerate(rows[order].split(sizes)):
        points.append(model(batch.windows(own - first, number), number).squeeze(-1))
        first += len(batch.recordings[number])
    return torch.cat(points)[order.argsort()]


@torch.no_grad()
def transform(
    model: OffsetModel,
    neural: Float[Tensor, "time neurons"],
    segments: Int[Tensor, "trials 2"] | None = None,
    pad: bool = True,
) -> Float[Tensor, "rows dims"]:
    """Embeds every bin of a recording.

    Near the ends of a trial the window reaches out of it; the first or last bin of the trial is
    repeated there. All trials are put end to end and embedded in pieces of one fixed size, so
    memory is bounded. Products of one shape round alike: where windows are one bin, a point does
    not depend on what else is embedded, to the last bit.

    Args:
        model: Maps `(B, N, L)` to `(B, D, (L - span) // factor + 1)`, where the factor is 1 except
            for models that subsample.
        neural: Activity `(T, N)`.
        segments: First bin and one past the last bin of each trial; one trial without.
        pad: Repeat the ends. Without, the bins that have no whole window are left out.

    Returns:
        One point for each bin, `(T, D)`; fewer without padding or with subsampling.
    """
    device = next(model.parameters()).device
    spans = [[0, len(neural)]] if segments is None else segments.tolist()
    stream, wanted = _stream(model, spans, pad)
    span, factor = model.offset.span, model.resample_factor
    num_inputs = _CHUNK_BINS + span - 1
    num_chunks = -(-len(wanted) * factor // _CHUNK_BINS)
    stream = F.pad(stream, (0, num_chunks * _CHUNK_BINS + span - 1 - len(stream)))
    was_training = model.training
    model.eval()
    try:
        points = [torch.empty(0, model.num_output, device=device)]
        for rows in stream.unfold(0, num_inputs, _CHUNK_BINS) if num_chunks else ():
            piece = neural[rows.to(neural.device)].to(device)
            points.append(model(piece[:, None].permute(1, 2, 0))[0].T)
    finally:
        model.train(was_training)
    return torch.cat(points)[: len(wanted)][wanted.to(device)]


def _stream(
    model: OffsetModel, spans: Sequence[Sequence[int]], pad: bool
) -> tuple[Int[Tensor, " bins"], Bool[Tensor, " outputs"]]:
    """Returns the bins that a model reads, trial after trial, and which outputs to keep."""
    offset, factor = model.offset, model.resample_factor
    bins, wanted = [], []
    for first, last in spans:
        left, right = (offset.left, offset.right - 1) if pad else (0, 0)
        rows = torch.arange(first - left, last + right).clamp(first, last - 1)
        num_points = max(0, (len(rows) - offset.span) // factor + 1)
        rows = F.pad(rows, (0, -len(rows) % factor), value=last - 1)  # next trial starts in step
        bins.append(rows)
        kept = torch.zeros(len(rows) // factor, dtype=torch.bool)
        kept[:num_points] = True
        wanted.append(kept)
    return torch.cat(bins), torch.cat(wanted)
