"""Several recordings that are learned together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..errors import DataError
from ..types import Batch, Indices, Offset, Recording
from .dataset import as_recording
from .sampler import Sampler, SamplingOptions
from .sampling import make_sampler

__all__ = ["MultiSessionDataset"]


class MultiSessionDataset:
    """Recordings of several sessions or animals whose pairs are drawn across all of them.

    A positive is looked up by its label in a session that is drawn at random; see `Sampler`.
    Without labels, or with `conditional="time"`, positives and negatives stay in their session.

    Args:
        sessions: Activity `(T, N)` of each, or `Recording`s with labels and trials.
        labels: Of each session, as for `BehavioralDataset`, the same names in all; `None` takes
            those of the recordings.
        trials: Trial of each bin, for each session.
        options: `SamplingOptions` as keywords, as for `ContrastiveDataset`.

    Raises:
        DataError: If there is no session, or lists differ in length.

    Example:
        >>> recordings = [torch.randn(100, 5), torch.randn(80, 7)]
        >>> labels = [{"position": torch.rand(100)}, {"position": torch.rand(80)}]
        >>> dataset = MultiSessionDataset(recordings, labels)
        >>> dataset.sampler(Offset(0, 1)).draw(4, torch.Generator()).reference.shape
        torch.Size([8])
    """

    def __init__(
        self,
        sessions: Sequence[Any],
        labels: Sequence[Any] | None = None,
        trials: Sequence[Any] | None = None,
        **options: Any,
    ) -> None:
        counts = {"sessions": len(sessions)}
        counts |= {k: len(v) for k, v in (("labels", labels), ("trials", trials)) if v is not None}
        if not len(sessions) or len(set(counts.values())) > 1:
            raise DataError(
                "a dataset needs one session or more, and one entry of everything for each; got "
                f"{', '.join(f'{count} {name}' for name, count in counts.items())}."
            )
        self.recordings = tuple(
            as_recording(
                neural,
                labels=None if labels is None else labels[k],
                trial=None if trials is None else trials[k],
                name=f"session {k}",
            )
            for k, neural in enumerate(sessions)
        )
        self.options = SamplingOptions(**options)

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, session: int) -> Recording:
        return self.recordings[session]

    @property
    def num_neurons(self) -> list[int]:
        """The number of neurons `N` of each session."""
        return [recording.num_neurons for recording in self.recordings]

    def sampler(self, offset: Offset, device: torch.device | str = "cpu") -> Sampler:
        """Returns the sampler of whole windows for models with this receptive field."""
        return make_sampler(self.recordings, offset, self.options, device)

    def batch(self, indices: Indices, offset: Offset) -> Batch:
        """Returns drawn rows with their windows, not augmented."""
        return Batch(self.recordings, indices, offset)
