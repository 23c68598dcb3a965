"""Drawn rows, their windows, and what is learned from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..errors import DataError
from .recording import Offset, Recording

__all__ = ["Augmentation", "Batch", "Indices", "Objective"]

Augmentation = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Maps windows `(B, N, L)`, each neuron's standard deviation `(N,)` and a generator to windows."""


@dataclass(frozen=True)
class Indices:
    """Drawn rows. Row `i` of every field belongs to row `i` of the others.

    With several recordings a row counts through them in order: bin `t` of recording `s` is
    `t` plus the number of bins of all recordings before `s`.

    Args:
        reference: `(B,)`.
        positive: One `(B,)` for each objective.
        negative: `(B,)`, shared by all references, or `(B, K)`, each reference its own.
    """

    reference: Int[Tensor, " batch"]
    positive: tuple[Int[Tensor, " batch"], ...]
    negative: Int[Tensor, " batch"] | Int[Tensor, "batch negatives"]

    def split(self, batch_size: int) -> list[Indices]:
        """Returns consecutive parts of `batch_size` rows."""
        parts = zip(
            torch.split(self.reference, batch_size),
            zip(*(torch.split(rows, batch_size) for rows in self.positive), strict=True),
            torch.split(self.negative, batch_size),
            strict=True,
        )
        return [Indices(*part) for part in parts]


@dataclass(frozen=True, eq=False)
class Batch:
    """Drawn rows of recordings; their windows are gathered when they are asked for.

    Args:
        recordings: Where the rows point to, one recording for each session.
        indices: The drawn rows.
        offset: The receptive field of a window.
        augmentation: Changes windows after they are gathered, or `None`.
        scale: Standard deviation of each neuron, one `(N,)` for each recording; the unit of
            additive noise.
        generator: Source of the augmentation's randomness.
        group_sizes: Sizes of consecutive groups of rows whose references see the negatives of
            their own group alone; `None` for one group. Each session is a group where nothing but
            time is known, since bins of different sessions then cannot be compared.
        session_sizes: How many references, positives and negatives lie in each session, in shares;
            `None` where that depends on the draw. Who knows it need not ask the device.
    """

    recordings: Sequence[Recording]
    indices: Indices
    offset: Offset
    augmentation: Augmentation | None = None
    scale: Sequence[Float[Tensor, " _"]] | None = None
    generator: torch.Generator | None = None
    group_sizes: Sequence[int] | None = None
    session_sizes: Sequence[int] | None = None

    def windows(
        self, rows: Int[Tensor, "*shape"], session: int | None = None
    ) -> Float[Tensor, "*shape neurons bins"]:
        """Returns the window of each row, `(..., N, L)`.

        Args:
            rows: Bins of one recording, counted from its own first bin.
            session: Which recording; may be left out where there is one.

        Memory is time-major, `(L, rows, N)`, which makes a convolution over few bins a sum of
        plain matrix products (see `models.layers.Conv1d`); what is returned is a view of it.
        """
        if session is None and len(self.recordings) > 1:
            raise DataError(
                f"windows of {len(self.recordings)} sessions differ in their neurons; got no "
                "session. Ask for one of them: batch.session(0).reference."
            )
        recording = self.recordings[session or 0]
        steps = torch.arange(-self.offset.left, self.offset.right, device=rows.device)
        flat = rows.flatten()
        bins = (flat + steps[:, None]).flatten()  # index_select is quicker than indexing
        windows = recording.neural.index_select(0, bins).unflatten(0, (len(steps), len(flat)))
        windows = windows.permute(1, 2, 0)
        if self.augmentation is not None:
            assert self.scale is not None
            assert self.generator is not None
            windows = self.augmentation(windows, self.scale[session or 0], self.generator)
        return windows.unflatten(0, rows.shape)

    def session(self, number: int) -> Batch:
        """Returns the rows that lie in one session, as a batch of that session alone.

        How many rows of each field that are depends on the draw; row `i` of one field then no
        longer belongs to row `i` of another.
        """
        first = sum(len(recording) for recording in self.recordings[:number])
        last = first + len(self.recordings[number])

        def own(rows: Tensor) -> Tensor:
            flat = rows.flatten()
            return flat[(flat >= first) & (flat < last)] - first

        indices = Indices(
            own(self.indices.reference),
            tuple(own(rows) for rows in self.indices.positive),
            own(self.indices.negative),
        )
        scale = None if self.scale is None else self.scale[number : number + 1]
        recordings = self.recordings[number : number + 1]
        alone = replace(self, group_sizes=None, session_sizes=None)
        return replace(alone, recordings=recordings, indices=indices, scale=scale)

    @property
    def reference(self) -> Float[Tensor, "batch neurons bins"]:
        """The windows of the references, `(B, N, L)`."""
        return self.windows(self.indices.reference)

    @property
    def positive(self) -> tuple[Float[Tensor, "batch neurons bins"], ...]:
        """The windows of the positives, one `(B, N, L)` for each objective."""
        return tuple(self.windows(rows) for rows in self.indices.positive)

    @property
    def negative(self) -> Float[Tensor, "batch *negatives neurons bins"]:
        """The windows of the negatives, `(B, N, L)` or `(B, K, N, L)`."""
        return self.windows(self.indices.negative)


@dataclass(frozen=True, eq=False)
class Objective:
    """A criterion on a subspace of the embedding.

    Args:
        criterion: Maps reference, positive and negative embeddings to a loss.
        name: What the history calls its loss.
        weight: Factor of its loss in the sum: a number, or a function of the step, from 0.
        dims: The dimensions of the embedding that it sees.
        renormalize: Scale what it sees to unit length, since a part of a unit vector is shorter.
    """

    criterion: nn.Module
    name: str = "loss"
    weight: float | Callable[[int], float] = 1.0
    dims: slice = field(default_factory=lambda: slice(None))
    renormalize: bool = False

    def subspace(self, points: Float[Tensor, "*rows dims"]) -> Float[Tensor, "*rows own"]:
        """Returns what the criterion sees of embeddings."""
        own = points[..., self.dims]
        return F.normalize(own, dim=-1) if self.renormalize else own

    def weight_at(self, step: int | None = None) -> float:
        """Returns the weight at a step, or the one that held-out data are judged by.

        The latter is 1 where the weight is scheduled, so that any two evaluations can be compared.
        """
        if not callable(self.weight):
            return self.weight
        return 1.0 if step is None else self.weight(step)
