"""`cebra.data` of several objectives: loaders that learn them one by one, by `add_config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ...data.dataset import ContrastiveDataset, as_recording
from ...data.loader import ContrastiveLoader, MultiObjectiveLoader
from ...data.objectives import ObjectiveSpec
from ...data.sampler import Sampler
from ...errors import DataError, InvalidParameterError
from ...types import Batch, Label, Offset
from .batches import Asked, Windows
from .batches import Batch as WindowBatch
from .masking import Masked

__all__ = [
    "ContrastiveMultiObjectiveLoader",
    "DatasetxCEBRA",
    "SupervisedBatch",
    "SupervisedMultiObjectiveLoader",
]


class DatasetxCEBRA(Windows, ContrastiveDataset, Masked):
    """A recording with any number of named labels, all of them continuous.

    Args:
        neural: `(T, N)`.
        device: Of no effect: loaders have one.
        labels: `(T,)` or `(T, d)` each.

    Attributes:
        labels: As they were given.

    Example:
        >>> dataset = DatasetxCEBRA(torch.randn(100, 5), position=torch.rand(100, 2))
        >>> dataset.neural.shape, list(dataset.labels)
        (torch.Size([100, 5]), ['position'])
    """

    def __init__(self, neural: Any, device: Any = "cpu", **labels: Any) -> None:
        self.labels = labels
        own = {name: Label(one, "continuous", name=name) for name, one in labels.items()}
        super().__init__(as_recording(neural, labels=own))

    @property
    def neural(self) -> Tensor:
        """Activity `(T, N)`."""
        return self.recording.neural

    @property
    def input_dimension(self) -> int:
        """The number of neurons."""
        return self.num_neurons

    def load_batch_contrastive(self, index: Any) -> WindowBatch:
        """Returns the windows of a `BatchIndex`, see `load_batch`."""
        return self.load_batch(index)

    def load_batch_supervised(self, index: Any, labels_supervised: Sequence[str]) -> WindowBatch:
        """Returns the windows of the references, and their labels in place of positives."""
        rows = index.reference
        labels = [torch.as_tensor(self.labels[name])[rows] for name in labels_supervised]
        return WindowBatch(self[rows], labels, None)

    def to(self, device: Any) -> DatasetxCEBRA:
        """Returns the dataset: the loader moves what it draws."""
        return self


class ContrastiveMultiObjectiveLoader(Asked, MultiObjectiveLoader):
    """A `MultiObjectiveLoader` that learns its objectives one by one.

    Args:
        dataset: A `DatasetxCEBRA`.
        time_offset: Of no effect: each objective has its own.
        num_steps: Batches in one pass.
        batch_size: Rows of a batch.
        sampling_mode_contrastive: References and negatives are shared: `"refneg_shared"`.

    Raises:
        InvalidParameterError: If they should not be.

    Example:
        >>> dataset = DatasetxCEBRA(torch.randn(100, 5), position=torch.rand(100))
        >>> loader = ContrastiveMultiObjectiveLoader(dataset, num_steps=3, batch_size=8)
        >>> loader.add_config({"distribution": "time", "kwargs": {"time_offset": 10}})
        >>> loader.bind(Offset(0, 1)).batch(0).reference.shape
        torch.Size([8, 5, 1])
    """

    def __init__(
        self,
        dataset: Any = None,
        time_offset: int = 10,
        num_steps: int | None = None,
        batch_size: int | None = None,
        sampling_mode_contrastive: str = "refneg_shared",
    ) -> None:
        if sampling_mode_contrastive != "refneg_shared":
            raise InvalidParameterError(
                "sampling_mode_contrastive must be 'refneg_shared', the only one that cebra 0.6.1 "
                f"has; got {sampling_mode_contrastive!r}. Leave it out."
            )
        super().__init__(dataset, batch_size, _steps(num_steps), objectives=[{"name": "time"}])
        self.objectives, self.masked = (), dataset

    def add_config(self, config: Mapping[str, Any]) -> None:
        """Adds an objective.

        Args:
            config: `distribution`, one of `"time"`, `"time_delta"` and `"delta_normal"`, and
                `kwargs`: `time_offset`; `time_delta` and `label_name`; `delta` and `label_name`.

        Raises:
            InvalidParameterError: If there is no such distribution, or a keyword is missing.
            DataError: If the dataset has no such label.
        """
        spec = _spec(f"objective {len(self.objectives)}", config)
        missing = [name for name in spec.labels if name not in self.dataset.recordings[0].labels]
        if missing:
            raise DataError(
                f"label_name must be one of {', '.join(self.dataset.recordings[0].labels)}; got "
                f"{missing[0]!r}. Pass it to DatasetxCEBRA by this name."
            )
        self.objectives = (*self.objectives, spec)
        self.offset = None  # binds anew

    def bind(self, offset: Offset) -> ContrastiveLoader:
        """Makes the loader draw whole windows of a receptive field; returns the loader."""
        self.augmentation = self.dataset.augmentation  # type: ignore[union-attr]
        return super().bind(offset)

    def to(self, device: Any) -> ContrastiveMultiObjectiveLoader:
        """Moves what is drawn to a device; returns the loader."""
        self.device, self.offset = torch.device(device), None
        return self

    def _make_sampler(self, offset: Offset, device: torch.device | str) -> Sampler:
        if not self.objectives:
            raise InvalidParameterError(
                "a loader of several objectives needs one or more; got none. Call add_config, or "
                "finalize the MultiObjectiveConfig."
            )
        return super()._make_sampler(offset, device)


@dataclass(frozen=True, eq=False, kw_only=True)
class SupervisedBatch(Batch):
    """A batch with the labels of its references.

    Args:
        values: A label of each bin, `(T, d)` or `(T,)`, for each objective.
    """

    values: tuple[Tensor, ...]

    @property
    def targets(self) -> tuple[Tensor, ...]:
        """Those of the references, `(B, d)` or `(B,)`."""
        return tuple(one[self.indices.reference] for one in self.values)


class SupervisedMultiObjectiveLoader(Asked, ContrastiveLoader):
    """References and their labels.

    Args:
        dataset: A `DatasetxCEBRA`.
        time_offset: Of no effect.
        num_steps: Batches in one pass.
        batch_size: Rows of a batch.
        sampling_mode_supervised: References are shared by all objectives: `"ref_shared"`.

    Attributes:
        labels: Names of the labels, one for each objective.

    Raises:
        InvalidParameterError: If they should not be.

    Example:
        >>> dataset = DatasetxCEBRA(torch.randn(100, 5), position=torch.rand(100, 2))
        >>> loader = SupervisedMultiObjectiveLoader(dataset, num_steps=3, batch_size=8)
        >>> loader.add_config({"label": "position"})
        >>> loader.bind(Offset(0, 1)).batch(0).targets[0].shape
        torch.Size([8, 2])
    """

    def __init__(
        self,
        dataset: Any = None,
        time_offset: int = 10,
        num_steps: int | None = None,
        batch_size: int | None = None,
        sampling_mode_supervised: str = "ref_shared",
    ) -> None:
        if sampling_mode_supervised != "ref_shared":
            raise InvalidParameterError(
                "sampling_mode_supervised must be 'ref_shared', the only one that cebra 0.6.1 "
                f"has; got {sampling_mode_supervised!r}. Leave it out."
            )
        by_time = ContrastiveDataset(as_recording(dataset.recording, labels={}))
        super().__init__(by_time, batch_size, _steps(num_steps))
        self.named, self.masked = dataset.labels, dataset
        self.labels: list[str] = []

    def add_config(self, config: Mapping[str, Any]) -> None:
        """Adds an objective: `label`, the name of a label.

        Raises:
            DataError: If the dataset has no such label.
        """
        name = config.get("label")
        if name not in self.named:
            raise DataError(
                f"config must hold the name of a label, one of {', '.join(self.named)}; got "
                f"{dict(config)!r:.200}. Pass {{'label': ...}}."
            )
        self.labels.append(str(name))

    def bind(self, offset: Offset) -> ContrastiveLoader:
        """Makes the loader draw whole windows of a receptive field; returns the loader."""
        self.augmentation = self.masked.augmentation
        return super().bind(offset)

    def batch(self, step: int) -> SupervisedBatch:
        """Returns the batch of one step."""
        plain = super().batch(step)
        own = (torch.as_tensor(self.named[name]) for name in self.labels)
        return SupervisedBatch(
            **{one.name: getattr(plain, one.name) for one in fields(plain)},
            values=tuple(one.to(self.device) for one in own),
        )

    def to(self, device: Any) -> SupervisedMultiObjectiveLoader:
        """Moves what is drawn to a device; returns the loader."""
        self.device, self.offset = torch.device(device), None
        return self


def _spec(name: str, config: Mapping[str, Any]) -> ObjectiveSpec:
    kind, options = config.get("distribution"), dict(config.get("kwargs", {}))
    needed = {
        "time": {"time_offset"},
        "time_delta": {"label_name", "time_delta"},
        "delta_normal": {"label_name", "delta"},
    }
    if kind not in needed:
        reason = " (cebra 0.6.1 has no such class either)" if kind == "delta_vmf" else ""
        raise InvalidParameterError(
            f"distribution must be one of {', '.join(needed)}; got {kind!r}{reason}."
        )
    if set(options) != needed[kind]:
        raise InvalidParameterError(
            f"distribution {kind!r} needs {' and '.join(sorted(needed[kind]))}; got "
            f"{', '.join(options) or 'none'}. Pass these."
        )
    if kind == "time":
        return ObjectiveSpec(name=name, time_offset=options["time_offset"])
    return ObjectiveSpec(
        name=name,
        labels=options["label_name"],
        conditional=kind,
        time_offset=options.get("time_delta"),
        delta=options.get("delta"),
    )


def _steps(num_steps: int | None) -> int:
    if num_steps is None:
        raise InvalidParameterError(
            "num_steps must be a positive integer; got None. It counts the batches of a pass."
        )
    return num_steps
