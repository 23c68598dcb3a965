"""A solver is a model, objectives and an optimiser, with the loop that trains them."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..data.loader import ContrastiveLoader
from ..errors import CheckpointError, DataError
from ..models.base import OffsetModel
from ..models.multisession import Encoder
from ..types import Batch, Objective
from ..utils.seeding import Streams, derive_seed, private_torch_rng
from .callbacks import Checkpoints, CsvLog, EarlyStopping, EveryFewSteps, ProgressBar, Record
from .checkpoint import load_state, save_state
from .embed import transform
from .guard import FiniteGuard, NotFiniteError, divergence, holds_numbers
from .history import History
from .loss import total_loss
from .schema import check_solver_state
from .train import Callback, Losses, train

__all__ = ["EarlyStoppingSolver", "SingleSessionSolver"]

log = logging.getLogger(__name__)

_EVALUATIONS = 100  # of one training, unless the caller says how often

_READ_EVERY = 200  # steps whose outcome stays on the device


class SingleSessionSolver:
    """Trains a model on one recording, or one of several sessions on all of them together.

    Args:
        model: Maps windows `(B, N, L)` to `(B, D, L - span + 1)`; has an `offset`. Or a
            `MultiSessionModel` for a loader of as many recordings.
        criterion: Maps reference, positive and negative points to a loss; or several
            `Objective`s, one for each positive that the loader draws.
        optimizer: Over the parameters of the model and of the criterion.
        scheduler: Changes the learning rate after each step, or `None`.

    Attributes:
        history: Losses of all steps, see `History`; `"loss"`, its parts, `"temperature"`.
        validation_history: Pairs of step and held-out loss.
        num_steps: Steps done so far.
        stop_reason: Why training ended before its last step, or `None`.

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
    ) -> None:
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        single = [Objective(criterion)] if isinstance(criterion, nn.Module) else criterion
        self.objectives = tuple(single)
        distinct = dict.fromkeys(objective.criterion for objective in self.objectives)
        self.criterions = nn.ModuleList(distinct)
        self.history = History()
        self.validation_history: list[tuple[int, float]] = []
        self.num_steps = 0
        self.stop_reason: str | None = None
        self._stopping: EarlyStopping | None = None
        self._seed = 0
        self._valid_seed: int | None = None
        self._has_dropout = any(  # a layer of its own, or a number as in attention and recurrence
            "Dropout" in type(module).__name__ or getattr(module, "dropout", 0)
            for module in model.modules()
        )
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
    ) -> SingleSessionSolver:
        """Trains from the step that was reached to the last step of the loader.

        Args:
            loader: Gives the batches.
            valid_loader: Held-out data; its batches are the same at every evaluation.
            save_frequency: Steps between two checkpoints; needs `logdir`.
            valid_frequency: Steps between two evaluations; a hundredth of all by default.
            logdir: Folder for `last.ckpt`, `best.ckpt` (early stopping) and `history.csv`.
            resume: Continue from `logdir/last.ckpt` if it is there. The resumed run equals the
                uninterrupted one bit for bit.
            progress: Show a bar with loss, bits and steps per second.
            callbacks: Called after each step, after the solver's own.

        Raises:
            DataError: If `save_frequency` or `resume` is given without `logdir`.
            TrainingDivergedError: If loss or gradients stop being finite. The weights are then
                those of the last finite step.
        """
        if logdir is None and (save_frequency or resume):
            raise DataError("save_frequency and resume need a folder; pass logdir as well.")
        every = valid_frequency or max(1, loader.num_steps // _EVALUATIONS)
        offset = self.model.offset
        loader.bind(offset)
        if valid_loader is not None:
            valid_loader.bind(offset)
        self._stopping = self._early_stopping(valid_loader, every)
        if resume and (Path(logdir or "") / "last.ckpt").exists():
            self.load(Path(logdir or "") / "last.ckpt")
            loader.seed = self._seed
            if valid_loader is not None and self._valid_seed is not None:
                valid_loader.seed = self._valid_seed
            if self._stopping is not None and self._stopping.reason is not None:
                self.stop_reason = self._stopping.reason  # it had ended, no step is missing
                self._stopping.validate = None
                self._finish(logdir)
                return self
        self._seed, self.stop_reason = loader.seed, None
        self._valid_seed = None if valid_loader is None else valid_loader.seed
        own = self._callbacks(loader, valid_loader, every, save_frequency, logdir, progress)
        self.model.train()
        try:
            self.stop_reason = train(
                self.step, loader.batches(self.num_steps), [*own, *callbacks], self.num_steps
            )
            self._read_guard()
        finally:
            self.model.eval()
            self._renew_guard()  # it holds a copy of the weights
            if self._stopping is not None:
                self._stopping.validate = None  # it holds the data, which no copy should carry
        self._finish(logdir)
        return self

    def step(self, batch: Batch) -> Losses:
        """Updates the weights on one batch and returns its losses, detached."""
        with self._dropout_rng():
            total, losses = self.loss(batch)
            self.optimizer.zero_grad()
            total.backward()
        try:
            self._guard.step(total.detach())
        except NotFiniteError as error:
            if holds_numbers(batch) and not math.isfinite(error.loss):
                self._guard.restore()
            raise divergence(error, self.num_steps + 1, self._rate, batch) from None
        if self.scheduler is not None:
            self.scheduler.step()
        self.num_steps += 1
        if self.num_steps % _READ_EVERY == 0:
            self._read_guard()
        return losses

    def loss(self, batch: Batch) -> tuple[Float[Tensor, ""], Losses]:
        """Returns the weighted sum of all objectives, and each one's parts by name."""
        return total_loss(self.model, self.objectives, batch)

    @torch.no_grad()
    def validation(self, loader: ContrastiveLoader) -> float:
        """Returns the mean loss over the batches of a loader, in nats."""
        was_training = self.model.training
        self.model.eval()
        loader.bind(self.model.offset)
        losses = [self.loss(batch)[0] for batch in loader]
        self.model.train(was_training)
        return float(torch.stack(losses).mean())

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
        if isinstance(self.model, OffsetModel):
            return self.model
        return self.model.encoder(session)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def to(self, device: torch.device) -> SingleSessionSolver:
        """Moves the model, the criteria and the optimiser's state; returns the solver."""
        self.model.to(device)
        self.criterions.to(device)
        self.optimizer.load_state_dict(self.optimizer.state_dict())  # casts to the parameters'
        self._renew_guard()
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes weights, optimiser, scheduler, history, seed and step."""
        save_state(path, {"kind": "solver", **self.state_dict()})

    def load(self, path: str | os.PathLike[str]) -> None:
        """Reads what `save` wrote.

        Raises:
            CheckpointError: If the file is damaged or its weights do not fit.
        """
        state = load_state(path)
        kind = state.pop("kind", None)
        if kind != "solver":
            raise CheckpointError(f"{path} is not the checkpoint of a solver but of {kind!r}.")
        try:
            self.load_state_dict(state)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"a checkpoint must fit the solver that loads it; {path} does not: {error}. "
                "Build the solver with the model and optimiser that were saved."
            ) from error

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that the next step depends on, and the history."""
        self._read_guard()
        return {
            "model": dict(self.model.state_dict()),
            "criterions": dict(self.criterions.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "stopping": None if self._stopping is None else self._stopping.state_dict(),
            "history": self.history.state_dict(),
            "validation_history": torch.tensor(
                self.validation_history, dtype=torch.float64
            ).reshape(-1, 2),
            "num_steps": self.num_steps,
            "seed": self._seed,
            "valid_seed": self._valid_seed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state_dict` was taken.

        Raises:
            CheckpointError: If a key, type, shape or value does not fit this solver, which then
                stays as it was.
        """
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        check_solver_state(state, self.state_dict(), self._weights(), parameters)
        self.model.load_state_dict(state["model"])
        self.criterions.load_state_dict(state["criterions"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        if self._stopping is not None and state["stopping"] is not None:
            self._stopping.load_state_dict(state["stopping"])
        self.history.load_state_dict(state["history"])
        self.validation_history = [
            (int(step), loss) for step, loss in state["validation_history"].tolist()
        ]
        self.num_steps, self._seed = state["num_steps"], state["seed"]
        self._valid_seed = state.get("valid_seed")
        self._renew_guard()

    def _early_stopping(
        self, valid_loader: ContrastiveLoader | None, every: int
    ) -> EarlyStopping | None:
        return None

    def _callbacks(
        self,
        loader: ContrastiveLoader,
        valid_loader: ContrastiveLoader | None,
        every: int,
        save_frequency: int | None,
        logdir: str | os.PathLike[str] | None,
        progress: bool,
    ) -> list[Callback]:
        own: list[Callback] = [Record(self.history)]
        if self._stopping is not None:
            own.append(self._stopping)
        elif valid_loader is not None:
            own.append(EveryFewSteps(partial(self._validate, valid_loader), every))
        if logdir is not None:
            own.append(Checkpoints(self.save, logdir, save_frequency))
            own.append(CsvLog(self.history, Path(logdir) / "history.csv"))
        if progress:
            weight = sum(objective.weight for objective in self.objectives)
            own.append(ProgressBar(loader.num_steps, loader.num_negatives, self.num_steps, weight))
        return own

    def _validate(self, loader: ContrastiveLoader, step: int) -> float:
        loss = self.validation(loader)
        self.validation_history.append((step, loss))
        return loss

    def _finish(self, logdir: str | os.PathLike[str] | None) -> None:
        """Runs after training that was neither interrupted nor failed."""

    def _weights(self) -> dict[str, Tensor]:
        parts = {"model": self.model, "criterions": self.criterions}
        return {f"{k}.{n}": v for k, part in parts.items() for n, v in part.state_dict().items()}

    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        for name, value in self._weights().items():
            value.copy_(weights[name])

    def _tensors(self) -> list[Tensor]:
        parts = (self.model, self.criterions)
        return [t for part in parts for t in (*part.parameters(), *part.buffers())]

    def _read_guard(self) -> None:
        """Waits for the device and goes back to the last finite step if one was not finite."""
        try:
            self._guard.read()
        except NotFiniteError as error:
            self.num_steps = self._guarded_from + error.num_good
            self.history.truncate(self.num_steps)
            self._renew_guard()
            raise divergence(error, self.num_steps + 1, self._rate) from None

    def _renew_guard(self) -> None:
        waits = self.device.type != "cpu"
        self._guard = FiniteGuard(self.optimizer, self._tensors, deferred=waits)
        self._guarded_from = self.num_steps

    @property
    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def _dropout_rng(self) -> Any:
        if not self._has_dropout:
            return torch.enable_grad()
        return private_torch_rng(derive_seed(self._seed, Streams.DROPOUT, self.num_steps))


class EarlyStoppingSolver(SingleSessionSolver):
    """A solver that stops when the loss no longer improves, and goes back to the best weights.

    Give `fit` a `valid_loader` over held-out data; without one the smoothed training loss is
    watched, which does not guard against overfitting.

    Args:
        model: As for `SingleSessionSolver`.
        criterion: Likewise.
        optimizer: Likewise.
        patience: Evaluations without improvement after which training ends.
        min_delta: An improvement smaller than this does not count, in nats. The mean training
            loss of a few small batches wanders by about 0.05.
        scheduler: As for `SingleSessionSolver`.
    """

    def __init__(
        self,
        model: Encoder,
        criterion: nn.Module | Sequence[Objective],
        optimizer: torch.optim.Optimizer,
        *,
        patience: int = 10,
        min_delta: float = 0.05,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    ) -> None:
        super().__init__(model, criterion, optimizer, scheduler=scheduler)
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
        self._load_weights(self._stopping.best_weights)
        log.info("restored the weights of step %d: %s", self._stopping.best_step, self.stop_reason)
        if logdir is not None:
            self.save(Path(logdir) / "best.ckpt")
