"""What `fit` and `evaluate` say about an embedding: decoding beside what it must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from ..estimator import CEBRA
from ..metrics.decoding import decode, windowed_counts
from ..metrics.goodness_of_fit import GoodnessOfFit
from ..metrics.scores import Scores, score_predictions
from ..metrics.significance import permutation_test
from ..types import Label, Recording

__all__ = ["Row", "as_classes", "bits_text", "decode_labels", "training_labels"]


@dataclass(frozen=True)
class Row:
    """How well one label is decoded: median error, or accuracy of classes."""

    label: str
    score: str
    embedding: float
    no_embedding: float | None
    chance: float
    num_neighbors: int
    p_values: Mapping[str, float]
    num_shuffles: int

    @property
    def text(self) -> str:
        """One line for people."""
        counts = "not defined" if self.no_embedding is None else f"{self.no_embedding:.4g}"
        line = (
            f"  {self.label}, {self.score}: {self.embedding:.4g}"
            f" | no embedding {counts} | chance {self.chance:.4g}"
        )
        tests = ", ".join(f"{how} p = {p:.3g}" for how, p in self.p_values.items())
        return line + (f" | {self.num_shuffles} shuffles: {tests}" if tests else "")


def decode_labels(
    model: CEBRA,
    train: Recording,
    test: Recording,
    num_shuffles: int = 0,
    seed: int = 0,
) -> list[Row]:
    """Decodes every label with nearest neighbours; both parts are embedded apart.

    Args:
        model: Trained.
        train: Part that the decoder is fitted on.
        test: Part that it is tested on.
        num_shuffles: Shuffles of each kind in the permutation test of the decoder.
        seed: Of the shuffles.
    """
    points: list[Any] = [model.transform(part.neural, trial=part.trial) for part in (train, test)]
    metric = "cosine" if model.distance == "cosine" else "euclidean"
    span = model.offset_.span
    counts = None
    if bool((train.neural >= 0).all()) and bool((test.neural >= 0).all()):
        counts = [
            windowed_counts(part.neural, span, part.segments.numpy()) for part in (train, test)
        ]
    rows = []
    for name in train.labels:
        label, true = (as_classes(part.labels[name]) for part in (train, test))
        score = decode(points[0], label, points[1], true, metric=metric)
        plain = None if counts is None else decode(counts[0], label, counts[1], true)
        k = int(score.setting["n_neighbors"])
        shuffled = {}
        if num_shuffles:
            shuffled = _p_values(points, label, true, k, metric, num_shuffles, seed)
        rows.append(
            Row(
                label=name,
                score="accuracy" if label.kind == "categorical" else "median error",
                embedding=_headline(score),
                no_embedding=None if plain is None else _headline(plain),
                chance=_headline(score.chance),
                num_neighbors=k,
                p_values=shuffled,
                num_shuffles=num_shuffles,
            )
        )
    return rows


def training_labels(model: CEBRA, recording: Recording) -> Mapping[str, Label] | None:
    """Returns the labels that a model was trained with, `None` for one trained by time.

    Raises:
        KeyError: If the recording lacks one of them.
    """
    names: Sequence[str] = list(model.label_kinds_)
    return {name: recording.labels[name] for name in names} if names else None


def bits_text(what: str, fit: GoodnessOfFit) -> str:
    """Returns one line about a goodness of fit."""
    return (
        f"Goodness of fit on {what}: {fit.bits:.2f} bits, 95 % interval "
        f"{fit.low:.2f} to {fit.high:.2f}; 0 is chance ({fit.num_negatives} negatives)."
    )


def _p_values(
    points: Sequence[np.ndarray],
    train: Label,
    test: Label,
    num_neighbors: int,
    metric: str,
    num_shuffles: int,
    seed: int,
) -> dict[str, float]:
    """Shuffled labels leave neighbours where they are, so these are looked up once."""
    finder = NearestNeighbors(n_neighbors=num_neighbors, metric=metric).fit(points[0])
    neighbors = finder.kneighbors(points[1], return_distance=False)

    def score(label: Label) -> float:
        return _headline(score_predictions(test, _vote(label, neighbors)))

    better = train.kind == "categorical"
    return {
        how: permutation_test(
            score, train, num_shuffles=num_shuffles, how=how, seed=seed, greater_is_better=better
        ).p_value
        for how in ("permute", "shift")
    }


def _vote(label: Label, neighbors: np.ndarray) -> np.ndarray:
    """Returns what the neighbours say: the most frequent class, the mean, the circular mean."""
    values: Any = label.values.numpy()[neighbors]
    if label.classes is not None:
        counts = np.stack([(values == code).sum(axis=1) for code in range(len(label.classes))])
        return np.asarray(label.classes[counts.argmax(axis=0)])
    if label.period is not None:
        angle = values * (2 * np.pi / label.period)
        mean = np.arctan2(np.sin(angle).mean(axis=1), np.cos(angle).mean(axis=1))
        predicted = mean * (label.period / (2 * np.pi)) % label.period
    else:
        predicted = values.mean(axis=1)
    return np.asarray(predicted[:, 0] if predicted.shape[1] == 1 else predicted)


def as_classes(label: Label) -> Label:
    """Returns a one-hot label as its classes, which are what one asks for."""
    values = label.values.numpy()
    if label.kind != "continuous" or values.shape[1] < 2:
        return label
    one_hot = np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()
    return Label(values.argmax(axis=1), name=label.name) if one_hot else label


def _headline(scores: Scores) -> float:
    return scores.median_error if np.isfinite(scores.median_error) else scores.accuracy
