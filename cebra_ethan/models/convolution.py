"""Convolutions over a window of bins: one formula (`offset_layers`) at different spans."""

from torch import nn

from ..errors import InvalidParameterError
from .base import OffsetModel, centered, check_counts, check_probability
from .layers import Conv1d, Skip

__all__ = ["Offset5Model", "Offset10Model", "offset_layers", "offset_model"]


def offset_layers(
    span: int,
    num_neurons: int,
    num_units: int,
    num_output: int,
    *,
    dropout: float = 0.0,
    skip_dropout: float = 0.0,
) -> tuple[nn.Module, ...]:
    r"""Returns the convolutions that see `span` bins, at least 3.

    A kernel of 2, then :math:`\lfloor (n - 4) / 2 \rfloor + n \bmod 2` kernels of 3 with a skip,
    then a kernel of 3 (`n` even) or 2 (`n` odd): together exactly `n = span` bins.

    Args:
        span: Bins that they see.
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Channels of the last layer.
        dropout: Probability that a channel of a window is dropped behind the first convolution,
            at all its bins, in training.
        skip_dropout: Likewise before each convolution with a skip.

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
    check_probability("dropout", dropout)
    check_probability("skip_dropout", skip_dropout)
    return (
        Conv1d(num_neurons, num_units, 2),
        *([nn.Dropout1d(dropout)] if dropout else []),
        nn.GELU(),
        *(
            Skip(
                *([nn.Dropout1d(skip_dropout)] if skip_dropout else []),
                Conv1d(num_units, num_units, 3),
                nn.GELU(),
            )
            for _ in range((span - 4) // 2 + span % 2)
        ),
        Conv1d(num_units, num_output, 2 if span % 2 else 3),
    )


def offset_model(
    span: int,
    num_neurons: int,
    num_units: int,
    num_output: int,
    *,
    dropout: float = 0.0,
    skip_dropout: float = 0.0,
    tanh: bool = False,
    normalize: bool = True,
    causal: bool = False,
) -> OffsetModel:
    """Returns the convolutional model of `span` bins; `functools.partial` makes it a row.

    Args:
        span: Bins of the receptive field, at least 3.
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        dropout: Probability of dropping a channel behind the first convolution in training.
        skip_dropout: Likewise before each convolution with a skip.
        tanh: Whether embeddings are bent into (-1, 1).
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Raises:
        InvalidParameterError: If the span is below 3, a count is not a positive integer or a
            probability not in [0, 1).

    Example:
        >>> offset_model(12, 30, 32, 8, causal=True).offset
        Offset(left=11, right=1)
    """
    return OffsetModel(
        centered(span),
        *offset_layers(
            span,
            num_neurons,
            num_units,
            num_output,
            dropout=dropout,
            skip_dropout=skip_dropout,
        ),
        *([nn.Tanh()] if tanh else []),
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
