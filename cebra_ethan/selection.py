"""Choosing parameters by the goodness of fit on held-out data, on a grid or by Optuna.

The training loss cannot choose: it depends on the number of negatives and on the temperature, and
falls as long as a model overfits. Here each setting is trained with several seeds on the first
part of every recording and judged on its last part, in bits. All settings meet one task there,
that of the estimator before the search: the same bins, `conditional`, `time_offsets`, `delta` and
`prior`, the same draws and the same number of negatives. So bits compare over batch sizes,
temperatures and architectures, and a grid may contain the parameters of the task too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from .data.loader import ContrastiveLoader
from .data.multisession import MultiSessionDataset
from .data.split import time_split
from .errors import CheckpointError, InvalidParameterError, TrainingDivergedError
from .estimator import CEBRA
from .estimator.inputs import checked_sessions
from .models.model import resolve_offset
from .solver.evaluate import goodness_of_fit
from .types import Recording
from .utils.files import atomic_write
from .utils.optional import require

__all__ = ["Judge", "SearchResult", "grid_search", "tune"]

log = logging.getLogger(__name__)

Setting = dict[str, Any]

_TASK = ("conditional", "time_offsets", "delta", "prior")


@dataclass(frozen=True, kw_only=True)
class Judge:
    """How settings are compared.

    Args:
        seeds: Each setting is trained once with each.
        test_fraction: Share of each recording's bins, at its end, that settings are judged on.
        num_negatives: Negatives that a reference sees in each session, whatever the batch size.
        num_batches: Batches of as many references that are drawn; the same for all settings.
        gap: Bins left out between both parts, at least window and time offset of every setting;
            `None` takes the largest of these in the grid.
        n_jobs: Trainings at a time, as in joblib.

    Raises:
        InvalidParameterError: If there is no seed, or a count is not positive.
    """

    seeds: Sequence[int] = (0, 1, 2)
    test_fraction: float = 0.2
    num_negatives: int = 512
    num_batches: int = 50
    gap: int | None = None
    n_jobs: int = 1

    def __post_init__(self) -> None:
        if not len(self.seeds) or min(self.num_negatives, self.num_batches) < 1:
            raise InvalidParameterError(
                "settings are judged with one seed or more and positive numbers of negatives and "
                f"batches; got seeds={self.seeds!r}, num_negatives={self.num_negatives!r} and "
                f"num_batches={self.num_batches!r}."
            )


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found.

    Args:
        rows: One for each setting, in the order of the search: `"params"`, `"mean"` and `"sd"`
            over seeds of the held-out bits (NaN if a training diverged; `sd` is `None` for one
            seed), `"bits"`, `"seconds"`, `"errors"` and `"checkpoints"` of each seed.
        best_params: The setting with the largest mean; an earlier one where two are equal.
        best_score: Its mean, in bits.
        best_estimator: Trained with it on all data, or `None` without `refit`.
        num_negatives: Negatives that one reference saw when settings were judged.
    """

    rows: list[dict[str, Any]]
    best_params: Setting
    best_score: float
    best_estimator: CEBRA | None
    num_negatives: int

    def columns(self) -> dict[str, list[Any]]:
        """Returns the rows as columns, one for each parameter, for any library of tables."""
        names = list(dict.fromkeys(name for row in self.rows for name in row["params"]))
        table = {name: [row["params"].get(name) for row in self.rows] for name in names}
        return table | {key: [row[key] for row in self.rows] for key in ("mean", "sd")}

    def __str__(self) -> str:
        lines = []
        for row in sorted(self.rows, key=_rank):
            spread = "" if row["sd"] is None else f" ± {row['sd']:.3f}"
            words = ", ".join(f"{name}={value!r}" for name, value in row["params"].items())
            lines.append(f"{row['mean']:7.3f}{spread} bits  {words or 'as given'}")
        return "\n".join(lines)


def grid_search(
    estimator: CEBRA,
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
    X: Any,
    y: Any = None,
    *labels: Any,
    trial: Any = None,
    judge: Judge | None = None,
    refit: bool = True,
    folder: str | os.PathLike[str] | None = None,
) -> SearchResult:
    """Trains every setting of a grid and says which fits held-out data best.

    Args:
        estimator: Parameters that the grid does not name, and the task settings are judged by.
        grid: Values of each parameter, or several such grids; see scikit-learn's `ParameterGrid`.
        X: As for `CEBRA.fit`, one recording or a list of them; likewise all labels and `trial`.
        y: First label.
        labels: Further labels.
        trial: Trial of each bin.
        judge: Seeds, split and evaluation; the defaults of `Judge` without.
        refit: Train the best setting on all data in the end, with the first seed.
        folder: Keeps the checkpoint and the score of each training; a search that is run again
            with the same data goes on where it was interrupted.

    Raises:
        InvalidParameterError: If the grid is empty or names an unknown parameter, or if all
            trainings diverged.
        DataError: As `CEBRA.fit` and `data.split.time_split`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.uniform(size=400)
        >>> X = np.stack([y, 1 - y, y**2], axis=1) + rng.normal(size=(400, 3)) / 9
        >>> base = CEBRA(batch_size=32, max_iterations=20, learning_rate=0.01, output_dimension=3)
        >>> judge = Judge(seeds=[0], num_negatives=64, num_batches=5)
        >>> grid = {"max_iterations": [1, 60]}
        >>> grid_search(base, grid, X, y, judge=judge, refit=False).best_params
        {'max_iterations': 60}
    """
    settings = [dict(setting) for setting in ParameterGrid(grid)]
    search = _Search(estimator, (X, y, labels, trial), settings, judge or Judge(), folder)
    return search.result(search.scored(settings), refit)


def tune(
    estimator: CEBRA,
    space: Callable[[Any], Mapping[str, Any]],
    X: Any,
    y: Any = None,
    *labels: Any,
    num_trials: int = 50,
    trial: Any = None,
    judge: Judge | None = None,
    refit: bool = True,
    folder: str | os.PathLike[str] | None = None,
    random_state: int = 0,
) -> SearchResult:
    """Searches a space of parameters with Optuna; scores and results as for `grid_search`.

    Args:
        estimator: As for `grid_search`, like everything not named here.
        space: Called with an Optuna trial; returns parameters, such as
            `lambda trial: {"learning_rate": trial.suggest_float("lr", 1e-4, 1e-2, log=True)}`.
        X: As for `grid_search`.
        y: First label.
        labels: Further labels.
        num_trials: Settings to try.
        trial: Trial of each bin of the recording, not of the study.
        judge: As for `grid_search`.
        refit: Likewise.
        folder: Likewise; the seed makes a search propose the same settings when run again.
        random_state: Seed of the proposals.

    Raises:
        MissingDependencyError: If Optuna is not installed.
        InvalidParameterError: As for `grid_search`.
    """
    optuna = require("optuna", extra="tune")
    search = _Search(estimator, (X, y, labels, trial), [], judge or Judge(), folder)
    rows: list[dict[str, Any]] = []

    def objective(proposed: Any) -> float:
        (row,) = search.scored([dict(space(proposed))])
        rows.append(row)
        return float(row["mean"])  # Optuna takes NaN for a failed trial and goes on

    sampler = optuna.samplers.TPESampler(seed=random_state)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=num_trials)
    return search.result(rows, refit)


class _Search:
    """The data of a search, split once, and how a setting is trained and judged on it."""

    def __init__(
        self,
        estimator: CEBRA,
        given: tuple[Any, Any, tuple[Any, ...], Any],
        settings: Sequence[Setting],
        judge: Judge,
        folder: str | os.PathLike[str] | None,
    ) -> None:
        self.estimator, self.given, self.judge = estimator, given, judge
        self.folder = None if folder is None else Path(folder)
        known = estimator.get_params(deep=False)
        unknown = sorted({name for setting in settings for name in setting} - set(known))
        if unknown:
            raise InvalidParameterError(
                f"a grid names parameters of the estimator, {', '.join(known)}; got "
                f"{', '.join(unknown)}. Correct the names."
            )
        X, y, labels, trial = given
        self.sessions = checked_sessions(estimator, X, y, labels, trial)
        needed = max(map(self._needed_gap, [{}, *settings]))
        self.gap = needed if judge.gap is None else judge.gap
        self.digest = _digest(self.sessions) if folder is not None else ""

    def scored(self, settings: Sequence[Setting]) -> list[dict[str, Any]]:
        """Returns a row for each setting."""
        for setting in settings:
            if self._needed_gap(setting) > self.gap:
                raise InvalidParameterError(
                    "the gap before the held-out part must span a window and the time offset; "
                    f"{setting} needs {self._needed_gap(setting)} bins, got {self.gap}. Pass "
                    "judge=Judge(gap=...) with the largest of all settings."
                )
        runs = [(setting, seed) for setting in settings for seed in self.judge.seeds]
        jobs = (delayed(self._run)(setting, int(seed)) for setting, seed in runs)
        results = Parallel(n_jobs=self.judge.n_jobs)(jobs)
        count = len(self.judge.seeds)
        return [
            _row(setting, results[count * place : count * (place + 1)])
            for place, setting in enumerate(settings)
        ]

    def result(self, rows: list[dict[str, Any]], refit: bool) -> SearchResult:
        """Returns the rows with the best of them."""
        if not rows or all(math.isnan(row["mean"]) for row in rows):
            raise InvalidParameterError(
                "a search needs one setting or more whose trainings do not diverge; got "
                f"{len(rows)} that do. Try smaller learning rates or higher temperatures."
            )
        best = min(rows, key=_rank)
        X, y, labels, trial = self.given
        model = self._build(best["params"], int(self.judge.seeds[0])) if refit else None
        return SearchResult(
            rows=rows,
            best_params=best["params"],
            best_score=best["mean"],
            best_estimator=None if model is None else model.fit(X, y, *labels, trial=trial),
            num_negatives=best["num_negatives"],
        )

    def _needed_gap(self, setting: Setting) -> int:
        params = {**self.estimator.get_params(deep=False), **setting}
        span = resolve_offset(params["model_architecture"]).span
        return int(span + max(params["time_offsets"], self.estimator.time_offsets))

    def _build(self, setting: Setting, seed: int) -> CEBRA:
        model: CEBRA = clone(self.estimator).set_params(**setting, random_state=seed)
        return model

    def _run(self, setting: Setting, seed: int) -> dict[str, Any]:
        """Returns the score of one training, from the folder if it is there."""
        model = self._build(setting, seed)
        place = None if self.folder is None else self.folder / self._name(model)
        if place is not None and (kept := _read(place.with_suffix(".json"))) is not None:
            return _with_checkpoint(kept, place)
        fraction = self.judge.test_fraction
        parts = [time_split(one, fraction, self.gap) for one in self.sessions]
        train, test = (list(part) for part in zip(*parts, strict=True))
        start = time.perf_counter()
        result: dict[str, Any] = {"bits": None, "num_negatives": 0, "error": None}
        try:
            model.fit(train if len(train) > 1 else train[0])
            fit = self._judged(model, test)
            result |= {"bits": fit.bits, "num_negatives": fit.num_negatives}
        except TrainingDivergedError as error:  # a finding about the setting, not about the code
            log.warning("%s diverged with seed %d: %s", setting, seed, error)
            result["error"] = str(error)
        result["seconds"] = time.perf_counter() - start
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            if result["error"] is None:
                model.save(place.with_suffix(".ckpt"))
            with atomic_write(place.with_suffix(".json")) as file:
                file.write(json.dumps(result).encode())
        return _with_checkpoint(result, place)

    def _judged(self, model: CEBRA, test: Sequence[Recording]) -> Any:
        """Returns the goodness of fit on the held-out part, by the task of the search."""
        task = {name: getattr(self.estimator, name) for name in _TASK}
        task["time_offset"] = task.pop("time_offsets")
        loader = ContrastiveLoader(
            MultiSessionDataset(test, **task),
            self.judge.num_negatives,
            self.judge.num_batches,
            random_state=0,
            device=model.device_,
        )
        return goodness_of_fit(model.solver_.model, model.solver_.objectives[0], loader)

    def _name(self, model: CEBRA) -> str:
        """Returns a name that no other training has: of its parameters, its data, its judge."""
        judge = {name: getattr(self.judge, name) for name in vars(self.judge)}
        task = {name: getattr(self.estimator, name) for name in _TASK}
        for name in ("seeds", "n_jobs"):
            del judge[name]
        whole = [model.get_params(deep=False), judge, task, self.gap, self.digest]
        text = json.dumps(whole, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _row(setting: Setting, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    bits = [math.nan if run["bits"] is None else run["bits"] for run in runs]
    return {
        "params": setting,
        "mean": float(np.mean(bits)),
        "sd": float(np.std(bits, ddof=1)) if len(bits) > 1 else None,
        "bits": bits,
        "seconds": [run["seconds"] for run in runs],
        "errors": [run["error"] for run in runs],
        "checkpoints": [run["checkpoint"] for run in runs],
        "num_negatives": max(run["num_negatives"] for run in runs),
    }


def _with_checkpoint(result: Mapping[str, Any], place: Path | None) -> dict[str, Any]:
    kept = place is not None and result["error"] is None
    return {**result, "checkpoint": str(place.with_suffix(".ckpt")) if place and kept else None}


def _rank(row: Mapping[str, Any]) -> float:
    return math.inf if math.isnan(row["mean"]) else -float(row["mean"])


def _digest(sessions: Sequence[Recording]) -> str:
    """Returns a checksum of all numbers of the recordings."""
    total = hashlib.sha256()
    for session in sessions:
        parts = {"neural": session.neural.numpy()}
        for name, label in sorted(session.labels.items()):
            parts[f"{name} {label.kind} {label.period} {label.weight}"] = label.to_numpy()
        if session.trial is not None:
            parts["trial"] = session.trial.numpy()
        for name, values in parts.items():
            words = values.dtype.kind in "OUS"
            data = repr(values.tolist()).encode() if words else values.tobytes()
            total.update(f"{name} {values.shape} {values.dtype} {len(data)} ".encode() + data)
    return total.hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text())
        if set(kept) != {"bits", "num_negatives", "error", "seconds"}:
            raise ValueError(f"its keys are {', '.join(kept)}")
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} must be the score of a training of this search; it is not: {error}. Delete "
            "it to train that setting again."
        ) from error
    return dict(kept)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise InvalidParameterError(
        "a search keeps settings in a folder by their values, so they must be numbers, words or "
        f"lists of them; got {value!r}. Leave folder= out."
    )
