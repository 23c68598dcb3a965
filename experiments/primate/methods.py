"""The rows of the result table: what is trained, on which labels, and what is read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cebra_ethan import CEBRA
from cebra_ethan.metrics.scores import chance_prediction, score_predictions
from cebra_ethan.models.model import resolve_offset
from cebra_ethan.report.record import RowInfo
from cebra_ethan.types import Label, Recording
from config import PrimateConfig
from experiments.common.controls import CONTROLS, plain_points, shuffled, untrained_points
from experiments.primate import decoders
from experiments.primate.nearest import choose_and_predict
from experiments.primate.tasks import Fold, Task, joined, thinned

__all__ = ["METHODS", "methods_of", "run_folds"]

DIMENSIONS = tuple(range(2, 129))
NUM_UNITS = 32  # of the encoder, as in the paper's other experiments
LAST_STEPS = 100  # whose mean loss is given, as in the paper

METHODS: Mapping[str, RowInfo] = {
    **{f"behavior-{size}": RowInfo(f"CEBRA-Behavior, {size}-D") for size in DIMENSIONS},
    "time": RowInfo("CEBRA-Time, encoder on the training part"),
    "time-all": RowInfo("CEBRA-Time, encoder on everything (paper)", transductive=True),
    "pivae": RowInfo("conv-pi-VAE, most likely label"),
    "linear": RowInfo("linear, all neurons (lasso; classes: ridge)"),
    "lda": RowInfo("LDA on counts of a trial"),
    **CONTROLS,
}

_PIVAE_TASKS = ("position", "direction")
_TRAINED = ("time", "time-all", "permuted", "shifted")


def methods_of(config: PrimateConfig, name: str, task: Task) -> list[str]:
    """Returns the rows of a task: conv-pi-VAE where the paper has it, LDA for monkeys K and S."""
    found: list[str] = []
    for method in config.methods:
        if method == "behavior":
            sizes = config.dimensions
            if task.recording != "area2":  # for a picture, and to be compared
                sizes = tuple(dict.fromkeys((min(sizes), config.control_dimension)))
            found += [f"behavior-{size}" for size in sizes]
        elif method == "pivae" and name not in _PIVAE_TASKS:
            continue
        elif method == "lda" and task.recording != "monkey":
            continue
        else:
            found.append(method)
    return found


@dataclass(frozen=True)
class Answer:
    """What a method says of one fold: predictions at some test bins, and what else it found."""

    predicted: np.ndarray
    rows: np.ndarray
    points: np.ndarray | None
    values: Mapping[str, Any]


def run_folds(
    config: PrimateConfig, task: Task, folds: Sequence[Fold], method: str, seed: int
) -> dict[str, Any]:
    """Trains and decodes in each fold, and scores the test bins of all folds together."""
    answers = [_answer(config, task, fold, method, seed) for fold in folds]
    parts = [fold.test for fold in folds]
    predicted = np.concatenate([answer.predicted for answer in answers])
    counted = np.concatenate([f.scored[a.rows] for f, a in zip(folds, answers, strict=True)])
    trial = np.concatenate(
        [
            number * 10_000 + _trial_numbers(part)[answer.rows]
            for number, (part, answer) in enumerate(zip(parts, answers, strict=True))
        ]
    )
    labels = {
        key: np.concatenate(
            [p.labels[key].to_numpy()[a.rows] for p, a in zip(parts, answers, strict=True)]
        )
        for key in parts[0].labels
    }
    kind = parts[0].labels[task.label].kind
    true = Label(labels[task.label], kind, name=task.label)
    result = _scores(true, predicted, counted, task) | dict(_averages(answers))
    if kind == "categorical" and "time" in labels:
        result |= _over_time(labels, predicted, counted, trial, task)
    if method == "lda":  # one answer for a trial is none for its bins
        for name in ("accuracy", "balanced_accuracy", "peak_accuracy"):
            del result[name]
    if seed == 0:
        result |= _for_figures(task, labels, predicted, trial, answers)
    return result


def encoder(config: PrimateConfig, task: Task, size: int, seed: int, by_time: bool) -> CEBRA:
    """Returns the untrained estimator of a row."""
    steps, rate = config.max_iterations, config.learning_rate
    if task.recording != "area2":
        steps, rate = config.other_iterations, config.other_learning_rate
    return CEBRA(
        model_architecture=task.architecture,
        num_hidden_units=NUM_UNITS,
        output_dimension=size,
        batch_size=config.batch_size,
        learning_rate=rate,
        max_iterations=steps,
        temperature=config.temperature,
        # bins of M1 are 200 ms long
        time_offsets=1 if task.recording == "m1" else config.time_offsets,
        conditional="time" if by_time else None,
        random_state=seed,
    )


def _answer(config: PrimateConfig, task: Task, fold: Fold, method: str, seed: int) -> Answer:
    rows = thinned(fold.test, config.test_step)
    if method == "chance":
        predicted = chance_prediction(fold.train.labels[task.label], len(rows))
        return Answer(predicted, rows, None, {})
    if method == "linear":
        return Answer(*_with(rows, decoders.linear(config, task, fold)))
    if method == "lda":
        return Answer(*_with(rows, decoders.lda(config, task, fold)))
    if method == "pivae":
        own = thinned(fold.test, config.pivae_step)
        return Answer(*_with(own, decoders.pivae(config, task, fold, seed)))
    train = dict(shuffled(_labels(fold.train, task), method, seed))
    valid = shuffled(_labels(fold.valid, task), method, seed + 1000)
    points, values = _embedded(config, task, fold, method, seed, train)
    learned = thinned(fold.train, config.decoder_step)
    checked = thinned(fold.valid, config.decoder_step)
    predicted, k = choose_and_predict(
        (points[0][learned], points[1][checked], points[2][rows]),
        train[task.label][learned],
        valid[task.label][checked],
        config.neighbors,
    )
    shown = None if method == "no-embedding" else points[2][rows]
    return Answer(predicted, rows, shown, values | {"k": k})


def _embedded(
    config: PrimateConfig,
    task: Task,
    fold: Fold,
    method: str,
    seed: int,
    labels: Mapping[str, Label],
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Returns what the nearest neighbours read of training, validation and test trials."""
    parts = [fold.train, fold.valid, fold.test]
    size = config.control_dimension
    if method == "no-embedding":
        span = resolve_offset(task.architecture).span
        return plain_points(parts, span, within_trials=True), {}
    if method == "untrained":
        arguments = task.architecture, NUM_UNITS, size, seed
        return untrained_points(parts, *arguments, within_trials=True), {}
    by_time = method.startswith("time")
    if method not in _TRAINED:
        size = int(method.removeprefix("behavior-"))
    seen = joined(parts) if method == "time-all" else fold.train
    model = encoder(config, task, size, seed, by_time)
    wanted = None if by_time else {key: labels[key] for key in task.labels}
    model.fit(seen.neural, wanted, trial=seen.trial)
    points = [np.asarray(model.transform(part.neural, trial=part.trial)) for part in parts]
    return points, {"loss": float(np.mean(model.history_["loss"][-LAST_STEPS:]))}


def _labels(part: Recording, task: Task) -> dict[str, Label]:
    return {key: part.labels[key] for key in dict.fromkeys((*task.labels, task.label))}


def _with(rows: np.ndarray, found: tuple[np.ndarray, Mapping[str, Any]]) -> tuple[Any, ...]:
    return found[0], rows, None, found[1]


def _trial_numbers(part: Recording) -> np.ndarray:
    numbers = np.zeros(len(part), dtype=int)
    for number, (start, stop) in enumerate(part.segments.tolist()):
        numbers[start:stop] = number
    return numbers


def _scores(true: Label, predicted: np.ndarray, counted: np.ndarray, task: Task) -> dict[str, Any]:
    scores = score_predictions(true[np.flatnonzero(counted)], predicted[counted])
    if true.kind != "categorical":
        error = "median_cm_s" if task.unit == "cm/s" else "median_cm"
        return {"r2": scores.r2, error: scores.median_error}
    return {"accuracy": scores.accuracy, "balanced_accuracy": scores.balanced_accuracy}


def _over_time(
    labels: Mapping[str, np.ndarray],
    predicted: np.ndarray,
    counted: np.ndarray,
    trial: np.ndarray,
    task: Task,
) -> dict[str, Any]:
    """Returns the accuracy at each time of the trial, and of each trial, and of its vote."""
    right = predicted == labels[task.label]
    time_ms = np.rint(labels["time"] * 1000).astype(int)
    times, place = np.unique(time_ms, return_inverse=True)
    over_time = np.bincount(place, weights=right) / np.bincount(place)
    inside = np.isin(times, np.unique(time_ms[counted]))
    of_trial, votes = [], []
    for one in np.unique(trial):
        rows = np.flatnonzero((trial == one) & counted)
        of_trial.append(right[rows].mean())
        values, counts = np.unique(predicted[rows], return_counts=True)
        votes.append(values[counts.argmax()] == labels[task.label][rows[0]])
    return {
        "trial_accuracy": float(np.mean(votes)),
        "peak_accuracy": float(over_time[inside].max()),
        "times_ms": times,
        "over_time": over_time,
        "of_trial": np.array(of_trial),
    }


def _averages(answers: Sequence[Answer]) -> dict[str, Any]:
    keys = answers[0].values
    found = {key: [answer.values[key] for answer in answers] for key in keys}
    return {key: float(np.median(v) if key == "k" else np.mean(v)) for key, v in found.items()}


def _for_figures(
    task: Task,
    labels: Mapping[str, np.ndarray],
    predicted: np.ndarray,
    trial: np.ndarray,
    answers: Sequence[Answer],
) -> dict[str, Any]:
    """Returns predictions, and of one encoder the embedding of the test bins in three dimensions.

    Encoders of several folds have spaces of their own: the first fold is shown.
    """
    kept = {key: labels[key] for key in ("direction", "active", "time") if key in labels}
    arrays = {f"test_{key}": values for key, values in kept.items()}
    arrays |= {"true": labels[task.label], "predicted": predicted, "trial": trial}
    points = answers[0].points
    if points is not None:
        centred = points - points.mean(axis=0)
        if points.shape[1] > 3:  # the first principal components
            points = centred @ np.linalg.svd(centred, full_matrices=False)[2][:3].T
        arrays["embedding"] = points.astype(np.float32)
    return arrays
