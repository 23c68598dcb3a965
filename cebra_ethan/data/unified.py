"""One encoder over the neurons of all sessions: what the others did at a bin with the same label.

The neurons of all sessions are put side by side, sum N in all. A sample is a bin of one session;
the windows of the other sessions are taken around the bin whose label is nearest to that of the
sample. So labels are needed to train. To embed they are needed only to fill in the other sessions:
with *session dropout* the model also learns from windows in which all sessions but one are at
their mean, and can then embed one session alone, without labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import DataError, InvalidParameterError
from ..models.base import OffsetModel
from ..types import Batch, Label, Offset, Recording
from ..utils.seeding import Streams, derive_seed
from .dataset import as_recording
from .loader import ContrastiveLoader
from .multisession import MultiSessionDataset
from .neighbors import NearestLabel
from .rows import coordinates, joint_class, names, valid_rows
from .sessions import join_labels

__all__ = ["Alignment", "UnifiedBatch", "UnifiedDataset", "UnifiedLoader", "transform_unified"]

_CHUNK_BINS = 1024


class UnifiedDataset(MultiSessionDataset):
    """Sessions whose neurons one encoder sees together.

    Train any model over `sum(dataset.num_neurons)` neurons with a `UnifiedLoader`. Pairs are drawn
    as from a `MultiSessionDataset`.

    Args:
        sessions: Activity `(T, N)` of each, or `Recording`s with labels and trials.
        labels: As for `MultiSessionDataset`; needed, since they align the sessions.
        trials: Likewise.
        session_dropout: Probability that a window holds one session alone, the others at their
            mean. With 0 the model always needs labels, also to embed.
        options: `SamplingOptions` as keywords.

    Attributes:
        means: Mean activity of each session, `(N,)`.

    Raises:
        DataError: If there are fewer than two sessions, or no label.
        InvalidParameterError: If the probability is none.

    Example:
        >>> from cebra_ethan.models.criterions import InfoNCE
        >>> from cebra_ethan.models.model import Offset5Model
        >>> from cebra_ethan.solver.base import SingleSessionSolver
        >>> sessions = [torch.randn(100, 5), torch.randn(80, 7)]
        >>> labels = [{"place": torch.rand(len(one))} for one in sessions]
        >>> dataset = UnifiedDataset(sessions, labels)
        >>> model = Offset5Model(sum(dataset.num_neurons), 8, 3)
        >>> solver = SingleSessionSolver(model, InfoNCE(), torch.optim.Adam(model.parameters()))
        >>> _ = solver.fit(UnifiedLoader(dataset, batch_size=16, num_steps=4, random_state=0))
        >>> transform_unified(model, dataset, session=1).shape  # session 1 alone, no label used
        torch.Size([80, 3])
        >>> transform_unified(model, dataset, session=1, by_label=True).shape
        torch.Size([80, 3])
    """

    def __init__(
        self,
        sessions: Sequence[Any],
        labels: Sequence[Any] | None = None,
        trials: Sequence[Any] | None = None,
        *,
        session_dropout: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(sessions, labels, trials, **options)
        if len(self) < 2 or not self.recordings[0].labels:
            raise DataError(
                "unified sessions are two or more, aligned by a label that all of them have; got "
                f"{len(self)} with {names(self.recordings[0].labels)}. Pass labels, or use "
                "MultiSessionDataset to train by time."
            )
        if not 0 <= session_dropout < 1:
            raise InvalidParameterError(
                f"session_dropout must be in [0, 1); got {session_dropout!r}. It is the share of "
                "windows that hold one session alone."
            )
        self.session_dropout = session_dropout
        self.means = [recording.neural.mean(dim=0) for recording in self.recordings]


class Alignment:
    """For a bin of any session, the bin of another one whose label is nearest.

    Classes are never mixed. Among equal labels one is drawn at random.

    Args:
        recordings: Give the labels; rows count through all of them.
        session_rows: The bins of each session that may be found; there may be fewer sessions than
            recordings, the rest then only ask.
        device: Where the rows live.

    Raises:
        DataError: If a session lacks a class.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        session_rows: Sequence[Int[Tensor, " _"]],
        device: torch.device | str = "cpu",
    ) -> None:
        labels = join_labels(recordings)
        points, period = _points(labels, session_rows)
        self.device = torch.device(device)
        self._points = points.to(device)
        self._nearest = [
            NearestLabel(self._points, rows, period.to(device)) for rows in session_rows
        ]

    def __call__(
        self, rows: Int[Tensor, " rows"], session: int, chance: Float[Tensor, " rows"]
    ) -> Int[Tensor, " rows"]:
        """Returns the bin of a session that belongs to each row; numbers in [0, 1) break ties."""
        return self._nearest[session](self._points[rows], chance)


@dataclass(frozen=True, eq=False, kw_only=True)
class UnifiedBatch(Batch):
    """A batch whose windows hold the neurons of all sessions, `(B, sum N, L)`.

    Args:
        alignment: Finds the bins of the other sessions.
        means: What a session that is left out is set to, `(N,)` for each.
        session_dropout: Probability that all sessions but a row's own are left out.
        seed: Of the choice among equal labels and of what is left out.
    """

    alignment: Alignment
    means: Sequence[Float[Tensor, " _"]]
    session_dropout: float
    seed: int

    def windows(
        self, rows: Int[Tensor, "*shape"], session: int | None = None
    ) -> Float[Tensor, "*shape neurons bins"]:
        """Returns the window of each row, `(..., sum N, L)`.

        Args:
            rows: Bins that count through all sessions.
            session: Of no effect, since every window holds all sessions.
        """
        flat, finder = rows.flatten(), self.alignment
        noise = torch.Generator(finder.device).manual_seed(self.seed)
        chance = torch.rand(
            (1 + len(self.recordings), len(flat)),
            generator=noise,
            device=finder.device,
            dtype=torch.float64,
        )
        steps = torch.arange(-self.offset.left, self.offset.right, device=flat.device)[:, None]
        alone = (chance[0] < self.session_dropout).to(flat.device)
        parts, first = [], 0
        for number, recording in enumerate(self.recordings):
            found = finder(flat.to(finder.device), number, chance[1 + number]).to(flat.device)
            own = (flat >= first) & (flat < first + len(recording))
            window = recording.neural[flat.where(own, found) - first + steps]
            left_out = (alone & ~own)[:, None]
            parts.append(torch.where(left_out, self.means[number], window))
            first += len(recording)
        windows = torch.cat(parts, dim=2).permute(1, 2, 0)  # memory stays time-major
        if self.augmentation is not None:
            assert self.scale is not None
            assert self.generator is not None
            windows = self.augmentation(windows, torch.cat(list(self.scale)), self.generator)
        shaped: Tensor = windows.unflatten(0, rows.shape)
        return shaped

    def session(self, number: int) -> UnifiedBatch:
        """Returns the rows that lie in one session, with the windows of all."""
        first = sum(len(recording) for recording in self.recordings[:number])
        indices = super().session(number).indices
        moved = replace(
            indices,
            reference=indices.reference + first,
            positive=tuple(rows + first for rows in indices.positive),
            negative=indices.negative + first,
        )
        return replace(self, indices=moved, group_sizes=None)


class UnifiedLoader(ContrastiveLoader):
    """A `ContrastiveLoader` whose windows hold the neurons of all sessions.

    Args:
        dataset: Sessions and their labels.
        batch_size: Rows of a batch around bins of each session; `None` for all bins.
        num_steps: Batches in one pass.
        options: Further keywords of `ContrastiveLoader`.

    Example:
        >>> labels = [{"place": torch.rand(90)}] * 2
        >>> dataset = UnifiedDataset([torch.randn(90, 5), torch.randn(90, 7)], labels)
        >>> UnifiedLoader(dataset, batch_size=8).bind(Offset(5, 5)).batch(0).reference.shape
        torch.Size([16, 12, 10])
    """

    def __init__(
        self,
        dataset: UnifiedDataset,
        batch_size: int | None = 512,
        num_steps: int = 1000,
        **options: Any,
    ) -> None:
        super().__init__(dataset, batch_size, num_steps, **options)
        self._unified = dataset

    def bind(self, offset: Offset) -> UnifiedLoader:
        """Makes the loader draw whole windows of a receptive field; returns the loader."""
        if offset != self.offset:
            super().bind(offset)
            sampler = self.sampler
            self._alignment = Alignment(sampler.recordings, sampler.session_rows, sampler.device)
            self._means = [mean.to(self.device) for mean in self._unified.means]
        return self

    def batch(self, step: int) -> UnifiedBatch:
        """Returns the batch of one step."""
        plain = super().batch(step)
        return UnifiedBatch(
            **{one.name: getattr(plain, one.name) for one in fields(plain)},
            alignment=self._alignment,
            means=self._means,
            session_dropout=self._unified.session_dropout,
            seed=derive_seed(self.seed, Streams.SAMPLING, step, 1),
        )


@torch.no_grad()
def transform_unified(
    model: OffsetModel,
    dataset: UnifiedDataset,
    session: int,
    recording: Any = None,
    *,
    by_label: bool = False,
) -> Float[Tensor, "time dims"]:
    """Embeds every bin of one session with an encoder over the neurons of all.

    Near the ends of a trial the window repeats its first or last bin, once for the whole
    recording.

    Args:
        model: Trained on the dataset.
        dataset: Gives the other sessions.
        session: Whose neurons `recording` has.
        recording: Activity `(T, N)` or a `Recording`; that of the dataset without.
        by_label: Show the model the other sessions too, at the bins with the nearest label. This
            needs the labels of `recording`: never decode them from such an embedding. Without,
            the others are at their mean, and no label is used.

    Raises:
        DataError: If neurons or labels do not fit, or one session alone was never trained on.
        InvalidParameterError: If there is no such session.
    """
    own = _session_recording(dataset, session, recording)
    if not by_label and dataset.session_dropout == 0:
        raise DataError(
            "a model that never saw one session alone needs labels to embed it; got by_label=False"
            " and session_dropout=0. Pass by_label=True, or train with session dropout."
        )
    offset, device = model.offset, next(model.parameters()).device
    found = _aligned(dataset, own, session, offset) if by_label else None
    start, stop = own.segments.repeat_interleave(own.segments.diff(dim=1)[:, 0], dim=0).T
    steps = torch.arange(-offset.left, offset.right)[:, None]
    was_training = model.training
    model.eval()
    points = []
    try:
        for rows in torch.arange(len(own)).split(_CHUNK_BINS):
            inside = (rows + steps).clamp(start[rows], stop[rows] - 1)
            parts = [one.expand(*inside.shape, -1) for one in dataset.means]
            if found is not None:
                bins = [place[rows] + steps for place in found]
                parts = [r.neural[at] for r, at in zip(dataset.recordings, bins, strict=True)]
            parts[session] = own.neural[inside]
            windows = torch.cat(parts, dim=2).to(device)
            points.append(model(windows.permute(1, 2, 0)).squeeze(-1))
    finally:
        model.train(was_training)
    return torch.cat(points)


def _session_recording(dataset: UnifiedDataset, session: int, recording: Any) -> Recording:
    if not 0 <= session < len(dataset):
        raise InvalidParameterError(
            f"session must be the number of one of {len(dataset)} sessions, from 0; got "
            f"{session!r}."
        )
    fitted = dataset[session]
    own = fitted if recording is None else as_recording(recording, name=f"session {session}")
    if own.num_neurons != fitted.num_neurons:
        raise DataError(
            f"session {session} has {fitted.num_neurons} neurons; got {own.num_neurons}. Pass the "
            "neurons that the model was trained with."
        )
    return own


def _aligned(
    dataset: UnifiedDataset, own: Recording, session: int, offset: Offset
) -> list[Int[Tensor, " time"]]:
    """Returns the bin of each session, counted from its own first, for each bin of a recording."""
    if list(own.labels) != list(dataset[session].labels):
        raise DataError(
            f"by_label needs the labels {names(dataset[session].labels)}; got "
            f"{names(own.labels)}. Pass a Recording with labels, or by_label=False."
        )
    firsts = [sum(map(len, dataset.recordings[:k])) for k in range(len(dataset) + 1)]
    pairs = zip(dataset.recordings, firsts, strict=False)
    rows = [valid_rows(one, offset) + first for one, first in pairs]
    finder = Alignment([*dataset.recordings, own], rows)
    asking = firsts[-1] + torch.arange(len(own))
    first_of_equal = torch.zeros(len(own), dtype=torch.float64)
    return [finder(asking, k, first_of_equal) - firsts[k] for k in range(len(dataset))]


def _points(
    labels: Mapping[str, Label], session_rows: Sequence[Int[Tensor, " _"]]
) -> tuple[Float[Tensor, "bins columns"], Float[Tensor, " columns"]]:
    """Returns a point for each bin, with classes farther apart than any labels, and the periods.

    Raises:
        DataError: If a session lacks a class.
    """
    classes = {name: label for name, label in labels.items() if label.kind == "categorical"}
    if not classes:
        return coordinates(labels)
    code = joint_class(classes)
    points, period = torch.zeros(len(code), 0, dtype=torch.float64), torch.zeros(0).double()
    if len(classes) < len(labels):
        points, period = coordinates(labels)
    for number, rows in enumerate(session_rows):
        missing = int(code.max()) + 1 - len(code[rows.cpu()].unique())
        if missing:
            raise DataError(
                f"unified sessions need every class of {names(classes)} in each session; session "
                f"{number} lacks {missing}. Leave it out, or align by another label."
            )
    reach = (points.amax(dim=0) - points.amin(dim=0)).norm()
    column = (2 * reach + 1) * code[:, None].double()
    return torch.cat([points, column], dim=1), F.pad(period, (0, 1))
