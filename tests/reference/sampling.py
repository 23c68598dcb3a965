"""Sampling written as plainly as its definitions, with loops over bins.

Sources: Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods, "Sampling", and
the behaviour of `cebra` 0.6.1 (`distributions/continuous.py`, `discrete.py`, `index.py`): a
positive of `time_delta` is the argmin over all bins of the squared distance of their label to the
query, the first one where several are equal. Circular labels, trials and windows are this
package's own definitions (DESIGN.md, section 2).
"""

import itertools

import numpy as np

__all__ = [
    "allowed_bins",
    "circular_gap",
    "distances",
    "nearest",
    "nearest_in_class",
    "round_trips",
    "three_fold",
]


def circular_gap(a: float, b: float, period: float) -> float:
    """Returns the distance of two values, the short way round where there is a period."""
    if period == 0:
        return abs(a - b)
    turns = [abs(a - b + k * period) for k in range(-9, 10)]
    return min(turns)


def distances(query: np.ndarray, labels: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Returns the squared distance of one query `(d,)` to each label `(n, d)`."""
    result = np.zeros(len(labels))
    for row, label in enumerate(labels):
        for a, b, turn in zip(query, label, period, strict=True):
            result[row] += circular_gap(a, b, turn) ** 2
    return result


def nearest(query: np.ndarray, labels: np.ndarray, period: np.ndarray) -> int:
    """Returns the first row with the smallest distance."""
    return int(np.argmin(distances(query, labels, period)))


def nearest_in_class(
    query: np.ndarray, wanted: int, labels: np.ndarray, classes: np.ndarray, period: np.ndarray
) -> int:
    """Returns the first row of a class with the smallest distance, others set to infinity."""
    distance = distances(query, labels, period)
    distance[classes != wanted] = np.inf
    return int(np.argmin(distance))


def allowed_bins(trial: np.ndarray, left: int, right: int, later: int) -> list[int]:
    """Returns the bins with a whole window, in trials of at least one window and `later` bins."""
    starts = [t for t in range(len(trial)) if t == 0 or trial[t] != trial[t - 1]]
    stops = [*starts[1:], len(trial)]
    rows = []
    for start, stop in zip(starts, stops, strict=True):
        if stop - start < left + right + later:
            continue
        for t in range(start, stop):
            if t - left >= start and t + right - 1 < stop:
                rows.append(t)
    return rows


def round_trips(direction: np.ndarray) -> np.ndarray:
    """Returns the number of the round trip: every second change of direction begins one."""
    trip, changes, result = 0, 0, [0]
    for before, now in itertools.pairwise(direction):
        if now != before:
            changes += 1
            if changes % 2 == 0:
                trip += 1
        result.append(trip)
    return np.array(result)


def three_fold(trial: np.ndarray, fold: int) -> dict[str, list[int]]:
    """Returns bins of the paper's rat split, as `cebra` cuts it (`datasets/hippocampus.py`).

    Thirds of the trials; in each third an unshuffled three-fold split; its held-out trials halved,
    the first half tests and is the larger one.
    """
    trials = list(dict.fromkeys(trial.tolist()))
    sets: dict[str, set[int]] = {"train": set(), "valid": set(), "test": set()}
    for third in _parts(trials, 3):
        folds = _parts(third, 3)
        test, valid = _parts(folds[fold], 2)
        sets["test"].update(test)
        sets["valid"].update(valid)
        for k in range(3):
            if k != fold:
                sets["train"].update(folds[k])
    return {
        name: [t for t in range(len(trial)) if int(trial[t]) in chosen]
        for name, chosen in sets.items()
    }


def _parts(items: list[int], number: int) -> list[list[int]]:
    """Returns consecutive parts whose sizes differ by one at most, larger ones first."""
    parts, start = [], 0
    for k in range(number):
        size = len(items) // number + (1 if k < len(items) % number else 0)
        parts.append(items[start : start + size])
        start += size
    return parts
