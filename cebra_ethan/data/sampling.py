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
`JointSampler`          several, one by each of the samplers that it joins
======================  ========================================================================

References:
    Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods, "Sampling".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidParameterError
from ..types import Offset, Recording
from .changes import ChangedLabel
from .neighbors import NearestLabel
from .rows import coordinates, labels_kind, names, pick
from .sampler import Conditional, Prior, Roll, Sampler, SamplingOptions
from .sessions import SessionClasses

__all__ = [
    "SAMPLERS",
    "ClassSampler",
    "Conditional",
    "DeltaSampler",
    "GaussianDeltaSampler",
    "JointSampler",
    "MixedSampler",
    "Prior",
    "Roll",
    "Sampler",
    "SamplingOptions",
    "TimeSampler",
    "make_sampler",
]


class TimeSampler(Sampler):
    """Positives follow their reference after `time_offset` bins, in the same trial."""

    own_negatives = True

    def _prepare(self) -> None:
        later = Offset(self.offset.left, self.offset.right + self.options.time_offset)
        self._earlier = self._valid_rows(later)

    @property
    def _references(self) -> list[Int[Tensor, " _"]]:
        return self._earlier

    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        return (roll.reference + self.options.time_offset,)


class DeltaSampler(Sampler):
    """Positives carry the label nearest to the reference's plus an observed change.

    The change is `label[t + time_offset] - label[t]` of a random bin `t` with both ends in one
    trial; the reference itself may be its own positive.
    """

    num_numbers = 2

    def _prepare(self) -> None:
        position, period = coordinates(self.labels)
        if bool((position == position[:1]).all()):
            warnings.warn(
                f"the label {names(self.labels)} is constant: positives carry no information",
                UserWarning,
                stacklevel=2,
            )
        self._coordinates, self._period = position.to(self.device), period.to(self.device)
        self._starts = torch.cat(self._valid_rows(Offset(0, 1 + self._displacement)))
        searched = self._searched(self._coordinates)
        turns = F.pad(self._period, (0, searched.shape[1] - len(self._period)))
        self._indexes = [
            NearestLabel(searched, rows, turns, self.options.ties) for rows in self.session_rows
        ]
        plain = type(self) is DeltaSampler  # others search for more than observed changes
        self._changed = (
            ChangedLabel(self._coordinates, self._indexes)
            if plain and ChangedLabel.pays(self._coordinates, self._indexes)
            else None
        )

    def _searched(self, coordinates: Float[Tensor, "bins columns"]) -> Float[Tensor, "bins more"]:
        return coordinates

    def _change(self, roll: Roll) -> Float[Tensor, "batch columns"]:
        later, earlier = self._ends_of_change(roll)
        return self._coordinates[later] - self._coordinates[earlier]

    def _ends_of_change(self, roll: Roll) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
        start = pick(self._starts, roll.chance[:, 1])
        return start + self.options.time_offset, start

    def _query(self, roll: Roll) -> Float[Tensor, "batch more"]:
        return self._coordinates[roll.reference] + self._change(roll)

    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        chance, changed = roll.chance[:, 0], self._changed
        if changed is not None:
            bins = (roll.reference, *self._ends_of_change(roll))

            def look_up(session: int, at: Any) -> Int[Tensor, " some"]:
                return changed(session, [rows[at] for rows in bins], chance[at])

            return (self._find(look_up, roll.session),)
        query = self._query(roll)
        return (self._find(lambda k, at: self._indexes[k](query[at], chance[at]), roll.session),)


class GaussianDeltaSampler(DeltaSampler):
    """Positives carry the label nearest to the reference's plus normal noise of s.d. `delta`."""

    def _prepare(self) -> None:
        super()._prepare()
        self.num_numbers = 1 + len(self._period)

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

    def _prepare(self) -> None:
        self._classes = SessionClasses(self.labels, self.session_rows)
        self._balanced = self.options.prior == "uniform"

    @property
    def is_even(self) -> bool:
        """Whether no class is missing in a session, so that none is looked up elsewhere."""
        return self._classes.are_everywhere

    @property
    def _displacement(self) -> int:
        return 0

    def _draw_reference(self, session: int, chance: Float[Tensor, "*n"]) -> Int[Tensor, "*n"]:
        if self._balanced:
            return self._classes.sessions[session].balanced(chance)
        return pick(self.session_rows[session], chance)

    _draw_negative = _draw_reference

    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        code = self._classes.code[roll.reference]
        session, chance = self._classes.available(roll.session, code, roll.chance[:, 0])
        classes = self._classes.sessions
        return (self._find(lambda k, at: classes[k].draw(code[at], chance[at]), session),)


class MixedSampler(DeltaSampler):
    """Positives share the class and are nearest in the continuous and circular labels.

    The class is one more coordinate of the search, with classes farther apart than any two labels
    can be: the nearest label of all is then the nearest one of the same class, exactly.
    """

    def _prepare(self) -> None:
        categorical = {k: v for k, v in self.labels.items() if v.kind == "categorical"}
        self._classes = SessionClasses(categorical, self.session_rows)
        self._balanced = self.options.prior != "empirical"
        super()._prepare()

    @property
    def is_even(self) -> bool:
        """Whether no class is missing in a session, so that none is looked up elsewhere."""
        return self._classes.are_everywhere

    def _draw_reference(self, session: int, chance: Float[Tensor, "*n"]) -> Int[Tensor, "*n"]:
        if self._balanced:
            return self._classes.sessions[session].balanced(chance)
        return pick(self.session_rows[session], chance)

    _draw_negative = _draw_reference

    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        code = self._classes.code[roll.reference]
        session, chance = self._classes.available(roll.session, code, roll.chance[:, 0])
        changed = roll.chance.clone()
        changed[:, 0] = chance
        return super()._positives(roll._replace(session=session, chance=changed))

    def _searched(self, coordinates: Float[Tensor, "bins columns"]) -> Float[Tensor, "bins more"]:
        # A query lies within one range of the labels' range, so at most two ranges from any label.
        reach = 2 * (coordinates.amax(dim=0) - coordinates.amin(dim=0)).norm()
        self._apart = float(2 * reach + 1)
        return torch.cat([coordinates, self._apart * self._classes.code[:, None].double()], dim=1)

    def _query(self, roll: Roll) -> Float[Tensor, "batch more"]:
        group = self._apart * self._classes.code[roll.reference, None].double()
        return torch.cat([super()._query(roll), group], dim=1)


class JointSampler(Sampler):
    """References and negatives drawn once, and a positive by each of several samplers.

    A reference is a bin that all of them could draw as one; references and negatives are uniform
    over bins. Negatives of other sessions are left out where that holds for all of them.

    Args:
        parts: Samplers of the same recordings and receptive field, in the order of the objectives.
    """

    def __init__(self, parts: Sequence[Sampler]) -> None:
        self._parts = tuple(parts)
        self.own_negatives = all(part.own_negatives for part in parts)
        first = self._parts[0]
        super().__init__(first.recordings, first.offset, first.options, first.device)

    def _prepare(self) -> None:
        common = self.session_rows
        for part in self._parts:
            pairs = zip(common, part._references, strict=True)
            common = [rows[torch.isin(rows, own)] for rows, own in pairs]
        self._common = common

    @property
    def is_even(self) -> bool:
        """Whether that holds for all parts."""
        return all(part.is_even for part in self._parts)

    @property
    def _displacement(self) -> int:
        return max(part._displacement for part in self._parts)

    @property
    def _references(self) -> list[Int[Tensor, " _"]]:
        return self._common

    def _roll_chance(
        self, size: int, generator: torch.Generator
    ) -> Float[Tensor, "batch numbers"]:
        return torch.cat([part._roll_chance(size, generator) for part in self._parts], dim=1)

    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        widths = [part.num_numbers for part in self._parts]
        shares = zip(self._parts, roll.chance.split(widths, dim=1), strict=True)
        return tuple(part._positives(roll._replace(chance=own))[0] for part, own in shares)


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
    recordings: Recording | Sequence[Recording],
    offset: Offset,
    options: SamplingOptions,
    device: torch.device | str = "cpu",
) -> Sampler:
    """Returns the sampler that the labels and `options.conditional` ask for.

    Args:
        recordings: One, or one for each session; see `Sampler`.
        offset: Receptive field.
        options: How to draw.
        device: Where the rows live.

    Raises:
        InvalidParameterError: If `SAMPLERS` has no such row, or the prior needs classes.
    """
    one = recordings if isinstance(recordings, Recording) else recordings[0]
    kinds = labels_kind(one.labels)
    conditional = options.conditional or _DEFAULTS[kinds]
    if (kinds, conditional) not in SAMPLERS:
        rows = [key[1] for key in SAMPLERS if key[0] == kinds]
        raise InvalidParameterError(
            f"conditional must suit the labels: with {_describe(kinds)} it is one of "
            f"{', '.join(rows)}; got {conditional!r}. Pass other labels or another conditional."
        )
    sampler = SAMPLERS[kinds, conditional]
    has_classes = issubclass(sampler, (ClassSampler, MixedSampler)) and not options.hybrid
    if options.prior == "uniform" and not has_classes:
        raise InvalidParameterError(
            f"prior='uniform' is uniform over classes; conditional={conditional!r} with "
            f"{_describe(kinds)} and hybrid={options.hybrid} draws without classes. Pass a "
            "categorical label and another conditional, or prior=None."
        )
    if options.hybrid and issubclass(sampler, TimeSampler):
        raise InvalidParameterError(
            "hybrid learns behaviour and time together, so it needs labels and another "
            f"conditional than time; got {_describe(kinds)} and conditional={conditional!r}. Pass "
            "labels, or set hybrid=False."
        )
    if options.hybrid:
        parts = ((sampler, replace(options, hybrid=False)), (TimeSampler, options))
        return JointSampler([kind(recordings, offset, own, device) for kind, own in parts])
    return sampler(recordings, offset, options, device)


def _describe(kinds: str) -> str:
    return {"none": "no labels", "mixed": "continuous and categorical labels"}.get(
        kinds, f"{kinds} labels"
    )
