r"""Which bins are compared: references, their positives, and negatives.

A sampler knows labels and trials, never neural data. It works in two moves. `roll` spends
randomness: cheap, one step at a time, so that a draw depends on the seed and the step alone.
`resolve` looks up the positives: no randomness, and fast for many steps at once.

======================  ========================================================================
sampler                 a positive is
======================  ========================================================================
`TimeSampler`           the bin `time_offset` later
`DeltaSampler`          a bin whose label is nearest to the reference's label plus a change that
                        was seen over `time_offset` bins somewhere in the recording
`GaussianDeltaSampler`  the same, with the change drawn from a normal distribution
`ClassSampler`          a bin of the same class
`MixedSampler`          as `DeltaSampler`, among the bins of the same class
======================  ========================================================================

References:
    Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods, "Sampling".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidParameterError
from ..types import Indices, Offset, Recording
from .neighbors import NearestLabel, Ties
from .rows import Classes, coordinates, joint_class, labels_kind, names, pick, valid_rows

__all__ = [
    "SAMPLERS",
    "ClassSampler",
    "Conditional",
    "DeltaSampler",
    "GaussianDeltaSampler",
    "MixedSampler",
    "Prior",
    "Roll",
    "Sampler",
    "SamplingOptions",
    "TimeSampler",
    "make_sampler",
]

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
    """

    conditional: Conditional | None = None
    time_offset: int = 1
    delta: float | None = None
    num_negatives: int | None = None
    prior: Prior | None = None
    ties: Ties = "uniform"

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


class Sampler:
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
        return Indices(roll.reference, (self._positive(roll),), roll.negative)

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

    def _positive(self, roll: Roll) -> Int[Tensor, " batch"]:
        raise NotImplementedError(f"{type(self).__name__} does not say what a positive is")


class TimeSampler(Sampler):
    """Positives follow their reference after `time_offset` bins, in the same trial."""

    def __init__(
        self,
        recording: Recording,
        offset: Offset,
        options: SamplingOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(recording, offset, options, device)
        later = Offset(offset.left, offset.right + options.time_offset)
        self._earlier = valid_rows(recording, later).to(self.device)

    @property
    def _references(self) -> Int[Tensor, " references"]:
        return self._earlier

    def _positive(self, roll: Roll) -> Int[Tensor, " batch"]:
        return roll.reference + self.options.time_offset


class DeltaSampler(Sampler):
    """Positives carry the label nearest to the reference's plus an observed change.

    The change is `label[t + time_offset] - label[t]` of a random bin `t` with both ends in one
    trial; the reference itself may be its own positive.
    """

    num_numbers = 2

    def __init__(
        self,
        recording: Recording,
        offset: Offset,
        options: SamplingOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(recording, offset, options, device)
        position, period = coordinates(self.labels)
        if bool((position == position[:1]).all()):
            warnings.warn(
                f"the label {names(self.labels)} is constant: positives carry no information",
                UserWarning,
                stacklevel=2,
            )
        self._coordinates, self._period = position.to(self.device), period.to(self.device)
        apart = Offset(0, 1 + self._displacement)
        self._starts = valid_rows(recording, apart).to(self.device)
        searched = self._searched(self._coordinates)
        padding = searched.shape[1] - len(self._period)
        self._index = NearestLabel(
            searched[self.rows],
            self.rows,
            torch.nn.functional.pad(self._period, (0, padding)),
            options.ties,
        )

    def _searched(self, coordinates: Float[Tensor, "bins columns"]) -> Float[Tensor, "bins more"]:
        return coordinates

    def _change(self, roll: Roll) -> Float[Tensor, "batch columns"]:
        start = pick(self._starts, roll.chance[:, 1])
        return self._coordinates[start + self.options.time_offset] - self._coordinates[start]

    def _query(self, roll: Roll) -> Float[Tensor, "batch more"]:
        return self._coordinates[roll.reference] + self._change(roll)

    def _positive(self, roll: Roll) -> Int[Tensor, " batch"]:
        return self._index(self._query(roll), roll.chance[:, 0])


class GaussianDeltaSampler(DeltaSampler):
    """Positives carry the label nearest to the reference's plus normal noise of s.d. `delta`."""

    @property
    def _displacement(self) -> int:
        return 0

    def _roll_chance(
        self, size: int, generator: torch.Generator
    ) -> Float[Tensor, "batch numbers"]:
        ties = self._uniform((size, 1), generator)
        noise = torch.randn(
            (size, len(self._period)), generator=generator, device=self.device, dtype=torch.float64
        )
        return torch.cat([ties, noise], dim=1)

    def _change(self, roll: Roll) -> Float[Tensor, "batch columns"]:
        assert self.options.delta is not None
        return self.options.delta * self._weights * roll.chance[:, 1:]

    @property
    def _weights(self) -> Float[Tensor, " columns"]:
        return torch.cat(
            [
                torch.full((label.values.shape[1],), label.weight**0.5, device=self.device)
                for label in self.labels.values()
            ]
        ).double()


class ClassSampler(Sampler):
    """Positives share the reference's class; several categorical labels make one joint class."""

    num_numbers = 1

    def __init__(
        self,
        recording: Recording,
        offset: Offset,
        options: SamplingOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(recording, offset, options, device)
        self._classes = Classes(
            joint_class(self.labels).to(self.device), self.rows, names(self.labels)
        )
        self._balanced = options.prior == "uniform"

    @property
    def _displacement(self) -> int:
        return 0

    def _draw_reference(self, chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        return self._classes.balanced(chance) if self._balanced else pick(self.rows, chance)

    _draw_negative = _draw_reference

    def _positive(self, roll: Roll) -> Int[Tensor, " batch"]:
        return self._classes.same(roll.reference, roll.chance[:, 0])


class MixedSampler(DeltaSampler):
    """Positives share the class and are nearest in the continuous and circular labels.

    The class is one more coordinate of the search, with classes farther apart than any two labels
    can be: the nearest label of all is then the nearest one of the same class, exactly.
    """

    def __init__(
        self,
        recording: Recording,
        offset: Offset,
        options: SamplingOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        categorical = {k: v for k, v in recording.labels.items() if v.kind == "categorical"}
        self._code = joint_class(categorical).to(device)
        super().__init__(recording, offset, options, device)
        self._classes = Classes(self._code, self.rows, names(categorical))
        self._balanced = options.prior != "empirical"

    def _draw_reference(self, chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        return self._classes.balanced(chance) if self._balanced else pick(self.rows, chance)

    _draw_negative = _draw_reference

    def _searched(self, coordinates: Float[Tensor, "bins columns"]) -> Float[Tensor, "bins more"]:
        # A query lies within one range of the labels' range, so at most two ranges from any label.
        reach = 2 * (coordinates.amax(dim=0) - coordinates.amin(dim=0)).norm()
        self._apart = float(2 * reach + 1)
        return torch.cat([coordinates, self._apart * self._code[:, None].double()], dim=1)

    def _query(self, roll: Roll) -> Float[Tensor, "batch more"]:
        group = self._apart * self._code[roll.reference, None].double()
        return torch.cat([super()._query(roll), group], dim=1)


SAMPLERS: Mapping[tuple[str, str], type[Sampler]] = {
    ("none", "time"): TimeSampler,
    ("continuous", "time"): TimeSampler,
    ("continuous", "time_delta"): DeltaSampler,
    ("continuous", "delta_normal"): GaussianDeltaSampler,
    ("categorical", "time"): TimeSampler,
    ("categorical", "discrete"): ClassSampler,
    ("categorical", "time_delta"): ClassSampler,  # what `cebra` does with these two
    ("mixed", "time"): TimeSampler,
    ("mixed", "time_delta"): MixedSampler,
}
"""The sampler for (the labels' kinds, `conditional`). The first row of a kind with labels after
`"time"` is its default; circular labels count as continuous."""

_DEFAULTS = {
    "none": "time",
    "continuous": "time_delta",
    "categorical": "discrete",
    "mixed": "time_delta",
}


def make_sampler(
    recording: Recording,
    offset: Offset,
    options: SamplingOptions,
    device: torch.device | str = "cpu",
) -> Sampler:
    """Returns the sampler that the labels and `options.conditional` ask for.

    Raises:
        InvalidParameterError: If `SAMPLERS` has no such row, or the prior needs classes.
    """
    kinds = labels_kind(recording.labels)
    conditional = options.conditional or _DEFAULTS[kinds]
    if (kinds, conditional) not in SAMPLERS:
        rows = [key[1] for key in SAMPLERS if key[0] == kinds]
        raise InvalidParameterError(
            f"conditional must suit the labels: with {_describe(kinds)} it is one of "
            f"{', '.join(rows)}; got {conditional!r}. Pass other labels or another conditional."
        )
    sampler = SAMPLERS[kinds, conditional]
    if options.prior == "uniform" and not issubclass(sampler, (ClassSampler, MixedSampler)):
        raise InvalidParameterError(
            f"prior='uniform' is uniform over classes; conditional={conditional!r} with "
            f"{_describe(kinds)} draws without classes. Pass a categorical label and another "
            "conditional, or prior=None."
        )
    return sampler(recording, offset, options, device)


def _describe(kinds: str) -> str:
    return {"none": "no labels", "mixed": "continuous and categorical labels"}.get(
        kinds, f"{kinds} labels"
    )
