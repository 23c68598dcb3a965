"""`cebra`'s one encoder for all sessions, over `data.unified`: windows are aligned by labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...data import unified
from ...errors import InvalidParameterError
from ...types import Offset
from .batches import Asked, receptive_field
from .data import TensorDataset
from .masking import Masked
from .solvers import Solver

__all__ = ["UnifiedDataset", "UnifiedLoader", "UnifiedSolver"]


class UnifiedDataset(unified.UnifiedDataset, Masked):
    """Several datasets whose neurons one encoder sees together.

    Args:
        datasets: `TensorDataset`s, or one iterable of them.
        session_dropout: See `data.unified.UnifiedDataset`; there is none in `cebra`.

    Example:
        >>> one = TensorDataset(torch.randn(90, 5), continuous=torch.rand(90))
        >>> UnifiedDataset(one, one).input_dimension
        10
    """

    def __init__(self, *datasets: Any, session_dropout: float = 0.0) -> None:
        first = datasets[0] if datasets else ()
        alone = len(datasets) == 1 and not isinstance(first, TensorDataset)
        self.datasets = list(first) if alone and isinstance(first, Iterable) else list(datasets)
        recordings = [one.recordings[0] for one in self.datasets]
        super().__init__(recordings, session_dropout=session_dropout)
        self.offset = Offset(0, 1)

    @property
    def num_sessions(self) -> int:
        """The number of recordings."""
        return len(self)

    @property
    def input_dimension(self) -> int:
        """The number of neurons of all sessions."""
        return sum(self.num_neurons)

    def get_session(self, session_id: int) -> Any:
        """Returns the dataset of one session."""
        return self.datasets[session_id]

    def iter_sessions(self) -> Iterable[Any]:
        """Returns the datasets in order."""
        return iter(self.datasets)

    def get_input_dimension(self, session_id: int) -> int:
        """Returns the number of neurons of one session."""
        return self.num_neurons[session_id]

    def configure_for(self, model: Any) -> None:
        """Sets the receptive field of windows; loaders learn it by themselves."""
        self.offset = receptive_field(model)

    def to(self, device: Any) -> UnifiedDataset:
        """Returns the dataset: the loader moves what it draws."""
        return self


class UnifiedLoader(Asked, unified.UnifiedLoader):
    """A loader of a `UnifiedDataset`.

    Args:
        dataset: The sessions.
        time_offset: Bins over which labels change.
        num_steps: Batches in one pass.
        batch_size: Rows around bins of each session.
        conditional: What makes a positive, see `SamplingOptions`.

    Example:
        >>> one = TensorDataset(torch.randn(90, 5), continuous=torch.rand(90))
        >>> loader = UnifiedLoader(UnifiedDataset(one, one), num_steps=2, batch_size=8)
        >>> loader.bind(Offset(5, 5)).batch(0).reference.shape
        torch.Size([16, 10, 10])
    """

    def __init__(
        self,
        dataset: UnifiedDataset,
        time_offset: int = 10,
        num_steps: int = 1000,
        batch_size: int | None = None,
        conditional: Any = "time_delta",
    ) -> None:
        own = unified.UnifiedDataset(
            dataset.recordings,
            session_dropout=dataset.session_dropout,
            time_offset=time_offset,
            conditional=conditional if "continuous" in dataset[0].labels else None,
        )
        super().__init__(own, batch_size, num_steps)
        self.masked = dataset

    def bind(self, offset: Offset) -> UnifiedLoader:
        """Makes the loader draw whole windows of a receptive field; returns the loader."""
        self.augmentation = self.masked.augmentation
        super().bind(offset)
        return self

    def to(self, device: Any) -> UnifiedLoader:
        """Moves what is drawn to a device; returns the loader."""
        self.device, self.offset = torch.device(device), None
        return self


class UnifiedSolver(Solver):
    """Trains one encoder over the neurons of all sessions; the arguments are those of `Solver`.

    Example:
        >>> from cebra_ethan.models.criterions import InfoNCE
        >>> from cebra_ethan.models.model import Offset1Model
        >>> neural, label = torch.randn(90, 5), torch.rand(90)
        >>> both = UnifiedDataset(TensorDataset(neural, label), TensorDataset(neural, label))
        >>> model = Offset1Model(10, 8, 3)
        >>> optimizer = torch.optim.Adam(model.parameters())
        >>> solver = UnifiedSolver(model, InfoNCE(), optimizer, tqdm_on=False)
        >>> _ = solver.fit(UnifiedLoader(both, num_steps=2, batch_size=8))
        >>> solver.transform([neural, neural], [label, label], session_id=1).shape
        torch.Size([90, 3])
    """

    def transform(  # type: ignore[override]
        self,
        inputs: Sequence[Any],
        labels: Sequence[Any],
        pad_before_transform: bool = True,
        session_id: int | None = None,
        batch_size: int | None = 512,
    ) -> Tensor:
        """Returns one point for each bin of one session, aligned with the others by the labels.

        The labels are seen: never decode them from these points. See
        `data.unified.transform_unified`, which can do without.

        Args:
            inputs: Activity `(T, N)` of each session.
            labels: Of each session, of the kind that it was trained with.
            pad_before_transform: Must be true: edges are repeated.
            session_id: Which session.
            batch_size: Of no effect.

        Raises:
            InvalidParameterError: If no session is named, or edges should be left out.
        """
        if session_id is None or not pad_before_transform:
            raise InvalidParameterError(
                "a unified embedding is one of a session, for each of its bins; got session_id="
                f"{session_id!r} and pad_before_transform={pad_before_transform!r}. Pass the "
                "number of a session."
            )
        pairs = zip(inputs, labels, strict=True)
        sessions = UnifiedDataset(*(_labelled(neural, label) for neural, label in pairs))
        points: Tensor = unified.transform_unified(
            self.encoder(), sessions, session_id, by_label=True
        )
        return points


def _labelled(neural: Any, label: Any) -> TensorDataset:
    values = torch.as_tensor(label)
    if values.is_floating_point():
        return TensorDataset(neural, continuous=values)
    return TensorDataset(neural, discrete=values)
