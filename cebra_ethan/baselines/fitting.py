"""Training a network on epochs of a recording, by the package's loop, and keeping the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor, nn

from ..errors import TrainingDivergedError
from ..solver.callbacks import EarlyStopping, Record
from ..solver.history import History
from ..solver.train import Callback, Losses, train
from ..types import Batch, Indices, Offset, Recording
from ..utils.seeding import Streams, derive_seed

__all__ = ["Outcome", "batch_of", "epochs", "num_steps", "on_device", "train_network"]


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Args:
        history: Losses of all steps.
        best_loss: The smallest held-out loss.
        best_step: The step whose weights the network has now.
    """

    history: History
    best_loss: float
    best_step: int


def on_device(recording: Recording, device: torch.device) -> Recording:
    """Returns the recording with its activity on a device."""
    return replace(recording, neural=recording.neural.to(device))


def batch_of(recording: Recording, rows: Int[Tensor, " rows"], offset: Offset) -> Batch:
    """Returns the windows of some bins as a batch, whose references they are.

    Example:
        >>> recording = Recording(torch.zeros(9, 4))
        >>> batch_of(recording, torch.tensor([2, 5]), Offset(1, 2)).reference.shape
        torch.Size([2, 4, 3])
    """
    rows = rows.to(recording.neural.device)
    return Batch([recording], Indices(rows, (), rows[:, None][:, :0]), offset)


def num_steps(num_rows: int, batch_size: int) -> int:
    """Returns the steps of one epoch; the last batch may be smaller.

    Example:
        >>> num_steps(10, 4)
        3
    """
    return -(-num_rows // batch_size)


def epochs(
    recording: Recording,
    rows: Int[Tensor, " rows"],
    offset: Offset,
    *,
    batch_size: int,
    num_epochs: int,
    seed: int,
    start: int = 0,
) -> Iterator[Batch]:
    """Yields every row once in each epoch, in an order that seed and epoch decide.

    Args:
        recording: What the rows belong to.
        rows: Bins to train on.
        offset: The window around each.
        batch_size: Rows of a batch.
        num_epochs: How often each row comes.
        seed: Of the training.
        start: Number of the first epoch.
    """
    for epoch in range(start, start + num_epochs):
        generator = torch.Generator().manual_seed(derive_seed(seed, Streams.SAMPLING, epoch))
        order = rows[torch.randperm(len(rows), generator=generator)]
        for part in order.split(batch_size):
            yield batch_of(recording, part, offset)


def train_network(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Batch, int], Losses],
    batches: Iterator[Batch],
    *,
    validate: Callable[[int], float],
    every: int,
    patience: int,
    max_norm: float | None = None,
    start: int = 0,
    others: tuple[Callback, ...] = (),
) -> Outcome:
    """Trains until the batches end or patience does, and gives the network its best weights.

    Args:
        network: What is trained.
        optimizer: Over its parameters.
        loss: Of a batch at a step, counted from 0; `"loss"` is minimised.
        batches: What to train on.
        validate: Returns the held-out loss.
        every: Steps between two evaluations.
        patience: Evaluations without improvement after which training ends.
        max_norm: Longer gradients are shortened to it.
        start: Steps done before.
        others: Further callbacks, called before the weights are judged.

    Raises:
        TrainingDivergedError: If the loss stops being finite.
    """
    done = start

    def step(batch: Batch) -> Losses:
        nonlocal done
        losses = loss(batch, done)
        total = losses["loss"]
        value = float(total.detach())
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"the loss must stay finite; at step {done + 1} it is {value:g}. Lower the "
                "learning rate or look for extreme values in the data."
            )
        optimizer.zero_grad()
        total.backward()
        if max_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), max_norm)
        optimizer.step()
        done += 1
        return {name: value.detach() for name, value in losses.items()}

    history = History()
    judge = EarlyStopping(
        network.state_dict, validate, patience=patience, min_delta=0.0, every=every
    )
    train(step, batches, (Record(history), *others, judge), start)
    if judge.best_weights:
        network.load_state_dict(judge.best_weights)
    return Outcome(history, judge.best_loss, judge.best_step)
