"""A solver is a model, objectives and an optimiser, with the loop that trains them."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..data.loader import ContrastiveLoader
from ..errors import DataError
from ..models.base import OffsetModel, has_dropout
from ..models.jacobian import JacobianRegularizer
from ..models.multisession import Encoder
from ..types import Batch, Objective
from ..utils.locks import FolderLock
from ..utils.seeding import Streams, derive_seed, private_torch_rng
from .callbacks import EarlyStopping
from .checkpoint import save_state
from .embed import transform
from .evaluate import mean_loss
from .fingerprint import Fingerprint
from .graph import graph_of
from .guard import FiniteGuard, NotFiniteError, divergence, holds_numbers
from .history import History
from .loss import Additions, check_objectives, total_loss, training_loss
from .memory import explained_batches, explains_memory
from .momentum import MomentumQueue
from .run import Run, own_callbacks, resume_from
from .signals import Interrupts
from .state import load_solver, restore_solver, solver_state
from .train import Beginning, Callback, Losses, train
from .weighting import Balance

__all__ = ["EarlyStoppingSolver", "SingleSessionSolver"]

log = logging.getLogger(__name__)

_READ_EVERY = 200  # steps whose outcome stays on the device


class SingleSessionSolver:
    """Trains a model on one recording, or one of several sessions on all of them together.

    Args:
        model: Maps windows `(B, N, L)` to `(B, D, L - span + 1)`; has an `offset`. Or a
            `MultiSessionModel` for a loader of as many recordings.
        criterion: Maps reference, positive and negative points to a loss; or several
            `Objective`s, one for each positive that the loader draws.
        optimizer: Over the parameters of the model, of the criterion and of the balance.
        scheduler: Changes the learning rate after each step, or `None`.
        balance: Learns how much each objective counts, see `solver.weighting`.
        regularizer: Adds a penalty on the Jacobian to what a step minimises.
        queue: Adds negatives of former steps, see `solver.momentum`.

    Attributes:
        history: Losses of all steps, see `History`; `"loss"`, its parts, `"temperature"`.
        validation_history: Pairs of step and held-out loss.
        num_steps: Steps done so far.
        stop_reason: Why training ended before its last step, or `None`.
        interrupted: Whether Ctrl-C or another signal ended the last training.

    Example:
        >>> from cebra_ethan.data.dataset import ContrastiveDataset
        >>> from cebra_ethan.models.criterions import InfoNCE
        >>> from cebra_ethan.models.model import Offset1Model
        >>> model, criterion = Offset1Model(5, 8, 3), InfoNCE()
        >>> loader = ContrastiveLoader(ContrastiveDataset(torch.randn(99, 5)), 16, num_steps=4)
        >>> solver = SingleSessionSolver(model, criterion, torch.optim.Adam(model.parameters()))
        >>> len(solver.fit(loader).history["loss"])
        4
    """

    def __init__(
        self,
        model: Encoder,
        criterion: nn.Module | Sequence[Objective],
        optimizer: torch.optim.Optimizer,
        *,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
        balance: Balance | None = None,
        regularizer: JacobianRegularizer | None = None,
        queue: MomentumQueue | None = None,
    ) -> None:
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.additions, self.queue = Additions(balance, regularizer, queue), queue
        single = [Objective(criterion)] if isinstance(criterion, nn.Module) else criterion
        self.objectives = tuple(single)
        check_objectives(self.objectives, balance, optimizer)
        distinct = dict.fromkeys(objective.criterion for objective in self.objectives)
        self.criterions = nn.ModuleList([*distinct, *([] if balance is None else [balance])])
        self.history = History()
        self.validation_history: list[tuple[int, float]] = []
        self.num_steps, self.interrupted = 0, False
        self.stop_reason: str | None = None
        self._moving = False  # whether weights and optimiser are between two steps
        self._stopping: EarlyStopping | None = None
        self._seed = 0
        self._valid_seed: int | None = None
        self._fingerprint: Fingerprint | None = None
        self._has_dropout = has_dropout(model)
        self._renew_guard()

    def fit(
        self,
        loader: ContrastiveLoader,
        valid_loader: ContrastiveLoader | None = None,
        *,
        save_frequency: int | None = None,
        valid_frequency: int | None = None,
        logdir: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> SingleSessionSolver:
        """Trains from the step that was reached to the last step of the loader.

        Ctrl-C ends it after the running step, with a checkpoint; so do `SIGTERM` and `SIGUSR1`
        where there is a `logdir`. See `solver.signals`.

        Args:
            loader: Gives the batches.
            valid_loader: Held-out data; its batches are the same at every evaluation.
            save_frequency: Steps between two checkpoints; needs `logdir`.
            valid_frequency: Steps between two evaluations; a hundredth of all by default.
            logdir: Folder for `last.ckpt`, `previous.ckpt` (the one before), `best.ckpt` (early
                stopping) and `history.csv`; locked for other trainings meanwhile.
            resume: Continue from `logdir/last.ckpt` if it is there; with a warning from
                `previous.ckpt` if it is damaged. The resumed run equals the uninterrupted one bit
                for bit.
            progress: Show a bar with loss, bits and steps per second.
            callbacks: Called after each step, after the solver's own; see also `Beginning`.
            settings: What else a resumed training must agree in, see `Run`.

        Raises:
            DataError: If `save_frequency` or `resume` is given without `logdir`.
            FolderInUseError: If another training writes into `logdir`.
            CheckpointError: If `resume` finds damaged checkpoints alone, or one of other data,
                another seed or other settings.
            TrainingDivergedError: If loss or gradients stop being finite. The weights are then
                those of the last finite step.
        """
        if logdir is None and (save_frequency or resume):
            raise DataError("save_frequency and resume need a folder; pass logdir as well.")
        folder = None if logdir is None else Path(logdir)
        run = Run(
            *(loader, valid_loader, valid_frequency, folder, save_frequency),
            *(resume, progress, callbacks, settings),
        )
        self.interrupted = self._moving = False
        try:
            with ExitStack() as stack:
                interrupts = stack.enter_context(Interrupts(run.checkpoint))
                run.bind(self.model.offset)
                if folder is not None:
                    stack.enter_context(FolderLock(folder))
                self._run(run, interrupts)
        except (KeyboardInterrupt, SystemExit):
            self.interrupted = True
            raise
        return self

    def _run(self, run: Run, interrupts: Interrupts) -> None:
        loader, valid_loader = run.loader, run.valid_loader
        self._stopping = self._early_stopping(valid_loader, run.valid_every)
        self._fingerprint = run.fingerprint()
        resumed = resume_from(self, run)
        ended = None if resumed is None or self._stopping is None else self._stopping.reason
        if self._stopping is not None and ended is not None:
            self.stop_reason, self._stopping.validate = ended, None  # no step is missing
            self._finish(run.folder)
            return
        self._seed, self.stop_reason = loader.seed, None
        self._valid_seed = None if valid_loader is None else valid_loader.seed
        callbacks = [*own_callbacks(self, run, resumed), *run.callbacks, interrupts]
        for callback in callbacks:
            if isinstance(callback, Beginning):
                callback.begin(self)
        self.model.train()
        try:
            self._graph = graph_of(self, loader)
            batches = explained_batches(loader, self.num_steps)
            self.stop_reason = train(self.step, batches, callbacks, self.num_steps)
            self._read_guard()
        finally:
            self.model.eval()
            self._renew_guard()  # it holds a copy of the weights, the graph memory of the device
            if self._stopping is not None:
                self._stopping.validate = None  # it holds the data, which no copy should carry
        if interrupts.reason is None or self.stop_reason != interrupts.reason:
            self._finish(run.folder)

    @explains_memory
    def step(self, batch: Batch) -> Losses:
        """Updates the weights on one batch and returns its losses, detached."""
        losses = (self._graph or self._update)(batch)
        self._guard.count()
        if self.queue is not None:
            self.queue.update(self.model, self._guard.finite)
        if self.scheduler is not None:
            self.scheduler.step()
        self.num_steps += 1
        self._moving = False
        if self.num_steps % _READ_EVERY == 0:
            self._read_guard()
        return losses

    def _update(self, batch: Batch) -> Losses:
        at = (self._seed, Streams.DROPOUT, self.num_steps)
        with private_torch_rng(derive_seed(*at)) if self._has_dropout else nullcontext():
            total, losses = self._minimised(batch)
            self.optimizer.zero_grad()
            total.backward()
        self._moving = True
        try:
            self._guard.step(total.detach())
        except NotFiniteError as error:
            self._moving = False  # the optimiser did not step
            if holds_numbers(batch) and not math.isfinite(error.loss):
                self._guard.step_back()
            raise divergence(error, self.num_steps + 1, self._rate, batch) from None
        return losses

    def _minimised(self, batch: Batch) -> tuple[Float[Tensor, ""], Losses]:
        at = (self.num_steps, self._seed)
        return training_loss(self.model, self.objectives, batch, *at, self.additions)

    def loss(self, batch: Batch) -> tuple[Float[Tensor, ""], Losses]:
        """Returns the weighted sum of all objectives, and their parts, see `loss.total_loss`."""
        return total_loss(self.model, self.objectives, batch)

    def validation(self, loader: ContrastiveLoader) -> float:
        """Returns the mean loss over the batches of a loader, in nats."""
        return mean_loss(self, loader)

    def transform(
        self,
        inputs: Float[Tensor, "time neurons"],
        segments: Int[Tensor, "trials 2"] | None = None,
        *,
        session: int = 0,
        pad: bool = True,
    ) -> Float[Tensor, "rows dims"]:
        """Returns one point for each time bin of a session, see `solver.embed.transform`."""
        return transform(self.encoder(session), inputs, segments, pad)

    def encoder(self, session: int = 0) -> OffsetModel:
        """Returns the model of one session."""
        return self.model if isinstance(self.model, OffsetModel) else self.model.encoder(session)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def to(self, device: torch.device) -> SingleSessionSolver:
        """Moves the model, the criteria and the optimiser's state; returns the solver."""
        for part in (self.model, self.criterions, self.queue):
            if part is not None:
                part.to(device)
        self.optimizer.load_state_dict(self.optimizer.state_dict())  # casts to the parameters'
        self._renew_guard()
        return self

    def save(
        self, path: str | os.PathLike[str], keep: str | os.PathLike[str] | None = None
    ) -> None:
        """Writes weights, optimiser, scheduler, history, seed and step.

        Args:
            path: Where the file will be.
            keep: The name that an old file at `path` takes.
        """
        save_state(path, {"kind": "solver", **self.state_dict()}, keep)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Reads what `save` wrote.

        Raises:
            CheckpointError: If the file is damaged or its weights do not fit.
        """
        load_solver(self, path)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that the next step depends on, and the history."""
        self._read_guard()
        return solver_state(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state_dict` was taken.

        Raises:
            CheckpointError: If a key, type, shape or value does not fit this solver, which then
                stays as it was.
        """
        restore_solver(self, state)
        self._renew_guard()

    def _early_stopping(
        self, valid_loader: ContrastiveLoader | None, every: int
    ) -> EarlyStopping | None:
        return None

    def _validate(self, loader: ContrastiveLoader, step: int) -> float:
        loss = self.validation(loader)
        self.validation_history.append((step, loss))
        return loss

    def _finish(self, logdir: str | os.PathLike[str] | None) -> None:
        """Runs after training that was neither interrupted nor failed."""

    def _weights(self) -> dict[str, Tensor]:
        parts = {"model": self.model, "criterions": self.criterions}
        return {f"{k}.{n}": v for k, part in parts.items() for n, v in part.state_dict().items()}

    def _tensors(self) -> list[Tensor]:
        parts = [self.model, self.criterions, *([] if self.queue is None else [self.queue.key])]
        return [t for part in parts for t in (*part.parameters(), *part.buffers())]

    def _read_guard(self) -> None:
        """Waits for the device and goes back to the last finite step if one was not finite."""
        try:
            self._guard.settle()
        except NotFiniteError as error:
            if self.queue is not None:
                self.queue.rewind(self.num_steps - self._guarded_from - error.num_good)
            self.num_steps = self._guarded_from + error.num_good
            self.history.truncate(self.num_steps)
            self._renew_guard()
            raise divergence(error, self.num_steps + 1, self._rate) from None

    def _renew_guard(self) -> None:
        waits = self.device.type != "cpu"
        self._guard = FiniteGuard(self.optimizer, self._tensors, deferred=waits)
        self._graph = None  # one would go on with the former guard
        self._guarded_from = self.num_steps

    @property
    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])


class EarlyStoppingSolver(SingleSessionSolver):
    """A solver that stops when the loss no longer improves, and goes back to the best weights.

    Give `fit` a `valid_loader` over held-out data; without one the smoothed training loss is
    watched, which does not guard against overfitting.

    Args:
        model: As for `SingleSessionSolver`; so are `criterion`, `optimizer` and `options`.
        patience: Evaluations without improvement after which training ends.
        min_delta: An improvement below it, in nats, is taken for the wandering of small batches.
    """

    def __init__(
        self,
        model: Encoder,
        criterion: nn.Module | Sequence[Objective],
        optimizer: torch.optim.Optimizer,
        *,
        patience: int = 10,
        min_delta: float = 0.05,
        **options: Any,
    ) -> None:
        super().__init__(model, criterion, optimizer, **options)
        self.patience, self.min_delta = patience, min_delta

    def _early_stopping(
        self, valid_loader: ContrastiveLoader | None, every: int
    ) -> EarlyStopping | None:
        return EarlyStopping(
            self._weights,
            None if valid_loader is None else partial(self._validate, valid_loader),
            patience=self.patience,
            min_delta=self.min_delta,
            every=every,
        )

    def _finish(self, logdir: str | os.PathLike[str] | None) -> None:
        assert self._stopping is not None
        if not self._stopping.best_weights:
            return
        for name, value in self._weights().items():
            value.copy_(self._stopping.best_weights[name])
        if self.queue is not None:
            self.queue.restart(self.model)
        log.info("restored the weights of step %d: %s", self._stopping.best_step, self.stop_reason)
        if logdir is not None:
            self.save(Path(logdir) / "best.ckpt")
