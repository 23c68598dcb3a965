"""What every sampler does: spend randomness for a step, then look up which bins it means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidParameterError
from ..types import Indices, Offset, Recording
from .neighbors import Ties
from .rows import pick, valid_rows

__all__ = ["Conditional", "Prior", "Roll", "Sampler", "SamplingOptions"]

Conditional = Literal["time", "time_delta", "delta", "delta_normal", "discrete"]
Prior = Literal["empirical", "uniform"]


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How triplets are drawn.

    Args:
        conditional: What makes a positive, a key of `SAMPLERS`; `None` takes what suits the
            labels. `"delta"` is an old name of `"delta_normal"`.
        time_offset: Bins between a reference and its positive, or over which a label changes.
        delta: Standard deviation of the change of `"delta_normal"`, in the label's unit.
        num_negatives: Negatives of each reference; `None` shares the batch's among all.
        prior: References and negatives uniform over bins (`"empirical"`) or over classes
            (`"uniform"`); `None` is empirical for classes alone and uniform beside other labels.
        ties: How to choose among bins with the same label, see `NearestLabel`.
        hybrid: Two positives for each reference, one by behaviour and one by time.
    """

    conditional: Conditional | None = None
    time_offset: int = 1
    delta: float | None = None
    num_negatives: int | None = None
    prior: Prior | None = None
    ties: Ties = "uniform"
    hybrid: bool = False

    def __post_init__(self) -> None:
        if self.conditional == "delta":
            object.__setattr__(self, "conditional", "delta_normal")
        for name, value in (
            ("time_offset", self.time_offset),
            ("num_negatives", self.num_negatives),
        ):
            if value is not None and not _is_count(value):
                raise InvalidParameterError(
                    f"{name} must be a positive integer; got {value!r}. "
                    "It counts time bins or draws."
                )
        for name, choice, allowed in (
            ("conditional", self.conditional, get_args(Conditional)),
            ("prior", self.prior, get_args(Prior)),
            ("ties", self.ties, get_args(Ties)),
        ):
            if choice is not None and choice not in allowed:
                raise InvalidParameterError(
                    f"{name} must be one of {', '.join(allowed)}; got {choice!r}."
                )
        if (self.conditional == "delta_normal") != (self.delta is not None):
            raise InvalidParameterError(
                "delta, the standard deviation of the label's change, goes with "
                f"conditional='delta_normal' and only with it; got delta={self.delta!r} and "
                f"conditional={self.conditional!r}. Set both or neither."
            )
        if self.delta is not None and not _is_positive(self.delta):
            raise InvalidParameterError(
                f"delta must be a positive, finite number; got {self.delta!r}. "
                "It is in the label's unit."
            )


def _is_count(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1


def _is_positive(value: Any) -> bool:
    return isinstance(value, Real) and 0 < float(value) < float("inf")


class Roll(NamedTuple):
    """The randomness of one or more steps: drawn rows, and numbers that choose the positives."""

    reference: Int[Tensor, " batch"]
    negative: Int[Tensor, "batch *negatives"]
    chance: Float[Tensor, "batch numbers"]


class Sampler(ABC):
    """Draws triplets from one recording.

    Args:
        recording: Gives labels and trials.
        offset: Receptive field; only bins whose whole window lies inside a trial are drawn.
        options: How to draw.
        device: Where the rows live; a generator given to `roll` must live there too.

    Attributes:
        rows: The bins that may be drawn, `(n,)`, ascending.

    Raises:
        DataError: If no trial is long enough, or a label leaves no pair to draw.
    """

    num_numbers = 0
    """Random numbers that a positive needs."""

    def __init__(
        self,
        recording: Recording,
        offset: Offset,
        options: SamplingOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        self.options, self.device = options, torch.device(device)
        self.rows = valid_rows(recording, offset, self._displacement).to(self.device)
        self.labels = recording.labels

    @property
    def _displacement(self) -> int:
        """Bins that a trial needs beyond one window."""
        return self.options.time_offset

    def roll(self, size: int | None, generator: torch.Generator) -> Roll:
        """Spends the randomness of one step.

        Args:
            size: Rows to draw, `B`; `None` takes each bin once, with the same bins in random
                order as negatives (full batch).
            generator: Source of all randomness; lives on `self.device`.
        """
        if size is None:
            reference = self._references
            negative = reference[
                torch.randperm(len(reference), generator=generator, device=self.device)
            ]
        else:
            reference = self._draw_reference(self._uniform((size,), generator))
            negative = self._draw_negative(self._uniform((size,), generator))
        num_negatives = self.options.num_negatives
        if num_negatives is not None:
            negative = self._draw_negative(
                self._uniform((len(reference), num_negatives), generator)
            )
        return Roll(reference, negative, self._roll_chance(len(reference), generator))

    def resolve(self, roll: Roll) -> Indices:
        """Returns the drawn rows; `roll` may be the concatenation of many steps."""
        return Indices(roll.reference, self._positives(roll), roll.negative)

    def draw(self, size: int | None, generator: torch.Generator) -> Indices:
        """Returns the rows of one step, see `roll`."""
        return self.resolve(self.roll(size, generator))

    @property
    def _references(self) -> Int[Tensor, " references"]:
        return self.rows

    def _draw_reference(self, chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        return pick(self._references, chance)

    def _draw_negative(self, chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        return pick(self.rows, chance)

    def _roll_chance(
        self, size: int, generator: torch.Generator
    ) -> Float[Tensor, "batch numbers"]:
        return self._uniform((size, self.num_numbers), generator)

    def _uniform(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.rand(shape, generator=generator, device=self.device, dtype=torch.float64)

    @abstractmethod
    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        """Returns the positives, one row of bins for each objective."""
