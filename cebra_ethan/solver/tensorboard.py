"""Losses in TensorBoard while a training runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..utils.optional import require
from .train import Losses

if TYPE_CHECKING:
    from .base import SingleSessionSolver

__all__ = ["TensorBoardLog"]


class TensorBoardLog:
    """Writes losses, temperature, learning rate and held-out loss for TensorBoard.

    A callback of `SingleSessionSolver.fit`, and of the estimator: `CEBRA().fit(X,
    callback=TensorBoardLog("runs/one"))`. Reading a loss waits for the device, hence `every`. A
    resumed training continues its curves.

    Args:
        logdir: Folder of the event files; `tensorboard --logdir` shows it.
        every: Steps between two points of a curve.

    Raises:
        MissingDependencyError: If TensorBoard is not installed (extra `tracking`).
    """

    def __init__(self, logdir: str | os.PathLike[str], every: int = 10) -> None:
        require("tensorboard", extra="tracking")
        self.logdir, self.every = os.fspath(logdir), every
        self._writer: Any = None
        self._solver: SingleSessionSolver | None = None
        self._num_validated = 0

    def begin(self, solver: SingleSessionSolver) -> None:
        """Opens the files; points of later steps, from a run that was cut, are forgotten."""
        writer = require("torch.utils.tensorboard", extra="tracking").SummaryWriter
        self._writer = writer(self.logdir, purge_step=solver.num_steps + 1)
        self._solver, self._num_validated = solver, len(solver.validation_history)

    def after_step(self, step: int, losses: Losses) -> None:
        """Adds the points of a step if it is time."""
        if self._writer is None or self._solver is None or step % self.every:
            return
        for name, value in losses.items():
            self._writer.add_scalar(f"training/{name}", float(value), step)
        rate = self._solver.optimizer.param_groups[0]["lr"]
        self._writer.add_scalar("training/learning_rate", float(rate), step)
        self._add_validation()

    def finish(self) -> None:
        """Adds what was validated since the last point and closes the files."""
        if self._writer is not None:
            self._add_validation()
            self._writer.close()
            self._writer = self._solver = None

    def _add_validation(self) -> None:
        assert self._solver is not None
        for step, loss in self._solver.validation_history[self._num_validated :]:
            self._writer.add_scalar("validation/loss", loss, step)
        self._num_validated = len(self._solver.validation_history)
