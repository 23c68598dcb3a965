"""Nearest neighbours for all `k` at the cost of one search.

The paper tries `k` from 1 to 2500 among 100,000 bins: the neighbours of the largest `k` are looked
up once and sorted, and every smaller `k` reads its share of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped

from cebra_ethan.metrics.scores import score_predictions
from cebra_ethan.types import Label

__all__ = ["choose_and_predict", "neighbor_predictions"]

_CHUNK_NUMBERS = 20_000_000  # of the largest array, 80 MB

Points = Float[np.ndarray, "time dims"]


def neighbor_predictions(
    train: Points, label: Label, points: Points, neighbors: Sequence[int]
) -> dict[int, Shaped[np.ndarray, "rows *columns"]]:
    """Returns for each `k` the mean or the vote of the nearest training points, by the cosine.

    Args:
        train: What the decoder learns from.
        label: Of these, continuous or of classes; of classes that draw, the first is taken.
        points: What is decoded.
        neighbors: The `k`, rising; those beyond the training points are left out.

    Example:
        >>> circle = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> neighbor_predictions(circle, Label([1.0, 2.0, 9.0]), circle[:1], (1, 2))
        {1: array([1.]), 2: array([1.5])}
    """
    counts = [k for k in sorted(neighbors) if k <= len(train)] or [len(train)]
    train, points = _unit(train), _unit(points)
    size = max(1, _CHUNK_NUMBERS // len(train))
    chunks = [
        _of_chunk(points[first : first + size] @ train.T, label, counts)
        for first in range(0, len(points), size)
    ]
    return {
        k: np.concatenate([chunk[place] for chunk in chunks]) for place, k in enumerate(counts)
    }


def choose_and_predict(
    points: tuple[Points, Points, Points],
    train: Label,
    valid: Label,
    neighbors: Sequence[int],
) -> tuple[Shaped[np.ndarray, "rows *columns"], int]:
    """Returns predictions for the test points, and the `k` that was best on the validation points.

    Args:
        points: Of training, validation and test trials.
        train: Label of the training points.
        valid: Label of the validation points; R² chooses, or for classes the accuracy.
        neighbors: The `k` that are tried.
    """
    tried = neighbor_predictions(points[0], train, points[1], neighbors)
    by = "accuracy" if valid.kind == "categorical" else "r2"
    k = max(tried, key=lambda one: getattr(score_predictions(valid, tried[one]), by))
    return neighbor_predictions(points[0], train, points[2], [k])[k], k


def _of_chunk(
    similarity: np.ndarray, label: Label, counts: Sequence[int]
) -> list[Shaped[np.ndarray, "rows *columns"]]:
    rows, most = similarity.shape[0], counts[-1]
    near = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
    order = np.argsort(-np.take_along_axis(similarity, near, axis=1), axis=1, kind="stable")
    near, values = np.take_along_axis(near, order, axis=1), label.values.numpy()
    found, past = [], 0
    num_classes = 0 if label.classes is None else len(label.classes)
    total = np.zeros((rows, num_classes or values.shape[1]))
    for k in counts:
        new = values[near[:, past:k]]
        if num_classes:
            cells = new + num_classes * np.arange(rows)[:, None]
            total += np.bincount(cells.ravel(), minlength=total.size).reshape(total.shape)
            assert label.classes is not None
            found.append(label.classes[total.argmax(axis=1)])
        else:
            total += new.sum(axis=1)
            mean = total / k
            found.append(mean[:, 0] if mean.shape[1] == 1 else mean)
        past = k
    return found


def _unit(points: Points) -> np.ndarray:
    points = np.asarray(points, dtype=np.float32)
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.maximum(length, np.finfo(np.float32).tiny)
