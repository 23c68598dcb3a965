"""What a search of LFADS may try, and how settings are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..errors import InvalidParameterError

__all__ = ["SEARCH_SPACE", "Range", "draw_settings"]


@dataclass(frozen=True)
class Range:
    """The values of one setting.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Whether orders of magnitude are equally likely; then `low` must be positive.

    Raises:
        InvalidParameterError: If the bounds are not in order.

    Example:
        >>> round(Range(1e-4, 1.0, log=True).at(0.5), 6)
        0.01
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (self.low < self.high and (self.low > 0 or not self.log)):
            raise InvalidParameterError(
                f"a range needs low < high, and low > 0 for orders of magnitude; got {self}."
            )

    def at(self, share: float) -> float:
        """Returns the value that a share, in [0, 1], of the range lies below."""
        if not self.log:
            return self.low + share * (self.high - self.low)
        return math.exp(math.log(self.low) + share * math.log(self.high / self.low))

    def clamp(self, value: float) -> float:
        """Returns the nearest value inside."""
        return min(max(value, self.low), self.high)


SEARCH_SPACE: Mapping[str, Range] = MappingProxyType(
    {
        "learning_rate": Range(1e-3, 2e-2, log=True),
        "dropout": Range(0.0, 0.6),
        "coordinated_dropout": Range(0.01, 0.7),
        "kl_initial": Range(0.05, 5.0, log=True),
        "kl_inputs": Range(0.005, 0.5, log=True),
        "l2": Range(1e-4, 1.0, log=True),
    }
)
"""Ranges of the field's autoLFADS (lfads-torch, `search_space/autolfads_default` and `pbt`). There
a weight of a divergence stands beside a loss per count, 1e-5 to 1e-3 and 1e-6 to 1e-4; here it
stands beside the loss of a segment, and 5000 counts (100 bins of 50 neurons) convert them. The
learning rate starts at 0.01 there and is changed later; the range here lies around it."""


def draw_settings(space: Mapping[str, Range], count: int, seed: int) -> list[dict[str, float]]:
    """Returns independent draws from a search space.

    Example:
        >>> draw_settings({"dropout": Range(0.0, 0.6)}, 1, seed=0)
        [{'dropout': 0.38...}]
    """
    generator = np.random.default_rng(seed)
    return [
        {name: one.at(float(generator.random())) for name, one in space.items()}
        for _ in range(count)
    ]
