"""Encoders of a single bin: linear layers with GELU between them."""

from collections.abc import Callable
from itertools import chain, pairwise

from torch import nn

from ..errors import InvalidParameterError
from .base import OffsetModel, centered, check_counts
from .layers import GELU, PaddedSkip, Pointwise, Skip

__all__ = [
    "SHORTCUTS",
    "Offset1Model",
    "half",
    "offset1_even_model",
    "offset1_mse_model",
    "pointwise_layers",
]

SHORTCUTS: dict[str, Callable[[Pointwise], tuple[nn.Module, ...]]] = {
    "none": lambda linear: (linear, GELU()),
    "around": lambda linear: (Skip(linear, GELU()),),
    "outside": lambda linear: (Skip(linear), GELU()),
}
"""A hidden layer: `gelu(Wx)`, `x + gelu(Wx)` around the activation, `gelu(x + Wx)` outside it."""


class Offset1Model(OffsetModel):
    """Linear layers that see a single time bin.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers, at least 2; the last has half as many.
        num_output: Dimensions `D` of the embedding.
        num_layers: Hidden layers from `num_units` to `num_units`, each with its own weights.
        residual: Whether every hidden layer adds its input, padded or cropped to its width.
        tanh: Whether embeddings are bent into (-1, 1).
        normalize: Whether embeddings are unit vectors.
        causal: Accepted for symmetry; a single bin has no future.

    Raises:
        InvalidParameterError: If `num_units` is below 2.

    Example:
        >>> deep = Offset1Model(30, 32, 8, num_layers=4, residual=True, normalize=False)
        >>> deep.offset
        Offset(left=0, right=1)
    """

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        num_layers: int = 1,
        residual: bool = False,
        tanh: bool = False,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        check_counts(num_layers=num_layers)
        hidden = (*[num_units] * (1 + num_layers), half(num_units))
        super().__init__(
            centered(1),
            *pointwise_layers(num_neurons, *hidden, num_output, residual=residual),
            *([nn.Tanh()] if tanh else []),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )
        self.num_layers = num_layers


def offset1_mse_model(
    num_neurons: int,
    num_units: int,
    num_output: int,
    *,
    tanh: bool = False,
    clip: tuple[float, float] | None = None,
    normalize: bool = False,
    causal: bool = False,
) -> OffsetModel:
    """Returns the wide model of a single bin for Euclidean similarity.

    Its hidden layers have 30, 30 and 10 times `num_output` channels; `num_units` is not used, as
    in the `cebra` package, where the name `offset1-model-mse` comes from.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Not used.
        num_output: Dimensions `D` of the embedding.
        tanh: Whether embeddings are bent into (-1, 1).
        clip: The smallest and the largest coordinate; those beyond get no gradient.
        normalize: Whether embeddings are unit vectors.
        causal: Accepted for symmetry; a single bin has no future.

    Raises:
        InvalidParameterError: If a count is not a positive integer, or `clip` is not in order.

    Example:
        >>> offset1_mse_model(30, 32, 8, clip=(-10, 5)).net[-1]
        Hardtanh(min_val=-10, max_val=5)
    """
    check_counts(num_units=num_units)
    if clip is not None and not clip[0] < clip[1]:
        raise InvalidParameterError(
            f"clip must be (low, high) with low < high; got {clip}. Put the smaller one first."
        )
    return OffsetModel(
        centered(1),
        *pointwise_layers(
            num_neurons, 30 * num_output, 30 * num_output, 10 * num_output, num_output
        ),
        *([nn.Tanh()] if tanh else []),
        *([nn.Hardtanh(*clip)] if clip else []),
        num_neurons=num_neurons,
        num_output=num_output,
        normalize=normalize,
        causal=causal,
    )


def offset1_even_model(
    num_neurons: int,
    num_units: int,
    num_output: int,
    *,
    num_layers: int = 2,
    shortcut: str = "none",
    normalize: bool = True,
    causal: bool = False,
) -> OffsetModel:
    """Returns the model of a single bin whose hidden layers are all equally wide.

    Versions 2 to 5 of `cebra`'s `offset1-model` are two or four layers with different shortcuts.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        num_layers: Hidden layers from `num_units` to `num_units`.
        shortcut: A row of `SHORTCUTS`.
        normalize: Whether embeddings are unit vectors.
        causal: Accepted for symmetry; a single bin has no future.

    Raises:
        InvalidParameterError: If a count is not a positive integer, or `shortcut` is unknown.

    Example:
        >>> [type(layer).__name__ for layer in offset1_even_model(4, 6, 2, shortcut="around").net]
        ['Pointwise', 'GELU', 'Skip', 'Skip', 'Pointwise', 'Normalize']
    """
    check_counts(num_neurons=num_neurons, num_units=num_units, num_output=num_output)
    check_counts(num_layers=num_layers)
    if shortcut not in SHORTCUTS:
        raise InvalidParameterError(
            f"shortcut must be one of {', '.join(SHORTCUTS)}; got {shortcut!r}. It says how a "
            "hidden layer adds to its input."
        )
    layers = (SHORTCUTS[shortcut](Pointwise(num_units, num_units)) for _ in range(num_layers))
    return OffsetModel(
        centered(1),
        Pointwise(num_neurons, num_units),
        GELU(),
        *chain.from_iterable(layers),
        Pointwise(num_units, num_output),
        num_neurons=num_neurons,
        num_output=num_output,
        normalize=normalize,
        causal=causal,
    )


def pointwise_layers(*widths: int, residual: bool = False) -> tuple[nn.Module, ...]:
    """Returns linear layers from each width to the next, with GELU between them.

    Args:
        *widths: Channels of the input, of each hidden layer, and of the output.
        residual: Whether all but the last layer add their input, see `PaddedSkip`.

    Example:
        >>> [type(layer).__name__ for layer in pointwise_layers(30, 32, 8)]
        ['Pointwise', 'GELU', 'Pointwise']
    """
    check_counts(**{f"width {place}": width for place, width in enumerate(widths)})
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        linear = Pointwise(before, after)
        layers += [PaddedSkip(linear) if residual else linear, GELU()]
    return (*layers, Pointwise(*widths[-2:]))


def half(num_units: int) -> int:
    """Returns the channels of a last hidden layer that has half as many as the others.

    Example:
        >>> half(33)
        16
    """
    if num_units < 2:
        raise InvalidParameterError(
            f"num_units must be at least 2, since the last hidden layer has half as many; got "
            f"{num_units}. Use more hidden units."
        )
    return num_units // 2
