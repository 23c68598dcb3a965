"""The permutation test of the decoder, at the cost of one search.

Shuffled labels leave the neighbours of a bin where they are, so these are looked up once and every
shuffle only reads other labels. It answers "does the decoder use the embedding?" and not "did the
labels shape the embedding?", for which the rows with shuffled training stand in the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from cebra_ethan.metrics.significance import permutation_test
from cebra_ethan.types import Label

__all__ = ["permutation_p_values"]


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
