"""`cebra.solver`: what trains one recording, or several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import InvalidParameterError
from ...models.multisession import MultiSessionModel
from ...solver.base import SingleSessionSolver
from ...solver.callbacks import EveryFewSteps
from ...types import Objective

__all__ = ["HybridSolver", "Solver", "logged"]

_HYBRID_DIMS = 3


class Solver(SingleSessionSolver):
    """`SingleSessionSolver` with the keywords of `cebra`.

    Args:
        model: As for `SingleSessionSolver`.
        criterion: Likewise.
        optimizer: Likewise.
        history: Of no effect: a solver begins with none, see `load_state_dict`.
        decode_history: Likewise.
        log: Likewise.
        tqdm_on: Whether `fit` shows a bar.
        options: Further keywords of `SingleSessionSolver`.
    """

    def __init__(
        self,
        model: Any,
        criterion: Any,
        optimizer: torch.optim.Optimizer,
        history: Any = None,
        decode_history: Any = None,
        log: Any = None,
        tqdm_on: bool = True,
        **options: Any,
    ) -> None:
        if isinstance(model, nn.ModuleList):
            model = MultiSessionModel(list(model))  # type: ignore[arg-type] # encoders
        super().__init__(model, criterion, optimizer, **options)
        self.tqdm_on = tqdm_on

    def fit(
        self,
        loader: Any,
        valid_loader: Any = None,
        *,
        save_frequency: int | None = None,
        logdir: Any = None,
        decode: bool = False,
        save_hook: Callable[[int, Solver], object] | None = None,
        **options: Any,
    ) -> Solver:
        """Trains on a loader, see `SingleSessionSolver.fit`; what is drawn goes to the model.

        Args:
            loader: Gives the batches.
            valid_loader: Held-out data.
            save_frequency: Steps between two checkpoints, where there is a `logdir`, and between
                two calls of `save_hook`.
            logdir: Folder of the checkpoints.
            decode: Must be false: decode what `transform` gives, with `cebra.KNNDecoder`.
            save_hook: Called as `save_hook(step, solver)`.
            options: Further keywords of `SingleSessionSolver.fit`.

        Raises:
            InvalidParameterError: If something should be decoded on the way.
        """
        if decode:
            raise InvalidParameterError(
                "decode must be False: its decoder is deprecated in cebra since 0.0.2; got True. "
                "Decode what transform() gives, with cebra.KNNDecoder."
            )
        for one in (loader, valid_loader):
            if one is not None and one.device != self.device:
                one.device, one.offset = self.device, None  # binds anew
        if save_hook is not None and save_frequency is not None:
            hook = EveryFewSteps(lambda step: save_hook(step, self), save_frequency)
            options["callbacks"] = [*options.get("callbacks", ()), hook]
        if logdir is not None:
            options |= {"save_frequency": save_frequency, "logdir": logdir}
        super().fit(loader, valid_loader, **{"progress": self.tqdm_on, **options})
        return self

    def parameters(self, session_id: int | None = None) -> Iterator[nn.Parameter]:
        """Yields the parameters of the model, or of one session's, and of the criterion."""
        model = self.model if session_id is None else self.encoder(session_id)
        yield from model.parameters()
        yield from self.criterions.parameters()

    @property
    def num_parameters(self) -> int:
        """How many there are."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def criterion(self) -> nn.Module:
        """The loss, the first of several."""
        return self.objectives[0].criterion

    @property
    def log(self) -> dict[Any, list[float]]:
        """Losses of all steps: `pos`, `neg`, `total` and `temperature`."""
        return logged(self.history)

    @property
    def decode_history(self) -> list[float]:
        """Nothing: see `decode` of `fit`."""
        return []

    def validation(self, loader: Any, session_id: int | None = None) -> float:
        """Returns the mean loss over the batches of a loader; `session_id` is of no effect."""
        return super().validation(loader)

    def load_state_dict(self, state_dict: dict[str, Any], strict: bool = True) -> None:
        """Continues where `state_dict` was taken.

        Args:
            state_dict: What the method of that name gave.
            strict: Whether it must be whole; what is missing otherwise stays as it is.
        """
        super().load_state_dict(state_dict if strict else {**self.state_dict(), **state_dict})

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


def logged(history: Mapping[str, np.ndarray]) -> dict[Any, list[float]]:
    """Returns the losses of a history under the names of `cebra`, those of behaviour if hybrid."""
    first = "behavior/" if "behavior/align" in history else ""
    series = {
        "pos": f"{first}align",
        "neg": f"{first}uniform",
        "total": "loss",
        "temperature": f"{first}temperature",
    }
    return {key: history[name].tolist() for key, name in series.items() if name in history}


def _place(path: Any, logdir: Any, filename: str) -> Path:
    if (path is None) == (logdir is None):
        raise InvalidParameterError(
            f"a solver is kept at a path, or in a logdir; got path={path!r} and "
            f"logdir={logdir!r}. Pass one of them."
        )
    return Path(path) if logdir is None else Path(logdir) / filename
