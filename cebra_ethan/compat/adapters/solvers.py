"""`cebra.solver`: solvers by name."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import filter as matching
from typing import Any

import torch

from ...errors import InvalidParameterError
from ...solver.base import SingleSessionSolver
from ...types import Objective

__all__ = ["SOLVERS", "HybridSolver", "Solver", "get_options", "init"]

_HYBRID_DIMS = 3


class Solver(SingleSessionSolver):
    """`SingleSessionSolver` with the keywords of `cebra`.

    Args:
        model: As for `SingleSessionSolver`.
        criterion: Likewise.
        optimizer: Likewise.
        tqdm_on: Whether `fit` shows a bar.
    """

    def __init__(
        self, model: Any, criterion: Any, optimizer: torch.optim.Optimizer, tqdm_on: bool = True
    ) -> None:
        super().__init__(model, criterion, optimizer)
        self.tqdm_on = tqdm_on

    def fit(self, loader: Any, valid_loader: Any = None, **options: Any) -> Solver:
        """Trains on a loader, see `SingleSessionSolver.fit`."""
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


SOLVERS: dict[str, Callable[..., Solver]] = {
    "single-session": Solver,
    "single-session-full": Solver,
    "single-session-hybrid": HybridSolver,
    "multi-session": Solver,
}
"""Names of `cebra` that can be built; of the loader follows the rest."""

_REASONS = {
    "single-session-aux": "it cannot be built in cebra 0.6.1 either; train two solvers",
    "multi-session-aux": "it cannot be built in cebra 0.6.1 either; train two solvers",
    "unified-session": "use cebra_ethan.data.unified.UnifiedLoader with 'single-session'",
    "supervised-solver-xcebra": "use models.supervised.SupervisedModel",
    "multiobjective-solver": "use SingleSessionSolver with solver.objectives.make_objectives",
    "regularized-solver": "use SingleSessionSolver with models.jacobian.JacobianRegularizer",
}


def init(name: str, *args: Any, **kwargs: Any) -> Solver:
    """Returns a solver by its name.

    Args:
        name: A row of `SOLVERS`.
        args: `model`, `criterion` and `optimizer`, by name or in this order.
        kwargs: Likewise, and `tqdm_on`.

    Raises:
        InvalidParameterError: If there is no such solver; says what to use.
    """
    if name not in SOLVERS:
        reason = _REASONS.get(name, "there is no such name in cebra either")
        raise InvalidParameterError(
            f"a solver must be one of {', '.join(SOLVERS)}; got {name!r}: {reason}."
        )
    return SOLVERS[name](*args, **kwargs)


def get_options(pattern: str | None = None, limit: int | None = None) -> list[str]:
    """Returns names of solvers that match a shell-style pattern."""
    return matching(SOLVERS, pattern or "*")[:limit]
