"""How many neighbours decode, and the permutation test of the decoder at the cost of one search.

Shuffled labels leave the neighbours of a bin where they are, so these are looked up once and every
shuffle only reads other labels. It answers "does the decoder use the embedding?" and not "did the
labels shape the embedding?", for which the rows with shuffled training stand in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import r2_score
from sklearn.neighbors import NearestNeighbors

from cebra_ethan.metrics.decoding import decode
from cebra_ethan.metrics.significance import permutation_test
from cebra_ethan.types import Label

__all__ = ["choose_neighbors", "permutation_p_values", "r2_of_both"]

_POSITIVE = "right"  # the direction that is 1 where direction is a number


def choose_neighbors(
    train: np.ndarray,
    train_labels: Mapping[str, Label],
    valid: np.ndarray,
    valid_labels: Mapping[str, Label],
    neighbors: Sequence[int],
    metric: str,
) -> int:
    """Returns the `k` with the highest R² of position and direction on the validation trips.

    One `k` for both, as in the paper (Schneider, Lee & Mathis 2023, Methods, Decoding analysis).

    Args:
        train: Points of the training trips.
        train_labels: `position` and `direction` of these.
        valid: Points of the validation trips.
        valid_labels: Likewise.
        neighbors: The `k` that are tried; of equals the first is taken.
        metric: Of the neighbours.
    """

    def quality(k: int) -> float:
        where, which = (
            decode(
                train, train_labels[key], valid, valid_labels[key],
                grid={"n_neighbors": [k]}, metric=metric,
            )
            for key in ("position", "direction")
        )  # fmt: skip
        return r2_of_both(where.r2, valid_labels["direction"], which.predicted)

    return max(neighbors, key=quality)


def r2_of_both(position_r2: float, true: Label, predicted: np.ndarray) -> float:
    """Returns the paper's "total R²": of position and direction as one vector of two numbers.

    Args:
        position_r2: R² of the position.
        true: The direction.
        predicted: What was decoded, words as in `true`.
    """
    truth = (true.to_numpy() == _POSITIVE).astype(float)
    guess = (np.asarray(predicted) == _POSITIVE).astype(float)
    return float((position_r2 + r2_score(truth, guess)) / 2)


def permutation_p_values(
    points: tuple[np.ndarray, np.ndarray],
    train: Label,
    test: Label,
    num_neighbors: int,
    num_shuffles: int,
    seed: int,
    metric: str = "cosine",
) -> dict[str, Any]:
    """Returns the p value of the median position error against decoders with shuffled labels.

    Args:
        points: What the decoder reads, of the training and of the test part.
        train: Position of the training part, in metres.
        test: Position of the test part.
        num_neighbors: The `k` that was chosen.
        num_shuffles: Shuffles of each kind.
        seed: Of the shuffles.
        metric: Of the neighbours.
    """
    finder = NearestNeighbors(n_neighbors=num_neighbors, metric=metric).fit(points[0])
    neighbors = finder.kneighbors(points[1], return_distance=False)
    true = test.to_numpy()

    def median_error(label: Label) -> float:
        return float(np.median(np.abs(label.to_numpy()[neighbors].mean(axis=1) - true)))

    values: dict[str, Any] = {"num_shuffles": num_shuffles}
    for how in ("permute", "shift"):
        result = permutation_test(
            median_error,
            train,
            num_shuffles=num_shuffles,
            how=how,
            seed=seed,
            greater_is_better=False,
        )
        values[f"p_{how}"] = result.p_value
    return values
