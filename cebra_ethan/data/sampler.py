"""What every sampler does: spend randomness for a step, then look up which bins it means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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
from .sessions import join_labels

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
                "conditional='delta_normal' (old name 'delta') and only with it; got "
                f"delta={self.delta!r} and "
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
    """The randomness of one or more steps: drawn rows, and what chooses their positives.

    Args:
        reference: `(B,)`.
        negative: `(B,)` or `(B, K)`.
        chance: Numbers that choose each reference's positives.
        session: The session in which each reference's positive is looked up, `(B,)`.
    """

    reference: Int[Tensor, " batch"]
    negative: Int[Tensor, "batch *negatives"]
    chance: Float[Tensor, "batch numbers"]
    session: Int[Tensor, " batch"]


class Sampler(ABC):
    """Draws triplets from one recording, or from several at once.

    From several recordings it draws the same number of references and of negatives in each, one
    after the other. The positive of a reference lies in a session that is drawn at random, so
    that each session gives equally many of them; what is looked up there comes from the labels,
    which all sessions share. A row counts through all recordings, see `types.Indices`.

    Args:
        recordings: Give labels and trials; one, or one for each session.
        offset: Receptive field; only bins whose whole window lies inside a trial are drawn.
        options: How to draw.
        device: Where the rows live; a generator given to `roll` must live there too.

    Attributes:
        rows: The bins that may be drawn, `(n,)`, ascending.
        session_rows: The same for each session.

    Raises:
        DataError: If no trial is long enough, a label leaves no pair to draw, or the labels of
            two sessions do not fit together.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods, "Multi-session
        training".
    """

    num_numbers = 0
    """Random numbers that a positive needs."""

    own_negatives = False
    """Whether negatives of other sessions are left out, since nothing relates the sessions."""

    def __init__(
        self,
        recordings: Recording | Sequence[Recording],
        offset: Offset,
        options: SamplingOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recordings = (recordings,) if isinstance(recordings, Recording) else recordings
        self.offset, self.options, self.device = offset, options, torch.device(device)
        self.labels = join_labels(self.recordings)
        self.session_rows = self._valid_rows(offset, self._displacement)
        self.rows = torch.cat(self.session_rows)
        self._prepare()

    def _prepare(self) -> None:  # noqa: B027 - nothing to build for some
        """Builds what the look-up needs; runs once, at the end of the constructor."""

    @property
    def num_sessions(self) -> int:
        """The number of recordings."""
        return len(self.recordings)

    @property
    def is_even(self) -> bool:
        """Whether each session gives as many positives as references, at every draw."""
        return True

    @property
    def _displacement(self) -> int:
        """Bins that a trial needs beyond one window."""
        return self.options.time_offset

    def roll(self, size: int | None, generator: torch.Generator) -> Roll:
        """Spends the randomness of one step.

        Args:
            size: Rows to draw in each session, `B`; `None` takes each bin once, with the same
                bins in random order as negatives (full batch).
            generator: Source of all randomness; lives on `self.device`.
        """
        sizes = self.group_sizes(size)
        if size is None:
            reference = torch.cat(self._references)
            negative = self._shuffled(reference, generator)
        else:
            chance = self._uniform((2, sum(sizes)), generator)
            reference = self._draw_references(chance[0])
            negative = self._draw_negatives(chance[1], sizes)
        if self.options.num_negatives is not None:
            shape = (len(reference), self.options.num_negatives)
            negative = self._draw_negatives(self._uniform(shape, generator), sizes)
            if not self.own_negatives:
                negative = self._mixed(negative, generator)
        chance = self._roll_chance(len(reference), generator)
        return Roll(reference, negative, chance, self._assigned(reference, generator))

    def resolve(self, roll: Roll) -> Indices:
        """Returns the drawn rows; `roll` may be the concatenation of many steps."""
        return Indices(roll.reference, self._positives(roll), roll.negative)

    def draw(self, size: int | None, generator: torch.Generator) -> Indices:
        """Returns the rows of one step, see `roll`."""
        return self.resolve(self.roll(size, generator))

    def group_sizes(self, size: int | None) -> list[int]:
        """Returns how many references each session gives in a step, see `roll`."""
        if size is None:
            return [len(rows) for rows in self._references]
        return [size] * self.num_sessions

    def session_of(self, rows: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Returns the session that each row lies in."""
        lengths = torch.tensor([len(one) for one in self.recordings], device=self.device)
        return torch.bucketize(rows, lengths.cumsum(0)[:-1], right=True)

    @property
    def _references(self) -> list[Int[Tensor, " _"]]:
        """The bins of each session that may be references."""
        return self.session_rows

    def _draw_reference(self, session: int, chance: Float[Tensor, "*n"]) -> Int[Tensor, "*n"]:
        return pick(self._references[session], chance)

    def _draw_negative(self, session: int, chance: Float[Tensor, "*n"]) -> Int[Tensor, "*n"]:
        return pick(self.session_rows[session], chance)

    def _draw_references(self, chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        parts = enumerate(chance.chunk(self.num_sessions))
        return torch.cat([self._draw_reference(*part) for part in parts])

    def _draw_negatives(
        self, chance: Float[Tensor, "*shape"], sizes: Sequence[int]
    ) -> Int[Tensor, "*shape"]:
        parts = enumerate(chance.split(list(sizes)))
        return torch.cat([self._draw_negative(*part) for part in parts])

    def _shuffled(self, rows: Int[Tensor, " rows"], generator: torch.Generator) -> Tensor:
        """Returns the rows in random order, each session by itself if it sees its own alone."""
        parts = self._references if self.own_negatives else [rows]
        orders = [torch.randperm(len(p), generator=generator, device=self.device) for p in parts]
        return torch.cat([part[order] for part, order in zip(parts, orders, strict=True)])

    def _mixed(self, rows: Int[Tensor, "batch k"], generator: torch.Generator) -> Tensor:
        """Returns rows that were drawn session by session, dealt to all references alike."""
        if self.num_sessions == 1:
            return rows
        order = torch.randperm(rows.numel(), generator=generator, device=self.device)
        return rows.flatten()[order].view_as(rows)

    def _assigned(self, reference: Int[Tensor, " batch"], generator: torch.Generator) -> Tensor:
        """Returns the session of each positive: those of the references, shuffled."""
        if self.num_sessions == 1:
            return torch.zeros_like(reference)
        order = torch.randperm(len(reference), generator=generator, device=self.device)
        return self.session_of(reference)[order]

    def _roll_chance(
        self, size: int, generator: torch.Generator
    ) -> Float[Tensor, "batch numbers"]:
        return self._uniform((size, self.num_numbers), generator)

    def _uniform(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.rand(shape, generator=generator, device=self.device, dtype=torch.float64)

    def _valid_rows(self, offset: Offset, displacement: int = 0) -> list[Int[Tensor, " _"]]:
        """Returns the bins of each session whose whole window lies inside a trial."""
        first, found = 0, []
        for recording in self.recordings:
            found.append(valid_rows(recording, offset, displacement).to(self.device) + first)
            first += len(recording)
        return found

    def _find(
        self, search: Callable[[int, Any], Int[Tensor, " some"]], session: Int[Tensor, " batch"]
    ) -> Int[Tensor, " batch"]:
        """Returns what `search(session, places)` finds for the places of each session."""
        if self.num_sessions == 1:
            return search(0, slice(None))
        found = torch.empty_like(session)
        for number in range(self.num_sessions):
            places = (session == number).nonzero()[:, 0]
            found[places] = search(number, places)
        return found

    @abstractmethod
    def _positives(self, roll: Roll) -> tuple[Int[Tensor, " batch"], ...]:
        """Returns the positives, one row of bins for each objective."""
