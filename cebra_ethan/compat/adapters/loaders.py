"""`cebra.data` of loaders, which differ in what they read of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ...data.loader import ContrastiveLoader
from ...data.multisession import MultiSessionDataset
from ...errors import DataError, InvalidParameterError
from ...types import Offset, Recording
from .batches import Asked
from .masking import Masked

__all__ = ["Loader", "get_loader_options"]


class Loader(Asked, ContrastiveLoader):
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
