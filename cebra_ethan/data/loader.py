"""Batches in the order of a counter: step `k` draws the same whoever asks, and whenever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..errors import InvalidParameterError
from ..types import Augmentation, Batch, Indices, Offset, Recording
from ..utils.seeding import Streams, derive_seed, resolve_seed
from .augment import AUGMENTATIONS, Compose
from .dataset import ContrastiveDataset
from .multisession import MultiSessionDataset
from .objectives import as_specs, behavior_and_time, make_joint_sampler
from .sampler import Roll, Sampler

__all__ = [
    "AugmentedContrastiveLoader",
    "ContrastiveLoader",
    "MultiObjectiveLoader",
    "make_augmentation",
]

_STEPS_PER_SEARCH = 16  # one search for many steps is faster than many; the numbers are the same
_ROWS_PER_SEARCH = 1 << 20  # of large batches fewer are drawn ahead, so that memory stays bounded


class ContrastiveLoader:
    """Batches of references, positives and negatives of a dataset.

    A loader can be made before the model is known: `bind` tells it the receptive field, and only
    whole windows inside trials are drawn from then on.

    Args:
        dataset: What to draw from.
        batch_size: Rows of a batch, `B`, of each session; `None` takes every bin once a step
            (full batch).
        num_steps: Batches in one pass over the loader.
        random_state: Seed of all draws; the state of a loader is this seed and a step.
        augmentation: Changes windows after they are gathered, or `None`.
        device: Where the recording, the draws and the windows live.

    Raises:
        InvalidParameterError: If `batch_size` or `num_steps` is not a positive integer.

    Example:
        >>> dataset = ContrastiveDataset(torch.randn(100, 5), time_offset=2)
        >>> loader = ContrastiveLoader(dataset, batch_size=8, num_steps=3, random_state=0)
        >>> [tuple(batch.reference.shape) for batch in loader.bind(Offset(5, 5))]
        [(8, 5, 10), (8, 5, 10), (8, 5, 10)]
    """

    def __init__(
        self,
        dataset: ContrastiveDataset | MultiSessionDataset,
        batch_size: int | None = 512,
        num_steps: int = 1000,
        *,
        random_state: int | np.random.RandomState | None = None,
        augmentation: Augmentation | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        for name, value in (("batch_size", batch_size), ("num_steps", num_steps)):
            if value is not None and (not isinstance(value, (int, np.integer)) or value < 1):
                raise InvalidParameterError(
                    f"{name} must be a positive integer; got {value!r}. "
                    "It counts the rows of a batch or the batches of a pass."
                )
        self.dataset, self.batch_size, self.num_steps = dataset, batch_size, num_steps
        self.seed = resolve_seed(random_state)
        self.fixed_seed = isinstance(random_state, (int, np.integer))  # a user chose it
        self.augmentation = augmentation
        self.device = torch.device(device)
        self.offset: Offset | None = None

    def bind(self, offset: Offset) -> ContrastiveLoader:
        """Makes the loader draw whole windows of a receptive field; returns the loader."""
        if offset != self.offset:
            on_gpu = self.device.type == "cuda"  # elsewhere label search is a tree on the CPU
            self.sampler = self._make_sampler(offset, self.device if on_gpu else "cpu")
            self.recordings = tuple(_move(one, self.device) for one in self.dataset.recordings)
            self.scale = [one.neural.std(dim=0) for one in self.recordings]
            self.offset = offset
            self._drawn: dict[int, Indices] = {}
        return self

    def __len__(self) -> int:
        return self.num_steps

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yields the batches from step `start` on, to step `num_steps`."""
        return (self.batch(step) for step in range(start, self.num_steps))

    def batch(self, step: int) -> Batch:
        """Returns the batch of one step.

        Raises:
            RuntimeError: If the loader is not bound to a receptive field yet.
        """
        if self.offset is None:
            raise RuntimeError("a loader needs a receptive field; call loader.bind(model.offset).")
        if step not in self._drawn:
            self._drawn = self._draw(
                range(step, min(step + self._num_ahead, self.num_steps)) or [step]
            )
        sampler, drawn = self.sampler, self._drawn[step]
        sizes = sampler.group_sizes(self.batch_size) if sampler.is_even else None
        batch = Batch(
            *(self.recordings, drawn, self.offset),
            group_sizes=self._group_sizes,
            session_sizes=sizes,
        )
        if self.augmentation is None:
            return batch
        noise = self._generator(Streams.AUGMENTATION, step, self.device)
        return replace(batch, augmentation=self.augmentation, scale=self.scale, generator=noise)

    @property
    def num_negatives(self) -> int:
        """How many negatives one reference sees."""
        if self.dataset.options.num_negatives is not None:
            return self.dataset.options.num_negatives
        sizes = self.sampler.group_sizes(self.batch_size)
        return min(sizes) if self._group_sizes else sum(sizes)

    @property
    def _group_sizes(self) -> list[int] | None:
        apart = self.sampler.own_negatives and self.sampler.num_sessions > 1
        return self.sampler.group_sizes(self.batch_size) if apart else None

    @property
    def _num_ahead(self) -> int:
        if self.batch_size is None:
            return 1
        return min(_STEPS_PER_SEARCH, max(1, _ROWS_PER_SEARCH // self.batch_size))

    def _make_sampler(self, offset: Offset, device: torch.device | str) -> Sampler:
        return self.dataset.sampler(offset, device)

    def _draw(self, steps: range | list[int]) -> dict[int, Indices]:
        device = self.sampler.device
        rolls = [
            self.sampler.roll(self.batch_size, self._generator(Streams.SAMPLING, step, device))
            for step in steps
        ]
        together = self.sampler.resolve(Roll(*map(torch.cat, zip(*rolls, strict=True))))
        parts = together.split(len(rolls[0].reference))
        return {step: _rows_to(part, self.device) for step, part in zip(steps, parts, strict=True)}

    def _generator(self, stream: int, step: int, device: torch.device) -> torch.Generator:
        generator = torch.Generator(device)
        return generator.manual_seed(derive_seed(self.seed, stream, step))


class AugmentedContrastiveLoader(ContrastiveLoader):
    """A `ContrastiveLoader` that changes windows at random, see `data.augment`.

    Args:
        dataset: What to draw from.
        batch_size: Rows of a batch.
        num_steps: Batches in one pass.
        random_state: Seed of draws and changes.
        augmentation: Takes the place of the arguments below.
        device: Where everything lives.
        noise_level: Normal noise, in units of each neuron's standard deviation.
        changes: Further augmentations by name, see `data.augment.AUGMENTATIONS`: a number each,
            for `time_block` a pair of rate and length.

    Raises:
        InvalidParameterError: If a name is unknown, or nothing would be changed.

    Example:
        >>> dataset = ContrastiveDataset(torch.randn(100, 5))
        >>> loader = AugmentedContrastiveLoader(dataset, noise_level=0.1, neuron_dropout=0.2)
        >>> loader.augmentation
        Compose(augmentations=(GaussianNoise(level=0.1), NeuronDropout(rate=0.2)))
    """

    def __init__(
        self,
        dataset: ContrastiveDataset | MultiSessionDataset,
        batch_size: int | None = 512,
        num_steps: int = 1000,
        *,
        random_state: int | np.random.RandomState | None = None,
        augmentation: Augmentation | None = None,
        device: torch.device | str = "cpu",
        noise_level: float = 0.0,
        **changes: Any,
    ) -> None:
        super().__init__(
            dataset,
            batch_size,
            num_steps,
            random_state=random_state,
            augmentation=augmentation
            or make_augmentation({"noise_level": noise_level, **changes}),
            device=device,
        )


class MultiObjectiveLoader(ContrastiveLoader):
    """A `ContrastiveLoader` that draws one positive for each objective.

    References and negatives are drawn once and shared, so that each window is embedded once. It
    works for one recording and for several.

    Args:
        dataset: What to draw from. What an objective does not say is taken from its options.
        batch_size: As for `ContrastiveLoader`.
        num_steps: Likewise.
        objectives: See `data.objectives.as_specs`; `None` learns behaviour, by all labels
            together, and time. The solver needs as many, see `solver.objectives`.
        options: Further keywords of `ContrastiveLoader`.

    Raises:
        DataError: If there is no label to learn behaviour by.
        InvalidParameterError: If an objective is not well described.

    Example:
        >>> dataset = ContrastiveDataset(torch.randn(100, 5), labels={"place": torch.rand(100)})
        >>> loader = MultiObjectiveLoader(dataset, batch_size=8)
        >>> [objective.name for objective in loader.objectives]
        ['behavior', 'time']
        >>> len(loader.bind(Offset(5, 5)).batch(0).indices.positive)
        2
    """

    def __init__(
        self,
        dataset: ContrastiveDataset | MultiSessionDataset,
        batch_size: int | None = 512,
        num_steps: int = 1000,
        *,
        objectives: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(dataset, batch_size, num_steps, **options)
        labels = dataset.recordings[0].labels
        default = objectives is None
        self.objectives = (
            behavior_and_time(labels, dataset.options) if default else as_specs(objectives)
        )

    def _make_sampler(self, offset: Offset, device: torch.device | str) -> Sampler:
        recordings, options = self.dataset.recordings, self.dataset.options
        return make_joint_sampler(recordings, offset, options, self.objectives, device)


def make_augmentation(changes: Mapping[str, Any]) -> Compose:
    """Returns the composition of augmentations by name, see `data.augment.AUGMENTATIONS`.

    Raises:
        InvalidParameterError: If a name is unknown, or nothing would be changed.
    """
    unknown = sorted(set(changes) - set(AUGMENTATIONS))
    used = {name: value for name, value in changes.items() if value}
    if unknown or not used:
        raise InvalidParameterError(
            f"an augmentation needs one or more of {', '.join(AUGMENTATIONS)} above "
            f"zero; got {', '.join(unknown) or 'none'}. Use ContrastiveLoader to change nothing."
        )
    return Compose(
        tuple(
            AUGMENTATIONS[name](*(value if isinstance(value, (tuple, list)) else (value,)))
            for name, value in used.items()
        )
    )


def _rows_to(indices: Indices, device: torch.device) -> Indices:
    reference, *positive, negative = (
        rows.to(device, non_blocking=True)
        for rows in (indices.reference, *indices.positive, indices.negative)
    )
    return Indices(reference, tuple(positive), negative)


def _move(recording: Recording, device: torch.device) -> Recording:
    if recording.neural.device == device:
        return recording
    return replace(recording, neural=recording.neural.to(device))
