r"""InfoNCE: a reference near its positive, far from its negatives.

A criterion maps embeddings `reference (B, D)`, `positive (B, D)` and `negative` to a `Loss`.
Negatives are `(B', D)`, shared by all references, or `(B, K, D)`, each reference its own. Their
similarities are divided by the temperature, :math:`\psi = \phi / \tau`. Criterions never normalise
the embeddings: models do.
"""

import itertools
import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..errors import DataError, InvalidParameterError
from .partition import log_partition
from .similarity import Similarity, dot_similarity, euclidean_similarity, resolve_similarity

__all__ = ["BaseInfoNCE", "Loss", "info_nce"]

_BLOCK_ELEMENTS = 1 << 22  # similarities held at a time, 16 MiB


class Loss(NamedTuple):
    """A loss and its two parts, scalars in nats; `total = align + uniform`.

    Args:
        total: What training minimises.
        align: The part of the positives; it falls when they come near.
        uniform: The part of the negatives; it falls when they move apart.
    """

    total: Float[Tensor, ""]
    align: Float[Tensor, ""]
    uniform: Float[Tensor, ""]


def info_nce(
    positive: Float[Tensor, " batch"], negative: Float[Tensor, "batch negatives"]
) -> Float[Tensor, ""]:
    r"""Returns the InfoNCE loss of one positive against many negatives.

    .. math:: \frac{1}{B} \sum_i \Big[ \log \sum_j e^{\psi^-_{ij}} - \psi^+_i \Big]

    The positive is left out of the denominator, so the loss can be negative; chance is the
    logarithm of the number of negatives.

    Args:
        positive: Similarity of each reference to its positive, over temperature.
        negative: Similarity of each reference to every negative, over temperature.

    Returns:
        The mean loss, in nats.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods.

    Example:
        >>> info_nce(torch.zeros(4), torch.zeros(4, 8))  # log 8
        tensor(2.0794)
    """
    return (negative.logsumexp(dim=1) - positive).mean()


class BaseInfoNCE(nn.Module):
    r"""InfoNCE with any similarity and any temperature; the base of all criterions.

    A learnable temperature is the parameter :math:`\log 1 / \tau`; its inverse is held below
    `1 / min_temperature`, where the gradient of the parameter vanishes.

    Args:
        similarity: A row of `SIMILARITIES`, or a function of the same kind.
        temperature: :math:`\tau`, or where it starts; positive.
        learnable: Whether the temperature is a parameter, trained with the model.
        min_temperature: The lowest value of a learnable temperature; `None` for no bound.

    Raises:
        InvalidParameterError: If the similarity is unknown or a temperature is not positive.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods.

    Example:
        >>> criterion = BaseInfoNCE("euclidean", temperature=0.5)
        >>> criterion(torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(8, 3)).total
        tensor(2.0794)
    """

    log_inverse_temperature: nn.Parameter | None

    def __init__(
        self,
        similarity: str | Similarity = "cosine",
        temperature: float = 1.0,
        *,
        learnable: bool = False,
        min_temperature: float | None = None,
    ) -> None:
        super().__init__()
        _check_temperature(temperature, min_temperature)
        self.similarity = resolve_similarity(similarity)
        self.min_temperature = min_temperature
        self.fixed_temperature = float(temperature)
        start = nn.Parameter(torch.tensor(-math.log(temperature))) if learnable else None
        self.register_parameter("log_inverse_temperature", start)

    @property
    def inverse_temperature(self) -> float | Float[Tensor, ""]:
        """What similarities are multiplied by; carries the gradient of a learnable one."""
        if self.log_inverse_temperature is None:
            return 1 / self.fixed_temperature
        highest = None if self.min_temperature is None else 1 / self.min_temperature
        inverse = self.log_inverse_temperature.exp()
        return inverse if highest is None else inverse.clamp(max=highest)

    @property
    def temperature(self) -> float | Float[Tensor, ""]:
        """The current temperature: a float, or a detached scalar on the device if learnable."""
        if self.log_inverse_temperature is None:
            return self.fixed_temperature
        return 1 / torch.as_tensor(self.inverse_temperature).detach()

    def forward(
        self,
        reference: Float[Tensor, "batch dims"],
        positive: Float[Tensor, "batch dims"],
        negative: Float[Tensor, "*negatives dims"],
    ) -> Loss:
        """Returns the loss of a batch and its parts.

        Large batches are taken in blocks of references, so that memory grows with `B` and not
        with `B * B'`.

        Args:
            reference: `(B, D)`.
            positive: `(B, D)`, row `i` belongs to reference `i`.
            negative: `(B', D)` shared by all references, or `(B, K, D)`.

        Raises:
            DataError: If the shapes do not belong together.
        """
        _check_shapes(reference, positive, negative)
        ours = self.similarity in (dot_similarity, euclidean_similarity)
        if ours and negative.ndim == 2 and type(self).combine is BaseInfoNCE.combine:
            attraction = self._attraction(reference, positive)
            return self.from_partition(attraction, self.partition(reference, negative))
        num_negatives = negative.shape[-2]
        num_rows = max(1, _BLOCK_ELEMENTS // num_negatives)
        if len(reference) <= num_rows:
            return self._whole(reference, positive, negative)
        parts = zip(
            reference.split(num_rows),
            positive.split(num_rows),
            negative.split(num_rows) if negative.ndim == 3 else itertools.repeat(negative),
            strict=False,
        )
        losses = [  # each is computed again in the backward pass instead of being kept
            checkpoint(self._whole, *part, use_reentrant=False, preserve_rng_state=False)
            for part in parts
        ]
        shares = [len(part) / len(reference) for part in reference.split(num_rows)]
        return Loss(
            *(
                torch.stack([w * one for w, one in zip(shares, each, strict=True)]).sum()
                for each in zip(*losses, strict=True)
            )
        )

    def partition(self, reference: Tensor, negative: Tensor) -> Float[Tensor, " batch"]:
        """Returns the logarithm of the sum of exponentials over the negatives of each reference.

        Where they are shared and the similarity is one of ours, no matrix of similarities is
        held, see `models.partition`.

        Args:
            reference: `(B, D)`.
            negative: `(B', D)` shared by all references, or `(B, K, D)`.
        """
        scale = self.inverse_temperature
        if negative.ndim == 2 and self.similarity is dot_similarity:
            return log_partition(scale * reference, negative)
        if negative.ndim == 2 and self.similarity is euclidean_similarity:
            # -|r - n|^2 is 2 r.n less |n|^2, and less |r|^2, which all negatives share.
            bias = -scale * negative.square().sum(dim=1)
            shared = scale * reference.square().sum(dim=1)
            return log_partition(2 * scale * reference, negative, bias) - shared
        return (scale * self.similarity(reference, negative)).logsumexp(dim=1)

    def _attraction(self, reference: Tensor, positive: Tensor) -> Tensor:
        return self.similarity(reference, positive[:, None])[:, 0] * self.inverse_temperature

    def _whole(self, reference: Tensor, positive: Tensor, negative: Tensor) -> Loss:
        repulsion = self.similarity(reference, negative) * self.inverse_temperature
        return self.combine(self._attraction(reference, positive), repulsion)

    def combine(
        self, positive: Float[Tensor, " batch"], negative: Float[Tensor, "batch negatives"]
    ) -> Loss:
        """Returns the loss of similarities over temperature; another loss overrides this.

        It must be a mean over references, since large batches are taken in parts.
        """
        return self.from_partition(positive, negative.logsumexp(dim=1))

    def from_partition(
        self, positive: Float[Tensor, " batch"], partition: Float[Tensor, " batch"]
    ) -> Loss:
        """Returns the loss where negatives matter only by their partition.

        A loss of that kind overrides this instead of `combine`, and is made without the matrix of
        similarities (see `models.partition`).

        Args:
            positive: Similarity of each reference to its positive, over temperature.
            partition: Logarithm of the sum of exponentials over its negatives.
        """
        align, uniform = -positive.mean(), partition.mean()
        return Loss((partition - positive).mean(), align, uniform)

    def extra_repr(self) -> str:
        """Returns what stands in the brackets of `repr`."""
        name = getattr(self.similarity, "__name__", repr(self.similarity))
        kind = "fixed" if self.log_inverse_temperature is None else "learnable"
        return f"{name}, temperature={float(self.temperature):.4g}, {kind}"


def _check_temperature(temperature: float, min_temperature: float | None) -> None:
    if not (math.isfinite(temperature) and temperature > 0):
        raise InvalidParameterError(
            f"temperature must be positive and finite; got {temperature!r}. 1.0 is a good start."
        )
    if min_temperature is not None and not 0 < min_temperature <= temperature:
        raise InvalidParameterError(
            f"min_temperature must be positive and at most temperature; got {min_temperature!r} "
            f"with temperature {temperature!r}. Lower it: a temperature that starts below its "
            "bound has no gradient and is never learned."
        )


def _check_shapes(reference: Tensor, positive: Tensor, negative: Tensor) -> None:
    same = reference.ndim == 2 and positive.shape == reference.shape
    width = negative.ndim in (2, 3) and negative.shape[-1] == reference.shape[-1]
    rows = negative.ndim != 3 or len(negative) == len(reference)
    if not (same and width and rows):
        raise DataError(
            "embeddings must be reference (B, D), positive (B, D) and negative (B', D) or "
            f"(B, K, D); got {tuple(reference.shape)}, {tuple(positive.shape)} and "
            f"{tuple(negative.shape)}. Squeeze the bins of a model's output first."
        )
