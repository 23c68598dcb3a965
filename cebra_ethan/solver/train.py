"""The training loop: the only one in the package."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from ..types import Batch

__all__ = ["Beginning", "Callback", "Losses", "train"]

Losses = Mapping[str, Tensor]
"""Named scalars of one step, on the device; `"loss"` is what was minimised."""


@runtime_checkable
class Callback(Protocol):
    """Something that happens between steps: saving, validating, stopping, showing progress."""

    def after_step(self, step: int, losses: Losses) -> str | None:
        """Runs after step number `step` (from 1); a returned reason ends the training."""

    def finish(self) -> None:
        """Runs once at the end, also after an error or an interrupt."""


@runtime_checkable
class Beginning(Protocol):
    """A callback that wants to know what is trained."""

    def begin(self, solver: Any) -> None:
        """Runs before the first step, when a resumed training has found its state."""


def train(
    step: Callable[[Batch], Losses],
    batches: Iterable[Batch],
    callbacks: Sequence[Callback] = (),
    start: int = 0,
) -> str | None:
    """Trains on batches, one step each, until they end or a callback stops it.

    Args:
        step: Updates the weights and returns its losses without waiting for the device.
        batches: What to train on.
        callbacks: Called in order after each step; all of them, also when one stops.
        start: Steps that were done before, for training that is continued.

    Returns:
        The reason of the callback that stopped the training, or `None`.
    """
    with ExitStack() as stack:
        for callback in reversed(callbacks):  # each of them, in order, whatever another raises
            stack.callback(callback.finish)
        for number, batch in enumerate(batches, start=start + 1):
            losses = step(batch)
            reasons = [callback.after_step(number, losses) for callback in callbacks]
            if any(reasons):
                return next(reason for reason in reasons if reason)
    return None
