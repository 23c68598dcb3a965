"""Persistent homology: the pieces, loops and voids of an embedding, and a coordinate round a loop.

A bar is a feature of the Vietoris-Rips complex: it is born at one distance between points and dies
at another. Noise has bars, too, so a bar counts only if it lives longer than the longest one of
embeddings that learned shuffled labels. Needs the extra `topology`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import lsqr
from scipy.spatial.distance import cdist

from ..errors import DataError, InvalidParameterError
from ..utils.optional import require
from ..utils.validation import as_array, check_finite

__all__ = [
    "PersistentHomology",
    "betti_numbers",
    "circular_coordinate",
    "lifespan_threshold",
    "persistent_homology",
]

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)


@dataclass(frozen=True, kw_only=True)
class PersistentHomology:
    """The bars of an embedding.

    Args:
        diagrams: Birth and death of each bar, `(bars, 2)`, of dimension 0, 1, ...; a death may be
            infinite.
        rows: Rows of the embedding that were used, `(points,)`.
        points: These rows, `(points, D)`.
        coefficient: The prime field of the homology.
        cocycle: The longest bar of dimension 1 as `(entries, 3)`: two points and a value between
            `-(p - 1) / 2` and `(p - 1) / 2`; none if there is no loop.
    """

    diagrams: tuple[Float[np.ndarray, "_ 2"], ...]
    rows: Int[np.ndarray, " points"] = field(repr=False)
    points: Float[np.ndarray, "points dims"] = field(repr=False)
    coefficient: int
    cocycle: Int[np.ndarray, "entries 3"] = field(repr=False)

    @property
    def longest(self) -> tuple[float, ...]:
        """The longest finite lifespan of each dimension, 0 where there is no bar."""
        finite = [d[np.isfinite(d[:, 1])] for d in self.diagrams]
        return tuple(float((d[:, 1] - d[:, 0]).max(initial=0.0)) for d in finite)


def persistent_homology(
    embedding: Any,
    max_dimension: int = 1,
    *,
    num_points: int = 1000,
    coefficient: int = 47,
    max_distance: float = np.inf,
    seed: int = 111,
) -> PersistentHomology:
    """Returns the bars of the Vietoris-Rips complex of points drawn from an embedding.

    Time and memory grow steeply with the points and the dimension: 300 points on a sphere take
    0.1 s up to dimension 1 and 10 s up to dimension 2.

    Args:
        embedding: `(T, D)`, at least 3 rows.
        max_dimension: Largest dimension: 0 pieces, 1 loops, 2 voids.
        num_points: Rows that are drawn without replacement; all, if there are not more.
        coefficient: A prime up to 47, that of the field.
        max_distance: Bars that live beyond it end as infinite.
        seed: Of the draw; that of the paper.

    Raises:
        DataError: If the embedding is not a finite table of at least 3 rows.
        InvalidParameterError: If a number is outside its range.
        MissingDependencyError: Without the extra `topology`.

    References:
        Tralie, Saul & Bar-On (2018), doi:10.21105/joss.00925 (ripser). Schneider, Lee & Mathis
        (2023), doi:10.1038/s41586-023-06031-6, Methods: 1000 points, field 47, up to dimension 2.

    Example:
        >>> angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        >>> ring = persistent_homology(np.stack([np.cos(angle), np.sin(angle)], axis=1))
        >>> betti_numbers(ring, (0.5, 0.5))
        (1, 1)
    """
    if max_dimension < 0 or num_points < 3 or coefficient not in _PRIMES or not max_distance > 0:
        raise InvalidParameterError(
            "max_dimension must be 0 or more, num_points 3 or more, coefficient a prime up to 47 "
            f"and max_distance positive; got {max_dimension!r}, {num_points!r}, {coefficient!r} "
            f"and {max_distance!r}."
        )
    x = np.asarray(as_array(embedding, "embedding"), dtype=np.float64)
    if x.ndim != 2 or len(x) < 3:
        raise DataError(f"an embedding must be (T, D) with 3 rows or more; got shape {x.shape}.")
    check_finite(x, "embedding")
    rows = np.arange(len(x))
    if len(x) > num_points:
        rows = np.sort(np.random.default_rng(seed).choice(len(x), num_points, replace=False))
    found = require("ripser", "topology").ripser(
        cdist(x[rows], x[rows]),
        distance_matrix=True,
        maxdim=max_dimension,
        coeff=coefficient,
        thresh=max_distance,
        do_cocycles=max_dimension > 0,
    )
    diagrams = tuple(np.asarray(d, dtype=np.float64).reshape(-1, 2) for d in found["dgms"])
    cocycle = np.zeros((0, 3), dtype=np.int64)
    if max_dimension > 0 and len(diagrams[1]):
        longest = int(np.argmax(diagrams[1][:, 1] - diagrams[1][:, 0]))
        cocycle = np.array(found["cocycles"][1][longest], dtype=np.int64)  # a copy: lifted below
        cocycle[:, 2] -= coefficient * (cocycle[:, 2] > coefficient // 2)
    return PersistentHomology(
        diagrams=diagrams,
        rows=rows,
        points=x[rows],
        coefficient=coefficient,
        cocycle=cocycle,
    )


def lifespan_threshold(shuffled: Sequence[PersistentHomology]) -> tuple[float, ...]:
    """Returns the longest finite lifespan of each dimension over control embeddings.

    Args:
        shuffled: Homology of embeddings that learned shuffled labels, of as many points and
            dimensions as that which is to be judged. The more there are, the stricter it is: the
            paper took 500.

    Raises:
        DataError: If there are none, or their dimensions differ.
    """
    if len({len(one.diagrams) for one in shuffled}) != 1:
        raise DataError(
            "a threshold needs control embeddings, all up to the same dimension; got "
            f"{[len(one.diagrams) - 1 for one in shuffled]}."
        )
    return tuple(float(max(column)) for column in zip(*(o.longest for o in shuffled), strict=True))


def betti_numbers(homology: PersistentHomology, thresholds: Sequence[float]) -> tuple[int, ...]:
    """Returns how many bars of each dimension live longer than the threshold.

    Args:
        homology: The bars.
        thresholds: One for each dimension; an infinite bar always counts.

    Raises:
        DataError: If there is not one threshold for each dimension.
    """
    if len(thresholds) != len(homology.diagrams):
        raise DataError(
            f"there must be one threshold for each of {len(homology.diagrams)} dimensions; got "
            f"{len(thresholds)}. Take those of `lifespan_threshold` up to the same dimension."
        )
    pairs = zip(homology.diagrams, thresholds, strict=True)
    return tuple(int((d[:, 1] - d[:, 0] > threshold).sum()) for d, threshold in pairs)


def circular_coordinate(
    homology: PersistentHomology, at: float = 0.5
) -> Float[np.ndarray, " points"]:
    r"""Returns the angle of each point round the longest loop, in radians from 0 to 2 pi.

    .. math:: \theta = 2 \pi f \bmod 2 \pi, \quad
        f = \arg\min_f \sum_{(i, j)} (\alpha_{ij} + f_j - f_i)^2

    The sum runs over all pairs nearer than a distance between birth and death of the loop, and
    `alpha` is the cocycle, its values taken for whole numbers. Where the angle begins and which
    way it grows is arbitrary.

    Args:
        homology: With dimension 1.
        at: The distance as a share of the way from birth to death, in (0, 1).

    Returns:
        The angle of each of `homology.points`; NaN for points that at this distance do not hang
        together with the loop.

    Raises:
        DataError: If there is no loop, or its cocycle is none over the whole numbers.
        InvalidParameterError: If `at` is outside its range.

    References:
        de Silva, Morozov & Vejdemo-Johansson (2011), doi:10.1007/s00454-011-9344-x, sections 2.4
        to 2.6.

    Example:
        >>> angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        >>> ring = persistent_homology(np.stack([np.cos(angle), np.sin(angle)], axis=1))
        >>> step = np.diff(circular_coordinate(ring)) % (2 * np.pi)
        >>> bool(np.allclose(np.minimum(step, 2 * np.pi - step), 2 * np.pi / 60))
        True
    """
    if not 0 < at < 1:
        raise InvalidParameterError(f"at must be between 0 and 1; got {at!r}.")
    if not len(homology.cocycle):
        raise DataError(
            "a circular coordinate needs a loop; the homology has none. Use more rows."
        )
    near = _near(homology, at)
    i, j, value = homology.cocycle.T
    alpha = np.zeros(near.shape)
    alpha[i, j], alpha[j, i] = value, -value
    alpha[~near] = 0
    _check_cocycle(alpha, near)
    group = connected_components(coo_matrix(near), directed=False)[1]
    on_loop = np.flatnonzero(alpha.any(axis=1))
    inside = group == group[on_loop[0]] if len(on_loop) else np.ones(len(near), dtype=bool)
    first, second = np.nonzero(np.triu(near & inside[:, None]))
    edge, one = np.arange(len(first)), np.ones(len(first))
    slope = coo_matrix(
        (np.concatenate([-one, one]), (np.tile(edge, 2), np.concatenate([first, second]))),
        shape=(len(first), len(near)),
    ).tocsr()
    turns = lsqr(slope, -alpha[first, second], atol=1e-10, btol=1e-10)[0]
    angle = np.mod(2 * np.pi * turns, 2 * np.pi)
    return np.where(inside, np.where(angle < 2 * np.pi, angle, 0.0), np.nan)


def _near(homology: PersistentHomology, at: float) -> np.ndarray:
    """Returns which points are an edge at the distance where the loop is looked at."""
    bars = homology.diagrams[1]
    distance = cdist(homology.points, homology.points)
    birth, death = bars[np.argmax(bars[:, 1] - bars[:, 0])]
    if not np.isfinite(death):
        death = distance.max()
    near = distance <= birth + at * (death - birth)
    np.fill_diagonal(near, False)
    return np.asarray(near)


def _check_cocycle(alpha: np.ndarray, near: np.ndarray) -> None:
    """Raises if values do not add up to zero round a triangle, over the whole numbers."""
    for k in np.flatnonzero(alpha.any(axis=1)):
        others = np.flatnonzero(near[k])
        square = np.ix_(others, others)
        circuit = alpha[k, others][:, None] + alpha[square] - alpha[k, others][None, :]
        if (circuit[near[square]] != 0).any():
            raise DataError(
                "the loop's cocycle is none over the whole numbers, so it has no coordinate in "
                "this field. Take another coefficient, such as 41."
            )
