"""Alignment: turning one embedding onto another, and averaging several.

Two trained embeddings differ by a rotation or reflection that means nothing. Rows that belong
together, because they are the same time bins or carry the nearest labels, say which one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from ..errors import DataError, InvalidParameterError
from ..utils.validation import as_array, check_finite, check_numeric
from .consistency import bin_embeddings
from .scores import as_label, as_labels

__all__ = ["OrthogonalProcrustesAlignment", "align_embeddings", "ensemble_embeddings"]

_BLOCK_ELEMENTS = 1 << 22  # 32 MiB of float64 reference rows at a time


class OrthogonalProcrustesAlignment:
    r"""The orthogonal matrix that turns an embedding onto a reference.

    .. math:: R = \arg\min_{R^\top R = 1} \sum_t \lVert x_t R - y_t \rVert^2 = U V^\top, \quad
        U S V^\top = \sum_t x_t^\top y_t

    `y_t` is the mean of the `top_k` reference rows whose labels are nearest to that of `x_t`. The
    nearest are found with a k-d tree, in memory linear in the rows. Reference rows of one label
    count together: if only some of them are among the `top_k`, their mean stands in, so that the
    order of rows does not matter. Classes are never mixed: rows of a class that the reference does
    not have are left out. Without labels row `t` belongs to row `t`, whatever `top_k` is.

    Nothing is centred or scaled. When the matched rows span fewer than `D` directions, as two
    classes in three dimensions do, the turn in the other directions is arbitrary.

    Args:
        top_k: Reference rows that each row is matched with, at least 1.
        subsample: Rows of the embedding that are drawn, without replacement, to fit on; `None`
            and any number above the rows take all.
        seed: Seed of that draw.

    Attributes:
        rotation_: The matrix `(D, D)`, after `fit`.

    References:
        Schoenemann (1966), Psychometrika 31, 1-10, doi:10.1007/BF02289451.

    Example:
        >>> angle = np.linspace(0, 5, 50)
        >>> ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> aligner = OrthogonalProcrustesAlignment(top_k=1)
        >>> turned = aligner.fit_transform(ring, ring[::-1] @ [[0, 1], [1, 0]], angle, angle[::-1])
        >>> bool(np.allclose(turned, ring[::-1]))
        True
    """

    def __init__(self, top_k: int = 5, subsample: int | None = None, *, seed: int = 0) -> None:
        self.top_k = top_k
        self.subsample = subsample
        self.seed = seed

    def fit(
        self,
        reference: Any,
        embedding: Any,
        reference_label: Any = None,
        label: Any = None,
    ) -> OrthogonalProcrustesAlignment:
        """Finds the rotation.

        Args:
            reference: `(M, D)`, stays where it is.
            embedding: `(T, D)`, will be turned.
            reference_label: A `Label`, an array `(M,)` or `(M, d)`, or a tuple or mapping of
                them. Weights and periods of `Label`s are respected.
            label: Of the same kinds, `T` values. Without both, row belongs to row.

        Raises:
            DataError: If shapes or labels disagree, or no class is in both.
            InvalidParameterError: If `top_k` or `subsample` is below 1.
        """
        if self.top_k < 1 or (self.subsample is not None and self.subsample < 1):
            raise InvalidParameterError(
                "top_k must be at least 1 and subsample None or at least 1; got "
                f"{self.top_k!r} and {self.subsample!r}."
            )
        y, x = _rows(reference, "the reference"), _rows(embedding, "the embedding")
        if x.shape[1] != y.shape[1]:
            raise DataError(
                "a rotation keeps the number of dimensions; the reference has "
                f"{y.shape[1]} and the embedding {x.shape[1]}. Train both with one output size."
            )
        if (reference_label is None) != (label is None):
            raise DataError(
                "labels must be given for both embeddings or for none; got one of them."
            )
        chosen: Any = slice(None)
        if self.subsample is not None and self.subsample < len(x):
            rng = np.random.default_rng(self.seed)
            chosen = np.sort(rng.choice(len(x), self.subsample, replace=False))
        if label is None:
            if len(x) != len(y):
                raise DataError(
                    "without labels row belongs to row; the reference has "
                    f"{len(y)} rows and the embedding {len(x)}. Pass labels for both."
                )
            cross = x[chosen].T @ y[chosen]
        else:
            code, code_y, point, point_y, period = _coordinates(label, reference_label, x, y)
            cross = _matched_products(
                x[chosen], y, code[chosen], code_y, point[chosen], point_y, period, self.top_k
            )
        u, _, vt = np.linalg.svd(cross)
        self.rotation_: Float[np.ndarray, "dims dims"] = u @ vt
        return self

    def transform(self, embedding: Any) -> Float[np.ndarray, "time dims"]:
        """Returns the turned rows `(T, D)`, of this embedding or of more from the same model.

        Raises:
            DataError: If nothing was fitted or the dimensions differ.
        """
        x = _rows(embedding, "the embedding")
        rotation = getattr(self, "rotation_", None)
        if rotation is None or x.shape[1] != len(rotation):
            raise DataError(
                "transform turns embeddings of the size that was fitted; got "
                f"{x.shape[1]} dimensions for "
                f"{'no fit' if rotation is None else len(rotation)}. Call fit first."
            )
        return np.asarray(x @ rotation)

    def fit_transform(
        self,
        reference: Any,
        embedding: Any,
        reference_label: Any = None,
        label: Any = None,
    ) -> Float[np.ndarray, "time dims"]:
        """Returns the embedding turned onto the reference; see `fit`."""
        return self.fit(reference, embedding, reference_label, label).transform(embedding)


def align_embeddings(
    embeddings: Sequence[Any],
    labels: Sequence[Any],
    normalize: bool = True,
    n_bins: int = 100,
) -> list[Float[np.ndarray, "bins _"]]:
    """Returns the mean of each embedding in bins of a shared label, row by row the same bins.

    This is `bin_embeddings` under the name and with the arguments that `cebra` gives it. Bins that
    one embedding does not fill are left out for all.

    Args:
        embeddings: `(T, D)` each; rows with a NaN are left out.
        labels: A `Label`, an array, or a tuple of them for each embedding.
        normalize: Whether means are scaled to unit length.
        n_bins: Edges of a continuous label or bins of a circular one.

    Raises:
        DataError: As `bin_embeddings`.

    Example:
        >>> x = np.arange(1.0, 5.0)[:, None]
        >>> first, second = align_embeddings([x, -x], [["a", "a", "b", "b"]] * 2, normalize=False)
        >>> first.tolist(), second.tolist()
        ([[1.5], [3.5]], [[-1.5], [-3.5]])
    """
    return bin_embeddings(embeddings, labels, n_bins, normalize=normalize)[0]


def ensemble_embeddings(
    embeddings: Sequence[Any],
    labels: Sequence[Any] | None = None,
    post_norm: bool = False,
    *,
    top_k: int = 5,
) -> Float[np.ndarray, "time dims"]:
    """Returns the mean of embeddings of the same time bins, each turned onto the first.

    Args:
        embeddings: At least one `(T, D)`, of one size.
        labels: Labels of each embedding to align by, see `OrthogonalProcrustesAlignment.fit`;
            `None` aligns row by row.
        post_norm: Whether the means are scaled to unit length, for embeddings on a sphere.
        top_k: Reference rows that each row is matched with when there are labels.

    Raises:
        DataError: If sizes differ, or there is not one label for each embedding.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> ensemble_embeddings([x, -x, x[:, ::-1]]).round(6) + 0.0
        array([[ 1.,  0.], [ 0.,  1.], [-1.,  0.]])
    """
    rows = [_rows(values, f"embedding {i}") for i, values in enumerate(embeddings)]
    if not rows or len({x.shape for x in rows}) > 1:
        raise DataError(
            "an ensemble averages at least one embedding, all of one shape; got "
            f"{[x.shape for x in rows]}. Transform one recording with all models."
        )
    if labels is not None and len(labels) != len(rows):
        raise DataError(
            f"labels must hold one entry for each embedding; got {len(labels)} for {len(rows)}."
        )
    total = rows[0].copy()
    for i, x in enumerate(rows[1:], start=1):
        pair = () if labels is None else (labels[0], labels[i])
        total += OrthogonalProcrustesAlignment(top_k).fit_transform(rows[0], x, *pair)
    mean = total / len(rows)
    if post_norm:
        length = np.linalg.norm(mean, axis=1, keepdims=True)
        mean = mean / np.where(length == 0, 1, length)
    return mean


def _coordinates(
    label: Any, reference_label: Any, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns class codes and scaled coordinates of both sides, and the periods of the columns.

    Distances between coordinates are those of the labels, each times the root of its weight.
    """
    moving, still = as_labels(label), as_labels(reference_label)
    if len(moving) != len(still):
        raise DataError(
            f"both embeddings need the same labels; got {len(still)} for the reference and "
            f"{len(moving)} for the embedding."
        )
    codes, columns, periods = [np.zeros(len(x) + len(y), dtype=np.int64)], [], []
    for a, b in zip(moving, still, strict=True):
        as_label(a, like=b)
        for name, part, rows in (("the embedding", a, x), ("the reference", b, y)):
            if len(part) != len(rows):
                raise DataError(
                    f"{name} and its label must span the same time bins; got {len(rows)} and "
                    f"{len(part)}."
                )
        values = np.concatenate([a.to_numpy(), b.to_numpy()])
        if b.kind == "categorical":
            code = np.unique(values, return_inverse=True)[1]
            codes.append(np.unique(codes.pop() * (code.max() + 1) + code, return_inverse=True)[1])
            continue
        scale = np.sqrt(b.weight)
        columns.append(scale * values.reshape(len(values), -1))
        periods += [scale * (b.period or 0.0)] * columns[-1].shape[1]
    period = np.array(periods, dtype=np.float64)
    point = np.concatenate(columns, axis=1) if columns else np.zeros((len(codes[0]), 0))
    # the scale may round a value up to the period itself, where the circle begins again
    point = np.where((period > 0) & (point >= period), 0.0, point)
    border = len(x)
    return codes[0][:border], codes[0][border:], point[:border], point[border:], period


def _matched_products(
    x: np.ndarray,
    y: np.ndarray,
    code: np.ndarray,
    code_y: np.ndarray,
    point: np.ndarray,
    point_y: np.ndarray,
    period: np.ndarray,
    top_k: int,
) -> Float[np.ndarray, "dims dims"]:
    """Returns the sum over rows of `x_t` times the mean of its matched reference rows."""
    cross = np.zeros((x.shape[1], y.shape[1]))
    shared = np.intersect1d(code, code_y)
    if len(shared) == 0:
        raise DataError(
            "the embeddings must share a class to be aligned; got none. Align by another label."
        )
    for which in shared:
        own, other = code == which, code_y == which
        wanted, sums, _ = _sums_by_label(point[own], x[own])
        distinct, totals, counts = _sums_by_label(point_y[other], y[other])
        means = totals / counts[:, None]
        k = min(top_k, len(distinct))
        for part in _blocks(len(wanted), k * y.shape[1]):
            nearest = _nearest(distinct, wanted[part], period, k)
            before = counts[nearest].cumsum(axis=1) - counts[nearest]
            weight = np.clip(top_k - before, 0, counts[nearest]).astype(np.float64)
            weight /= weight.sum(axis=1, keepdims=True)
            cross += sums[part].T @ np.einsum("qk,qkd->qd", weight, means[nearest])
    return cross


def _nearest(
    distinct: np.ndarray, wanted: np.ndarray, period: np.ndarray, k: int
) -> Int[np.ndarray, "queries k"]:
    if distinct.shape[1] == 0:  # classes alone: all rows of a class are one point
        return np.zeros((len(wanted), 1), dtype=np.int64)
    found = cKDTree(distinct, boxsize=period).query(wanted, k=k)[1]
    return np.asarray(found).reshape(len(wanted), k)


def _sums_by_label(
    point: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the distinct points, and the sum and number of the rows at each."""
    if point.shape[1] == 0:
        return point[:1], rows.sum(axis=0, keepdims=True), np.array([len(rows)])
    order = np.lexsort(point.T[::-1])
    ordered = point[order]
    is_first = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)]
    start = np.flatnonzero(is_first)
    return ordered[start], np.add.reduceat(rows[order], start), np.diff(np.r_[start, len(rows)])


def _blocks(num_rows: int, elements_per_row: int) -> Iterator[slice]:
    size = max(1, _BLOCK_ELEMENTS // elements_per_row)
    for start in range(0, num_rows, size):
        yield slice(start, start + size)


def _rows(values: Any, name: str) -> np.ndarray:
    x = np.asarray(as_array(values, name))
    check_numeric(x, name)
    check_finite(x, name)
    if x.ndim != 2 or x.size == 0:
        raise DataError(
            f"{name} must be (time bins, dimensions) and not empty; got shape {x.shape}."
        )
    return x.astype(np.float64)
