"""From windows to points: the embeddings of a batch, and of a whole recording."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..models.base import OffsetModel
from ..types import Batch

__all__ = ["Embedded", "embed", "transform"]

_CHUNK_BINS = 16_384


class Embedded(NamedTuple):
    """Points of a batch: reference and positives `(B, D)`, negative `(B, D)` or `(B, K, D)`."""

    reference: Tensor
    positive: tuple[Tensor, ...]
    negative: Tensor


def embed(model: OffsetModel, batch: Batch) -> Embedded:
    """Embeds all windows of a batch in one pass.

    A bin that was drawn several times is embedded once where that is likely to pay. Augmented
    windows are all different, so each of them is embedded.
    """
    indices = batch.indices
    parts = (indices.reference, *indices.positive, indices.negative)
    rows = torch.cat([part.flatten() for part in parts])
    num_bins = sum(len(recording) for recording in batch.recordings)
    crowded = 2 * len(rows) > num_bins and rows.device.type == "cpu"  # unique() waits for a GPU
    if crowded and batch.augmentation is None:
        distinct, place = rows.unique(return_inverse=True)
        points = model(batch.windows(distinct)).squeeze(-1)[place]
    else:
        points = model(batch.windows(rows)).squeeze(-1)
    split = points.split([part.numel() for part in parts])
    reference, *others = (p.unflatten(0, part.shape) for p, part in zip(split, parts, strict=True))
    return Embedded(reference, tuple(others[:-1]), others[-1])


@torch.no_grad()
def transform(
    model: OffsetModel,
    neural: Float[Tensor, "time neurons"],
    segments: Int[Tensor, "trials 2"] | None = None,
    batch_size: int | None = None,
    pad: bool = True,
) -> Float[Tensor, "rows dims"]:
    """Embeds every bin of a recording.

    Near the ends of a trial the window reaches out of it; the first or last bin of the trial is
    repeated there. Bins are processed in chunks that carry their context, so memory is bounded and
    the chunk does not show in the result.

    Args:
        model: Maps `(B, N, L)` to `(B, D, L - span + 1)`.
        neural: Activity `(T, N)`.
        segments: First bin and one past the last bin of each trial; one trial without.
        batch_size: Bins of a chunk; `None` takes 16,384.
        pad: Repeat the ends. Without, the bins that have no whole window are left out.

    Returns:
        One point for each bin, `(T, D)`; fewer without padding.
    """
    offset = model.offset
    device = next(model.parameters()).device
    chunk = batch_size or _CHUNK_BINS
    spans = [(0, len(neural))] if segments is None else segments.tolist()
    was_training = model.training
    model.eval()
    try:
        points = []
        for first, last in spans:
            start, stop = (first, last) if pad else (first + offset.left, last - offset.right + 1)
            for begin in range(start, stop, chunk):
                end = min(begin + chunk, stop)
                rows = torch.arange(begin - offset.left, end + offset.right - 1)
                piece = neural[rows.clamp(first, last - 1).to(neural.device)].to(device)
                points.append(model(piece[:, None].permute(1, 2, 0))[0].T)
    finally:
        model.train(was_training)
    if not points:
        return torch.empty(0, model.num_output, device=device)
    return torch.cat(points)
