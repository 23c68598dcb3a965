"""How much each objective counts: weights that are scheduled, or learned during training."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InvalidParameterError
from ..models.base import OffsetModel
from ..models.jacobian import WEIGHT_SCHEDULES, WeightSchedule
from ..models.multisession import Encoder, MultiSessionModel

__all__ = ["BALANCES", "Balance", "GradNorm", "UncertaintyWeighting", "resolve_weight"]

_RAMP = (1 / 8, 3 / 4)  # of training, where a schedule begins and ends unless it says


class Balance(nn.Module, ABC):
    """Learns one factor for each objective; the base of the rows of `BALANCES`.

    Its parameters belong into the solver's optimiser. Factors multiply the weights that were
    given, which then say how important an objective is beside the balance.

    An InfoNCE loss can be negative, since it leaves the positive out of its denominator; where a
    method needs the negative logarithm of a probability, it takes that of the positive beside its
    negatives, `softplus(loss)`. At a loss of 5 the two differ by 0.007.

    Args:
        num_objectives: The number of factors.
        speed: How many times faster than a weight of the network a factor's parameter moves under
            Adam, whose steps have one size: at a learning rate of 3e-4 and a speed of 1, a
            thousand steps change a factor by a third at most.
    """

    def __init__(self, num_objectives: int, speed: float = 10.0) -> None:
        super().__init__()
        if num_objectives < 2:
            raise InvalidParameterError(
                f"a balance needs two objectives or more; got {num_objectives}. Set balance=None."
            )
        if not (math.isfinite(speed) and speed > 0):
            raise InvalidParameterError(f"speed must be positive and finite; got {speed!r}.")
        self.speed = speed
        self.raw = nn.Parameter(torch.zeros(num_objectives))

    @abstractmethod
    def forward(
        self, losses: Sequence[Float[Tensor, ""]], model: Encoder
    ) -> tuple[Float[Tensor, " objectives"], Float[Tensor, ""]]:
        """Returns the factors, without gradient, and a term whose gradient trains them alone.

        Args:
            losses: Of each objective, not weighted.
            model: What they were computed with.
        """


class UncertaintyWeighting(Balance):
    r"""Factors from the uncertainty of each objective, learned as a noise level.

    .. math::
        \sum_i \frac{1}{\sigma_i^2} \ell_i + \log \sigma_i, \quad s_i = \log \sigma_i^2

    This is the form for classification, which InfoNCE is. A factor settles at
    :math:`1 / 2 \ell_i`: objectives count alike in proportion, easy ones more.

    Args:
        num_objectives: The number of factors.
        speed: See `Balance`.

    References:
        Kendall, Gal & Cipolla (2018), doi:10.1109/CVPR.2018.00781, eq. 10.

    Example:
        >>> from cebra_ethan.models.model import Offset1Model
        >>> balance = UncertaintyWeighting(2)
        >>> balance([torch.tensor(1.0), torch.tensor(2.0)], Offset1Model(3, 4, 2))[0]
        tensor([1., 1.])
    """

    def forward(
        self, losses: Sequence[Float[Tensor, ""]], model: Encoder
    ) -> tuple[Float[Tensor, " objectives"], Float[Tensor, ""]]:
        """Returns the factors and their term, see `Balance`."""
        log_variance = self.speed * self.raw
        factors = (-log_variance).exp()
        fit = factors * F.softplus(torch.stack(list(losses)).detach())
        return factors.detach(), (fit - fit.detach() + log_variance / 2).sum()


class GradNorm(Balance):
    r"""Factors that let all objectives learn at similar rates.

    .. math::
        \sum_i \Big| G_i - \bar G \, r_i^\alpha \Big|, \quad
        G_i = \lVert \nabla_W w_i \ell_i \rVert_2, \quad
        r_i = \frac{\tilde \ell_i}{\operatorname{mean}_j \tilde \ell_j}, \quad
        \tilde \ell_i = \frac{\ell_i(t)}{\ell_i(0)}

    The target is a constant to the gradient. `W` are the weights of the last layer, of each
    session's encoder. The factors are `n softmax(z)`, positive and of sum `n`, which takes the
    place of the paper's renormalisation after each update. It costs one backward pass through the
    criterion and the last layer for each objective.

    Args:
        num_objectives: The number of factors.
        alpha: How strongly an objective that lags behind is pulled.
        speed: See `Balance`.

    References:
        Chen et al. (2018), doi:10.48550/arXiv.1711.02257, eq. 1 and 2, algorithm 1.

    Example:
        >>> [name for name, _ in GradNorm(2).state_dict().items()]
        ['raw', 'first']
    """

    first: Tensor

    def __init__(self, num_objectives: int, alpha: float = 1.5, speed: float = 10.0) -> None:
        super().__init__(num_objectives, speed)
        if not (math.isfinite(alpha) and alpha >= 0):
            raise InvalidParameterError(
                f"alpha must be finite and at least 0; got {alpha!r}. Use 0 for equal norms."
            )
        self.alpha = alpha
        self.register_buffer("first", torch.zeros(num_objectives))  # zero until a step was done

    def forward(
        self, losses: Sequence[Float[Tensor, ""]], model: Encoder
    ) -> tuple[Float[Tensor, " objectives"], Float[Tensor, ""]]:
        """Returns the factors and their term, see `Balance`."""
        factors = len(losses) * (self.speed * self.raw).softmax(dim=0)
        values = F.softplus(torch.stack(list(losses)).detach())
        self.first.copy_(torch.where(self.first > 0, self.first, values))
        shared = _last_weights(model)
        norms = factors * torch.stack([_gradient_norm(loss, shared) for loss in losses])
        ratio = values / self.first
        target = (norms.mean() * (ratio / ratio.mean()) ** self.alpha).detach()
        gap = (norms - target).abs().sum()
        return factors.detach(), gap - gap.detach()


BALANCES: Mapping[str, Callable[[int], Balance]] = MappingProxyType(
    {"uncertainty": UncertaintyWeighting, "gradnorm": GradNorm}
)
"""Name to constructor, which takes the number of objectives."""


def resolve_weight(
    given: float | Mapping[str, Any] | WeightSchedule, num_steps: int
) -> float | WeightSchedule:
    """Returns the weight that plain data describe.

    Args:
        given: A number; a mapping with `weight` and, unless it is constant, `schedule`, a row of
            `models.jacobian.WEIGHT_SCHEDULES`, which goes from `start` (0) at `first_step` to
            `weight` at `last_step`; or a function of the step.
        num_steps: Steps of the training; a schedule takes place between an eighth and three
            quarters of them unless it says.

    Raises:
        InvalidParameterError: If a key is unknown or a value out of range.

    Example:
        >>> resolve_weight({"weight": 0.1, "schedule": "linear-ramp-up"}, 800)
        LinearRampUp(first_step=100, last_step=600, start=0.0, end=0.1)
    """
    if callable(given):
        return given
    options = dict(given) if isinstance(given, Mapping) else {"weight": given}
    known = ("weight", "schedule", "start", "first_step", "last_step")
    odd = sorted(map(str, set(options) - set(known)))
    numbers = {name: value for name, value in options.items() if name != "schedule"}
    wrong = {name: value for name, value in numbers.items() if not _is_number(value)}
    if odd or wrong or "weight" not in options:
        raise InvalidParameterError(
            f"a weight must be a number, or a mapping of {', '.join(known)} with numbers from 0 "
            f"on; got {given!r:.200}. As in {{'weight': 0.1, 'schedule': 'linear-ramp-up'}}."
        )
    schedule: Any = options.get("schedule")
    if schedule in (None, "constant-weight"):
        if len(numbers) > 1:
            raise InvalidParameterError(
                f"a constant weight has no steps; got {given!r:.200}. Add a schedule, one of "
                f"{', '.join(WEIGHT_SCHEDULES)}."
            )
        return float(options["weight"])
    if schedule not in WEIGHT_SCHEDULES:
        raise InvalidParameterError(
            f"schedule must be one of {', '.join(WEIGHT_SCHEDULES)}; got {schedule!r:.100}."
        )
    first = options.get("first_step", int(_RAMP[0] * num_steps))
    last = options.get("last_step", max(int(_RAMP[1] * num_steps), first + 1))
    start, end = options.get("start", 0.0), options["weight"]
    return WEIGHT_SCHEDULES[schedule](first_step=first, last_step=last, start=start, end=end)


def _is_number(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and 0 <= float(value) < math.inf


def _last_weights(model: Encoder) -> list[nn.Parameter]:
    if isinstance(model, MultiSessionModel):
        encoders = [model.encoder(number) for number in range(model.num_sessions)]
        return list(dict.fromkeys(p for one in encoders for p in _last_of(one)))
    return _last_of(model)


def _last_of(encoder: OffsetModel) -> list[nn.Parameter]:
    layers = [[p for p in part.parameters() if p.requires_grad] for part in encoder.net]
    return next((layer for layer in reversed(layers) if layer), [])


def _gradient_norm(loss: Float[Tensor, ""], weights: Sequence[Tensor]) -> Float[Tensor, ""]:
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    squares = [one.square().sum() for one in gradients if one is not None]
    return torch.stack([loss.new_zeros(()), *squares]).sum().sqrt()
