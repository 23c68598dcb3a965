"""The contrastive losses by name: InfoNCE and its relatives, all on the base of `info_nce`."""

import math
from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InvalidParameterError
from .info_nce import BaseInfoNCE, Loss, info_nce
from .similarity import SIMILARITIES, Similarity, dot_similarity, euclidean_similarity

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
        super().__init__(similarity, temperature, learnable=True, min_temperature=min_temperature)


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


class FocalInfoNCE(BaseInfoNCE):
    r"""InfoNCE that attends to hard references: each one's loss is weighted by its difficulty.

    .. math::
        \frac{1}{B} \sum_i (1 - p_i)^\gamma \, \ell_i, \quad
        \ell_i = \log \sum_j e^{\psi^-_{ij}} - \psi^+_i, \quad p_i = \sigma(-\ell_i)

    `p_i` is the probability that softmax gives to the positive beside its negatives. With
    `gamma = 0` this is InfoNCE.

    InfoNCE leaves the positive out of its denominator, so :math:`\ell_i` can be negative. The
    product then has a minimum at a finite :math:`\ell_i < 0`, beyond which its gradient
    would push a solved reference back. A detached weight only rescales the gradient of each
    reference and never turns it; therefore it is the default.

    Args:
        gamma: Focus; at least 0.
        temperature: :math:`\tau`, or where it starts; positive.
        similarity: A row of `SIMILARITIES`, or a function of the same kind.
        learnable: Whether the temperature is trained with the model.
        min_temperature: The lowest value of a learnable temperature; `None` for no bound.
        detach_weight: Whether the weight is a constant to the gradient.

    Raises:
        InvalidParameterError: If `gamma` is negative, or as in `BaseInfoNCE`.

    References:
        Lin et al. (2017), doi:10.1109/ICCV.2017.324, eq. 4 (the weight, for classification).

    Example:
        >>> import torch
        >>> zeros = torch.zeros(4, 3)  # p = 1/5, so log(4) times 0.8 squared
        >>> FocalInfoNCE(gamma=2.0)(zeros, zeros, zeros).total
        tensor(0.8872)
    """

    def __init__(
        self,
        gamma: float = 2.0,
        temperature: float = 1.0,
        similarity: str | Similarity = "cosine",
        learnable: bool = False,
        min_temperature: float | None = None,
        detach_weight: bool = True,
    ) -> None:
        super().__init__(
            similarity, temperature, learnable=learnable, min_temperature=min_temperature
        )
        if not (math.isfinite(gamma) and gamma >= 0):
            raise InvalidParameterError(
                f"gamma must be finite and at least 0; got {gamma!r}. Use 0 for plain InfoNCE."
            )
        self.gamma = float(gamma)
        self.detach_weight = detach_weight

    def from_partition(
        self, positive: Float[Tensor, " batch"], partition: Float[Tensor, " batch"]
    ) -> Loss:
        """Returns the weighted loss; its parts carry the same weights."""
        loss = partition - positive
        # 1 - p = sigmoid(loss); its logarithm stays finite where the power would underflow.
        weight = (self.gamma * F.logsigmoid(loss)).exp()
        if self.detach_weight:
            weight = weight.detach()
        align, uniform = -(weight * positive).mean(), (weight * partition).mean()
        return Loss((weight * loss).mean(), align, uniform)


class NCE(BaseInfoNCE):
    r"""Noise-contrastive estimation: tells positives from negatives, one pair at a time.

    .. math::
        -\frac{1}{B} \sum_i \Big[ \log \sigma(\psi^+_i)
        + w \, \underset{j}{\mathrm{mean}} \log \sigma(-\psi^-_{ij}) \Big]

    The class of this name in the `cebra` package returns the terms of the sum, a log-likelihood
    for each reference; this is minus their mean, so that training minimises it.

    Args:
        temperature: :math:`\tau`, or where it starts; positive.
        negative_weight: Weight `w` of the negatives.
        reduce: Whether the negatives of a reference are averaged (`"mean"`) or summed (`"sum"`).
        similarity: A row of `SIMILARITIES`, or a function of the same kind.
        learnable: Whether the temperature is trained with the model.
        min_temperature: The lowest value of a learnable temperature; `None` for no bound.

    Raises:
        InvalidParameterError: If `reduce` is unknown, or as in `BaseInfoNCE`.

    References:
        Gutmann & Hyvärinen (2012), JMLR 13:307-361, eq. 8.

    Example:
        >>> import torch
        >>> NCE()(torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(8, 3)).total  # 2 log 2
        tensor(1.3863)
    """

    def __init__(
        self,
        temperature: float = 1.0,
        negative_weight: float = 1.0,
        reduce: Literal["mean", "sum"] = "mean",
        *,
        similarity: str | Similarity = "cosine",
        learnable: bool = False,
        min_temperature: float | None = None,
    ) -> None:
        super().__init__(
            similarity, temperature, learnable=learnable, min_temperature=min_temperature
        )
        if reduce not in ("mean", "sum"):
            raise InvalidParameterError(
                f"reduce must be 'mean' or 'sum'; got {reduce!r}. It joins the negatives of one "
                "reference."
            )
        self.negative_weight = float(negative_weight)
        self.reduce = reduce

    def combine(
        self, positive: Float[Tensor, " batch"], negative: Float[Tensor, "batch negatives"]
    ) -> Loss:
        """Returns minus the mean log-likelihood; `uniform` carries `negative_weight`."""
        noise = F.logsigmoid(-negative)
        noise = noise.mean(dim=1) if self.reduce == "mean" else noise.sum(dim=1)
        align, uniform = -F.logsigmoid(positive).mean(), -self.negative_weight * noise.mean()
        return Loss(align + uniform, align, uniform)


CRITERIONS: dict[str, Callable[..., nn.Module]] = {
    "infonce": BaseInfoNCE,
    "focal": FocalInfoNCE,
    "nce": NCE,
}
"""Name to constructor with the keywords `similarity, temperature, learnable, min_temperature`."""


def make_criterion(
    criterion: str | nn.Module = "infonce",
    distance: str = "cosine",
    temperature: float = 1.0,
    temperature_mode: str = "constant",
    min_temperature: float | None = None,
) -> nn.Module:
    """Returns the criterion that five words describe.

    Args:
        criterion: A row of `CRITERIONS`; a module is returned as it is.
        distance: A row of `SIMILARITIES`.
        temperature: Constant, or where a learnable one starts.
        temperature_mode: `"constant"` or `"auto"`, which learns it.
        min_temperature: The lowest value of a learnable temperature; unused by a constant one.

    Raises:
        InvalidParameterError: If a word is unknown or a temperature is not positive.

    Example:
        >>> make_criterion("focal", "euclidean", temperature=0.5)
        FocalInfoNCE(euclidean_similarity, temperature=0.5, fixed)
    """
    if isinstance(criterion, nn.Module):
        return criterion
    choices = (
        ("criterion", criterion, tuple(CRITERIONS)),
        ("distance", distance, tuple(SIMILARITIES)),
        ("temperature_mode", temperature_mode, ("constant", "auto")),
    )
    for name, word, allowed in choices:
        if word not in allowed:
            raise InvalidParameterError(
                f"{name} must be one of {', '.join(allowed)}; got {word!r}. Choose one of these."
            )
    learnable = temperature_mode == "auto"
    return CRITERIONS[criterion](
        similarity=distance,
        temperature=temperature,
        learnable=learnable,
        min_temperature=min_temperature if learnable else None,
    )
