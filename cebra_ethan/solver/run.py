"""One training: what it reads, where it writes, and what happens around its steps."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.loader import ContrastiveLoader
from ..errors import CheckpointError
from ..types import Offset
from .callbacks import (
    LAST,
    PREVIOUS,
    Checkpoints,
    CsvLog,
    EveryFewSteps,
    ProgressBar,
    Record,
)
from .checkpoint import load_state
from .fingerprint import Fingerprint, check_fingerprint, fingerprint
from .train import Callback

if TYPE_CHECKING:
    from .base import SingleSessionSolver

__all__ = ["Run", "own_callbacks", "resume_from"]

log = logging.getLogger(__name__)

_EVALUATIONS = 100  # of one training, unless the caller says how often


@dataclass(frozen=True, eq=False)
class Run:
    """What `SingleSessionSolver.fit` was asked for, see there.

    Args:
        loader: Gives the batches.
        valid_loader: Held-out data, or `None`.
        valid_frequency: Steps between two evaluations; `None` for a hundredth of all.
        folder: Where files go, or `None`.
        save_frequency: Steps between two checkpoints; `None` saves at the end only.
        resume: Continue from the newest checkpoint of the folder.
        progress: Show a bar.
        callbacks: The user's own.
        settings: What a resumed training must agree in beside its data, by name; `None` for how
            the loader draws.
    """

    loader: ContrastiveLoader
    valid_loader: ContrastiveLoader | None
    valid_frequency: int | None
    folder: Path | None
    save_frequency: int | None
    resume: bool
    progress: bool
    callbacks: Sequence[Callback]
    settings: Mapping[str, Any] | None = None

    @property
    def valid_every(self) -> int:
        """Steps between two evaluations."""
        return self.valid_frequency or max(1, self.loader.num_steps // _EVALUATIONS)

    @property
    def checkpoint(self) -> Path | None:
        """Where the newest checkpoint is."""
        return None if self.folder is None else self.folder / LAST

    def bind(self, offset: Offset) -> None:
        """Tells the loaders the receptive field."""
        for loader in (self.loader, self.valid_loader):
            if loader is not None:
                loader.bind(offset)

    def fingerprint(self) -> Fingerprint | None:
        """Returns what a training that is resumed must agree in; `None` without a folder."""
        if self.folder is None:
            return None
        return fingerprint(self.loader, self.valid_loader, self.settings)


def own_callbacks(
    solver: SingleSessionSolver, run: Run, resumed: Path | None = None
) -> list[Callback]:
    """Returns what a solver itself does between the steps of a training, in order.

    Args:
        solver: At the step where the training begins.
        run: What was asked for.
        resumed: The checkpoint that the training continues, or `None`.
    """
    record = Record(solver.history)
    own: list[Callback] = [record]
    if solver._stopping is not None:
        own.append(solver._stopping)
    elif run.valid_loader is not None:
        validate = partial(solver._validate, run.valid_loader)
        own.append(EveryFewSteps(validate, run.valid_every))
    if run.folder is not None:  # the table first: it is never behind the checkpoint
        if resumed is None and (run.folder / LAST).exists():
            log.warning(
                "%s holds an earlier training, which the first checkpoint of this one replaces; "
                "resume=True continues it",
                run.folder,
            )
        own.append(CsvLog(solver.history, run.folder / "history.csv", run.save_frequency))
        own.append(
            Checkpoints(
                solver.save,
                run.folder,
                run.save_frequency,
                resumed=resumed,
                is_whole=lambda: not solver._moving and record.step == solver.num_steps,
            )
        )
    if run.progress:
        weight = sum(objective.weight_at() for objective in solver.objectives)
        loader = run.loader
        own.append(ProgressBar(loader.num_steps, loader.num_negatives, solver.num_steps, weight))
    return own


def resume_from(solver: SingleSessionSolver, run: Run) -> Path | None:
    """Loads the newest checkpoint of a folder that is whole; returns it, `None` without one.

    The loaders go on with the seeds that the training began with.

    Args:
        solver: Takes its state.
        run: Says where the checkpoint is, and what it must agree in.

    Raises:
        CheckpointError: If all are damaged, or if the whole one does not fit the solver, or is
            of other data, another seed or other settings.
    """
    folder, own = run.folder, solver._fingerprint
    if folder is None or own is None or not run.resume:
        return None
    damage: list[str] = []
    for path in (folder / LAST, folder / PREVIOUS):
        try:
            state = load_state(path)
        except FileNotFoundError:
            continue
        except CheckpointError as error:
            damage.append(str(error))
            continue
        check_fingerprint(state, own, path)
        _check_seed(state, run.loader, path)
        solver.load(path)
        solver._fingerprint, run.loader.seed = own, solver._seed
        if run.valid_loader is not None and solver._valid_seed is not None:
            run.valid_loader.seed = solver._valid_seed
        if damage:
            warnings.warn(
                f"{folder / LAST} cannot be read; training continues from {path}, step "
                f"{solver.num_steps}. {damage[0]}",
                stacklevel=2,
            )
        log.info("training continues from %s, step %d", path, solver.num_steps)
        return path
    if damage:
        raise CheckpointError(
            f"a training is resumed from {folder / LAST} or {folder / PREVIOUS}; got none that "
            f"can be read. Start anew without resume=True. {' '.join(damage)}"
        )
    log.warning("%s holds no checkpoint to resume; training starts anew", folder)
    return None


def _check_seed(state: Mapping[str, Any], loader: ContrastiveLoader, path: Path) -> None:
    """Refuses another seed than that of the checkpoint; one that nobody chose is no other.

    Raises:
        CheckpointError: With both seeds.
    """
    if loader.fixed_seed and loader.seed != state.get("seed", loader.seed):
        raise CheckpointError(
            f"a training is resumed with the seed that it began with; {path} has random_state="
            f"{state['seed']!r}, got {loader.seed!r}. Pass the same or None, or another folder "
            "to start anew."
        )
