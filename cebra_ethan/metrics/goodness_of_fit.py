"""Goodness of fit: how far an InfoNCE loss is below chance, in bits, with an interval.

A model that cannot tell the positive from `n` negatives has the loss `log n`. Losses from batches
of different sizes are comparable only after `log n` is taken off, and `n` is what *one reference*
sees: the batch for shared negatives, the batch times the sessions when these share them, `K` when
each reference has its own. That number is an argument here, never guessed from a model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from jaxtyping import Float, Int

from ..errors import DataError, InvalidParameterError
from ..utils.validation import as_array, check_finite

__all__ = [
    "DISTANCES",
    "GoodnessOfFit",
    "block_bootstrap_interval",
    "goodness_of_fit",
    "goodness_of_fit_history",
    "infonce",
    "infonce_to_bits",
    "infonce_to_goodness_of_fit",
    "time_blocks",
]

_ROW_BLOCK = 2048  # rows of the similarity matrix held at once: 8 MB with 512 negatives


@dataclass(frozen=True)
class GoodnessOfFit:
    """A goodness of fit and how sure it is.

    Args:
        bits: `(log num_negatives - loss) / log 2`; 0 is chance, more is better.
        low: Lower end of the interval, in bits; NaN when no blocks were given.
        high: Upper end of the interval, in bits; NaN when no blocks were given.
        loss: The mean InfoNCE loss, in nats.
        num_negatives: The negatives that one reference saw.
    """

    bits: float
    low: float
    high: float
    loss: float
    num_negatives: int


@overload
def infonce_to_bits(loss_nats: float, num_negatives: int) -> float: ...
@overload
def infonce_to_bits(
    loss_nats: Float[np.ndarray, "*losses"], num_negatives: int
) -> Float[np.ndarray, "*losses"]: ...
def infonce_to_bits(
    loss_nats: float | Float[np.ndarray, "*losses"], num_negatives: int
) -> float | Float[np.ndarray, "*losses"]:
    r"""Returns the goodness of fit of an InfoNCE loss.

    .. math:: (\log n - \mathcal{L}) / \log 2

    Args:
        loss_nats: One loss or an array of losses, in nats, the positive not in the denominator.
        num_negatives: `n`, the negatives that one reference sees. With `S` sessions of `B`
            references that share all negatives this is `S * B`; with `K` drawn for each
            reference it is `K`.

    Returns:
        Bits: 0 at chance. A float for a float, an array for an array.

    Raises:
        InvalidParameterError: If `num_negatives` is not a positive integer.

    References:
        Schneider, Lee and Mathis (2023), Nature 617, 360-368, doi:10.1038/s41586-023-06031-6.

    Example:
        >>> infonce_to_bits(math.log(512), num_negatives=512)
        0.0
        >>> round(infonce_to_bits(math.log(512) - math.log(8), num_negatives=512), 6)
        3.0
    """
    if num_negatives != int(num_negatives) or num_negatives < 1:
        raise InvalidParameterError(
            "num_negatives must be a positive integer, the negatives that one reference sees; got "
            f"{num_negatives!r}."
        )
    bits = (math.log(num_negatives) - np.asarray(loss_nats, dtype=np.float64)) / math.log(2)
    return float(bits) if bits.ndim == 0 else bits


infonce_to_goodness_of_fit = infonce_to_bits
"""The name that `cebra` gives to `infonce_to_bits`."""


def goodness_of_fit_history(
    history: Any, num_negatives: int, name: str = "loss"
) -> Float[np.ndarray, " steps"]:
    """Returns the goodness of fit of every training step, in bits.

    Args:
        history: InfoNCE losses in nats `(steps,)`, or a mapping that holds them, as
            `solver.history`.
        num_negatives: The negatives that one reference saw in training; with `S` sessions of `B`
            references that share all negatives this is `S * B`.
        name: Which loss of a mapping: `"loss"` is a sum when there are several objectives, and
            only one InfoNCE has a chance level.

    Raises:
        DataError: If the history does not hold the loss, or it is not finite.

    Example:
        >>> goodness_of_fit_history({"loss": [math.log(8), math.log(4)]}, 8).round(6)
        array([0., 1.])
    """
    if isinstance(history, Mapping):
        if name not in history:
            raise DataError(
                f"the history must hold {name!r}; it holds {', '.join(history) or 'nothing'}. "
                "Pass the name of one InfoNCE loss."
            )
        history = history[name]
    losses = _rows(history, name)
    if losses.ndim != 1:
        raise DataError(f"{name} must be one value for each step; got shape {losses.shape}.")
    return infonce_to_bits(losses, num_negatives)


def infonce(
    reference: Any,
    positive: Any,
    negative: Any,
    temperature: float = 1.0,
    distance: str = "cosine",
) -> Float[np.ndarray, " rows"]:
    r"""Returns the InfoNCE loss of each reference, for rows of any embedding.

    .. math:: \log \sum_j e^{\phi(x_i, n_{j})} - \phi(x_i, p_i)

    The similarity `phi` is over the temperature. Works on PCA scores or raw counts as well as on
    a trained embedding, so that methods can be compared on one scale.

    Args:
        reference: `(B, D)`.
        positive: `(B, D)`, row `i` belongs to reference `i`.
        negative: `(M, D)`, shared by all references, or `(B, K, D)`, each its own.
        temperature: Positive.
        distance: A row of `DISTANCES`: `"cosine"` (the rows are scaled to unit length first),
            `"dot"` (they are not; the criterion on a slice of a unit vector), `"euclidean"`
            (minus the squared distance).

    Returns:
        Losses in nats, the positive not in the denominator; chance is `log` of the negatives.

    Raises:
        DataError: If shapes disagree or values are not finite.
        InvalidParameterError: For an unknown distance or a temperature that is not positive.

    References:
        van den Oord, Li and Vinyals (2018), arXiv:1807.03748.

    Example:
        >>> infonce(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((8, 3)), distance="dot").round(4)
        array([2.0794, 2.0794])
    """
    if distance not in DISTANCES:
        raise InvalidParameterError(
            f"distance must be one of {', '.join(DISTANCES)}; got {distance!r}."
        )
    if not temperature > 0:
        raise InvalidParameterError(f"temperature must be positive; got {temperature!r}.")
    x, p, n = (
        _rows(values, name)
        for values, name in (
            (reference, "reference"),
            (positive, "positive"),
            (negative, "negative"),
        )
    )
    if x.ndim != 2 or p.shape != x.shape or n.ndim not in (2, 3) or n.shape[-1] != x.shape[1]:
        raise DataError(
            "reference and positive must be (B, D) and negative (M, D) or (B, K, D); got "
            f"{x.shape}, {p.shape} and {n.shape}. Embed all three with one model."
        )
    if n.ndim == 3 and len(n) != len(x):
        raise DataError(
            f"negatives of their own need one row for each reference; got {len(n)} rows for "
            f"{len(x)} references."
        )
    similarity = DISTANCES[distance]
    losses = np.empty(len(x))
    for start in range(0, len(x), _ROW_BLOCK):
        rows = slice(start, start + _ROW_BLOCK)
        others = n[rows] if n.ndim == 3 else n[None]
        psi_negative = similarity(x[rows, None], others)[:, 0] / temperature
        psi_positive = similarity(x[rows, None], p[rows, None])[:, 0, 0] / temperature
        losses[rows] = _logsumexp(psi_negative) - psi_positive
    return losses


def goodness_of_fit(
    losses: Any,
    num_negatives: int,
    blocks: Any = None,
    *,
    confidence: float = 0.95,
    num_resamples: int = 1000,
    seed: int = 0,
) -> GoodnessOfFit:
    """Returns the goodness of fit of losses per row, with a block bootstrap interval.

    Args:
        losses: InfoNCE loss of each reference `(B,)`, in nats.
        num_negatives: The negatives that one reference saw.
        blocks: Trial or time block of each reference `(B,)`; `None` gives no interval.
        confidence: Coverage of the interval, in (0, 1).
        num_resamples: Resamplings of the blocks.
        seed: Seed of the resampling.

    Raises:
        DataError: As `block_bootstrap_interval`.

    Example:
        >>> fit = goodness_of_fit(np.full(100, math.log(4)), 8, time_blocks(100, 10))
        >>> round(fit.low, 6), round(fit.bits, 6), round(fit.high, 6)
        (1.0, 1.0, 1.0)
    """
    losses = _rows(losses, "losses")
    mean = float(losses.mean())
    low = high = math.nan
    if blocks is not None:
        interval = block_bootstrap_interval(losses, blocks, confidence, num_resamples, seed)
        high, low = (infonce_to_bits(end, num_negatives) for end in interval)
    bits = infonce_to_bits(mean, num_negatives)
    return GoodnessOfFit(bits, low, high, mean, int(num_negatives))


def block_bootstrap_interval(
    values: Any,
    blocks: Any,
    confidence: float = 0.95,
    num_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Returns a percentile interval of the mean, by drawing whole blocks with replacement.

    Neighbouring bins share their windows, so an interval that resamples bins is too narrow.
    Blocks are assumed independent: use trials, or time blocks longer than the receptive field and
    the autocorrelation of the label.

    Args:
        values: One number per row `(B,)`.
        blocks: The block of each row `(B,)`, any integers.
        confidence: Coverage of the interval, in (0, 1).
        num_resamples: Resamplings, at least 1.
        seed: Seed of the resampling.

    Raises:
        DataError: If there are fewer than two blocks, or lengths disagree.
        InvalidParameterError: If `confidence` is not in (0, 1).

    References:
        Kuensch (1989), Annals of Statistics 17, 1217-1241, doi:10.1214/aos/1176347265.

    Example:
        >>> low, high = block_bootstrap_interval(np.arange(100.0), time_blocks(100, 10))
        >>> low < 49.5 < high
        True
    """
    values, blocks = _rows(values, "values"), np.asarray(as_array(blocks, "blocks"))
    if not 0 < confidence < 1 or num_resamples < 1:
        raise InvalidParameterError(
            "confidence must be in (0, 1) and num_resamples at least 1; got "
            f"{confidence!r} and {num_resamples!r}."
        )
    if values.ndim != 1 or blocks.shape != values.shape:
        raise DataError(
            f"values and blocks must be one-dimensional and equally long; got {values.shape} and "
            f"{blocks.shape}. Give the block of each value."
        )
    code = np.unique(blocks, return_inverse=True)[1]
    sums, counts = np.bincount(code, weights=values), np.bincount(code)
    if len(counts) < 2:
        raise DataError(
            f"a block bootstrap needs at least two blocks; got {len(counts)}. Use shorter time "
            "blocks, or pass blocks=None for no interval."
        )
    chance = np.full(len(counts), 1 / len(counts))
    drawn = np.random.default_rng(seed).multinomial(len(counts), chance, num_resamples)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def time_blocks(num_bins: int, block_bins: int) -> Int[np.ndarray, " bins"]:
    """Returns the time block of each bin; the last block may be shorter.

    Args:
        num_bins: Time bins of the recording.
        block_bins: Bins in a block, at least 1.

    Example:
        >>> time_blocks(7, 3)
        array([0, 0, 0, 1, 1, 1, 2])
    """
    if block_bins < 1:
        raise InvalidParameterError(f"block_bins must be at least 1; got {block_bins!r}.")
    return np.arange(num_bins) // block_bins


def _rows(values: Any, name: str) -> np.ndarray:
    array = np.asarray(as_array(values, name), dtype=np.float64)
    check_finite(array, name)
    if array.size == 0:
        raise DataError(f"{name} must hold at least one row; got shape {array.shape}.")
    return array


def _logsumexp(psi: np.ndarray) -> np.ndarray:
    largest = psi.max(axis=1)
    return np.asarray(largest + np.log(np.exp(psi - largest[:, None]).sum(axis=1)))


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(x @ y.swapaxes(-1, -2))


def _cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _dot(_unit(x), _unit(y))


def _minus_squared_distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = (x**2).sum(-1)[..., None] + (y**2).sum(-1)[..., None, :]
    return np.asarray(2 * _dot(x, y) - squares)


def _unit(x: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.asarray(x / np.where(length == 0, 1, length))


DISTANCES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": _cosine,
    "dot": _dot,
    "euclidean": _minus_squared_distance,
}
"""Similarities of rows `(..., A, D)` and `(..., M, D)`, as `(..., A, M)`."""
