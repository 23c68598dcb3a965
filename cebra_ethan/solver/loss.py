"""What a step minimises: the weighted sum of all objectives on one batch, and what is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import DataError, InvalidParameterError
from ..models.jacobian import JacobianRegularizer
from ..models.multisession import Encoder, MultiSessionModel
from ..types import Batch, Objective
from ..utils.seeding import derive_seed
from .embed import Embedded, embed
from .momentum import MomentumQueue
from .train import Losses
from .weighting import Balance

__all__ = [
    "Additions",
    "check_objectives",
    "jacobian_term",
    "objective_losses",
    "total_loss",
    "training_loss",
]


class Additions(NamedTuple):
    """What a training step has beside its objectives.

    Args:
        balance: Learns further factors of the objectives.
        regularizer: Adds a penalty on the Jacobian at the references.
        queue: Embeds positives and negatives, and adds negatives of former steps.
    """

    balance: Balance | None = None
    regularizer: JacobianRegularizer | None = None
    queue: MomentumQueue | None = None


def check_objectives(
    objectives: Sequence[Objective],
    balance: Balance | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Refuses objectives whose losses would have one name, and a balance that would stay still.

    Raises:
        InvalidParameterError: With what does not fit.
    """
    name, count = Counter(objective.name for objective in objectives).most_common(1)[0]
    if count > 1:
        raise InvalidParameterError(
            f"each objective must have a name of its own; {count} are called {name!r}. Rename one."
        )
    if balance is None or optimizer is None:
        return
    learned = {id(p) for group in optimizer.param_groups for p in group["params"]}
    count = len(balance.raw)
    if count != len(objectives) or id(balance.raw) not in learned:
        raise InvalidParameterError(
            "a balance needs a factor for each objective, which the optimizer learns; got "
            f"{count} factor(s) for {len(objectives)} objective(s), "
            f"{'among' if id(balance.raw) in learned else 'not among'} the optimizer's "
            "parameters. Give the optimizer balance.parameters() too."
        )


def total_loss(
    model: Encoder, objectives: Sequence[Objective], batch: Batch
) -> tuple[Float[Tensor, ""], Losses]:
    """Returns the weighted sum of all objectives, and each one's parts by name, detached.

    Scheduled and learned weights count as 1, and nothing is added, so that the held-out losses of
    any two evaluations can be compared. What a step minimises is `training_loss`.

    Args:
        model: Embeds the windows of the batch, once for all objectives.
        objectives: One for each positive of the batch.
        batch: Drawn rows.

    Raises:
        DataError: If the batch has another number of positives.
    """
    points = embed(model, batch)
    values, losses = objective_losses(objectives, points, batch.group_sizes)
    total = _weighted(values, [objective.weight_at() for objective in objectives])
    return total, {"loss": total.detach(), **losses}


def training_loss(
    model: Encoder,
    objectives: Sequence[Objective],
    batch: Batch,
    step: int = 0,
    seed: int = 0,
    additions: Additions = Additions(),  # noqa: B008 - nothing, and immutable
) -> tuple[Float[Tensor, ""], Losses]:
    """Returns what a training step minimises, and its parts by name, detached.

    Where this is more than `total_loss` of the same points, `"objectives"` is that part of it.

    Args:
        model: As for `total_loss`.
        objectives: Likewise.
        batch: Likewise.
        step: Steps done before, which scheduled weights depend on.
        seed: Of the regulariser's projections, together with its own.
        additions: What is learned or added beside them.

    Raises:
        DataError: If the batch has another number of positives, or negatives of each reference
            where there is a queue.
    """
    balance, regularizer, queue = additions
    points, queued = (embed(model, batch), None) if queue is None else queue.embed(model, batch)
    values, losses = objective_losses(objectives, points, batch.group_sizes, queued)
    weights = [objective.weight_at(step) for objective in objectives]
    total = plain = _weighted(values, [objective.weight_at() for objective in objectives])
    if balance is not None or any(callable(objective.weight) for objective in objectives):
        factors: Sequence[float | Tensor] = [1.0] * len(values)
        extra: float | Tensor = 0.0
        if balance is not None:
            learned, extra = balance(values, model)
            factors = learned.unbind()
        weights_now = [f * w for f, w in zip(factors, weights, strict=True)]
        total = _weighted(values, weights_now) + extra
        for objective, weight in zip(objectives, weights_now, strict=True):
            losses[_prefix(objective, objectives) + "weight"] = torch.zeros_like(plain) + weight
    if regularizer is not None:
        penalty = jacobian_term(regularizer, model, batch, step, seed)
        total, losses["penalty"] = total + penalty, penalty.detach()
    if queue is not None:
        losses["num_negatives"] = torch.full_like(plain, queue.num_seen(batch))
    if total is not plain:
        losses["objectives"] = plain.detach()
    return total, {"loss": total.detach(), **losses}


def objective_losses(
    objectives: Sequence[Objective],
    points: Embedded,
    sizes: Sequence[int] | None = None,
    queued: Sequence[Tensor] | None = None,
) -> tuple[list[Float[Tensor, ""]], dict[str, Tensor]]:
    """Returns the loss of each objective, not weighted, and all their parts by name, detached.

    Args:
        objectives: One for each positive.
        points: The embedded batch.
        sizes: Of the groups that see their own negatives alone, see `Batch.group_sizes`.
        queued: Further negatives of each group, or of all references where there are no groups.

    Raises:
        DataError: If there is another number of positives.
    """
    if len(points.positive) != len(objectives):
        raise DataError(
            "a loader must draw one positive for each objective; got "
            f"{len(points.positive)} for {len(objectives)}. Pass hybrid=True to the dataset to "
            "learn behaviour and time together, or use MultiObjectiveLoader."
        )
    values, losses = [], {}
    for objective, positive in zip(objectives, points.positive, strict=True):
        seen = points._replace(positive=(positive,))
        value, *parts = _evaluate(objective, seen, sizes, queued)
        values.append(value)
        prefix = _prefix(objective, objectives)
        if prefix:
            losses[f"{prefix}loss"] = value.detach()
        for name, part in zip(("align", "uniform"), parts, strict=False):
            losses[f"{prefix}{name}"] = part.detach()
        temperature = getattr(objective.criterion, "temperature", None)
        if temperature is not None:
            losses[f"{prefix}temperature"] = torch.as_tensor(temperature).detach()
    return values, losses


def jacobian_term(
    regularizer: JacobianRegularizer, model: Encoder, batch: Batch, step: int, seed: int = 0
) -> Float[Tensor, ""]:
    """Returns the weighted penalty at the references of a batch, over sessions in their shares.

    Args:
        regularizer: The penalty, which schedules its weight.
        model: Any encoder.
        batch: Its references count.
        step: Steps done before.
        seed: Of the projections, beside the regulariser's own; each session has others.
    """
    count = model.num_sessions if isinstance(model, MultiSessionModel) else 1
    num_references = len(batch.indices.reference)
    terms = []
    for number in range(count):
        windows = batch.session(number).reference if count > 1 else batch.reference
        if len(windows):
            own = replace(regularizer, seed=derive_seed(regularizer.seed, seed, number))
            encoder = model.encoder(number) if isinstance(model, MultiSessionModel) else model
            terms.append(own(encoder, windows, step) * (len(windows) / num_references))
    return torch.stack(terms).sum()


def _prefix(objective: Objective, objectives: Sequence[Objective]) -> str:
    return "" if len(objectives) == 1 else f"{objective.name}/"


def _weighted(
    values: Sequence[Float[Tensor, ""]], weights: Sequence[float | Tensor]
) -> Float[Tensor, ""]:
    total = values[0].new_zeros(())
    for value, weight in zip(values, weights, strict=True):
        total = total + weight * value
    return total


def _evaluate(
    objective: Objective,
    points: Embedded,
    sizes: Sequence[int] | None,
    queued: Sequence[Tensor] | None,
) -> tuple[Tensor, ...]:
    """Returns the loss and its parts; the mean over groups that see their own negatives alone."""
    all_parts = (points.reference, points.positive[0], points.negative)
    groups = [all_parts] if sizes is None else list(zip(*_split(all_parts, sizes), strict=True))
    if queued is not None:
        groups = [
            (reference, positive, torch.cat([negative, more]))
            for (reference, positive, negative), more in zip(groups, queued, strict=True)
        ]
    values = [objective.criterion(*map(objective.subspace, group)) for group in groups]
    each = [value if isinstance(value, tuple) else (value,) for value in values]
    if len(each) == 1:
        return tuple(each[0])
    shares = [len(group[0]) / len(points.reference) for group in groups]
    return tuple(
        torch.stack([share * one for share, one in zip(shares, part, strict=True)]).sum()
        for part in zip(*each, strict=True)
    )


def _split(parts: Sequence[Tensor], sizes: Sequence[int]) -> list[tuple[Tensor, ...]]:
    return [part.split(list(sizes)) for part in parts]
