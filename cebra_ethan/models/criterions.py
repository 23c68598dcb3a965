r"""Contrastive losses: a reference near its positive, far from its negatives.

Each criterion maps embeddings `reference (B, D)`, `positive (B, D)` and `negative`, `(B', D)` shared
by all references or `(B, K, D)` each reference its own, to a `Loss`. It scales a similarity
by the inverse temperature, :math:`\psi = \phi / \tau`, and never normalises the embeddings: models do.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import DataError, InvalidParameterError

__all__ = [
    "CRITERIONS",
    "NCE",
    "SIMILARITIES",
    "BaseInfoNCE",
    "FixedCosineInfoNCE",
    "FixedEuclideanInfoNCE",
    "FixedInfoNCE",
    "FocalInfoNCE",
    "InfoMSE",
    "InfoNCE",
    "LearnableCosineInfoNCE",
    "LearnableEuclideanInfoNCE",
    "LearnableInfoNCE",
    "Loss",
    "Similarity",
    "dot_similarity",
    "euclidean_similarity",
    "info_nce",
    "make_criterion",
]

Similarity = Callable[[Tensor, Tensor], Tensor]
"""Maps reference `(B, D)` and candidates `(B', D)` or `(B, K, D)` to `(B, B')` or `(B, K)`."""


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


def dot_similarity(
    reference: Float[Tensor, "batch dims"], candidates: Float[Tensor, "*candidates dims"]
) -> Float[Tensor, "batch others"]:
    r"""Returns :math:`x^\top y`: the cosine, if the embeddings are unit vectors.

    Args:
        reference: `(B, D)`.
        candidates: `(B', D)` shared by all references, or `(B, K, D)`.

    Returns:
        `(B, B')` or `(B, K)`.

    Example:
        >>> dot_similarity(torch.eye(2), torch.tensor([[3.0, 4.0]]))
        tensor([[3.],
                [4.]])
    """
    if candidates.ndim == 2:
        return reference @ candidates.T
    return (reference.unsqueeze(1) * candidates).sum(2)


def euclidean_similarity(
    reference: Float[Tensor, "batch dims"], candidates: Float[Tensor, "*candidates dims"]
) -> Float[Tensor, "batch others"]:
    r"""Returns :math:`-\|x - y\|^2`, the squared distance with a minus.

    Args:
        reference: `(B, D)`.
        candidates: `(B', D)` shared by all references, or `(B, K, D)`.

    Returns:
        `(B, B')` or `(B, K)`.

    Example:
        >>> euclidean_similarity(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([[-25.]])
    """
    if candidates.ndim == 2:  # through a matrix product, to hold no (B, B', D)
        squares = reference.square().sum(1, keepdim=True) + candidates.square().sum(1)
        return 2 * reference @ candidates.T - squares
    return -(reference.unsqueeze(1) - candidates).square().sum(2)


SIMILARITIES: dict[str, Similarity] = {
    "cosine": dot_similarity,
    "euclidean": euclidean_similarity,
}
"""Name to similarity. One row adds a distance."""


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
        self.similarity = _resolve_similarity(similarity)
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

        Args:
            reference: `(B, D)`.
            positive: `(B, D)`, row `i` belongs to reference `i`.
            negative: `(B', D)` shared by all references, or `(B, K, D)`.

        Raises:
            DataError: If the shapes do not belong together.
        """
        _check_shapes(reference, positive, negative)
        scale = self.inverse_temperature
        attraction = self.similarity(reference, positive.unsqueeze(1)).squeeze(1) * scale
        return self.reduce(attraction, self.similarity(reference, negative) * scale)

    def reduce(
        self, positive: Float[Tensor, " batch"], negative: Float[Tensor, "batch negatives"]
    ) -> Loss:
        """Returns the loss of similarities over temperature; another loss overrides this."""
        align, uniform = -positive.mean(), negative.logsumexp(dim=1).mean()
        return Loss(info_nce(positive, negative), align, uniform)

    def extra_repr(self) -> str:
        """Returns what stands in the brackets of `repr`."""
        name = getattr(self.similarity, "__name__", repr(self.similarity))
        kind = "fixed" if self.log_inverse_temperature is None else "learnable"
        return f"{name}, temperature={float(self.temperature):.4g}, {kind}"


class FixedInfoNCE(BaseInfoNCE):
    """InfoNCE with a constant temperature.

    Args:
        temperature: Positive.
        similarity: A row of `SIMILARITIES`, or a function of the same kind.

    Example:
        >>> FixedInfoNCE(temperature=0.5).temperature
        0.5
    """

    def __init__(
        self, temperature: float = 1.0, *, similarity: str | Similarity = "cosine"
    ) -> None:
        super().__init__(similarity, temperature)


class LearnableInfoNCE(BaseInfoNCE):
    """InfoNCE with a temperature that is trained with the model.

    Args:
        temperature: Where it starts; positive, at least `min_temperature`.
        min_temperature: Its lowest value; `None` for no bound.
        similarity: A row of `SIMILARITIES`, or a function of the same kind.

    Example:
        >>> [name for name, _ in LearnableInfoNCE().named_parameters()]
        ['log_inverse_temperature']
    """

    def __init__(
        self,
        temperature: float = 1.0,
        min_temperature: float | None = None,
        *,
        similarity: str | Similarity = "cosine",
    ) -> None:
        super().__init__(
            similarity, temperature, learnable=True, min_temperature=min_temperature
        )


class FixedCosineInfoNCE(FixedInfoNCE):
    """InfoNCE with the dot product and a constant temperature, for normalised models."""

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__(temperature, similarity="cosine")


class FixedEuclideanInfoNCE(FixedInfoNCE):
    """InfoNCE with minus the squared distance and a constant temperature."""

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__(temperature, similarity="euclidean")


class LearnableCosineInfoNCE(LearnableInfoNCE):
    """InfoNCE with the dot product and a learnable temperature, for normalised models."""

    def __init__(self, temperature: float = 1.0, min_temperature: float | None = None) -> None:
        super().__init__(temperature, min_temperature, similarity="cosine")


class LearnableEuclideanInfoNCE(LearnableInfoNCE):
    """InfoNCE with minus the squared distance and a learnable temperature."""

    def __init__(self, temperature: float = 1.0, min_temperature: float | None = None) -> None:
        super().__init__(temperature, min_temperature, similarity="euclidean")


InfoNCE = FixedCosineInfoNCE
InfoMSE = FixedEuclideanInfoNCE
