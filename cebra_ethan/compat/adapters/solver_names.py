"""`cebra.solver`: solvers by name."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import filter as matching
from typing import Any

from ...errors import InvalidParameterError
from .multiobjective import (
    ContrastiveMultiobjectiveSolverxCEBRA,
    RegularizedSolver,
    SupervisedMultiobjectiveSolverxCEBRA,
)
from .solvers import HybridSolver, Solver
from .unified import UnifiedSolver

__all__ = ["SOLVERS", "get_options", "init", "register"]

SOLVERS: dict[str, Callable[..., Solver]] = {
    "single-session": Solver,
    "single-session-full": Solver,
    "single-session-hybrid": HybridSolver,
    "multi-session": Solver,
    "unified-session": UnifiedSolver,
    "multiobjective-solver": ContrastiveMultiobjectiveSolverxCEBRA,
    "supervised-solver-xcebra": SupervisedMultiobjectiveSolverxCEBRA,
    "regularized-solver": RegularizedSolver,
}
"""Names of `cebra` that can be built; of the loader follows the rest."""

_REASONS = {
    "single-session-aux": "it cannot be built in cebra 0.6.1 either; train two solvers",
    "multi-session-aux": "it cannot be built in cebra 0.6.1 either; train two solvers",
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


def register(name: str) -> Callable[[type[Solver]], type[Solver]]:
    """Returns a decorator that makes a solver of one's own known by a name.

    Args:
        name: A new one.

    Raises:
        InvalidParameterError: If there is such a solver.
    """
    if name in SOLVERS:
        raise InvalidParameterError(f"the name of a solver must be new; got {name!r}.")

    def add(cls: type[Solver]) -> type[Solver]:
        SOLVERS[name] = cls
        return cls

    return add


def get_options(pattern: str | None = None, limit: int | None = None) -> list[str]:
    """Returns names of solvers that match a shell-style pattern."""
    return matching(SOLVERS, pattern or "*")[:limit]
