"""Reconstruction: how well a linear map of an embedding gives back the latent that is known.

Simulated recordings come with the latent that made them. An embedding is identified up to a linear
map, so the share of the latent's variance that such a map explains is the score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import DataError, InvalidParameterError
from ..utils.validation import as_array, check_finite, check_numeric

__all__ = ["linear_prediction", "reconstruct_latent", "reconstruction_score"]


def reconstruction_score(
    true_latent: Any, embedding: Any, *, num_folds: int | None = None
) -> float:
    r"""Returns the R2 of the linear map from the embedding to the true latent.

    .. math:: R^2 = \frac{1}{d} \sum_{j=1}^{d} \Big[ 1 -
        \frac{\sum_t (z_{tj} - \hat z_{tj})^2}{\sum_t (z_{tj} - \bar z_j)^2} \Big]

    `\hat z` is the least-squares prediction with intercept. Scored where it was fitted, as
    published, pure noise of `D` dimensions gets about `D / (T - 1)`; with
    folds it gets less than 0.

    Args:
        true_latent: `(T,)` or `(T, d)`, each column must vary.
        embedding: `(T, D)`.
        num_folds: `None` scores the map where it was fitted. A number cuts time into that many
            runs, fits on all but one and scores the predictions of the left-out ones together.

    Raises:
        DataError: If lengths disagree, values are not finite, a latent is constant, or there are
            not more rows to fit on than dimensions plus one.
        InvalidParameterError: If `num_folds` is below 2 or above the rows.

    References:
        Schneider, Lee and Mathis (2023), Nature 617, 360-368, Methods, "Synthetic data",
        doi:10.1038/s41586-023-06031-6.

    Example:
        >>> z = np.random.default_rng(0).normal(size=(100, 2))
        >>> embedding = z @ np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 1.0]]) - 3
        >>> round(reconstruction_score(z, embedding), 9)
        1.0
        >>> round(reconstruction_score(z, embedding[:, 2:]), 1)  # the first latent is lost
        0.5
    """
    z = _columns(true_latent)
    predicted = reconstruct_latent(z, embedding, num_folds=num_folds).reshape(z.shape)
    total = ((z - z.mean(axis=0)) ** 2).sum(axis=0)
    if (total == 0).any():
        raise DataError(
            "each true latent must vary to be reconstructed; column "
            f"{int(np.argmin(total))} is constant. Leave it out."
        )
    return float((1 - ((z - predicted) ** 2).sum(axis=0) / total).mean())


def reconstruct_latent(
    true_latent: Any, embedding: Any, *, num_folds: int | None = None
) -> Float[np.ndarray, "time *latents"]:
    """Returns the embedding mapped onto the true latent, to be drawn beside it.

    Args:
        true_latent: See `reconstruction_score`.
        embedding: See `reconstruction_score`.
        num_folds: See `reconstruction_score`; each row is then predicted from the other folds.

    Returns:
        Predictions in the form of `true_latent`.

    Raises:
        DataError: As `reconstruction_score`.
        InvalidParameterError: As `reconstruction_score`.

    Example:
        >>> reconstruct_latent([1.0, 2.0, 3.0, 4.0], [[0.0], [2.0], [4.0], [6.0]])
        array([1., 2., 3., 4.])
    """
    z, x = _columns(true_latent), _columns(embedding)
    num_rows = len(x)
    if len(z) != num_rows:
        raise DataError(
            "the true latent and the embedding must span the same time bins; got "
            f"{len(z)} and {num_rows}. Cut the latent to the bins that were embedded."
        )
    if num_folds is not None and not 2 <= num_folds <= num_rows:
        raise InvalidParameterError(
            f"num_folds must be None or between 2 and the {num_rows} rows; got {num_folds!r}."
        )
    num_fitted = num_rows - (0 if num_folds is None else -(-num_rows // num_folds))
    if num_fitted <= x.shape[1] + 1:
        raise DataError(
            "a linear map needs more rows than dimensions plus one, or its R2 says nothing; got "
            f"{num_fitted} rows to fit and {x.shape[1]} dimensions. Use a longer recording."
        )
    predicted = linear_prediction(x, z, num_folds)
    return predicted.reshape(np.shape(as_array(true_latent, "the true latent")))


def linear_prediction(
    x: Float[np.ndarray, "rows dims"],
    y: Float[np.ndarray, "rows targets"],
    num_folds: int | None = None,
) -> Float[np.ndarray, "rows targets"]:
    """Returns the prediction of `y` from `x` by ordinary least squares with intercept.

    Args:
        x: One row for each row of `y`.
        y: What is predicted.
        num_folds: `None` predicts the rows that were fitted. A number cuts the rows into that many
            runs of neighbours and predicts each from all the others.

    Example:
        >>> x = np.arange(4.0)[:, None]
        >>> linear_prediction(x, x**2)[:, 0].round(6)
        array([-1.,  2.,  5.,  8.])
    """
    rows = np.arange(len(x))
    predicted = np.empty(y.shape)
    for part in np.array_split(rows, num_folds or 1):
        fit = slice(None) if num_folds is None else np.delete(rows, part)
        x_mean, y_mean = x[fit].mean(axis=0), y[fit].mean(axis=0)
        weight = np.linalg.lstsq(x[fit] - x_mean, y[fit] - y_mean, rcond=None)[0]
        predicted[part] = y_mean + (x[part] - x_mean) @ weight
    return predicted


def _columns(values: Any) -> Float[np.ndarray, "time columns"]:
    name = "a latent or an embedding"
    array = np.asarray(as_array(values, name))
    check_numeric(array, name)
    check_finite(array, name)
    if array.ndim not in (1, 2) or array.size == 0:
        raise DataError(f"{name} must be (time bins, dimensions); got shape {array.shape}.")
    return (array[:, None] if array.ndim == 1 else array).astype(np.float64)
