"""Random changes of windows that should not change what they represent.

Each augmentation is a frozen dataclass and a callable: windows `(B, N, L)`, the standard deviation
of each neuron `(N,)` and a generator go in, new windows come out. The input is never written to,
all rows are changed at once and independently, and one generator state gives one result.
`Compose` applies several in order, `OneOf` one at random for each batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ..errors import InvalidParameterError
from ..types import Augmentation

__all__ = [
    "AUGMENTATIONS",
    "AmplitudeJitter",
    "CircularShift",
    "Compose",
    "GaussianNoise",
    "NeuronBlockMask",
    "NeuronDropout",
    "OneOf",
    "TimeBlockMask",
    "TimeJitter",
    "TimeMask",
    "from_masking_kwargs",
]

Windows = Float[Tensor, "batch neurons bins"]
Scale = Float[Tensor, " neurons"]


@dataclass(frozen=True)
class GaussianNoise:
    """Adds normal noise.

    Args:
        level: Its standard deviation, in units of each neuron's own standard deviation.
    """

    level: float

    def __post_init__(self) -> None:
        _check("level", self.level, low=0.0)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows plus noise."""
        noise = _like(
            windows, torch.randn(_memory(windows), generator=generator, device=windows.device)
        )
        return windows + noise * (self.level * scale)[:, None]


@dataclass(frozen=True)
class NeuronDropout:
    """Silences each neuron of a window with a probability.

    Args:
        rate: That probability, in [0, 1).
    """

    rate: float

    def __post_init__(self) -> None:
        _check("rate", self.rate, low=0.0, high=1.0)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows with silent neurons."""
        num_rows, num_neurons, _ = windows.shape
        keep = torch.rand(num_rows, num_neurons, 1, generator=generator, device=windows.device)
        return windows * (keep >= self.rate)


@dataclass(frozen=True)
class TimeMask:
    """Silences each bin of a window with a probability.

    Args:
        rate: That probability, in [0, 1).
    """

    rate: float

    def __post_init__(self) -> None:
        _check("rate", self.rate, low=0.0, high=1.0)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows with silent bins."""
        num_rows, _, num_bins = windows.shape
        keep = torch.rand(num_rows, 1, num_bins, generator=generator, device=windows.device)
        return windows * (keep >= self.rate)


@dataclass(frozen=True)
class NeuronBlockMask:
    """Silences a block of neighbouring neurons, at a random place in each window.

    Args:
        share: Size of the block as a share of all neurons, in [0, 1).
    """

    share: float

    def __post_init__(self) -> None:
        _check("share", self.share, low=0.0, high=1.0)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows with a silent block of neurons."""
        num_rows, num_neurons, _ = windows.shape
        length = int(self.share * num_neurons)
        start = _integers(num_neurons - length + 1, (num_rows, 1), generator, windows.device)
        neuron = torch.arange(num_neurons, device=windows.device)
        hidden = (neuron >= start) & (neuron < start + length)
        return windows * ~hidden[:, :, None]


@dataclass(frozen=True)
class TimeBlockMask:
    """Silences runs of bins that start at different random places of each window.

    Args:
        rate: Number of runs as a share of the window's bins, in [0, 1); rounded down.
        length: Bins of one run, at least 1; a run is cut at the window's end.
    """

    rate: float
    length: int

    def __post_init__(self) -> None:
        _check("rate", self.rate, low=0.0, high=1.0)
        _check("length", self.length, low=1)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows with silent runs of bins."""
        num_rows, _, num_bins = windows.shape
        num_runs = int(self.rate * num_bins)
        places = torch.rand(num_rows, num_bins, generator=generator, device=windows.device)
        start = places.argsort(dim=1)[:, :num_runs, None]
        time = torch.arange(num_bins, device=windows.device)
        hidden = ((time >= start) & (time < start + self.length)).any(dim=1)
        return windows * ~hidden[:, None, :]


@dataclass(frozen=True)
class AmplitudeJitter:
    """Multiplies each neuron of a window by a random gain.

    Args:
        level: Standard deviation of the gain's logarithm; gains have the median 1.
    """

    level: float

    def __post_init__(self) -> None:
        _check("level", self.level, low=0.0)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows with other gains."""
        num_rows, num_neurons, _ = windows.shape
        shape = (num_rows, num_neurons, 1)
        return (
            windows
            * (self.level * torch.randn(shape, generator=generator, device=windows.device)).exp()
        )


@dataclass(frozen=True)
class TimeJitter:
    """Moves each window by a random number of bins; what leaves is lost, the edge bin repeats.

    Args:
        bins: The largest displacement, in both directions, at least 1.
    """

    bins: int

    def __post_init__(self) -> None:
        _check("bins", self.bins, low=1)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns moved windows."""
        num_rows, _, num_bins = windows.shape
        shift = _integers(2 * self.bins + 1, (num_rows, 1), generator, windows.device) - self.bins
        time = (torch.arange(num_bins, device=windows.device) + shift).clamp(0, num_bins - 1)
        return windows.gather(2, time[:, None].expand(windows.shape))


@dataclass(frozen=True)
class CircularShift:
    """Rotates each window in time by a random number of bins; what leaves enters at the other end.

    Args:
        bins: The largest rotation, in both directions, at least 1.
    """

    bins: int

    def __post_init__(self) -> None:
        _check("bins", self.bins, low=1)

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns rotated windows."""
        num_rows, _, num_bins = windows.shape
        shift = _integers(2 * self.bins + 1, (num_rows, 1), generator, windows.device) - self.bins
        time = (torch.arange(num_bins, device=windows.device) + shift) % num_bins
        return windows.gather(2, time[:, None].expand(windows.shape))


@dataclass(frozen=True)
class Compose:
    """Applies augmentations in order.

    Args:
        augmentations: The steps; none leaves windows as they are.
    """

    augmentations: Sequence[Augmentation]

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows after all steps."""
        for augmentation in self.augmentations:
            windows = augmentation(windows, scale, generator)
        return windows


@dataclass(frozen=True)
class OneOf:
    """Applies one augmentation, drawn anew for each batch.

    Args:
        augmentations: The candidates, at least one.
    """

    augmentations: Sequence[Augmentation]

    def __post_init__(self) -> None:
        if not self.augmentations:
            raise InvalidParameterError(
                "OneOf needs one augmentation or more; got none. Use None to change nothing."
            )

    def __call__(self, windows: Windows, scale: Scale, generator: Generator) -> Windows:
        """Returns windows after the drawn augmentation."""
        chosen = int(_integers(len(self.augmentations), (1,), generator, generator.device))
        return self.augmentations[chosen](windows, scale, generator)


AUGMENTATIONS: Mapping[str, type[Any]] = {
    "noise_level": GaussianNoise,
    "neuron_dropout": NeuronDropout,
    "time_mask": TimeMask,
    "neuron_block": NeuronBlockMask,
    "time_block": TimeBlockMask,
    "amplitude_jitter": AmplitudeJitter,
    "time_jitter": TimeJitter,
    "circular_shift": CircularShift,
}
"""The argument of `AugmentedContrastiveLoader` that switches an augmentation on."""

_MASKS: Mapping[str, type[Any]] = {
    "RandomNeuronMask": NeuronDropout,
    "RandomTimestepMask": TimeMask,
    "NeuronBlockMask": NeuronBlockMask,
    "TimeBlockMask": TimeBlockMask,
}


def from_masking_kwargs(masking_kwargs: Sequence[tuple[str, Any]]) -> OneOf:
    """Returns the augmentation that `cebra`'s `masking_kwargs` describe.

    Args:
        masking_kwargs: Pairs of a mask's name and its value: a number, a list of numbers, or
            `(min, max, step)`; for `TimeBlockMask` a pair of rate and length. Each batch draws one
            mask, and one value where there are several.

    Raises:
        InvalidParameterError: If a name is unknown.

    Example:
        >>> from_masking_kwargs([("RandomNeuronMask", [0.1, 0.2])]).augmentations
        (OneOf(augmentations=(NeuronDropout(rate=0.1), NeuronDropout(rate=0.2))),)
    """
    masks = []
    for name, value in masking_kwargs:
        if name not in _MASKS:
            raise InvalidParameterError(
                f"masking_kwargs must name one of {', '.join(_MASKS)}; got {name!r}."
            )
        masks.append(_mask(_MASKS[name], value))
    return OneOf(tuple(masks))


def _mask(kind: type[Any], value: Any) -> Augmentation:
    if kind is TimeBlockMask:
        return TimeBlockMask(*value)
    if isinstance(value, tuple) and len(value) == 3:
        low, high, step = value
        value = [low + step * k for k in range(int((high - low) / step + 1e-9) + 1)]
    values = value if isinstance(value, (list, tuple)) else [value]
    return OneOf(tuple(kind(one) for one in values))


def _check(
    name: str, value: float | int, low: float | int, high: float | int = float("inf")
) -> None:
    if not low <= value < high:
        raise InvalidParameterError(
            f"{name} of an augmentation must be in [{low:g}, {high:g}); got {value!r}."
        )


def _integers(
    high: int, shape: tuple[int, ...], generator: Generator, device: torch.device
) -> Tensor:
    return torch.randint(high, shape, generator=generator, device=device)


def _memory(windows: Windows) -> tuple[int, int, int]:
    """Returns the shape in memory, `(L, B, N)`: noise made so needs no transposed copy."""
    num_rows, num_neurons, num_bins = windows.shape
    return num_bins, num_rows, num_neurons


def _like(windows: Windows, memory: Float[Tensor, "bins batch neurons"]) -> Windows:
    return memory.permute(1, 2, 0)
