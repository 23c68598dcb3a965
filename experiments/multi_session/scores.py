"""What an embedding of several sessions is worth: decoding in each, consistency between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cebra_ethan.metrics.consistency import consistency_score
from cebra_ethan.metrics.decoding import decode
from cebra_ethan.metrics.scores import Scores
from cebra_ethan.types import Label
from config import MultiSessionConfig
from experiments.common.controls import chance_scores
from experiments.multi_session.sessions import Session

__all__ = [
    "BINNINGS",
    "Points",
    "consistency",
    "decoding",
    "matrices",
    "median_error_cm",
    "scored",
]

Points = tuple[np.ndarray, np.ndarray]
"""The embeddings of the training and of the test part of a session."""

BINNINGS = {"": ("position", "direction"), "_position": ("position",)}
"""The bins in which sessions are compared, by the end of a number's name."""

_FOLDS = 5


def decoding(
    config: MultiSessionConfig,
    points: Points | None,
    train: Mapping[str, Label],
    test: Mapping[str, Label],
) -> dict[str, float]:
    """Returns how well position and direction are read from the test part of one session.

    Args:
        config: The grid of nearest neighbours and the part they are chosen on.
        points: What the decoder reads; `None` guesses the best constant.
        train: Labels of the training part, shuffled where the row says so.
        test: The true labels of the test part.
    """
    found = {name: _score(config, points, train[name], test[name]) for name in train}
    where = found["position"]
    return {
        "median_cm": 100 * where.median_error,
        "mean_cm": 100 * where.mean_error,
        "r2": where.r2,
        "direction_accuracy": found["direction"].accuracy,
    }


def median_error_cm(
    config: MultiSessionConfig, points: Points, train: Mapping[str, Label], test: Label
) -> float:
    """Returns the median error of the position alone, in cm."""
    return 100 * _score(config, points, train["position"], test).median_error


def consistency(
    config: MultiSessionConfig,
    points: Sequence[np.ndarray],
    labels: Sequence[Mapping[str, Label]],
    names: Sequence[str] = ("position", "direction"),
    *,
    normalize: bool = True,
    num_folds: int | None = None,
) -> np.ndarray:
    """Returns the R2 of the linear map from each session to each other, `(n, n)`.

    Args:
        config: The number of bins.
        points: The embedding of each session.
        labels: Its true labels.
        names: Labels whose bins are compared.
        normalize: Whether bin means are scaled to unit length, as CEBRA's points are.
        num_folds: Folds of held-out bins; `None` scores maps where they were fitted (paper).
    """
    bins = [tuple(own[name] for name in names) for own in labels]
    return consistency_score(
        points, bins, num_bins=config.bin_edges, normalize=normalize, num_folds=num_folds
    ).matrix


def matrices(
    config: MultiSessionConfig,
    found: Sequence[Session],
    points: Sequence[Points],
    normalize: bool = True,
) -> dict[str, np.ndarray]:
    """Returns the consistency of the training and of the held-out parts, in both binnings.

    The held-out parts are also compared by maps that are scored on bins they were not fitted on.
    """
    result = {}
    for place, part in enumerate(("train", "test")):
        own, labels = [both[place] for both in points], [one.labels(part) for one in found]
        for end, names in BINNINGS.items():
            result[f"{part}{end}"] = consistency(config, own, labels, names, normalize=normalize)
    held_out = [both[1] for both in points], [one.labels("test") for one in found]
    result["test_folds"] = consistency(config, *held_out, normalize=normalize, num_folds=_FOLDS)
    return result


def scored(
    config: MultiSessionConfig,
    found: Sequence[Session],
    points: Sequence[Points] | None,
    train_labels: Sequence[Mapping[str, Label]],
    compared: Sequence[Points] | None,
    normalize: bool = True,
) -> dict[str, Any]:
    """Returns the numbers of one row: decoding averaged over sessions, consistency over pairs.

    Args:
        config: The decoder and the bins.
        found: The sessions.
        points: What the decoder reads in each; `None` guesses the best constant.
        train_labels: What the decoder is trained on.
        compared: What consistency compares; `None` for nothing.
        normalize: See `consistency`.
    """
    per_session = [
        decoding(config, None if points is None else points[place], train_labels[place],
                 session.labels("test"))
        for place, session in enumerate(found)
    ]  # fmt: skip
    result: dict[str, Any] = {
        name: float(np.mean([one[name] for one in per_session])) for name in per_session[0]
    }
    result["sessions"] = [session.name for session in found]
    result["errors_cm"] = [one["median_cm"] for one in per_session]
    if compared is not None:
        for name, matrix in matrices(config, found, compared, normalize).items():
            result[f"consistency_{name}"] = float(np.nanmean(matrix))
            result[f"matrix_{name}"] = matrix
    return result


def _score(config: MultiSessionConfig, points: Points | None, train: Label, test: Label) -> Scores:
    if points is None:
        return chance_scores(train, test)
    return decode(
        points[0], train, points[1], test,
        grid={"n_neighbors": config.neighbors}, validation=config.valid_fraction,
    )  # fmt: skip
