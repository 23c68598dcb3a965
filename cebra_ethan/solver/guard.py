"""Keeps training finite: a step whose loss or gradient is not finite leaves no trace.

On the CPU each step is checked as it comes. To look at a number on a GPU is to wait for it, so
there the update is masked instead: from the first step that is not finite, all tensors stay as
they are, and how many steps were good is counted on the device and read now and then.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import TrainingDivergedError
from ..types import Batch

__all__ = ["FiniteGuard", "NotFiniteError", "divergence", "holds_numbers"]


class NotFiniteError(ArithmeticError):
    """A loss or gradient was not finite; `num_good` steps were taken before.

    Args:
        num_good: Steps since the guard was made whose loss and gradient were finite.
        loss: The first loss that was not taken.
    """

    def __init__(self, num_good: int, loss: float) -> None:
        super().__init__(f"after {num_good} steps the loss is {loss:g}")
        self.num_good, self.loss = num_good, loss


class FiniteGuard:
    """Lets an optimiser step only with a finite loss and finite gradients.

    A finite gradient can still lead to weights whose loss is not: `step_back` then brings back
    those of one step before, with which it was. A deferred guard always does, since it cannot
    look at the batch for another cause.

    Args:
        optimizer: What steps.
        weights: Returns the tensors that a step may change.
        deferred: Mask updates and look at the outcome in `settle` alone, without waiting for the
            device in between.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        weights: Callable[[], list[Tensor]],
        deferred: bool,
    ) -> None:
        self.optimizer, self.weights, self.deferred = optimizer, weights, deferred
        self._before: list[Tensor] | None = None  # with these the loss was finite
        self._num_good = 0
        self._finite: Bool[Tensor, ""] | None = None
        self._count: Tensor | None = None
        self._loss: Tensor | None = None

    @property
    def finite(self) -> Bool[Tensor, ""] | None:
        """Whether all steps were finite, on the device; `None` where each is looked at."""
        return self._finite

    @torch.no_grad()
    def step(self, loss: Float[Tensor, ""]) -> None:
        """Steps the optimiser, if it may.

        Raises:
            NotFiniteError: If it may not; when deferred, `settle` raises it.
        """
        finite = self._is_finite(loss)
        if self.deferred:
            self._masked_step(loss, finite)
            return
        if not bool(finite):
            raise NotFiniteError(self._num_good, float(loss))
        self._before = [tensor.clone() for tensor in self.weights()]
        self.optimizer.step()

    def count(self) -> None:
        """Counts one step that was taken; a graph takes them without a call of `step`."""
        self._num_good += 1

    def settle(self) -> None:
        """Waits for the device and says whether all steps were finite.

        Raises:
            NotFiniteError: If one was not. All tensors are those of the last finite step.
        """
        if self._finite is None or bool(self._finite):
            return
        assert self._count is not None
        assert self._loss is not None
        masked, self._num_good = self._num_good - int(self._count), int(self._count)
        for state in self.optimizer.state.values():
            if "step" in state and state["step"].device != self.weights()[0].device:
                state["step"] -= masked  # a counter that is kept on the CPU was not masked
        raise NotFiniteError(self._num_good, float(self._loss))

    def _masked_step(self, loss: Float[Tensor, ""], finite: Bool[Tensor, ""]) -> None:
        weights = self.weights()
        if self._finite is None:
            self._finite, self._loss = torch.ones_like(finite), loss.clone()
            self._count = torch.zeros_like(finite, dtype=torch.int64)
            self._before = [tensor.clone() for tensor in weights]
        assert self._before is not None
        assert self._count is not None
        assert self._loss is not None
        self._loss.copy_(torch.where(self._finite, loss, self._loss))  # the first that was not
        self._finite.logical_and_(finite)
        # A finite loss vouches for the weights that it was computed with.
        _copy_where(self._finite | loss.isfinite(), self._before, weights)
        state = self._state()
        saved = dict(zip(map(id, state), _flat(state).split(_sizes(state)), strict=True))
        self.optimizer.step()
        stepped = self._state()  # after a first step there is more of it, which began at zero
        old = [saved.get(id(one), torch.zeros_like(one)).view_as(one) for one in stepped]
        _copy_where(~self._finite, stepped, old)
        _copy_where(~self._finite, weights, self._before)
        self._count.add_(self._finite)

    @torch.no_grad()
    def step_back(self) -> None:
        """Brings back the last weights whose loss was finite."""
        for tensor, before in zip(self.weights(), self._before or self.weights(), strict=True):
            tensor.copy_(before)

    def _state(self) -> list[Tensor]:
        """Returns the optimiser's tensors that live on the device of the weights."""
        device = self.weights()[0].device
        entries = [value for state in self.optimizer.state.values() for value in state.values()]
        return [t for t in entries if isinstance(t, Tensor) and t.device == device]

    def _is_finite(self, loss: Float[Tensor, ""]) -> Bool[Tensor, ""]:
        """Returns whether one sum is finite, since a single NaN or infinity shows in it."""
        gradients = [
            parameter.grad.flatten()
            for group in self.optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        return torch.cat([loss.reshape(1), *gradients]).sum().isfinite()


def _copy_where(mask: Bool[Tensor, ""], targets: list[Tensor], sources: list[Tensor]) -> None:
    """Copies all tensors or none, in a few launches however many they are."""
    if targets:
        chosen = torch.where(mask, _flat(sources), _flat(targets)).split(_sizes(targets))
        views = [part.view_as(one) for part, one in zip(chosen, targets, strict=True)]
        torch._foreach_copy_(targets, views)


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in tensors]) if tensors else torch.empty(0)


def _sizes(tensors: list[Tensor]) -> list[int]:
    return [one.numel() for one in tensors]


def divergence(
    error: NotFiniteError, step: int, rate: float, batch: Batch | None = None
) -> TrainingDivergedError:
    """Returns what to tell the user.

    Args:
        error: What the guard raised.
        step: The step that failed, from 1.
        rate: The learning rate.
        batch: The batch of that step, where it is still known.
    """
    lower, extreme = f"lower the learning rate ({rate:g})", "look for extreme values in the data"
    if math.isfinite(error.loss):
        advice = f"Its gradient is not: {lower} or raise the temperature."
    elif batch is not None and not holds_numbers(batch):
        advice = "The batch holds NaN or infinity: look at the data and its augmentation."
    elif step == 1:
        advice = f"It is the first step: {extreme}, or {lower}."
    else:
        advice = f"{lower[0].upper()}{lower[1:]} or {extreme}."
    return TrainingDivergedError(
        f"loss and gradients must stay finite; at step {step} the loss is {error.loss:g}. The "
        f"weights are those of the last finite step. {advice}"
    )


def holds_numbers(batch: Batch) -> bool:
    """Returns whether all windows of a batch are finite."""
    sessions = [batch.session(number) for number in range(len(batch.recordings))]
    windows = [w for one in sessions for w in (one.reference, *one.positive, one.negative)]
    return all(bool(part.isfinite().all()) for part in windows)
