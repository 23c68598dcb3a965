"""A training step as one CUDA graph: recorded once, then launched as a whole.

A step of a small encoder is a few hundred kernels of some microseconds, and a GPU waits for the
processor to launch each. A graph launches all of them at once. What changes between steps must
then lie where it lay when the graph was recorded: the drawn rows are copied into fixed tensors,
and the losses are copied out of them. Everything else of a step, weights, optimiser and guard,
already changes in place on the device. A graph cannot follow decisions of the processor; steps
that make some (dropout, augmentation, schedules, queues, further terms) are taken one kernel at a
time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..data.loader import ContrastiveLoader
from ..types import Batch, Indices
from .train import Losses

if TYPE_CHECKING:
    from .base import SingleSessionSolver

__all__ = ["GraphedStep", "graph_of"]

log = logging.getLogger(__name__)

_WARM_UP = 3  # plain steps before recording, so that libraries and the optimiser have their state


def graph_of(solver: SingleSessionSolver, loader: ContrastiveLoader) -> GraphedStep | None:
    """Returns a solver's step as a graph, if it is one that a graph can follow."""
    changing = (*solver.additions, solver.scheduler, loader.augmentation)
    decides = solver._has_dropout or any(part is not None for part in changing)
    scheduled = any(callable(objective.weight) for objective in solver.objectives)
    plain = solver.device.type == "cuda" and not decides and not scheduled
    return GraphedStep(solver._update) if plain else None


class GraphedStep:
    """Takes training steps by a graph once some plain ones are done.

    Args:
        step: Takes a plain step: losses of a batch, without waiting for the device.
        num_warm_up: Plain steps before the graph is recorded.
    """

    def __init__(self, step: Callable[[Batch], Losses], num_warm_up: int = _WARM_UP) -> None:
        self._step, self._left = step, num_warm_up
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream()

    def __call__(self, batch: Batch) -> Losses:
        """Takes one step and returns its losses."""
        if self._left == 0 and self._graph is None:
            self._record(batch)
        if self._graph is None or not self._fits(batch):
            self._left -= 1
            return self._aside(batch)
        for fixed, new in zip(_rows(self._batch.indices), _rows(batch.indices), strict=True):
            fixed.copy_(new)
        self._graph.replay()
        return {**self._constant, **dict(zip(self._names, self._losses.clone(), strict=True))}

    def _aside(self, batch: Batch) -> Losses:
        """Takes a plain step on the stream that the graph is recorded on."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            losses = self._step(batch)
        torch.cuda.current_stream().wait_stream(self._stream)
        return losses

    def _record(self, batch: Batch) -> None:
        indices = batch.indices
        fixed = Indices(
            indices.reference.clone(),
            tuple(rows.clone() for rows in indices.positive),
            indices.negative.clone(),
        )
        self._batch = replace(batch, indices=fixed)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                losses = self._step(self._batch)
                self._names = [name for name, value in losses.items() if value.is_cuda]
                self._losses = torch.stack([losses[name] for name in self._names])
        except RuntimeError as error:  # a model of the user's may wait for the device
            log.warning("steps are taken one kernel at a time, not as a CUDA graph: %s", error)
            return
        self._constant = {name: one for name, one in losses.items() if name not in self._names}
        self._graph = graph

    def _fits(self, batch: Batch) -> bool:
        pairs = zip(_rows(self._batch.indices), _rows(batch.indices), strict=True)
        return batch.recordings is self._batch.recordings and all(
            one.shape == other.shape for one, other in pairs
        )


def _rows(indices: Indices) -> list[Tensor]:
    return [indices.reference, *indices.positive, indices.negative]
