"""Cutting a recording into segments of one length, and joining what was found in each."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..types import Recording

__all__ = ["chop", "starts_of", "stitch"]


def starts_of(
    recording: Recording, length: int, overlap: int, *, whole: bool
) -> Int[Tensor, " segments"]:
    """Returns the first bin of each segment; segments cover every trial, and stay inside.

    The last one of a trial ends with it, so that it may overlap more than asked for.

    Args:
        recording: Gives the trials.
        length: Bins of a segment.
        overlap: Bins that neighbouring segments share, less than the length.
        whole: Leave out trials that are shorter than a segment. Otherwise such a trial has one
            segment, that reaches beyond it.

    Example:
        >>> starts_of(Recording(torch.zeros(10, 1)), 4, 1, whole=True)
        tensor([0, 3, 6])
    """
    starts: list[int] = []
    for first, last in recording.segments.tolist():
        if last - first >= length:
            starts += range(first, last - length, length - overlap)
            starts.append(last - length)
        elif not whole:
            starts.append(first)
    return torch.tensor(starts, dtype=torch.int64)


def chop(
    recording: Recording, starts: Int[Tensor, " segments"], length: int
) -> Int[Tensor, "segments bins"]:
    """Returns the bins of each segment; the last bin of a trial repeats beyond its end."""
    ends = recording.segments[:, 1].contiguous()
    end = ends[torch.searchsorted(ends, starts, right=True)]
    return (starts[:, None] + torch.arange(length)).minimum(end[:, None] - 1)


def stitch(
    values: Float[Tensor, "segments bins columns"],
    rows: Int[Tensor, "segments bins"],
    overlap: int,
    num_bins: int,
) -> Float[Tensor, "time columns"]:
    """Returns one row for each bin; where segments overlap one fades into the next.

    Args:
        values: What was found in each segment.
        rows: What `chop` returned.
        overlap: Bins over which they fade.
        num_bins: Bins `T` of the recording, all of which are in some segment.

    Example:
        >>> rows = torch.tensor([[0, 1, 2], [1, 2, 3]])
        >>> values = torch.tensor([[[0.0], [0.0], [0.0]], [[3.0], [3.0], [3.0]]])
        >>> stitch(values, rows, 2, 4)[:, 0]
        tensor([0., 1., 2., 3.])
    """
    length = rows.shape[1]
    place = torch.arange(length)
    ramp = torch.minimum(place + 1, length - place).clamp(max=overlap + 1) / (overlap + 1)
    first = torch.ones_like(rows, dtype=torch.bool)
    first[:, 1:] = rows[:, 1:] != rows[:, :-1]  # a bin that repeats beyond the end counts once
    weight = (ramp * first).to(values)
    flat = rows.flatten().to(values.device)
    total = torch.zeros(num_bins, values.shape[2], device=values.device)
    total.index_add_(0, flat, (values * weight[..., None]).flatten(0, 1))
    weights = torch.zeros(num_bins, device=values.device).index_add_(0, flat, weight.flatten())
    return total / weights[:, None]
