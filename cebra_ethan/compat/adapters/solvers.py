"""`cebra.solver`: what trains one recording, or several."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ...errors import InvalidParameterError
from ...solver.base import SingleSessionSolver
from ...types import Objective

__all__ = ["HybridSolver", "Solver"]

_HYBRID_DIMS = 3


class Solver(SingleSessionSolver):
    """`SingleSessionSolver` with the keywords of `cebra`.

    Args:
        model: As for `SingleSessionSolver`.
        criterion: Likewise.
        optimizer: Likewise.
        tqdm_on: Whether `fit` shows a bar.
        options: Further keywords of `SingleSessionSolver`.
    """

    def __init__(
        self,
        model: Any,
        criterion: Any,
        optimizer: torch.optim.Optimizer,
        tqdm_on: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(model, criterion, optimizer, **options)
        self.tqdm_on = tqdm_on

    def fit(self, loader: Any, valid_loader: Any = None, **options: Any) -> Solver:
        """Trains on a loader, see `SingleSessionSolver.fit`; what is drawn goes to the model."""
        for one in (loader, valid_loader):
            if one is not None and one.device != self.device:
                one.device, one.offset = self.device, None  # binds anew
        super().fit(loader, valid_loader, **{"progress": self.tqdm_on, **options})
        return self

    def to(self, device: Any) -> Solver:
        """Moves the solver to a device; returns it."""
        super().to(torch.device(device))
        return self

    def transform(self, inputs: Any, *args: Any, **options: Any) -> Any:
        """Returns one point for each bin of `(T, N)`, see `SingleSessionSolver.transform`.

        `session_id` is what `session` is called in `cebra`, `pad_before_transform` is `pad`;
        `batch_size` is of no effect.
        """
        options.pop("batch_size", None)
        session = options.pop("session_id", None)
        if "pad_before_transform" in options:
            options["pad"] = options.pop("pad_before_transform")
        if session is not None:
            options["session"] = session
        return super().transform(inputs, *args, **options)

    def save(
        self,
        path: Any = None,
        keep: Any = None,
        *,
        logdir: str | os.PathLike[str] | None = None,
        filename: str = "checkpoint_last.pth",
    ) -> None:
        """Writes the solver, see `SingleSessionSolver.save`.

        Args:
            path: Where the file will be; or say it by `logdir` and `filename`.
            keep: The name that an old file takes.
            logdir: A folder, which is made.
            filename: The file in it.
        """
        place = _place(path, logdir, filename)
        if logdir is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
        super().save(place, keep)

    def load(
        self,
        path: Any = None,
        *,
        logdir: str | os.PathLike[str] | None = None,
        filename: str = "checkpoint_last.pth",
    ) -> None:
        """Reads what `save` wrote; the arguments are those."""
        super().load(_place(path, logdir, filename))


def HybridSolver(model: Any, criterion: Any, optimizer: Any, **options: Any) -> Solver:
    """Returns a solver that learns behaviour in the first dimensions and time in all.

    Args:
        model: As for `Solver`.
        criterion: Likewise; both objectives share it.
        optimizer: Likewise.
        options: Likewise.
    """
    behavior = Objective(criterion, "behavior", dims=slice(_HYBRID_DIMS))
    return Solver(model, [behavior, Objective(criterion, "time")], optimizer, **options)


def _place(path: Any, logdir: Any, filename: str) -> Path:
    if (path is None) == (logdir is None):
        raise InvalidParameterError(
            f"a solver is kept at a path, or in a logdir; got path={path!r} and "
            f"logdir={logdir!r}. Pass one of them."
        )
    return Path(path) if logdir is None else Path(logdir) / filename
