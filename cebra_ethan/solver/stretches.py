r"""Windows that overlap, embedded once: stretches of a recording instead of separate windows.

Drawn bins in ascending order, `r_0 < r_1 < ...`, have windows of `span` bins. Window `i + 1` adds
`min(r_{i+1} - r_i, span)` bins to those before it. Laid out so, one after the other, all windows
take `S` bins, and window `i` begins at the sum of the steps before it. A convolution over these
`S` bins holds the embedding of every window at its beginning; what it computes across the seam of
two windows that do not overlap is not used. Where `S` is much less than the bins of all windows
(large batches, wide windows, short recordings) this saves most of the arithmetic; where windows
lie far apart, each layer of a separate window has less and less to compute and is cheaper. The
cheaper of both is taken, by a count of multiplications.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..models.base import OffsetModel, has_dropout

__all__ = ["embed_stretches", "lay_out", "stretches_pay"]

_ACTIVATION = 64  # an activation takes the time of about this many multiplications


def stretches_pay(model: OffsetModel, starts: Int[Tensor, " rows"]) -> bool:
    """Returns whether one pass over stretches is cheaper than separate windows.

    Args:
        model: The encoder.
        starts: Where each window begins in the stretches, see `lay_out`.
    """
    if not model.shift_equivariant or model.resample_factor > 1:
        return False
    if model.training and has_dropout(model):  # which is drawn for each window
        return False
    separate, together, left = 0, 0, model.offset.span
    for layer in model.modules():
        if isinstance(layer, nn.Conv1d):
            left -= layer.kernel_size[0] - 1
            work = layer.weight.numel() + _ACTIVATION * layer.out_channels
            separate, together = separate + work * left, together + work
    num_bins = int(starts[-1]) + model.offset.span
    return num_bins * together < len(starts) * separate


def lay_out(rows: Int[Tensor, " rows"], span: int) -> Int[Tensor, " rows"]:
    """Returns where the window of each row begins when overlapping windows share their bins.

    Args:
        rows: Distinct bins, ascending.
        span: Bins of a window.

    Example:
        >>> lay_out(torch.tensor([3, 4, 6, 90]), span=5)
        tensor([0, 1, 3, 8])
    """
    steps = rows.diff().clamp(max=span)
    return torch.cat([steps.new_zeros(1), steps.cumsum(0)])


def embed_stretches(
    model: OffsetModel,
    neural: Float[Tensor, "time neurons"],
    rows: Int[Tensor, " rows"],
    starts: Int[Tensor, " rows"],
) -> Float[Tensor, "rows dims"]:
    """Returns the embedding of the window of each row, see above.

    Args:
        model: A shift-equivariant encoder.
        neural: Activity `(T, N)`.
        rows: Distinct bins, ascending, whose windows lie inside the recording.
        starts: From `lay_out`.
    """
    span, first = model.offset.span, int(rows[0]) - model.offset.left
    num_bins = int(starts[-1]) + span
    if num_bins == int(rows[-1]) - int(rows[0]) + span:  # one stretch: nothing to gather
        part = neural[first : first + num_bins]
    else:
        place = torch.arange(num_bins)
        window = torch.searchsorted(starts, place, right=True) - 1
        part = neural.index_select(0, rows[window] - model.offset.left + place - starts[window])
    points: Tensor = model(part[:, None].permute(1, 2, 0))[0].T
    return points.index_select(0, starts)
