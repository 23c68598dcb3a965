"""Everything that the next step of a solver depends on, as a nest that a file can hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError
from .checkpoint import load_state
from .schema import ADVICE, check_solver_state

if TYPE_CHECKING:
    from .base import SingleSessionSolver

__all__ = ["load_solver", "restore_solver", "solver_state"]


def solver_state(solver: SingleSessionSolver) -> dict[str, Any]:
    """Returns weights, optimiser, scheduler, early stopping, history, seeds and step."""
    validation = torch.tensor(solver.validation_history, dtype=torch.float64)
    queue = {} if solver.queue is None else {"queue": dict(solver.queue.state_dict())}
    return {
        **queue,
        "model": dict(solver.model.state_dict()),
        "criterions": dict(solver.criterions.state_dict()),
        "optimizer": solver.optimizer.state_dict(),
        "scheduler": None if solver.scheduler is None else solver.scheduler.state_dict(),
        "stopping": None if solver._stopping is None else solver._stopping.state_dict(),
        "history": solver.history.state_dict(),
        "validation_history": validation.reshape(-1, 2),
        "num_steps": solver.num_steps,
        "seed": solver._seed,
        "valid_seed": solver._valid_seed,
        "fingerprint": solver._fingerprint,
    }


def restore_solver(solver: SingleSessionSolver, state: dict[str, Any]) -> None:
    """Puts a solver where a state was taken.

    Raises:
        CheckpointError: If a key, type, shape or value does not fit, before anything is changed.
    """
    parameters = [p for group in solver.optimizer.param_groups for p in group["params"]]
    check_solver_state(state, solver.state_dict(), solver._weights(), parameters)
    solver.model.load_state_dict(state["model"])
    solver.criterions.load_state_dict(state["criterions"])
    if solver.queue is not None:
        solver.queue.load_state_dict(state["queue"])
    solver.optimizer.load_state_dict(state["optimizer"])
    if solver.scheduler is not None:
        solver.scheduler.load_state_dict(state["scheduler"])
    if solver._stopping is not None and state["stopping"] is not None:
        solver._stopping.load_state_dict(state["stopping"])
    solver.history.load_state_dict(state["history"])
    solver.validation_history = [
        (int(step), loss) for step, loss in state["validation_history"].tolist()
    ]
    solver.num_steps, solver._seed = state["num_steps"], state["seed"]
    solver._valid_seed, solver._fingerprint = state["valid_seed"], state["fingerprint"]


def load_solver(solver: SingleSessionSolver, path: str | os.PathLike[str]) -> None:
    """Reads the checkpoint of a solver.

    Raises:
        CheckpointError: If the file is damaged or its weights do not fit.
    """
    state = load_state(path)
    kind = state.pop("kind", None)
    if kind != "solver":
        raise CheckpointError(f"{path} is not the checkpoint of a solver but of {kind!r}.")
    try:
        solver.load_state_dict(state)
    except CheckpointError as error:  # says itself what to do
        raise CheckpointError(
            f"a checkpoint must fit the training that loads it; {path} does not: {error}"
        ) from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"a checkpoint must fit the training that loads it; {path} does not: {error}. {ADVICE}"
        ) from error
