"""A penalty on the Jacobian of an encoder, and the weights it takes over training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import DataError, InvalidParameterError
from ..utils.seeding import derive_seed
from .base import OffsetModel

__all__ = [
    "WEIGHT_SCHEDULES",
    "ConstantWeight",
    "JacobianRegularizer",
    "LinearRampUp",
    "LinearWeight",
    "WeightSchedule",
    "graph_penalty",
    "jacobian_penalty",
]

WeightSchedule = Callable[[int], float]
"""Gives the weight of a step, counted from 0."""

_STREAM = 0x4A52  # keeps the projections apart from other streams of the same seed


def jacobian_penalty(
    model: OffsetModel,
    windows: Float[Tensor, "batch neurons bins"],
    *,
    num_projections: int = -1,
    dims: slice = slice(None),
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    r"""Returns half the mean squared norm of the Jacobian, exact or from random projections.

    .. math::
        R = \frac{1}{2B} \sum_b \lVert J_b \rVert_F^2
          = \frac{D}{2B} \sum_b \mathbb{E}_v \lVert J_b^\top v \rVert^2, \quad \lVert v \rVert = 1

    A projection costs one backward pass; the exact value costs `D`. The result can be
    differentiated with respect to the weights. Attention takes its plain form meanwhile, because
    the fused ones of torch have no second derivative.

    Args:
        model: The encoder, in the mode (training or evaluation) that it is in.
        windows: One receptive field each, `(B, N, span)`.
        num_projections: Random unit vectors for each window; -1 takes the axes, which is exact.
        dims: The dimensions of the embedding to penalise.
        generator: Source of the vectors; on the device of the windows.

    Raises:
        InvalidParameterError: If the number of projections is neither -1 nor positive, or no
            generator is there to draw them.
        DataError: If the windows are not one receptive field long, or `dims` is empty.

    References:
        Hoffman, Roberts & Yaida (2019), doi:10.48550/arXiv.1908.02729, eq. 10 and algorithm 1.

    Example:
        >>> from cebra_ethan.models.model import Offset1Model
        >>> model = Offset1Model(4, 6, 2)
        >>> jacobian_penalty(model, torch.randn(8, 4, 1)).shape
        torch.Size([])
    """
    _check_projections(num_projections)
    if windows.shape[2] != model.offset.span:
        raise DataError(
            f"the penalty takes windows of one receptive field, {model.offset.span} bins; got "
            f"{windows.shape[2]}. Cut the recording into windows first."
        )
    with sdpa_kernel(SDPBackend.MATH):
        points, pull = torch.func.vjp(lambda x: model(x)[:, dims, 0], windows)[:2]
        if not points.shape[1]:
            raise DataError(
                f"dims must select a dimension of the embedding; got {dims} of "
                f"{model.num_output}. Use a slice inside them."
            )
        return _penalty(points, lambda v: pull(v)[0], num_projections, generator)


def graph_penalty(
    inputs: Float[Tensor, "batch *shape"],
    points: Float[Tensor, "batch dims"],
    *,
    num_projections: int = -1,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Returns what `jacobian_penalty` does, of points that were computed from inputs already.

    Args:
        inputs: With `requires_grad`, before the points were computed.
        points: Embeddings `(B, D)`, each of which depends on its own row of the inputs alone.
        num_projections: As for `jacobian_penalty`.
        generator: Likewise.

    Raises:
        DataError: If the points do not depend on the inputs in a way that torch has recorded.
        InvalidParameterError: As for `jacobian_penalty`.

    Example:
        >>> inputs = torch.ones(4, 3, requires_grad=True)
        >>> graph_penalty(inputs, 2 * inputs)  # half of 3 times 2 squared
        tensor(6.)
    """
    _check_projections(num_projections)
    if not inputs.requires_grad or points.ndim != 2 or not points.requires_grad:
        raise DataError(
            "the penalty takes points (batch, dims) computed from inputs that require a gradient; "
            f"got points {tuple(points.shape)} and inputs {tuple(inputs.shape)} with "
            f"requires_grad={inputs.requires_grad}. Call inputs.requires_grad_() before the model."
        )

    pull = partial(_pulled, points, inputs)
    return _penalty(points, pull, num_projections, generator)


def _pulled(points: Tensor, inputs: Tensor, direction: Tensor) -> Tensor:
    return torch.autograd.grad(points, inputs, direction, create_graph=True)[0]


def _penalty(
    points: Tensor,
    pull: Callable[[Tensor], Tensor],
    num_projections: int,
    generator: torch.Generator | None,
) -> Tensor:
    """Returns the penalty where `pull` gives the product of a direction and the Jacobian."""
    batch, num_dims = points.shape
    if num_projections == -1:
        axes = torch.eye(num_dims, dtype=points.dtype, device=points.device)
        directions = [axis.expand_as(points) for axis in axes]
    else:
        directions = [_unit_vectors(points, generator) for _ in range(num_projections)]
    squares = torch.stack([pull(v).square().sum() for v in directions])
    return squares.sum() * num_dims / (2 * len(directions) * batch)


@dataclass(frozen=True, kw_only=True)
class ConstantWeight:
    """The same weight at every step.

    Example:
        >>> ConstantWeight(weight=0.1)(1000)
        0.1
    """

    weight: float

    def __post_init__(self) -> None:
        _check_weights(weight=self.weight)

    def __call__(self, step: int) -> float:
        """Returns the weight."""
        return self.weight


@dataclass(frozen=True, kw_only=True)
class LinearWeight:
    """A weight that goes straight from `start` to `end`, and is 0 before and after.

    Args:
        first_step: The step that has the weight `start`.
        last_step: The step that has the weight `end`.
        start: Weight at the first step.
        end: Weight at the last step.

    Example:
        >>> schedule = LinearWeight(first_step=10, last_step=20, start=0.0, end=0.1)
        >>> [schedule(step) for step in (9, 15, 20, 21)]
        [0.0, 0.05, 0.1, 0.0]
    """

    first_step: int
    last_step: int
    start: float = 0.0
    end: float = 0.1

    def __post_init__(self) -> None:
        _check_weights(start=self.start, end=self.end)
        if not 0 <= self.first_step < self.last_step:
            raise InvalidParameterError(
                "a schedule needs 0 <= first_step < last_step; got "
                f"first_step={self.first_step} and last_step={self.last_step}. Exchange them, or "
                "use ConstantWeight."
            )

    def __call__(self, step: int) -> float:
        """Returns the weight of a step."""
        return self._at(step) if self.first_step <= step <= self.last_step else 0.0

    def _at(self, step: int) -> float:
        done = (step - self.first_step) / (self.last_step - self.first_step)
        return self.start + (self.end - self.start) * done


@dataclass(frozen=True, kw_only=True)
class LinearRampUp(LinearWeight):
    """A weight that is 0, goes straight from `start` to `end`, and stays there.

    Example:
        >>> schedule = LinearRampUp(first_step=10, last_step=20, end=0.1)
        >>> [schedule(step) for step in (9, 15, 1000)]
        [0.0, 0.05, 0.1]
    """

    def __call__(self, step: int) -> float:
        """Returns the weight of a step."""
        return super().__call__(min(step, self.last_step))


WEIGHT_SCHEDULES: Mapping[str, Callable[..., WeightSchedule]] = MappingProxyType(
    {
        "constant-weight": ConstantWeight,
        "linear-scheduler": LinearWeight,
        "linear-ramp-up": LinearRampUp,
    }
)
"""The schedule of a name; the names are those of `cebra`."""


@dataclass(frozen=True, kw_only=True)
class JacobianRegularizer:
    """The weighted Jacobian penalty of a training step, to be added to its loss.

    It keeps no state: what is drawn depends on the seed and the step, so that a resumed run draws
    what the uninterrupted one would have drawn.

    Args:
        weight: A number, or a schedule that gives one for each step.
        num_projections: Random projections for each window; -1 is exact.
        dims: Subspaces of the embedding, each of which has a penalty; their sum counts.
        seed: Seed of the projections.

    References:
        Schneider et al. (2025), doi:10.48550/arXiv.2502.12977 (one penalty for each subspace,
        the weight ramped up during training).

    Example:
        >>> from cebra_ethan.models.model import Offset5Model
        >>> model = Offset5Model(4, 6, 3)
        >>> regularizer = JacobianRegularizer(weight=LinearRampUp(first_step=0, last_step=100))
        >>> regularizer(model, torch.randn(8, 4, 5), step=0)
        tensor(0.)
        >>> regularizer(model, torch.randn(8, 4, 5), step=100).requires_grad
        True
    """

    weight: float | WeightSchedule = 0.1
    num_projections: int = 1
    dims: tuple[slice, ...] = (slice(None),)
    seed: int = 0

    def __post_init__(self) -> None:
        _check_projections(self.num_projections)
        if not self.dims:
            raise InvalidParameterError(
                "dims must hold a slice of the embedding; got none. Leave it out to take all."
            )
        if not callable(self.weight):
            _check_weights(weight=self.weight)

    def __call__(
        self, model: OffsetModel, windows: Float[Tensor, "batch neurons bins"], step: int = 0
    ) -> Float[Tensor, ""]:
        """Returns weight times penalty at a step; nothing is computed where the weight is 0.

        Args:
            model: The encoder.
            windows: Those of the references, `(B, N, span)`.
            step: Steps that were done before this one.
        """
        weight = self.weight(step) if callable(self.weight) else self.weight
        if weight == 0:
            return windows.new_zeros(())
        generator = torch.Generator(device=windows.device)
        generator.manual_seed(derive_seed(self.seed, _STREAM, step))
        penalties = [
            jacobian_penalty(
                model,
                windows,
                num_projections=self.num_projections,
                dims=dims,
                generator=generator,
            )
            for dims in self.dims
        ]
        return weight * torch.stack(penalties).sum()


def _unit_vectors(points: Tensor, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        raise InvalidParameterError(
            "random projections need a generator; got None. Pass a torch.Generator, or "
            "num_projections=-1 for the exact value."
        )
    normal = torch.randn(
        points.shape, dtype=points.dtype, device=points.device, generator=generator
    )
    return normal / normal.norm(dim=1, keepdim=True)


def _check_projections(num_projections: int) -> None:
    if num_projections != -1 and num_projections < 1:
        raise InvalidParameterError(
            f"num_projections must be positive, or -1 for all dimensions; got {num_projections}. "
            "Use 1, which is unbiased."
        )


def _check_weights(**weights: float) -> None:
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise InvalidParameterError(
                f"{name} must be finite and not negative; got {weight!r}. Use 0 to switch the "
                "penalty off."
            )
