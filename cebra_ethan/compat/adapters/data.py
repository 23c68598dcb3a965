"""`cebra.data`: datasets of arrays, and loaders that differ in what they read of the labels."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...data.dataset import ContrastiveDataset, as_recording
from ...data.loader import ContrastiveLoader
from ...data.multisession import MultiSessionDataset
from ...errors import DataError, InvalidParameterError
from ...types import Label, Offset, Recording
from .masking import Masked

__all__ = ["Dataset", "DatasetCollection", "Loader", "TensorDataset", "get_loader_options"]


class Dataset(ABC, Masked):
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

    def __len__(self) -> int:
        return len(self.neural)

    def expand_index(self, index: Tensor) -> Tensor:
        """Returns the bins of the windows of rows, `(rows, span)`, moved in at the ends."""
        rows = index.clamp(self.offset.left, len(self) - self.offset.right)
        steps = torch.arange(-self.offset.left, self.offset.right, device=index.device)
        return rows[:, None] + steps

    def __getitem__(self, index: Any) -> Tensor:
        """Returns the windows of rows, `(rows, N, span)`."""
        rows = self.expand_index(torch.as_tensor(index))
        return torch.as_tensor(self.neural)[rows].transpose(1, 2)

    def configure_for(self, model: Any) -> None:
        """Sets the receptive field of the windows `dataset[t]`; loaders learn it by themselves."""
        self.offset = model.offset

    def to(self, device: Any) -> Dataset:
        """Returns the dataset: the loader moves what it draws."""
        return self


@Dataset.register
class TensorDataset(ContrastiveDataset, Masked):
    """A recording with one continuous and one discrete label, or one of them, or none.

    Args:
        neural: `(T, N)`.
        continuous: `(T,)` or `(T, d)`.
        discrete: `(T,)`.
        offset: Of no effect: loaders learn the receptive field from the model.
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
        offset: Any = None,
        device: Any = "cpu",
        *,
        trial: Any = None,
    ) -> None:
        labels = {}
        if continuous is not None:
            labels["continuous"] = Label(continuous, "continuous", name="continuous")
        if discrete is not None:
            labels["discrete"] = Label(discrete, "categorical", name="discrete")
        super().__init__(as_recording(neural, labels=labels, trial=trial))

    @property
    def neural(self) -> Tensor:
        """Activity `(T, N)`."""
        return self.recording.neural

    @property
    def input_dimension(self) -> int:
        """The number of neurons."""
        return self.num_neurons

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

    def configure_for(self, model: Any) -> None:
        """Sets the receptive field of the windows `dataset[t]`; loaders learn it by themselves."""
        self.offset = model.offset

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
        super().__init__([one.recording for one in self.datasets])

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

    def configure_for(self, model: Any) -> None:
        """Does nothing: loaders learn the receptive field from the model."""

    def to(self, device: Any) -> DatasetCollection:
        """Returns the collection: the loader moves what it draws."""
        return self


class Loader(ContrastiveLoader):
    """A `ContrastiveLoader` that applies the masks of a dataset.

    Args:
        dataset: What to draw from, with its options.
        batch_size: As for `ContrastiveLoader`.
        num_steps: Likewise.
        masked: Has the masks.
    """

    def __init__(
        self, dataset: Any, batch_size: int | None, num_steps: int, masked: Masked
    ) -> None:
        super().__init__(dataset, batch_size, num_steps)
        self.masked = masked

    def bind(self, offset: Offset) -> ContrastiveLoader:
        """Makes the loader draw whole windows of a receptive field; returns the loader."""
        self.augmentation = self.masked.augmentation
        return super().bind(offset)

    def to(self, device: Any) -> Loader:
        """Moves what is drawn to a device; returns the loader."""
        self.device, self.offset = torch.device(device), None
        return self


def ContinuousDataLoader(
    dataset: Any,
    time_offset: int = 10,
    num_steps: int = 1000,
    batch_size: int | None = None,
    conditional: str = "time_delta",
    delta: float = 0.1,
) -> ContrastiveLoader:
    """Returns a loader of pairs by time or by the continuous label."""
    own = {"delta": delta} if conditional in ("delta", "delta_normal") else {}
    options = {"conditional": conditional, "time_offset": time_offset, **own}
    return _loader(dataset, ["continuous"], batch_size, num_steps, options)


def DiscreteDataLoader(
    dataset: Any,
    time_offset: int = 10,
    num_steps: int = 1000,
    batch_size: int | None = None,
    prior: str = "empirical",
) -> ContrastiveLoader:
    """Returns a loader of pairs of one class; `time_offset` is of no effect on these."""
    return _loader(dataset, ["discrete"], batch_size, num_steps, {"prior": prior})


def MixedDataLoader(
    dataset: Any,
    time_offset: int = 10,
    num_steps: int = 1000,
    batch_size: int | None = None,
    conditional: str = "time_delta",
) -> ContrastiveLoader:
    """Returns a loader of pairs by the continuous label within a class."""
    options = {"conditional": conditional, "time_offset": time_offset}
    return _loader(dataset, ["continuous", "discrete"], batch_size, num_steps, options)


def HybridDataLoader(
    dataset: Any,
    time_offset: int = 10,
    num_steps: int = 1000,
    batch_size: int | None = None,
    conditional: str = "time_delta",
    time_distribution: str = "time",
    delta: float = 0.1,
) -> ContrastiveLoader:
    """Returns a loader of two positives, by the continuous label and by time.

    Raises:
        InvalidParameterError: If `time_distribution` is not `"time"`.
    """
    if time_distribution != "time":
        raise InvalidParameterError(
            f"time_distribution must be 'time'; got {time_distribution!r}."
        )
    own = {"delta": delta} if conditional in ("delta", "delta_normal") else {}
    options = {"conditional": conditional, "time_offset": time_offset, "hybrid": True, **own}
    return _loader(dataset, ["continuous"], batch_size, num_steps, options)


def FullDataLoader(
    dataset: Any,
    time_offset: int = 10,
    num_steps: int = 1000,
    batch_size: int | None = None,
    conditional: str = "time_delta",
    delta: float = 0.1,
) -> ContrastiveLoader:
    """Returns a loader whose batches are all bins; `batch_size` must be left out."""
    if batch_size is not None:
        raise InvalidParameterError(
            f"a full batch has no size; got batch_size={batch_size!r}. Use ContinuousDataLoader."
        )
    return ContinuousDataLoader(dataset, time_offset, num_steps, None, conditional, delta)


def get_loader_options(dataset: Any) -> list[str]:
    """Returns the names of the loaders that the labels of a dataset allow."""
    labels = dataset.recordings[0].labels
    several = len(dataset.recordings) > 1
    found = [kind for kind in ("continuous", "discrete") if kind in labels]
    names = {"continuous": "Continuous", "discrete": "Discrete"}
    loaders = [f"{names[kind]}{'MultiSession' if several else ''}DataLoader" for kind in found]
    return [*loaders, *(["MixedDataLoader"] if len(found) == 2 and not several else [])]


def _loader(
    dataset: Any,
    labels: Sequence[str],
    batch_size: int | None,
    num_steps: int | None,
    options: dict[str, Any],
) -> ContrastiveLoader:
    """Returns a loader that draws by the labels named here, as far as pairs need any."""
    by_time = options.get("conditional") == "time" and not options.get("hybrid")
    needed = [] if by_time else labels
    recordings = [_with_labels(one, needed) for one in dataset.recordings]
    own = MultiSessionDataset(recordings, **options)
    return Loader(own, batch_size, 1000 if num_steps is None else num_steps, dataset)


def _with_labels(recording: Recording, names: Sequence[str]) -> Recording:
    missing = [name for name in names if name not in recording.labels]
    if missing:
        raise DataError(
            f"this loader draws by the {' and '.join(names)} label; the dataset has "
            f"{', '.join(recording.labels) or 'none'}. Pass {', '.join(missing)} to it."
        )
    return replace(recording, labels={name: recording.labels[name] for name in names})
