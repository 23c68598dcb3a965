r"""Windows that overlap, embedded once: stretches of a recording instead of separate windows.

Drawn bins in ascending order, `r_0 < r_1 < ...`, have windows of `span` bins. Window `i + 1` adds
`min(r_{i+1} - r_i, span)` bins to those before it. Laid out so, one after the other, all windows
take `S` bins, and window `i` begins at the sum of the steps before it. A convolution over these
`S` bins holds the embedding of every window at its beginning; what it computes across the seam of
two windows that do not overlap is not used. Behind each layer a window is narrower, so it shares
less with its neighbours: what no window needs any more is taken out there. Where `S` is much less
than the bins of all windows (large batches, wide windows, short recordings) this saves most of
the arithmetic; where windows lie far apart, nothing is shared and separate windows need no
gathering. The cheaper of both is taken, by a count of multiplications. Where the activity is
mostly zeros the first convolution reads what is not, see `models.sparse`.
"""

from __future__ import annotations

from typing import TypeGuard
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..models.base import OffsetModel, has_dropout
from ..models.layers import Conv1d
from ..models.sparse import SparseActivity, convolve_sparse, may_pay
from ..types import Recording

__all__ = ["embed_stretches", "lay_out", "sparse_activity", "stretches_pay"]

_ACTIVATION = 64  # an activation takes the time of about this many multiplications
_GATHERING = 1.2  # how much longer stretches take than their arithmetic
_SPARSE: WeakKeyDictionary[Recording, tuple[int, SparseActivity | None]] = WeakKeyDictionary()
_WORTH_KEEPING = 0.85  # of the bins; to take fewer than the others out costs more than it saves


def stretches_pay(model: OffsetModel, rows: Int[Tensor, " rows"]) -> bool:
    """Returns whether one pass over stretches is cheaper than separate windows.

    Args:
        model: The encoder.
        rows: Distinct bins, ascending.
    """
    span = model.offset.span
    if not model.shift_equivariant or model.resample_factor > 1 or span == 1:
        return False
    if model.training and has_dropout(model):  # which is drawn for each window
        return False
    separate, together, left = 0.0, 0.0, span
    steps = rows.diff()
    for layer in model.modules():
        if isinstance(layer, nn.Conv1d):
            left -= layer.kernel_size[0] - 1
            work = layer.weight.numel() + _ACTIVATION * layer.out_channels
            separate += work * left * len(rows)
            together += work * (int(steps.clamp(max=left).sum()) + left)
    return _GATHERING * together < separate


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
    sparse: SparseActivity | None = None,
) -> Float[Tensor, "rows dims"]:
    """Returns the embedding of the window of each row, see above.

    Args:
        model: A shift-equivariant encoder.
        neural: Activity `(T, N)`.
        rows: Distinct bins, ascending, whose windows lie inside the recording.
        sparse: The same activity by its numbers that are not zero, if they are few; the first
            convolution then reads these where that pays.
    """
    span, first = model.offset.span, int(rows[0]) - model.offset.left
    starts = lay_out(rows, span)
    num_bins = int(starts[-1]) + span
    place, added = torch.arange(num_bins), starts.diff(append=starts.new_tensor([num_bins]))
    inside = place - starts.repeat_interleave(added)  # how far into the last window that began
    is_one = num_bins == int(rows[-1]) - int(rows[0]) + span  # one stretch: nothing to gather
    ahead = rows - model.offset.left - starts  # of a bin in the recording
    layers = list(model.net) if type(model).forward is OffsetModel.forward else [model]
    left, first_layer = span, layers[0]
    if sparse is not None and _takes_sparse(first_layer) and sparse.pays(num_bins):
        bins = first + place if is_one else place + ahead.repeat_interleave(added)
        points = convolve_sparse(sparse, bins, first_layer.weight, first_layer.bias)
        left -= first_layer.kernel_size[0] - 1
        points, inside = _needed(points[:, None].permute(1, 2, 0), inside[: len(points)], left)
        layers = layers[1:]
    else:
        part = (
            neural[first : first + num_bins]
            if is_one
            else neural.index_select(0, place + ahead.repeat_interleave(added))
        )
        points = part[:, None].permute(1, 2, 0)
    for layer in layers:
        before = points.shape[2]
        points = layer(points)
        if points.shape[2] < before:
            left -= before - points.shape[2]
            points, inside = _needed(points, inside[: points.shape[2]], left)
    return points[0].T


def sparse_activity(recording: Recording, num_bins: int) -> SparseActivity | None:
    """Returns the numbers of a recording that are not zero, if they are few; counted once.

    Args:
        recording: Kept in mind as long as it lives.
        num_bins: An upper bound of the bins of a pass; of a long recording they are too few.
    """
    if not may_pay(recording.neural, num_bins):
        return None
    version, found = _SPARSE.get(recording, (-1, None))
    if version != recording.neural._version:  # it was changed in place, or is new
        version, found = recording.neural._version, SparseActivity.of(recording.neural)
        _SPARSE[recording] = version, found
    return found


def _takes_sparse(layer: nn.Module) -> TypeGuard[Conv1d]:
    return type(layer) is Conv1d and layer.stride == (1,)


def _needed(
    points: Float[Tensor, "1 channels bins"], inside: Int[Tensor, " bins"], left: int
) -> tuple[Float[Tensor, "1 channels fewer"], Int[Tensor, " fewer"]]:
    """Takes out the bins that no window of `left` bins holds, if they are many or the last."""
    kept = (inside < left).nonzero()[:, 0]
    if len(kept) == len(inside) or (left > 1 and len(kept) > _WORTH_KEEPING * len(inside)):
        return points, inside
    memory = points.permute(2, 0, 1).index_select(0, kept)
    return memory.permute(1, 2, 0), inside[kept]
