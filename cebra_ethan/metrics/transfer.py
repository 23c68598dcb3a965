"""Consistency on bins that neither the encoders nor the map between them have seen."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..errors import DataError

__all__ = ["transfer_r2"]


def transfer_r2(
    source: Float[np.ndarray, "_ _"],
    target: Float[np.ndarray, "_ _"],
    new_source: Float[np.ndarray, "_ _"],
    new_target: Float[np.ndarray, "_ _"],
) -> float:
    r"""Returns the R2 of a linear map on new rows; it is fitted on the others.

    .. math:: R^2 = \frac{1}{D} \sum_{j=1}^{D} \Big[ 1 -
        \frac{\sum_t (y_{tj} - \hat y_{tj})^2}{\sum_t (y_{tj} - \bar y_j)^2} \Big]

    `\hat y` is the least-squares prediction with intercept of the first two arguments, the sums
    run over the last two. A map that says nothing gets 0 or less, however many dimensions it has.
    Target dimensions that are constant in the new rows are left out.

    Args:
        source: Rows to fit on, `(T, D)`.
        target: Matching rows.
        new_source: Rows to score on, `(T', D)`.
        new_target: Matching rows.

    Raises:
        DataError: If rows or columns do not match, or every target dimension is constant.

    References:
        The score of Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, without
        their use of one set of rows for fit and score.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(60, 3))
        >>> round(transfer_r2(x[:40], 2 * x[:40] + 1, x[40:], 2 * x[40:] + 1), 6)
        1.0
    """
    widths = source.shape[1] == new_source.shape[1] and target.shape[1] == new_target.shape[1]
    if not widths or len(source) != len(target) or len(new_source) != len(new_target):
        raise DataError(
            "source and target must have matching rows, and the new ones the same columns; got "
            f"{source.shape} and {target.shape}, {new_source.shape} and {new_target.shape}."
        )
    old_x, old_y, x, y = (
        np.asarray(values, dtype=np.float64) for values in (source, target, new_source, new_target)
    )
    x_mean, y_mean = old_x.mean(axis=0), old_y.mean(axis=0)
    weight = np.linalg.lstsq(old_x - x_mean, old_y - y_mean, rcond=None)[0]
    residual = ((y - y_mean - (x - x_mean) @ weight) ** 2).sum(axis=0)
    total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    if not (total > 0).any():
        raise DataError("a target must vary to be predicted; all its new rows are equal.")
    varies = total > 0
    return float((1 - residual[varies] / total[varies]).mean())
