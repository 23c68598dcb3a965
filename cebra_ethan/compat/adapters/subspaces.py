"""`cebra`'s models of several objectives: one embedding, several slices of it, and a penalty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ...data.objectives import ObjectiveSpec, resolve_dims
from ...errors import InvalidParameterError
from ...models.base import OffsetModel
from ...models.jacobian import (
    JacobianRegularizer,
    LinearWeight,
    WeightSchedule,
    graph_penalty,
)
from ...models.jacobian import (
    LinearRampUp as Ramp,
)
from ...models.layers import Normalize
from ...types import Offset
from ...utils.seeding import resolve_seed
from .models import Offset as _Offset

__all__ = [
    "ConstantScheduler",
    "JacobianReg",
    "LinearRampUp",
    "LinearScheduler",
    "SubspaceMultiobjectiveModel",
    "create_multiobjective_model",
]


class SubspaceMultiobjectiveModel(OffsetModel):
    """An encoder whose embedding is seen in slices, which may overlap.

    Args:
        module: An encoder.
        feature_ranges: The slices; together they are the whole embedding.
        renormalize: Scale each slice to unit length; of slices that overlap, the parts between
            their borders.
        split_outputs: Return the slices, and not the whole embedding.

    Raises:
        InvalidParameterError: If the module is no encoder, or the slices leave a dimension out.

    Example:
        >>> from cebra_ethan.models.model import Offset1Model
        >>> model = SubspaceMultiobjectiveModel(
        ...     Offset1Model(5, 8, 6), [slice(0, 6), slice(3, 6)], renormalize=False
        ... )
        >>> [part.shape for part in model(torch.randn(100, 5))]
        [torch.Size([100, 6]), torch.Size([100, 3])]
    """

    def __init__(
        self,
        module: nn.Module,
        feature_ranges: Sequence[slice],
        renormalize: bool,
        split_outputs: bool = True,
    ) -> None:
        if not isinstance(module, OffsetModel):
            raise InvalidParameterError(
                f"module must be an encoder of cebra.models; got {type(module).__name__}."
            )
        counts = {"num_neurons": module.num_neurons, "num_output": module.num_output}
        super().__init__(module.offset, normalize=False, **counts)
        specs = [
            ObjectiveSpec(name=f"slice {k}", dims=one, overlap=True)
            for k, one in enumerate(feature_ranges)
        ]
        self.feature_ranges = resolve_dims(specs, module.num_output)
        self.module, self.renormalize, self.split_outputs = module, renormalize, split_outputs
        borders = sorted({edge for one in self.feature_ranges for edge in (one.start, one.stop)})
        self.renormalize_ranges = [slice(*pair) for pair in pairwise(borders)]
        self.shift_equivariant = module.shift_equivariant
        self.resample_factor = module.resample_factor
        self.input_layers = tuple(f"module.{name}" for name in module.input_layers)

    def get_offset(self) -> Offset:
        """Returns the receptive field."""
        return _Offset(self.offset.left, self.offset.right)

    def set_split_outputs(self, val: bool) -> None:
        """Says whether the slices are returned, or the whole embedding."""
        self.split_outputs = val

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Returns the whole embedding meanwhile."""
        before, self.split_outputs = self.split_outputs, False
        try:
            yield
        finally:
            self.split_outputs = before

    def forward(self, neural: Tensor) -> Any:
        """Returns the slices, or the whole embedding, of every whole window.

        Args:
            neural: As for `OffsetModel`; or `(T, N)` where windows are one bin, for `(T, D)`.
        """
        flat = neural.ndim == 2 and self.offset.span == 1
        points = self.module(neural[:, :, None] if flat else neural)
        points = points[:, :, 0] if flat else points
        if self.renormalize:
            scale = Normalize()
            points = torch.cat([scale(points[:, one]) for one in self.renormalize_ranges], dim=1)
        if not self.split_outputs:
            return points
        return tuple(points[:, one] for one in self.feature_ranges)


def create_multiobjective_model(module: nn.Module, **options: Any) -> SubspaceMultiobjectiveModel:
    """Returns a `SubspaceMultiobjectiveModel` of an encoder."""
    return SubspaceMultiobjectiveModel(module, **options)


class JacobianReg(nn.Module):
    """A penalty on the Jacobian, see `models.jacobian.jacobian_penalty`.

    Args:
        n: Random projections of each point; -1 for the exact value.
        seed: Of the projections.

    Example:
        >>> inputs = torch.ones(4, 3, requires_grad=True)
        >>> float(JacobianReg(n=-1)(inputs, 2 * inputs).detach())
        6.0
    """

    def __init__(self, n: int = 1, *, seed: int | None = None) -> None:
        super().__init__()
        self.n, self.seed = n, resolve_seed(seed)
        self.regularizer(1.0, (slice(None),))  # refuses what cannot be
        self._noise: torch.Generator | None = None

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the penalty of points `(B, D)` that were computed from `x`."""
        if self._noise is None or self._noise.device != y.device:
            self._noise = torch.Generator(y.device).manual_seed(self.seed)
        return graph_penalty(x, y, num_projections=self.n, generator=self._noise)

    def regularizer(
        self, weight: float | WeightSchedule, dims: tuple[slice, ...]
    ) -> JacobianRegularizer:
        """Returns what a solver adds to its loss."""
        return JacobianRegularizer(
            weight=weight, num_projections=self.n, dims=dims, seed=self.seed
        )


@dataclass
class ConstantScheduler:
    """The same weights at every step. Args: `initial_weights`, one for each objective.

    Example:
        >>> ConstantScheduler([1.0, 0.5]).get_weights()
        [1.0, 0.5]
    """

    initial_weights: list[float]

    def get_weights(self, step: int | None = None) -> list[float] | None:
        """Returns them; `None` where there is none."""
        return self.initial_weights or None


@dataclass
class LinearScheduler:
    """Weights that go straight from one to another, see `models.jacobian.LinearWeight`.

    Args:
        n_splits: How many.
        step_to_switch_on_reg: First step with a weight.
        step_to_switch_off_reg: Last step with a weight, and the first with `end_weight`.
        start_weight: The first weight.
        end_weight: The last weight.
        stay_constant_after_switch_off: Keep the last weight, as `LinearRampUp` does.

    Example:
        >>> scheduler = LinearScheduler(2, 10, 20, 0.0, 0.1)
        >>> [scheduler.get_weights(step) for step in (9, 15, 21)]
        [None, [0.05, 0.05], None]
    """

    n_splits: int
    step_to_switch_on_reg: int
    step_to_switch_off_reg: int
    start_weight: float
    end_weight: float
    stay_constant_after_switch_off: bool = False

    def __post_init__(self) -> None:
        kind = Ramp if self.stay_constant_after_switch_off else LinearWeight
        self.schedule = kind(
            first_step=self.step_to_switch_on_reg,
            last_step=self.step_to_switch_off_reg,
            start=self.start_weight,
            end=self.end_weight,
        )

    def get_weights(self, step: int) -> list[float] | None:
        """Returns the weights of a step, counted from 0; `None` before and after."""
        ended = step > self.step_to_switch_off_reg and not self.stay_constant_after_switch_off
        if step < self.step_to_switch_on_reg or ended:
            return None
        return [self.schedule(step)] * self.n_splits


@dataclass
class LinearRampUp(LinearScheduler):
    """A `LinearScheduler` that keeps its last weight.

    Example:
        >>> LinearRampUp(2, 10, 20, 0.0, 0.1).get_weights(1000)
        [0.1, 0.1]
    """

    def __post_init__(self) -> None:
        self.stay_constant_after_switch_off = True
        super().__post_init__()
