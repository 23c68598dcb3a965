"""The encoders by name: convolutions over a window of bins, and attention.

All convolutional models are one formula (`offset_layers`) at different spans.
"""

import re
from collections.abc import Callable
from fnmatch import filter as matching
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from ..errors import InvalidParameterError
from ..types import Offset
from .attention import AttentionOffsetModel
from .base import OffsetModel, centered, check_counts
from .layers import Conv1d, Pointwise, Skip

__all__ = [
    "MODELS",
    "AttentionOffsetModel",
    "ModelConstructor",
    "Offset1Model",
    "Offset5Model",
    "Offset10Model",
    "OffsetModel",
    "offset1_mse_model",
    "offset_layers",
    "offset_model",
    "resolve_model",
    "resolve_offset",
    "supported_model_architectures",
]

ModelConstructor = Callable[..., OffsetModel]
"""Makes a model from `(num_neurons, num_units, num_output, *, ...)`."""


def offset_layers(
    span: int, num_neurons: int, num_units: int, num_output: int
) -> tuple[nn.Module, ...]:
    r"""Returns the convolutions that see `span` bins, at least 3.

    A kernel of 2, then :math:`\lfloor (n - 4) / 2 \rfloor + n \bmod 2` kernels of 3 with a skip,
    then a kernel of 3 (`n` even) or 2 (`n` odd): together exactly `n = span` bins.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods; its models of 5,
        10, 15, 20, 36, 40 and 50 bins are points of this formula.

    Example:
        >>> [type(layer).__name__ for layer in offset_layers(5, 30, 32, 8)]
        ['Conv1d', 'GELU', 'Skip', 'Conv1d']
    """
    check_counts(num_neurons=num_neurons, num_units=num_units, num_output=num_output)
    if span < 3:
        raise InvalidParameterError(
            f"the convolutions need a span of at least 3 bins; got {span}. For single bins use "
            "'offset1-model'."
        )
    num_skips = (span - 4) // 2 + span % 2
    return (
        Conv1d(num_neurons, num_units, 2),
        nn.GELU(),
        *(Skip(Conv1d(num_units, num_units, 3), nn.GELU()) for _ in range(num_skips)),
        Conv1d(num_units, num_output, 2 if span % 2 else 3),
    )


def offset_model(
    span: int,
    num_neurons: int,
    num_units: int,
    num_output: int,
    *,
    normalize: bool = True,
    causal: bool = False,
) -> OffsetModel:
    """Returns the convolutional model of `span` bins; `functools.partial` makes it a row.

    Args:
        span: Bins of the receptive field, at least 3.
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Raises:
        InvalidParameterError: If the span is below 3 or a count is not a positive integer.

    Example:
        >>> offset_model(12, 30, 32, 8, causal=True).offset
        Offset(left=11, right=1)
    """
    return OffsetModel(
        centered(span),
        *offset_layers(span, num_neurons, num_units, num_output),
        num_neurons=num_neurons,
        num_output=num_output,
        normalize=normalize,
        causal=causal,
    )


class Offset5Model(OffsetModel):
    """Three convolutions that see five time bins.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.
    """

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__(
            centered(5),
            *offset_layers(5, num_neurons, num_units, num_output),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )


class Offset10Model(OffsetModel):
    """Five convolutions that see ten time bins: the model of most of the paper's figures.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Example:
        >>> import torch
        >>> model = Offset10Model(num_neurons=30, num_units=32, num_output=8)
        >>> model(torch.randn(512, 30, model.offset.span)).shape
        torch.Size([512, 8, 1])
    """

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__(
            centered(10),
            *offset_layers(10, num_neurons, num_units, num_output),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )


class Offset1Model(OffsetModel):
    """Four linear layers that see a single time bin.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers, at least 2; the last has half as many.
        num_output: Dimensions `D` of the embedding.
        normalize: Whether embeddings are unit vectors.
        causal: Accepted for symmetry; a single bin has no future.

    Raises:
        InvalidParameterError: If `num_units` is below 2.
    """

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        if num_units < 2:
            raise InvalidParameterError(
                f"num_units must be at least 2 for offset1-model, whose last hidden layer has "
                f"half as many; got {num_units}. Use more hidden units."
            )
        widths = (num_neurons, num_units, num_units, num_units // 2, num_output)
        super().__init__(
            centered(1),
            *_pointwise_layers(*widths),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )


def offset1_mse_model(
    num_neurons: int,
    num_units: int,
    num_output: int,
    *,
    normalize: bool = False,
    causal: bool = False,
) -> OffsetModel:
    """Returns the wide model of a single bin for Euclidean similarity.

    Its hidden layers have 30, 30 and 10 times `num_output` channels; `num_units` is not used, as
    in the `cebra` package, where the name `offset1-model-mse` comes from.

    Example:
        >>> offset1_mse_model(30, 32, 8).normalize
        False
    """
    check_counts(num_units=num_units)
    return OffsetModel(
        centered(1),
        *_pointwise_layers(
            num_neurons, 30 * num_output, 30 * num_output, 10 * num_output, num_output
        ),
        num_neurons=num_neurons,
        num_output=num_output,
        normalize=normalize,
        causal=causal,
    )


MODELS: dict[str, ModelConstructor] = {
    "offset1-model": Offset1Model,
    "offset1-model-mse": offset1_mse_model,
    "offset5-model": Offset5Model,
    "offset10-model": Offset10Model,
    "offset10-model-mse": partial(Offset10Model, normalize=False),
    "offset15-model": partial(offset_model, 15),
    "offset20-model": partial(offset_model, 20),
    "offset36-model": partial(offset_model, 36),
    "offset40-model": partial(offset_model, 40),
    "offset50-model": partial(offset_model, 50),
    "attention-offset10-model": AttentionOffsetModel,
}
"""Name to constructor `(num_neurons, num_units, num_output, *, ...)`. One row adds a model."""


def resolve_model(name: str) -> ModelConstructor:
    """Returns the constructor of a model by its name.

    Args:
        name: A row of `MODELS`, or `offset{n}-model` or `offset{n}-model-mse` for any `n >= 3`.

    Raises:
        InvalidParameterError: If no model has this name; the message lists the rows.

    Example:
        >>> resolve_model("offset7-model-mse")(30, 32, 8).offset
        Offset(left=3, right=4)
    """
    if name in MODELS:
        return MODELS[name]
    parts = re.fullmatch(r"offset(\d+)-model(-mse)?", name)
    if parts and int(parts[1]) >= 3:
        return partial(offset_model, int(parts[1]), normalize=parts[2] is None)
    raise InvalidParameterError(
        f"a model architecture must be a row of MODELS, or offset{{n}}-model or "
        f"offset{{n}}-model-mse with n >= 3; got {name!r}. Use one of {', '.join(MODELS)}."
    )


def resolve_offset(name: str, *, causal: bool = False) -> Offset:
    """Returns the receptive field of a model by its name, without drawing any weights.

    Raises:
        InvalidParameterError: If no model has this name; the message lists the rows.

    Example:
        >>> resolve_offset("offset10-model")
        Offset(left=5, right=5)
    """
    with torch.device("meta"):  # sizes do not matter here, but heads must divide the units
        return resolve_model(name)(1, 8, 1, causal=causal).offset


def supported_model_architectures(pattern: str = "*") -> list[str]:
    """Returns the names in `MODELS` that match a shell pattern.

    Example:
        >>> supported_model_architectures("*-mse")
        ['offset1-model-mse', 'offset10-model-mse']
    """
    return matching(MODELS, pattern)


def _pointwise_layers(*widths: int) -> tuple[nn.Module, ...]:
    check_counts(**{f"width {place}": width for place, width in enumerate(widths)})
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [Pointwise(before, after), nn.GELU()]
    return tuple(layers[:-1])
