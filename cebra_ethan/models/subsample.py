"""Encoders that give one point for every second or fourth bin of a recording."""

from torch import nn

from ..errors import InvalidParameterError
from .base import OffsetModel, centered, check_counts
from .layers import Conv1d, Skip, Thin
from .pointwise import half, pointwise_layers

__all__ = ["Subsample2Model", "Subsample4Model"]


class Subsample4Model(OffsetModel):
    r"""Two strided convolutions, then convolutions at a quarter of the rate.

    Kernels of 4 and 3 bins with a stride of 2 see 8 bins; every further kernel of 3, with a skip,
    adds 8 and the last of 3 (or 2) adds 8 (or 4): together exactly `span`. A window of `span`
    bins gives one point, and a recording one point for every fourth bin.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        span: Bins of the receptive field, a multiple of 4 and at least 12.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Raises:
        InvalidParameterError: If the span is no such multiple or a count is not positive.

    Example:
        >>> import torch
        >>> model = Subsample4Model(num_neurons=30, num_units=32, num_output=8)
        >>> model(torch.randn(1, 30, 40)).shape, model(torch.randn(1, 30, 139)).shape
        (torch.Size([1, 8, 1]), torch.Size([1, 8, 25]))
    """

    resample_factor = 4
    input_layers = ("net.0", "net.1")

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        span: int = 40,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        check_counts(num_neurons=num_neurons, num_units=num_units, num_output=num_output)
        if span % 4 or span < 12:
            raise InvalidParameterError(
                f"span must be a multiple of 4 and at least 12 for a model that subsamples by 4; "
                f"got {span}. Use {max(12, span + -span % 4)}."
            )
        num_skips, last = (span - 12) // 8, 3 - span // 4 % 2
        super().__init__(
            centered(span),
            Thin(Conv1d(num_neurons, num_units, 4, stride=2)),
            Conv1d(num_neurons + num_units, num_units, 3, stride=2),
            nn.GELU(),
            *(Skip(Conv1d(num_units, num_units, 3), nn.GELU()) for _ in range(num_skips)),
            Conv1d(num_units, num_output, last),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )


class Subsample2Model(OffsetModel):
    """One strided convolution over four bins, then linear layers at half of the rate.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers, at least 2; the last has half as many.
        num_output: Dimensions `D` of the embedding.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Raises:
        InvalidParameterError: If a count is not a positive integer or `num_units` is 1.

    Example:
        >>> Subsample2Model(30, 32, 8).offset
        Offset(left=2, right=2)
    """

    resample_factor = 2
    input_layers = ("net.0", "net.1")

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        check_counts(num_neurons=num_neurons, num_units=num_units, num_output=num_output)
        super().__init__(
            centered(4),
            Thin(Conv1d(num_neurons, num_units, 4, stride=2)),
            *pointwise_layers(
                num_neurons + num_units, num_units, num_units, half(num_units), num_output
            ),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )
