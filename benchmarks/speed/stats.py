"""Medians, their spread, and ratios of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["ratio", "summary"]

_DRAWS = 2_000


def summary(ms: Sequence[float]) -> dict[str, float]:
    """Returns median, quartiles, ends and mean of times."""
    low, middle, high = np.percentile(ms, [25, 50, 75])
    return {
        "median": float(middle),
        "q25": float(low),
        "q75": float(high),
        "min": float(min(ms)),
        "max": float(max(ms)),
        "mean": float(np.mean(ms)),
    }


def ratio(theirs: Sequence[float], ours: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """Returns how many times longer they take: of medians, with a 95 % bootstrap over blocks.

    That of the means is beside it: it would differ if work fell into few of the blocks.
    """
    rng = np.random.default_rng(seed)
    a, b = np.asarray(theirs), np.asarray(ours)
    drawn = np.median(rng.choice(a, (_DRAWS, len(a))), axis=1)
    drawn /= np.median(rng.choice(b, (_DRAWS, len(b))), axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "median": float(np.median(a) / np.median(b)),
        "low": float(low),
        "high": float(high),
        "of_means": float(a.mean() / b.mean()),
    }
