"""What happens between steps: history, validation, stopping, saving, showing."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ..utils.files import atomic_write
from .history import History
from .train import Losses

__all__ = [
    "LAST",
    "PREVIOUS",
    "Checkpoints",
    "CsvLog",
    "EarlyStopping",
    "EveryFewSteps",
    "ProgressBar",
    "Record",
]

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
"""The newest checkpoint of a training, and the one before."""

log = logging.getLogger(__name__)

_SHOWN_EVERY = 10  # reading a loss waits for the device


class Record:
    """Keeps the losses of every step in a history.

    Args:
        history: What is filled.

    Attributes:
        step: The last step that is in it; `None` before the first.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.step: int | None = None

    def after_step(self, step: int, losses: Losses) -> None:
        """Adds the losses of one step."""
        self.history.append(losses)
        self.step = step

    def finish(self) -> None:
        """Reads what is still on the device."""
        self.history.flush()


class EveryFewSteps:
    """Calls a function when the number of the step is a multiple of `every`.

    Args:
        function: Gets the number of the step.
        every: Steps between two calls.
    """

    def __init__(self, function: Callable[[int], object], every: int) -> None:
        self.function, self.every = function, every

    def after_step(self, step: int, losses: Losses) -> None:
        """Calls the function if it is time."""
        if step % self.every == 0:
            self.function(step)

    def finish(self) -> None:
        """Has nothing to do."""


class EarlyStopping:
    """Ends training when the monitored loss has not improved for a while, and keeps the best.

    The monitored loss is that of held-out data, on the same draws at every evaluation; without
    held-out data it is the mean training loss since the last evaluation.

    Args:
        weights: Returns the weights to keep, a flat mapping of names to tensors.
        validate: Returns the loss of held-out data, or `None` where there is none.
        patience: Evaluations without improvement after which training ends, at least 1.
        min_delta: An improvement smaller than this does not count, in nats.
        every: Steps between two evaluations.

    Attributes:
        best_loss: The smallest monitored loss.
        best_step: The step it was reached at; 0 before the first evaluation.
        best_weights: The weights at that step.
    """

    def __init__(
        self,
        weights: Callable[[], dict[str, torch.Tensor]],
        validate: Callable[[int], float] | None,
        *,
        patience: int,
        min_delta: float,
        every: int,
    ) -> None:
        self.weights, self.validate = weights, validate
        self.patience, self.min_delta, self.every = patience, min_delta, every
        self.best_loss, self.best_step = math.inf, 0
        self.best_weights: dict[str, torch.Tensor] = {}
        self._num_bad = 0
        self._losses: list[torch.Tensor] = []
        if validate is None:
            log.info("no held-out data: early stopping watches the smoothed training loss")

    def after_step(self, step: int, losses: Losses) -> str | None:
        """Evaluates if it is time; returns a reason to stop when patience is at its end."""
        self._losses.append(losses.get("objectives", losses["loss"]).detach())
        if step % self.every:
            return None
        smoothed = float(torch.stack(self._losses).mean())
        self._losses = []
        loss = smoothed if self.validate is None else self.validate(step)
        if loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_step, self._num_bad = loss, step, 0
            self.best_weights = {name: value.clone() for name, value in self.weights().items()}
            return None
        self._num_bad += 1
        return self.reason

    @property
    def reason(self) -> str | None:
        """Why training ends here, or `None` while there is patience."""
        if self._num_bad < self.patience:
            return None
        step = self.best_step + self._num_bad * self.every
        return f"no improvement over {self.best_loss:.4f} (step {self.best_step}) by step {step}"

    def finish(self) -> None:
        """Has nothing to do; the solver restores the best weights."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        return {
            "best_loss": self.best_loss,
            "best_step": self.best_step,
            "best_weights": self.best_weights,
            "num_bad": self._num_bad,
            "losses": self._losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state_dict` was taken."""
        self.best_loss, self.best_step = state["best_loss"], state["best_step"]
        self.best_weights = state["best_weights"]
        self._num_bad, self._losses = state["num_bad"], list(state["losses"])


class Checkpoints:
    """Saves every few steps and at the end, also after an interrupt, and keeps two.

    `last.ckpt` becomes `previous.ckpt` when a new one is on disk. What another training left
    in the folder is replaced, and so is a `last.ckpt` that could not be read.

    Args:
        save: Writes a checkpoint to a path; the old file takes the name `keep`, if there is one.
        folder: Where the files go.
        every: Steps between two saves; `None` saves at the end only.
        resumed: The file that the training continues, `None` for a new training.
        is_whole: Whether the state is that after a step. When a second Ctrl-C or a lack of memory
            ends training inside a step, nothing is saved.
    """

    def __init__(
        self,
        save: Callable[[Path, Path | None], None],
        folder: str | os.PathLike[str],
        every: int | None,
        *,
        resumed: Path | None = None,
        is_whole: Callable[[], bool] = lambda: True,
    ) -> None:
        self.save, self.every, self.is_whole = save, every, is_whole
        self.path, self.previous = Path(folder) / LAST, Path(folder) / PREVIOUS
        self._is_new, self._has_last = resumed is None, resumed == self.path
        self._saved = True

    def after_step(self, step: int, losses: Losses) -> None:
        """Saves if it is time."""
        self._saved = False
        if self.every is not None and step % self.every == 0:
            self._save()

    def finish(self) -> None:
        """Saves what was done since the last save."""
        if self._saved:
            return
        if self.is_whole():
            self._save()
        else:
            log.warning("training ended inside a step; %s is not of that step", self.path)

    def _save(self) -> None:
        self.save(self.path, self.previous if self._has_last else None)
        if self._is_new:
            self.previous.unlink(missing_ok=True)
        self._is_new, self._has_last, self._saved = False, True, True


class CsvLog:
    """Writes the history as a table, one row a step, every few steps and when training ends.

    Args:
        history: Read when the table is written; `Record` fills it.
        path: The file to write.
        every: Steps between two writes, since each waits for the device; `None` writes at the
            end only.
    """

    def __init__(
        self, history: History, path: str | os.PathLike[str], every: int | None = None
    ) -> None:
        self.history, self.path, self.every = history, path, every
        self._names: list[str] = []
        self._rows: list[str] = []  # as text already, so that each is formatted once

    def after_step(self, step: int, losses: Losses) -> None:
        """Writes the table if it is time."""
        if self.every is not None and step % self.every == 0:
            self._write()

    def finish(self) -> None:
        """Writes the table."""
        self._write()

    def _write(self) -> None:
        names = list(self.history)
        series = [self.history[name] for name in names]
        known = len(self._rows)
        if names != self._names or (series and known > len(series[0])):  # steps were taken back
            self._names, self._rows, known = names, [], 0
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["step", *names])
        for step, row in enumerate(zip(*(one[known:] for one in series), strict=True), known + 1):
            self._rows.append(f"{step},{','.join(f'{value:.6g}' for value in row)}\r\n")
        with atomic_write(self.path) as file:
            file.write(f"{text.getvalue()}{''.join(self._rows)}".encode())


class ProgressBar:
    """Shows loss, goodness of fit in bits, and steps per second on standard error.

    Args:
        total: Steps in all.
        num_negatives: Negatives that one reference sees; chance is their logarithm.
        start: Steps done before.
        weight: Sum of the weights of all objectives; bits are their weighted mean.
    """

    def __init__(
        self, total: int, num_negatives: int, start: int = 0, weight: float = 1.0
    ) -> None:
        self._chance, self._weight = math.log(num_negatives), weight
        self._bar = tqdm(total=total, initial=start, unit="step", dynamic_ncols=True)

    def after_step(self, step: int, losses: Losses) -> None:
        """Moves the bar."""
        if step % _SHOWN_EVERY == 0:
            loss = float(losses.get("objectives", losses["loss"]))  # without what is added
            seen = losses.get("num_negatives")
            chance = self._chance if seen is None else math.log(float(seen))
            bits = (chance - loss / self._weight) / math.log(2)
            self._bar.set_postfix_str(f"loss {loss:.3f}, {bits:.2f} bits", refresh=False)
        self._bar.update(1)

    def finish(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
