"""What a step minimises: the weighted sum of all objectives on one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import DataError
from ..models.multisession import Encoder
from ..types import Batch, Objective
from .embed import embed
from .train import Losses

__all__ = ["total_loss"]


def total_loss(
    model: Encoder, objectives: Sequence[Objective], batch: Batch
) -> tuple[Float[Tensor, ""], Losses]:
    """Returns the weighted sum of all objectives, and each one's parts by name, detached.

    Args:
        model: Embeds the windows of the batch, once for all objectives.
        objectives: One for each positive of the batch.
        batch: Drawn rows.

    Raises:
        DataError: If the batch has another number of positives.
    """
    points = embed(model, batch)
    if len(points.positive) != len(objectives):
        raise DataError(
            "a loader must draw one positive for each objective; got "
            f"{len(points.positive)} for {len(objectives)}. Pass hybrid=True to the dataset to "
            "learn behaviour and time together."
        )
    losses: dict[str, Tensor] = {}
    total = points.reference.new_zeros(())
    for objective, positive in zip(objectives, points.positive, strict=True):
        dims = (..., objective.dims)
        one, *parts = _evaluate(
            objective.criterion,
            (points.reference[dims], positive[dims], points.negative[dims]),
            batch.group_sizes,
        )
        total = total + objective.weight * one
        prefix = "" if len(objectives) == 1 else f"{objective.name}/"
        losses |= {
            f"{prefix}{k}": v.detach() for k, v in zip(("align", "uniform"), parts, strict=False)
        }
        temperature = getattr(objective.criterion, "temperature", None)
        if temperature is not None:
            losses[f"{prefix}temperature"] = torch.as_tensor(temperature).detach()
    return total, {"loss": total.detach(), **losses}


def _evaluate(
    criterion: nn.Module, points: tuple[Tensor, Tensor, Tensor], sizes: Sequence[int] | None
) -> tuple[Tensor, ...]:
    """Returns the loss and its parts; the mean over groups that see their own negatives alone."""
    groups = [points]
    if sizes is not None:
        groups = list(zip(*(part.split(list(sizes)) for part in points), strict=True))
    values = [criterion(*group) for group in groups]
    each = [value if isinstance(value, tuple) else (value,) for value in values]
    if len(each) == 1:
        return tuple(each[0])
    shares = [len(group[0]) / len(points[0]) for group in groups]
    return tuple(
        torch.stack([share * one for share, one in zip(shares, part, strict=True)]).sum()
        for part in zip(*each, strict=True)
    )
