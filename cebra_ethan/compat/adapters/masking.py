"""`cebra.data.masking`: what hides parts of windows, over `data.augment`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...data.augment import OneOf, from_masking_kwargs
from ...errors import DataError
from ...utils.seeding import resolve_seed

__all__ = [
    "Mask",
    "Masked",
    "NeuronBlockMask",
    "RandomNeuronMask",
    "RandomTimestepMask",
    "TimeBlockMask",
]


class Masked:
    """Gives a dataset the masks that loaders apply to what they draw; it has none at first.

    Example:
        >>> one = Masked()
        >>> one.set_masks({"RandomNeuronMask": 0.3})
        >>> one.augmentation.augmentations
        (OneOf(augmentations=(NeuronDropout(rate=0.3),)),)
    """

    _masking: Mapping[str, Any] = {}
    _noise: torch.Generator | None = None

    def set_masks(self, masking: Mapping[str, Any] | None = None) -> None:
        """Adds masks by name, see `data.augment.from_masking_kwargs`; each batch draws one."""
        chosen = {**self._masking, **(masking or {})}
        from_masking_kwargs(list(chosen.items()))  # refuses what cannot be
        self._masking = chosen

    def apply_mask(
        self, data: Float[Tensor, "batch neurons bins"], chunk_size: int = 1000
    ) -> Float[Tensor, "batch neurons bins"]:
        """Returns windows of which one of the masks hides parts; `chunk_size` is of no effect."""
        if self.augmentation is None:
            return data
        self._noise = self._noise or torch.Generator().manual_seed(resolve_seed(None))
        return _masked(self.augmentation, data, self._noise)

    @property
    def augmentation(self) -> OneOf | None:
        """What loaders apply, or `None`."""
        return from_masking_kwargs(list(self._masking.items())) if self._masking else None


class Mask:
    """One mask; its class says of what.

    Args:
        masking_value: See `data.augment.from_masking_kwargs`.
        seed: Of the draws.

    Raises:
        InvalidParameterError: If a rate is not in [0, 1).

    Example:
        >>> mask = RandomNeuronMask(0.3, seed=0).apply_mask(torch.ones(4, 100, 10))
        >>> mask.shape, sorted(mask.unique().tolist())
        (torch.Size([4, 100, 10]), [0, 1])
    """

    def __init__(self, masking_value: Any, *, seed: int | None = None) -> None:
        self.masking_value = masking_value
        self._augmentation = from_masking_kwargs([(type(self).__name__, masking_value)])
        self._noise = torch.Generator().manual_seed(resolve_seed(seed))

    def apply_mask(self, data: Float[Tensor, "batch neurons bins"]) -> Tensor:
        """Returns 0 where windows are hidden and 1 elsewhere, integers of the same shape."""
        return _masked(self._augmentation, torch.ones_like(data), self._noise).int()


class RandomNeuronMask(Mask):
    """Hides each neuron of a window with a probability."""


class RandomTimestepMask(Mask):
    """Hides each bin of a window with a probability."""


class NeuronBlockMask(Mask):
    """Hides neighbouring neurons, a share of all."""


class TimeBlockMask(Mask):
    """Hides stretches of bins; the value is a pair of rate and length."""


def _masked(augmentation: OneOf, data: Tensor, noise: torch.Generator) -> Tensor:
    if data.ndim != 3 or data.dtype != torch.float32:
        raise DataError(
            "masks take windows (batch, neurons, bins) of float32; got "
            f"{tuple(data.shape)} of {data.dtype}. Convert them."
        )
    return augmentation(data.cpu(), data.new_ones(data.shape[1]).cpu(), noise).to(data.device)
