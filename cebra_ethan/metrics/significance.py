"""Significance: the score that labels without any relation to the neural data would have got.

Two null hypotheses, and a result should stand against both. `"permute"` shuffles the bins, as the
paper does; it also destroys the slowness of the label, so almost any slow signal beats it.
`"shift"` turns the label around by a random lag, which keeps its autocorrelation; it assumes that
the label does not drift over the recording, for then some lags are as good as none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from joblib import Parallel, delayed
from torch import Tensor

from ..errors import DataError, InvalidParameterError
from ..types import Label
from ..utils.seeding import Streams, derive_seed

__all__ = ["SHUFFLES", "PermutationResult", "permutation_test", "shuffle_labels"]


@dataclass(frozen=True)
class PermutationResult:
    """An observed score among scores of shuffled labels.

    Args:
        observed: Score with the labels as they are.
        null: Scores with shuffled labels `(num_shuffles,)`.
        p_value: `(1 + b) / (1 + n)`, `b` of the `n` shuffles at least as good as the observed.
        how: Row of `SHUFFLES`.
    """

    observed: float
    null: Float[np.ndarray, " shuffles"]
    p_value: float
    how: str


def permutation_test(
    score: Callable[[Any], float],
    labels: Any,
    *,
    num_shuffles: int = 100,
    how: str = "permute",
    segments: Int[Tensor, "trials 2"] | None = None,
    min_lag: int | None = None,
    seed: int = 0,
    greater_is_better: bool = True,
    n_jobs: int | None = None,
) -> PermutationResult:
    """Compares a score with those of shuffled labels.

    To test an embedding that was trained with the labels, `score` must train it anew: labels that
    were shuffled only for the decoder say nothing about the training.

    Args:
        score: Maps labels, in the form of `labels`, to a number.
        labels: See `shuffle_labels`.
        num_shuffles: At least 1; `p` cannot be smaller than `1 / (1 + num_shuffles)`.
        how: Row of `SHUFFLES`.
        segments: See `shuffle_labels`.
        min_lag: See `shuffle_labels`.
        seed: Shuffle `i` depends on it and on `i` only, not on `n_jobs`.
        greater_is_better: `False` for losses and errors.
        n_jobs: Processes of joblib; `score` must then be picklable.

    Raises:
        DataError: If a score is NaN, or as `shuffle_labels`.
        InvalidParameterError: If there are no shuffles, or as `shuffle_labels`.

    References:
        Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9,
        article 39, doi:10.2202/1544-6115.1585. Harris (2020), Nonsense correlations in
        neuroscience, doi:10.1101/2020.11.29.402719, for the shift and its limits.

    Example:
        >>> activity = np.arange(50.0)
        >>> def score(label):
        ...     return float(np.corrcoef(label.to_numpy(), activity)[0, 1])
        >>> permutation_test(score, Label(activity), num_shuffles=99).p_value
        0.01
    """
    if num_shuffles < 1:
        raise InvalidParameterError(f"num_shuffles must be at least 1; got {num_shuffles!r}.")

    def shuffled(i: int) -> Any:
        generator = torch.Generator().manual_seed(derive_seed(seed, Streams.EVALUATION, i))
        return shuffle_labels(labels, how, generator, segments=segments, min_lag=min_lag)

    candidates = (shuffled(i) for i in range(num_shuffles))
    null = np.array(
        Parallel(n_jobs=n_jobs)(delayed(score)(candidate) for candidate in candidates),
        dtype=np.float64,
    )
    observed = float(score(labels))
    if math.isnan(observed) or np.isnan(null).any():
        raise DataError(
            f"a score must be a number to be compared; observed {observed} and "
            f"{int(np.isnan(null).sum())} of {num_shuffles} shuffles gave NaN."
        )
    as_good = null >= observed if greater_is_better else null <= observed
    p_value = (1 + int(as_good.sum())) / (1 + num_shuffles)
    return PermutationResult(observed, null, p_value, how)


def shuffle_labels(
    labels: Any,
    how: str,
    generator: torch.Generator,
    *,
    segments: Int[Tensor, "trials 2"] | None = None,
    min_lag: int | None = None,
) -> Any:
    """Returns labels moved to other bins; several labels move together.

    Args:
        labels: A `Label`, an array or tensor `(T, ...)`, or a list, tuple or dict of them.
        how: `"permute"` gives each bin the label of a random other bin; `"shift"` turns the
            whole label by a random lag, the end followed by the beginning.
        generator: Source of the randomness, on the CPU.
        segments: First bin and one past the last bin of each trial, as `Recording.segments`.
            Each trial is then shuffled within itself; `None` shuffles over the whole recording.
        min_lag: Smallest shift either way, in bins, when `how="shift"`. It should exceed the
            autocorrelation time; `None` is a tenth of the recording or trial, at least 1.

    Returns:
        The same form as `labels`.

    Raises:
        DataError: If labels differ in length, or a trial is too short to be shifted by `min_lag`.
        InvalidParameterError: For an unknown `how`.

    Example:
        >>> turned = shuffle_labels(np.arange(5), "shift", torch.Generator().manual_seed(0))
        >>> np.diff(turned).tolist().count(1)
        3
    """
    if how not in SHUFFLES:
        raise InvalidParameterError(f"how must be one of {', '.join(SHUFFLES)}; got {how!r}.")
    lengths = {len(label) for label in _flat(labels)}
    if len(lengths) != 1:
        raise DataError(
            f"labels that are shuffled together must be equally long; got {sorted(lengths)}."
        )
    num_bins = lengths.pop()
    bounds = [[0, num_bins]] if segments is None else segments.tolist()
    if [b for b, _ in bounds[1:]] != [e for _, e in bounds[:-1]] or (
        (bounds[0][0], bounds[-1][1]) != (0, num_bins)
    ):
        raise DataError(f"segments must cover bins 0 to {num_bins} one after the other.")
    draw = SHUFFLES[how]
    order = torch.cat([begin + draw(end - begin, generator, min_lag) for begin, end in bounds])
    return _take(labels, order)


def _permute(num_bins: int, generator: torch.Generator, min_lag: int | None) -> Tensor:
    return torch.randperm(num_bins, generator=generator)


def _shift(num_bins: int, generator: torch.Generator, min_lag: int | None) -> Tensor:
    least = max(1, num_bins // 10) if min_lag is None else min_lag
    if least < 1 or 2 * least > num_bins:
        raise DataError(
            "a shift needs 1 <= min_lag <= half of the bins it turns; got min_lag="
            f"{least} for {num_bins} bins. Use a smaller min_lag or longer trials."
        )
    lag = torch.randint(least, num_bins - least + 1, (1,), generator=generator)
    return (torch.arange(num_bins) + lag) % num_bins


SHUFFLES: dict[str, Callable[[int, torch.Generator, int | None], Tensor]] = {
    "permute": _permute,
    "shift": _shift,
}
"""Maps bins, generator and smallest lag to the bin whose label each bin takes."""


def _flat(labels: Any) -> Sequence[Any]:
    if isinstance(labels, Mapping):
        return list(labels.values())
    return labels if isinstance(labels, list | tuple) else [labels]


def _take(labels: Any, order: Tensor) -> Any:
    if isinstance(labels, Mapping):
        return {name: _take(label, order) for name, label in labels.items()}
    if isinstance(labels, list | tuple):
        return type(labels)(_take(label, order) for label in labels)
    if isinstance(labels, Label | Tensor):
        return labels[order]
    return np.asarray(labels)[order.numpy()]
