"""What a step minimises: the weighted sum of all objectives on one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import DataError
from ..models.base import OffsetModel
from ..types import Batch, Objective
from .embed import embed
from .train import Losses

__all__ = ["total_loss"]


def total_loss(
    model: OffsetModel, objectives: Sequence[Objective], batch: Batch
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
        value = objective.criterion(points.reference[dims], positive[dims], points.negative[dims])
        one, *parts = value if isinstance(value, tuple) else (value,)
        total = total + objective.weight * one
        prefix = "" if len(objectives) == 1 else f"{objective.name}/"
        losses |= {
            f"{prefix}{k}": v.detach() for k, v in zip(("align", "uniform"), parts, strict=False)
        }
        temperature = getattr(objective.criterion, "temperature", None)
        if temperature is not None:
            losses[f"{prefix}temperature"] = torch.as_tensor(temperature).detach()
    return total, {"loss": total.detach(), **losses}
