"""How far predictions are from the truth, for each kind of label, and how far a guess would be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ..errors import DataError
from ..types import Label

__all__ = [
    "Scores",
    "as_label",
    "as_labels",
    "chance_prediction",
    "circular_difference",
    "circular_median",
    "circular_r2",
    "score_predictions",
]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Errors of predictions; what does not apply to the kind of label is NaN or empty.

    Args:
        median_error: Median absolute error in the label's unit; for several columns the median
            length of the error vector. Circular labels are compared on the circle.
        mean_error: The same with the mean.
        r2: Share of explained variance, uniform average over columns; continuous labels only.
        accuracy: Share of right classes; categorical labels only.
        balanced_accuracy: The mean over the true classes of the share that was right.
        column_median_error: Median absolute error of each column.
        column_mean_error: Mean absolute error of each column.
    """

    median_error: float = math.nan
    mean_error: float = math.nan
    r2: float = math.nan
    accuracy: float = math.nan
    balanced_accuracy: float = math.nan
    column_median_error: tuple[float, ...] = ()
    column_mean_error: tuple[float, ...] = ()

    def summary(self) -> dict[str, float]:
        """Returns the numbers that apply, by name.

        Example:
            >>> Scores(accuracy=0.5, balanced_accuracy=0.25).summary()
            {'accuracy': 0.5, 'balanced_accuracy': 0.25}
        """
        fields = {name: getattr(self, name) for name in Scores.__dataclass_fields__}
        return {
            name: value
            for name, value in fields.items()
            if isinstance(value, float) and not math.isnan(value)
        }


def as_label(values: Any, like: Label | None = None, name: str = "label") -> Label:
    """Returns values as a `Label`, of the kind of another one.

    Args:
        values: A label, or an array that becomes one.
        like: The label whose kind and period an array takes, and a label must have.
        name: What messages call it.

    Raises:
        DataError: If a label has another kind, period or number of columns than `like`.
    """
    if isinstance(values, Label):
        label = values
    else:
        label = Label(values, name=name) if like is None else _label_like(values, like, name)
    if like is not None and _form(label) != _form(like):
        raise DataError(f"two labels must be of one kind to be compared; got {label} and {like}.")
    return label


def as_labels(entry: Any) -> tuple[Label, ...]:
    """Returns the labels of one recording: a label, an array, or a tuple or mapping of them.

    Example:
        >>> [label.kind for label in as_labels(([0.0, 0.5], ["left", "right"]))]
        ['continuous', 'categorical']
    """
    if isinstance(entry, Mapping):
        entry = tuple(entry.values())
    return tuple(as_label(part) for part in (entry if isinstance(entry, tuple) else (entry,)))


def score_predictions(true: Label, predicted: Shaped[np.ndarray, "time *columns"]) -> Scores:
    """Returns the errors of predictions.

    Args:
        true: The label, `T` values.
        predicted: `(T,)` or `(T, d)` in the form of `true.to_numpy()`.

    Raises:
        DataError: If the shapes differ.

    Example:
        >>> score_predictions(Label([359.0], "circular", period=360.0), np.array([1.0])).mean_error
        2.0
    """
    actual = true.to_numpy()
    if predicted.shape != actual.shape:
        raise DataError(
            f"predictions must have the shape of the label; got {predicted.shape} for "
            f"{actual.shape}."
        )
    if true.kind == "categorical":
        return _score_classes(actual, predicted)
    actual, predicted = _columns(actual), _columns(predicted)
    if true.period is None:
        error, r2 = predicted - actual, _r2(actual, predicted)
    else:
        error, r2 = circular_difference(predicted, actual, true.period), math.nan
    length = np.sqrt((error**2).sum(axis=1))
    return Scores(
        median_error=float(np.median(length)),
        mean_error=float(length.mean()),
        r2=r2,
        column_median_error=tuple(np.median(np.abs(error), axis=0).tolist()),
        column_mean_error=tuple(np.abs(error).mean(axis=0).tolist()),
    )


def chance_prediction(train: Label, num_rows: int) -> Shaped[np.ndarray, "rows *columns"]:
    """Returns the best constant guess: median, circular median or the most frequent class.

    Args:
        train: The training label.
        num_rows: Rows to guess.

    Example:
        >>> chance_prediction(Label(["a", "b", "b"]), 2).tolist()
        ['b', 'b']
    """
    values = train.to_numpy()
    if train.kind == "categorical":
        classes, counts = np.unique(values, return_counts=True)
        guess = classes[counts.argmax()]
    elif train.period is None:
        guess = np.median(values, axis=0)
    else:
        guess = np.array([circular_median(c, train.period) for c in _columns(values).T])
        guess = guess if values.ndim == 2 else guess[0]
    return np.repeat(np.asarray(guess)[None], num_rows, axis=0)


def circular_difference(
    a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"], period: float
) -> Float[np.ndarray, "*shape"]:
    """Returns the signed way from `b` to `a` on a circle, in `[-period / 2, period / 2)`.

    Example:
        >>> circular_difference(np.array([1.0, 359.0]), np.array([359.0, 1.0]), 360.0)
        array([ 2., -2.])
    """
    return np.asarray((a - b + period / 2) % period - period / 2)


def circular_median(values: Float[np.ndarray, " time"], period: float) -> float:
    """Returns the value with the smallest mean distance on the circle to all others.

    The mean distance bends downwards only at antipodes of values, so its minimum is at a value.
    Sorted values and running sums give it for all of them at once.

    Args:
        values: `(T,)`.
        period: One turn.

    References:
        Mardia and Jupp (2000), Directional Statistics, section 2.3.2,
        doi:10.1002/9780470316979.

    Example:
        >>> circular_median(np.array([350.0, 0.0, 20.0]), 360.0)
        0.0
    """
    x = np.sort(np.asarray(values, dtype=np.float64) % period)
    num = len(x)
    unrolled = np.concatenate([x, x + period])
    total = np.concatenate([[0.0], unrolled.cumsum()])
    first = np.arange(num)
    middle = np.searchsorted(unrolled, x + period / 2, side="right")
    # ahead are first .. middle - 1, at u - x; the others are behind, at x + period - u
    ahead = total[middle] - total[first] - (middle - first) * x
    behind = (first + num - middle) * (x + period) - (total[first + num] - total[middle])
    return float(x[np.argmin(ahead + behind)])


def circular_r2(
    true: Float[np.ndarray, "time *columns"],
    predicted: Float[np.ndarray, "time *columns"],
    period: float,
) -> float:
    r"""Returns the share of circular variance that predictions explain, like R2 on a line.

    .. math:: 1 - \frac{\sum_t 1 - \cos(\theta_t - \hat\theta_t)}
                     {\sum_t 1 - \cos(\theta_t - \bar\theta)}

    with the circular mean `\bar\theta` of the truth: 1 is perfect, 0 as good as the best constant
    guess, below 0 worse. It does not depend on where the circle begins. Uniform average over
    columns; NaN where the truth does not vary.

    Args:
        true: `(T,)` or `(T, d)`.
        predicted: Like `true`.
        period: One turn.

    References:
        Mardia and Jupp (2000), Directional Statistics, equation 2.3.5 for the dispersion,
        doi:10.1002/9780470316979.

    Example:
        >>> true = np.array([350.0, 10.0])
        >>> circular_r2(true, true + 360, 360.0), round(circular_r2(true, true * 0, 360.0), 9)
        (1.0, 0.0)
    """
    to_angle = 2 * np.pi / period
    actual, guess = _columns(true) * to_angle, _columns(predicted) * to_angle
    mean = np.angle(np.exp(1j * actual).mean(axis=0))
    # 2 sin^2(x / 2) is 1 - cos x without losing the digits of small errors
    unexplained = (np.sin((actual - guess) / 2) ** 2).sum(axis=0)
    total = (np.sin((actual - mean) / 2) ** 2).sum(axis=0)
    if (total < 1e-24 * len(actual)).any():
        return math.nan
    return float((1 - unexplained / total).mean())


def _label_like(values: Any, like: Label, name: str) -> Label:
    return Label(values, like.kind, period=like.period, weight=like.weight, name=name)


def _form(label: Label) -> tuple[Any, ...]:
    return label.kind, label.period, label.values.shape[1:]


def _score_classes(true: np.ndarray, predicted: np.ndarray) -> Scores:
    right = (true == predicted).astype(np.float64)
    code = np.unique(true, return_inverse=True)[1]
    recall = np.bincount(code, weights=right) / np.bincount(code)
    return Scores(accuracy=float(right.mean()), balanced_accuracy=float(recall.mean()))


def _r2(true: np.ndarray, predicted: np.ndarray) -> float:
    residual = ((true - predicted) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    if (total == 0).any():  # a constant column has no variance to explain
        return math.nan
    return float((1 - residual / total).mean())


def _columns(values: np.ndarray) -> np.ndarray:
    return values[:, None] if values.ndim == 1 else values
