"""Consistency: how well one embedding is a linear function of another.

Between runs on one recording the rows are matched; between recordings they are first averaged in
bins of a shared label. A score is only comparable with scores from the same bins: the result says
how many there were and how many were left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.ndimage import convolve1d
from scipy.sparse import csr_matrix

from ..errors import DataError, InvalidParameterError
from ..types import Label
from ..utils.validation import as_array, check_finite
from .reconstruction import linear_prediction
from .scores import as_label, as_labels

__all__ = ["Consistency", "bin_embeddings", "consistency_score", "linear_r2"]

_WIDEST = 2  # an empty bin takes its neighbours up to this far, as in the published protocol


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """R2 of the linear maps between embeddings.

    Args:
        scores: R2 of each ordered pair of different ids, the mean over their embeddings.
        pairs: From and to id of each score, `(pairs, 2)`.
        ids: Datasets or runs, in order of appearance.
        matrix: The scores as `(ids, ids)`, rows are the sources; the diagonal is NaN.
        num_points: Bins (between datasets) or rows (between runs) that were compared.
        num_left_out: Bins that some dataset did not fill and that were left out for all.
        dimensions: Dimensions of each embedding; scores across different ones are not symmetric.
        num_folds: Folds of held-out points, or `None` if maps were scored where they were fitted.
    """

    scores: Float[np.ndarray, " pairs"]
    pairs: Shaped[np.ndarray, "pairs 2"]
    ids: Shaped[np.ndarray, " ids"]
    matrix: Float[np.ndarray, "ids ids"]
    num_points: int
    num_left_out: int
    dimensions: tuple[int, ...]
    num_folds: int | None


def consistency_score(
    embeddings: Sequence[Any],
    labels: Sequence[Any] | None = None,
    dataset_ids: Sequence[Hashable] | None = None,
    between: Literal["datasets", "runs"] | None = None,
    num_bins: int = 100,
    *,
    normalize: bool = True,
    num_folds: int | None = None,
) -> Consistency:
    r"""Returns the R2 of the linear map from each embedding to each other one.

    .. math:: 1 - \frac{\sum_t (y_t - a - W x_t)^2}{\sum_t (y_t - \bar y)^2}

    averaged over the dimensions of `y`; `a` and `W` are the least-squares solution.

    Args:
        embeddings: At least two `(T, D)`; `T` and `D` may differ between datasets.
        labels: One entry for each embedding when datasets are compared: a `Label`, an array, or a
            tuple of them for joint bins, such as position within each running direction. See
            `bin_embeddings` for the bins of each kind of label.
        dataset_ids: The dataset of each embedding; scores of equal pairs are averaged, and pairs
            within a dataset are left out. `None` makes each embedding its own dataset.
        between: `"datasets"` or `"runs"`; `None` is datasets if there are labels, else runs.
        num_bins: Edges of the bins of a continuous label, bins of a circular one.
        normalize: Whether bin means are scaled to unit length, for embeddings on a sphere.
        num_folds: `None` scores each map on the points that it was fitted to, as published. A
            number cuts the points into that many runs of neighbours, fits on all but one, and
            scores the predictions of the left-out ones together.

    Raises:
        DataError: If shapes disagree, labels are missing or superfluous, or there are not more
            points than dimensions, where every R2 is one.
        InvalidParameterError: For an unknown `between` or `num_folds` below 2.

    References:
        Schneider, Lee and Mathis (2023), Nature 617, 360-368, doi:10.1038/s41586-023-06031-6.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 2))
        >>> turned = x @ np.array([[0.0, 1.0], [-1.0, 0.0]])
        >>> consistency_score([x, turned], between="runs").scores.round(6)
        array([1., 1.])
    """
    between = between or ("runs" if labels is None else "datasets")
    if between not in ("datasets", "runs") or (num_folds is not None and num_folds < 2):
        raise InvalidParameterError(
            "between must be 'datasets' or 'runs' and num_folds None or at least 2; got "
            f"{between!r} and {num_folds!r}."
        )
    rows = [_embedding(values, i) for i, values in enumerate(embeddings)]
    if len(rows) < 2:
        raise DataError(f"consistency compares at least two embeddings; got {len(rows)}.")
    num_left_out = 0
    if between == "datasets":
        if labels is None:
            raise DataError(
                "datasets are compared in bins of a label; got labels=None. Pass one label for "
                "each embedding, or between='runs' if the rows match."
            )
        points, num_left_out = bin_embeddings(rows, labels, num_bins, normalize=normalize)
    else:
        points = _matched_rows(rows, labels, dataset_ids)
    ids = list(range(len(rows))) if dataset_ids is None else list(dataset_ids)
    if len(ids) != len(rows):
        raise DataError(
            f"dataset_ids must name each embedding; got {len(ids)} for {len(rows)} embeddings."
        )
    unique = list(dict.fromkeys(ids))
    if len(unique) < 2:
        raise DataError(f"dataset_ids must name at least two datasets; got only {unique[0]!r}.")
    matrix = _average(linear_r2(points, num_folds), [unique.index(i) for i in ids])
    source, target = np.nonzero(~np.eye(len(unique), dtype=bool))
    names = np.array(unique)
    return Consistency(
        scores=matrix[source, target],
        pairs=np.stack([names[source], names[target]], axis=1),
        ids=names,
        matrix=matrix,
        num_points=len(points[0]),
        num_left_out=num_left_out,
        dimensions=tuple(p.shape[1] for p in points),
        num_folds=num_folds,
    )


def bin_embeddings(
    embeddings: Sequence[Any],
    labels: Sequence[Any],
    num_bins: int = 100,
    *,
    normalize: bool = True,
) -> tuple[list[Float[np.ndarray, "bins _"]], int]:
    """Returns the mean embedding in each bin of a label that all datasets share.

    Continuous: `num_bins` edges evenly from the smallest to the largest value of all datasets,
    thus `num_bins - 1` bins, each holding its lower edge. The largest value itself only helps to
    fill, as in the published code. Circular: `num_bins` bins around the circle. Categorical: a bin
    for each class. Several labels or columns: all combinations. An empty bin takes the mean over
    its neighbours one bin away, then two (around the circle for circular labels, never across
    classes); if it is still empty in one dataset it is left out for all.

    Args:
        embeddings: `(T, D)` each; rows with a NaN are left out.
        labels: A `Label`, an array, or a tuple of them for each embedding.
        num_bins: Edges of a continuous label or bins of a circular one, at least 2.
        normalize: Whether means are scaled to unit length.

    Returns:
        Means `(bins, D)` of each dataset, row by row the same bins, and how many were left out.

    Raises:
        DataError: If labels differ in length or kind, or no bin is filled by all datasets.
        InvalidParameterError: If `num_bins` is below 2.

    Example:
        >>> means, left_out = bin_embeddings(
        ...     [np.array([[1.0], [3.0], [5.0]]), np.array([[7.0], [9.0]])],
        ...     [["a", "a", "b"], ["a", "c"]],
        ...     normalize=False,
        ... )
        >>> [mean.tolist() for mean in means], left_out
        ([[[2.0]], [[7.0]]], 2)
    """
    if num_bins < 2:
        raise InvalidParameterError(f"num_bins must be at least 2; got {num_bins!r}.")
    rows = [_embedding(values, i) for i, values in enumerate(embeddings)]
    if len(labels) != len(rows):
        raise DataError(
            f"labels must hold one entry for each embedding; got {len(labels)} for {len(rows)}."
        )
    axes = _axes([as_labels(entry) for entry in labels], num_bins)
    means, filled = [], []
    for i, x in enumerate(rows):
        codes = [axis.codes[i] for axis in axes]
        if len(codes[0]) != len(x):
            raise DataError(
                f"an embedding and its label must span the same time bins; number {i} has "
                f"{len(x)} and {len(codes[0])}."
            )
        mean, is_filled = _means(x, codes, axes)
        means.append(mean)
        filled.append(is_filled)
    shared = np.logical_and.reduce(filled)
    if not shared.any():
        raise DataError("the datasets share no bin of the label. Use fewer bins or another label.")
    points = [mean[shared] for mean in means]
    if normalize:
        lengths = [np.linalg.norm(p, axis=1, keepdims=True) for p in points]
        points = [p / np.where(n == 0, 1, n) for p, n in zip(points, lengths, strict=True)]
    return points, int((~shared).sum())


def linear_r2(
    points: Sequence[Float[np.ndarray, "points _"]], num_folds: int | None = None
) -> Float[np.ndarray, "sets sets"]:
    """Returns the R2 of ordinary least squares with intercept from each set to each set.

    Args:
        points: Sets `(M, D)` whose rows match; `D` may differ.
        num_folds: See `consistency_score`.

    Returns:
        Rows are sources, columns targets; the mean R2 over the target's dimensions. A constant
        dimension counts 1 if it is predicted exactly and else 0, as in scikit-learn.

    Raises:
        DataError: If there are not more rows to fit on than dimensions plus one.

    Example:
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> linear_r2([x, x**2]).round(2)
        array([[1.  , 0.92],
               [0.92, 1.  ]])
    """
    dims = [p.shape[1] for p in points]
    num_points = len(points[0])
    num_fitted = num_points - (0 if num_folds is None else -(-num_points // num_folds))
    if num_fitted <= max(dims) + 1:
        raise DataError(
            "a linear map needs more points than dimensions plus one, or its R2 says nothing; got "
            f"{num_fitted} points to fit and {max(dims)} dimensions. Use a label with more bins."
        )
    targets = np.concatenate(points, axis=1)
    total = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    matrix = np.empty((len(points), len(points)))
    for i, source in enumerate(points):
        residual = ((targets - linear_prediction(source, targets, num_folds)) ** 2).sum(axis=0)
        share = np.where(total == 0, residual != 0, residual / np.where(total == 0, 1, total))
        matrix[i] = [1 - part.mean() for part in np.split(share, np.cumsum(dims)[:-1])]
    return matrix


@dataclass(frozen=True)
class _Axis:
    """The bins of one label column: codes of all datasets, and how bins neighbour."""

    codes: list[Int[np.ndarray, " _"]]
    size: int
    mode: Literal["constant", "wrap"] | None  # of the convolution that widens; None: no neighbours
    keep: slice


def _axes(labels: list[tuple[Label, ...]], num_bins: int) -> list[_Axis]:
    """Returns one axis for each label column, the datasets' codes side by side."""
    if len({len(entry) for entry in labels}) > 1:
        raise DataError("all datasets must have the same number of labels.")
    axes = []
    for group in zip(*labels, strict=True):
        for label in group[1:]:
            as_label(label, like=group[0])
        values = [label.to_numpy() for label in group]
        if group[0].kind == "categorical":
            axes.append(_categorical_axis(values))
            continue
        columns = [v[:, None] if v.ndim == 1 else v for v in values]
        for c in range(columns[0].shape[1]):
            column = [v[:, c] for v in columns]
            axes.append(
                _continuous_axis(column, num_bins)
                if group[0].period is None
                else _circular_axis(column, group[0].period, num_bins)
            )
    return axes


def _categorical_axis(values: list[np.ndarray]) -> _Axis:
    classes, code = np.unique(np.concatenate(values), return_inverse=True)
    borders = np.cumsum([len(v) for v in values])[:-1]
    return _Axis(np.split(code, borders), len(classes), None, slice(None))


def _continuous_axis(values: list[np.ndarray], num_bins: int) -> _Axis:
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    if low == high:
        raise DataError(f"a continuous label must vary to give bins; all values are {low:g}.")
    edges = np.linspace(low, high, num_bins)
    codes = [np.searchsorted(edges, v, side="right") - 1 for v in values]
    return _Axis(codes, num_bins, "constant", slice(0, num_bins - 1))


def _circular_axis(values: list[np.ndarray], period: float, num_bins: int) -> _Axis:
    codes = [np.minimum((v / period * num_bins).astype(int), num_bins - 1) for v in values]
    return _Axis(codes, num_bins, "wrap", slice(None))


def _means(
    x: np.ndarray, codes: list[np.ndarray], axes: list[_Axis]
) -> tuple[Float[np.ndarray, "bins dims"], Shaped[np.ndarray, " bins"]]:
    """Returns the mean of each bin, empty ones widened, and which bins have one."""
    valid = ~np.isnan(x).any(axis=1)
    shape = tuple(axis.size for axis in axes)
    cell = np.ravel_multi_index(tuple(code[valid] for code in codes), shape)
    one = np.ones(len(cell))
    member = csr_matrix((one, (cell, np.arange(len(cell)))), (int(np.prod(shape)), len(cell)))
    counted = np.concatenate([member @ x[valid], (member @ one)[:, None]], axis=1)
    grid = counted.reshape(*shape, -1)
    result = grid.copy()
    for radius in range(1, _WIDEST + 1):
        wide = grid
        for i, axis in enumerate(axes):
            if axis.mode is not None:
                wide = convolve1d(wide, np.ones(2 * radius + 1), axis=i, mode=axis.mode, cval=0.0)
        result = np.where(result[..., -1:] == 0, wide, result)
    result = result[tuple(axis.keep for axis in axes)].reshape(-1, x.shape[1] + 1)
    count = result[:, -1]
    return result[:, :-1] / np.maximum(count, 1)[:, None], count > 0


def _average(r2: np.ndarray, group: list[int]) -> np.ndarray:
    """Returns the mean over embeddings of one dataset; NaN on the diagonal."""
    member = np.eye(max(group) + 1)[group]
    count = member.sum(axis=0)
    matrix = member.T @ r2 @ member / np.outer(count, count)
    np.fill_diagonal(matrix, np.nan)
    return np.asarray(matrix)


def _matched_rows(rows: list[np.ndarray], labels: object, ids: object) -> list[np.ndarray]:
    if labels is not None or ids is not None:
        raise DataError(
            "runs are compared row by row, without labels and dataset_ids; got one of them. "
            "Leave them out, or pass between='datasets'."
        )
    if len({len(x) for x in rows}) > 1:
        raise DataError(
            f"runs must have the same rows; got lengths {[len(x) for x in rows]}. Compare "
            "different recordings with between='datasets' and labels."
        )
    for i, x in enumerate(rows):
        check_finite(x, f"embedding {i}")
    return rows


def _embedding(values: Any, number: int) -> np.ndarray:
    x = np.asarray(as_array(values, f"embedding {number}"), dtype=np.float64)
    if x.ndim != 2 or x.size == 0 or np.isinf(x).any():
        raise DataError(
            f"an embedding must be finite and of shape (time bins, dimensions); number {number} "
            f"has shape {x.shape}."
        )
    return x
