"""`cebra.data`: datasets of arrays, alone and in collections."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...data.dataset import ContrastiveDataset, as_recording
from ...data.multisession import MultiSessionDataset
from ...errors import DataError
from ...types import Label, Offset, Recording
from .batches import Windows, receptive_field
from .masking import Masked

__all__ = ["Dataset", "DatasetCollection", "TensorDataset"]


class Dataset(Windows, Masked, ABC):
    """The base of one's own datasets: a subclass sets `neural`, and says what labels there are.

    Loaders read `neural`, `continuous_index` and `discrete_index` and cut windows themselves; what
    a subclass does in `__getitem__` is of no effect on them.

    Args:
        device: Of no effect: loaders have one.
        options: Of no effect: nothing is downloaded.

    Example:
        >>> class Mine(Dataset):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.neural = torch.randn(100, 5)
        ...     @property
        ...     def continuous_index(self):
        ...         return torch.rand(100, 2)
        >>> Mine().recording.labels
        {'continuous': Label('continuous', continuous, shape=(100, 2))}
    """

    neural: Any

    def __init__(self, device: Any = "cpu", **options: Any) -> None:
        self.offset = Offset(0, 1)

    @property
    def input_dimension(self) -> int:
        """The number of neurons."""
        return int(self.neural.shape[1])

    @property
    def continuous_index(self) -> Any:
        """The continuous label `(T,)` or `(T, d)`, or `None`."""
        return None

    @property
    def discrete_index(self) -> Any:
        """The discrete label `(T,)`, or `None`."""
        return None

    @property
    def recording(self) -> Recording:
        """What loaders draw from."""
        return TensorDataset(self.neural, self.continuous_index, self.discrete_index).recording

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The same, as of several."""
        return (self.recording,)

    def to(self, device: Any) -> Dataset:
        """Returns the dataset: the loader moves what it draws."""
        return self


@Dataset.register
class TensorDataset(Windows, ContrastiveDataset, Masked):
    """A recording with one continuous and one discrete label, or one of them, or none.

    A subclass may say by `continuous_index` and `discrete_index` what loaders draw by.

    Args:
        neural: `(T, N)`.
        continuous: `(T,)` or `(T, d)`.
        discrete: `(T,)`.
        offset: Of the windows `dataset[rows]`; loaders learn it from the model.
        device: Of no effect: loaders have one.
        trial: Trial of each bin, `(T,)`; windows and pairs stay inside one.

    Example:
        >>> dataset = TensorDataset(torch.randn(100, 5), continuous=torch.rand(100, 2))
        >>> dataset.input_dimension, dataset.continuous_index.shape
        (5, torch.Size([100, 2]))
    """

    def __init__(
        self,
        neural: Any,
        continuous: Any = None,
        discrete: Any = None,
        offset: Offset | None = None,
        device: Any = "cpu",
        *,
        trial: Any = None,
    ) -> None:
        labels = _labels(continuous=continuous, discrete=discrete)
        super().__init__(as_recording(neural, labels=labels, trial=trial))
        self.offset = offset or Offset(0, 1)

    @property
    def neural(self) -> Tensor:
        """Activity `(T, N)`."""
        return self.recording.neural

    @neural.setter
    def neural(self, values: Any) -> None:
        self.recording = replace(self.recording, neural=as_recording(values).neural)

    @property
    def input_dimension(self) -> int:
        """The number of neurons."""
        return self.num_neurons

    @property
    def continuous(self) -> Tensor | None:
        """The continuous label, or `None`."""
        return self.continuous_index if "continuous" in self.recording.labels else None

    @property
    def discrete(self) -> Tensor | None:
        """The discrete label, or `None`."""
        return self.discrete_index if "discrete" in self.recording.labels else None

    @property
    def continuous_index(self) -> Tensor:
        """The continuous label `(T, d)`, float32."""
        return self._index("continuous").float()

    @property
    def discrete_index(self) -> Tensor:
        """The discrete label `(T,)`, the classes as they were given if these were integers."""
        label = self.recording.labels.get("discrete")
        values = None if label is None else label.to_numpy()
        if values is not None and values.dtype.kind in "iu":
            return torch.as_tensor(values)
        return self._index("discrete")

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """What loaders draw from: the recording, with the labels that a subclass puts in place."""
        labels = dict(self.recording.labels)
        for kind in ("continuous", "discrete"):
            name = f"{kind}_index"
            if getattr(type(self), name) is not getattr(TensorDataset, name):
                labels.pop(kind, None)
                labels |= _labels(**{kind: getattr(self, name)})
        return (replace(self.recording, labels=labels),)

    def to(self, device: Any) -> TensorDataset:
        """Returns the dataset: the loader moves what it draws."""
        return self

    def _index(self, name: str) -> Tensor:
        if name not in self.recording.labels:
            raise DataError(f"the dataset has no {name} label. Pass {name}= when you make it.")
        values: Tensor = self.recording.labels[name].values
        return values


class DatasetCollection(MultiSessionDataset, Masked):
    """Several datasets that are learned together.

    Args:
        datasets: `TensorDataset`s, or one iterable of them.
    """

    def __init__(self, *datasets: Any) -> None:
        first = datasets[0] if datasets else ()
        whole = list(first) if isinstance(first, Iterable) and len(datasets) == 1 else datasets
        self.datasets = list(whole)
        super().__init__([one.recordings[0] for one in self.datasets])
        self.offset = Offset(0, 1)

    @property
    def num_sessions(self) -> int:
        """The number of recordings."""
        return len(self)

    @property
    def session_lengths(self) -> list[int]:
        """The number of time bins of each recording."""
        return [len(one.recording) for one in self.datasets]

    def iter_sessions(self) -> Iterator[Any]:
        """Yields the dataset of each session."""
        yield from self.datasets

    def get_session(self, session_id: int) -> Any:
        """Returns the dataset of one session."""
        return self.datasets[session_id]

    def get_input_dimension(self, session_id: int) -> int:
        """Returns the number of neurons of one session."""
        return self.num_neurons[session_id]

    @property
    def input_dimension(self) -> list[int]:
        """The number of neurons of each session."""
        return self.num_neurons

    @property
    def continuous_index(self) -> Tensor | None:
        """The continuous labels of all sessions, joined; `None` where one has none."""
        return self._joined("continuous")

    @property
    def discrete_index(self) -> Tensor | None:
        """The discrete labels, likewise."""
        return self._joined("discrete")

    def configure_for(self, model: Any) -> None:
        """Sets the receptive field of the windows of all sessions."""
        self.offset = receptive_field(model)
        for one in self.datasets:
            one.offset = self.offset

    def to(self, device: Any) -> DatasetCollection:
        """Returns the collection: the loader moves what it draws."""
        return self

    def _joined(self, kind: str) -> Tensor | None:
        if not all(kind in one.labels for one in self.recordings):
            return None
        return torch.cat([getattr(one, f"{kind}_index") for one in self.datasets])


def _labels(continuous: Any = None, discrete: Any = None) -> dict[str, Label]:
    labels = {}
    if continuous is not None:
        labels["continuous"] = Label(continuous, "continuous", name="continuous")
    if discrete is not None:
        labels["discrete"] = Label(discrete, "categorical", name="discrete")
    return labels
