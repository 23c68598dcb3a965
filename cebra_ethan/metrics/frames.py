"""Which frame of a movie was on? Nearest neighbours and naive Bayes over many ordered classes.

A movie has hundreds of frames and few repeats, so one repeat chooses the setting: all settings of
a decoder are tried at the cost of one, since neighbours are found once and likelihoods are sums of
matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.neighbors import NearestNeighbors

from ..errors import DataError, InvalidParameterError

__all__ = ["FRAME_DECODERS", "NEIGHBORS", "SMOOTHINGS", "FrameDecoding", "decode_frames"]

NEIGHBORS = (1, 9, 25, 49, 100)
"""Neighbours that are tried (Schneider et al. 2023): squares."""

SMOOTHINGS = tuple(float(value) for value in np.logspace(-9, 3, 5))
"""Shares of the largest variance added to every variance of naive Bayes that are tried."""


@dataclass(frozen=True, kw_only=True)
class FrameDecoding:
    """What was predicted for the test part.

    Args:
        true: Class of each row, `(T,)`.
        predicted: Class that was decoded, `(T,)`.
        setting: Number of neighbours, or smoothing, that was chosen.
    """

    true: Int[np.ndarray, " rows"] = field(repr=False)
    predicted: Int[np.ndarray, " rows"] = field(repr=False)
    setting: float

    @property
    def error(self) -> float:
        """Mean absolute difference, in frames."""
        return float(np.abs(self.predicted - self.true).mean())

    @property
    def accuracy(self) -> float:
        """Share of rows whose class is right."""
        return self.share_within(1)

    def share_within(self, num_frames: int) -> float:
        """Returns the share of rows with an error of fewer than `num_frames` frames."""
        return float((np.abs(self.predicted - self.true) < num_frames).mean())


def decode_frames(
    train: Float[np.ndarray, "_ _"],
    train_class: Int[np.ndarray, " _"],
    validation: Bool[np.ndarray, " _"],
    test: Float[np.ndarray, "_ _"],
    test_class: Int[np.ndarray, " _"],
    decoder: str = "knn",
    *,
    settings: Sequence[float] | None = None,
    ordered: bool = True,
    metric: str = "cosine",
) -> FrameDecoding:
    r"""Decodes the class of each test row; what is tried is chosen on the validation rows.

    Nearest neighbours vote (ties go to the smallest class). Naive Bayes takes every column for
    Gaussian with a mean and a variance for each class, and classes for equally likely:

    .. math:: \hat c(x) = \arg\max_c \sum_d -\tfrac12 \log(2 \pi v_{cd})
        - \frac{(x_d - m_{cd})^2}{2 v_{cd}}, \qquad
        v_{cd} = s^2_{cd} + \epsilon \max_d s^2_d

    The setting with the smallest error on the validation rows, fitted without them, is fitted
    again on all training rows. Ties go to the first.

    Args:
        train: Embedding, or any features, of the training part.
        train_class: Class of each row: a frame, a scene, a second.
        validation: Rows of the training part that choose; in the paper the ninth repeat.
        test: The test part, embedded apart.
        test_class: Its true classes.
        decoder: Row of `FRAME_DECODERS`.
        settings: Neighbours or smoothings to try; `None` takes the paper's. Neighbours beyond the
            training rows are left out.
        ordered: Whether settings are chosen by the sum of absolute differences of classes, for
            frames, or by the number of wrong ones, for scenes.
        metric: Of nearest neighbours: `"cosine"` or `"euclidean"`.

    Raises:
        DataError: If lengths or widths disagree, or no row is left to fit or to choose on.
        InvalidParameterError: If there is no such decoder.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods.

    Example:
        >>> frame = np.tile(np.arange(6), 3)
        >>> angle = frame * 0.5
        >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> last = np.arange(18) >= 12
        >>> decode_frames(circle, frame, last, circle[:6] + 0.01, frame[:6]).accuracy
        1.0
    """
    if decoder not in FRAME_DECODERS:
        raise InvalidParameterError(
            f"decoder must be one of {', '.join(FRAME_DECODERS)}; got {decoder!r}."
        )
    _check(train, train_class, validation, test, test_class)
    predict, default = FRAME_DECODERS[decoder]
    tried = _possible(decoder, default if settings is None else settings, int((~validation).sum()))
    fit = ~validation
    held = train_class[validation]
    chosen = tried[0]
    if len(tried) > 1:
        guesses = predict(train[fit], train_class[fit], train[validation], tried, metric)
        cost = [np.abs(g - held).sum() if ordered else (g != held).sum() for g in guesses]
        chosen = tried[int(np.argmin(cost))]
    (predicted,) = predict(train, train_class, test, [chosen], metric)
    return FrameDecoding(true=test_class, predicted=predicted, setting=chosen)


def _vote(
    train: np.ndarray, label: np.ndarray, new: np.ndarray, tried: Sequence[float], metric: str
) -> list[np.ndarray]:
    """Predictions of nearest neighbours for each number of them."""
    search = NearestNeighbors(n_neighbors=int(max(tried)), metric=metric, algorithm="brute")
    nearest = search.fit(train).kneighbors(new, return_distance=False)
    classes, code = np.unique(label, return_inverse=True)
    votes, row = code[nearest], np.arange(len(new))[:, None]
    guesses = []
    for number in tried:
        count = np.zeros((len(new), len(classes)), dtype=np.int32)
        np.add.at(count, (row, votes[:, : int(number)]), 1)
        guesses.append(classes[count.argmax(axis=1)])
    return guesses


def _bayes(
    train: np.ndarray, label: np.ndarray, new: np.ndarray, tried: Sequence[float], _: str
) -> list[np.ndarray]:
    """Predictions of naive Bayes for each smoothing."""
    train, new = train.astype(np.float64), new.astype(np.float64)
    shift = train.mean(axis=0)  # near 0 the squares below lose the fewest digits
    train, new = train - shift, new - shift
    classes, code = np.unique(label, return_inverse=True)
    member = np.eye(len(classes))[:, code]
    member /= member.sum(axis=1, keepdims=True)
    mean = member @ train
    spread = np.stack([train[code == c].var(axis=0) for c in range(len(classes))])
    largest = train.var(axis=0).max()
    guesses = []
    for smoothing in tried:
        variance = spread + max(smoothing * largest, np.finfo(np.float64).tiny)
        square = (mean**2 / variance + np.log(variance)).sum(axis=1)
        cost = new**2 @ (1 / variance).T - 2 * new @ (mean / variance).T + square
        guesses.append(classes[cost.argmin(axis=1)])
    return guesses


_Predict = Callable[
    [np.ndarray, np.ndarray, np.ndarray, Sequence[float], str], Sequence[np.ndarray]
]

FRAME_DECODERS: dict[str, tuple[_Predict, tuple[float, ...]]] = {
    "knn": (_vote, NEIGHBORS),
    "bayes": (_bayes, SMOOTHINGS),
}
"""How each decoder predicts, and what it tries."""


def _possible(decoder: str, settings: Sequence[float], num_rows: int) -> list[float]:
    tried = [one for one in settings if decoder != "knn" or one <= num_rows]
    if not tried:
        raise DataError(
            f"a decoder needs a setting that fits {num_rows} rows; got {list(settings)}. Use "
            "fewer neighbours or more repeats."
        )
    return tried


def _check(
    train: np.ndarray,
    train_class: np.ndarray,
    validation: np.ndarray,
    test: np.ndarray,
    test_class: np.ndarray,
) -> None:
    same = len(train) == len(train_class) == len(validation) and len(test) == len(test_class)
    if not same or train.shape[1] != test.shape[1]:
        raise DataError(
            "both parts need a class for each row and the same columns; got "
            f"{train.shape} with {len(train_class)} and {len(validation)}, {test.shape} with "
            f"{len(test_class)}."
        )
    if validation.all() or not validation.any():
        raise DataError("validation must leave rows to fit and rows to choose on; it leaves none.")
