"""`cebra.data` of windows: what a dataset gives for rows, and what a loader draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...data.loader import ContrastiveLoader
from ...models.multisession import MultiSessionModel
from ...types import Batch as _Batch
from ...types import Offset
from ...utils.seeding import Streams

__all__ = ["Asked", "Batch", "BatchIndex", "Drawn", "Windows", "receptive_field"]


class BatchIndex(NamedTuple):
    """Drawn rows; `positive` is a list where there are several objectives.

    Args:
        reference: `(B,)`.
        positive: `(B,)`, or a list of them.
        negative: `(B,)`.
        index: Of no effect: rows of all sessions are aligned.
        index_reversed: Likewise.
    """

    reference: Tensor
    positive: Any
    negative: Tensor
    index: Any = None
    index_reversed: Any = None


@dataclass
class Batch:
    """Windows of references, positives and negatives, or their embeddings.

    Args:
        reference: `(B, N, L)`.
        positive: Likewise, or a list of them.
        negative: Likewise.
        index: Kept as it is.
        index_reversed: Likewise.
    """

    reference: Tensor
    positive: Any
    negative: Any
    index: Any = None
    index_reversed: Any = None

    def to(self, device: Any) -> None:
        """Moves all windows to a device, in place."""
        self.reference, self.positive, self.negative = (
            _moved(one, device) for one in (self.reference, self.positive, self.negative)
        )


@dataclass(frozen=True, eq=False)
class Drawn(_Batch):
    """What a loader draws: `positive` are the windows themselves where there is one objective."""

    @property
    def positive(self) -> Any:
        """The windows of the positives, `(B, N, L)`; one for each of several objectives."""
        found = super().positive
        return found[0] if len(found) == 1 else found

    def to(self, device: Any) -> Drawn:
        """Returns the batch on a device."""

        def move(rows: Any) -> Any:
            return rows.to(device)

        rows = self.indices
        indices = replace(
            rows,
            reference=move(rows.reference),
            positive=tuple(map(move, rows.positive)),
            negative=move(rows.negative),
        )
        recordings = [replace(one, neural=move(one.neural)) for one in self.recordings]
        return replace(self, recordings=tuple(recordings), indices=indices)


class Windows:
    """Gives a dataset its windows: `dataset[rows]`, after `configure_for(model)`.

    A dataset has `neural`, `offset` and a length. Loaders cut windows themselves.
    """

    neural: Any
    offset: Offset

    def __len__(self) -> int:
        return len(self.neural)

    def __getitem__(self, index: Any) -> Tensor:
        """Returns the windows of rows, `(rows, N, span)`; of one row `(1, N, span)`."""
        rows = self.expand_index(torch.atleast_1d(torch.as_tensor(index)))
        return torch.as_tensor(self.neural)[rows].transpose(1, 2)

    def expand_index(self, index: Tensor) -> Tensor:
        """Returns the bins of the windows of rows, `(rows, span)`, moved in at the ends."""
        rows = index.clamp(self.offset.left, len(self) - self.offset.right)
        steps = torch.arange(-self.offset.left, self.offset.right, device=index.device)
        return rows[:, None] + steps

    def load_batch(self, index: Any) -> Batch:
        """Returns the windows of a `BatchIndex`."""
        positive = index.positive
        several = isinstance(positive, (list, tuple))
        windows = [self[rows] for rows in positive] if several else self[positive]
        return Batch(self[index.reference], windows, self[index.negative])

    def configure_for(self, model: Any) -> None:
        """Sets the receptive field of the windows `dataset[t]`; loaders learn it by themselves."""
        self.offset = receptive_field(model)


class Asked(ContrastiveLoader):
    """What a loader of `cebra` answers beside ours: iteration before it is bound, and rows.

    Its class sets `masked`, the dataset that it was made for.
    """

    masked: Any
    _asked = 0

    @property
    def time_offset(self) -> int:
        """Bins between a reference and its positive, or over which labels change."""
        return self.dataset.options.time_offset

    @property
    def conditional(self) -> str | None:
        """What makes a positive."""
        return self.dataset.options.conditional

    def batch(self, step: int) -> Any:
        """Returns the batch of one step, in windows of the dataset's receptive field."""
        self._bind_as_configured()
        found = super().batch(step)
        if type(found) is not _Batch:
            return found
        return Drawn(**{one.name: getattr(found, one.name) for one in fields(found)})

    def get_indices(self, num_samples: int | None = None) -> BatchIndex:
        """Draws rows; those of several sessions count through them in order.

        Args:
            num_samples: References of each session; `None` takes every bin.
        """
        self._bind_as_configured()
        noise = self._generator(Streams.EVALUATION, self._asked, self.sampler.device)
        self._asked += 1
        drawn = self.sampler.resolve(self.sampler.roll(num_samples, noise))
        several = len(drawn.positive) > 1
        positive = list(drawn.positive) if several else drawn.positive[0]
        return BatchIndex(drawn.reference, positive, drawn.negative)

    def _bind_as_configured(self) -> None:
        if self.offset is None:
            self.bind(getattr(self.masked, "offset", Offset(0, 1)))


def _moved(windows: Any, device: Any) -> Any:
    if isinstance(windows, Sequence):
        return [one.to(device) for one in windows]
    return None if windows is None else windows.to(device)


def receptive_field(model: Any) -> Offset:
    """Returns the receptive field of a model, or of the models of several sessions."""
    if isinstance(model, (MultiSessionModel, torch.nn.ModuleList, list, tuple)):
        model = model[0]
    found: Offset = model.offset
    return found
