"""Layers of the encoders: valid convolutions in time-major memory, skips, unit vectors.

All map `(B, C, L)` to `(B, C', L')`, and all keep the memory order that they are given.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .time_major import convolve

__all__ = ["GELU", "Conv1d", "Normalize", "PaddedSkip", "Pointwise", "Skip", "Thin"]


class GELU(nn.GELU):
    """GELU by PyTorch's own kernel, also on contiguous input.

    On a processor PyTorch hands what is contiguous to oneDNN, which builds a kernel for each shape
    that it sees; a batch has another number of distinct bins at nearly every step. Seen as its
    transpose it is not contiguous.

    Example:
        >>> GELU()(torch.zeros(2, 4, 1)).shape
        torch.Size([2, 4, 1])
    """

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Returns `x` times the share of a normal distribution below it."""
        if input.device.type != "cpu" or not input.is_contiguous():
            return super().forward(input)
        return super().forward(input.flatten(1).T).T.view_as(input)


class Conv1d(nn.Conv1d):
    r"""A valid convolution over time: the weights of `nn.Conv1d`, quick on time-major memory.

    .. math:: y_{bo\ell} = \beta_o + \sum_k \sum_c w_{ock} \, x_{bc,s\ell + k}

    Training windows are views of `(L, B, C)` memory (see `Batch.windows`), convolved as it
    lies, by matrix products (see `models.time_major`). With a stride it is read as one
    channels-last image, time as the rows and the batch as the columns. Other memory orders are
    copied first.

    Args:
        in_channels: Channels `C` of the input.
        out_channels: Channels `C'` of the output.
        kernel_size: Bins that one output sees.
        stride: Bins `s` from one output to the next.

    Example:
        >>> windows = torch.randn(10, 512, 30).permute(1, 2, 0)
        >>> Conv1d(30, 32, 2)(windows).shape
        torch.Size([512, 32, 9])
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride)

    def forward(self, input: Float[Tensor, "batch channels bins"]) -> Float[Tensor, "batch out _"]:
        """Returns `(B, C', (L - kernel_size) // s + 1)`, a view of `(L', B, C')`."""
        memory = input.permute(2, 0, 1).contiguous()
        if self.stride[0] == 1:
            return convolve(memory, self.weight, self.bias).permute(1, 2, 0)
        if not len(input):  # torch refuses an image without columns
            return super().forward(input)
        # A channels-last tensor owns its strides even where a dimension has size 1, so the
        # batch dimension of the image is added before the permutation.
        image = memory.unsqueeze(0).permute(0, 3, 1, 2)
        output = F.conv2d(image, self.weight.unsqueeze(3), self.bias, (self.stride[0], 1))
        return output.squeeze(0).permute(2, 0, 1)


class Pointwise(Conv1d):
    """The same linear map at every bin: a convolution whose kernel is one bin wide.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Example:
        >>> Pointwise(4, 2)(torch.randn(3, 4, 5)).shape
        torch.Size([3, 2, 5])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)


class Skip(nn.Module):
    """Adds the input to what a branch makes of it, cropped equally at both ends.

    The crop is derived from the bins that the branch loses, so no number has to agree with
    another. A causal model has the same layers: only its `Offset` says what bin an output is for.

    Args:
        *modules: The layers of the branch, applied in order. They keep the number of channels.

    Example:
        >>> Skip(Conv1d(4, 4, 3), nn.GELU())(torch.randn(2, 4, 10)).shape
        torch.Size([2, 4, 8])
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.module = nn.Sequential(*modules)

    def forward(self, input: Float[Tensor, "batch channels bins"]) -> Float[Tensor, "batch _ out"]:
        """Returns the cropped input plus the branch."""
        branch: Tensor = self.module(input)
        left = (input.shape[2] - branch.shape[2]) // 2
        # Cropped as (L, B, C): the gradient of a crop is then time-major as everything else is.
        cropped = input.permute(2, 0, 1).narrow(0, left, branch.shape[2])
        return cropped.permute(1, 2, 0) + branch


class PaddedSkip(nn.Module):
    """Adds the input to a linear map of it, with zeros for missing channels or without the last.

    Args:
        module: Maps `C` to `C'` channels.

    Example:
        >>> PaddedSkip(Pointwise(4, 6))(torch.randn(2, 4, 1)).shape
        torch.Size([2, 6, 1])
    """

    def __init__(self, module: Pointwise) -> None:
        super().__init__()
        self.module = module

    def forward(
        self, input: Float[Tensor, "batch channels bins"]
    ) -> Float[Tensor, "batch _ bins"]:
        """Returns the padded or cropped input plus the linear map."""
        missing = self.module.out_channels - self.module.in_channels  # negative: F.pad crops
        padded = F.pad(input.permute(2, 0, 1), (0, missing)).permute(1, 2, 0)
        return padded + self.module(input)


class Thin(nn.Module):
    """A strided convolution, and below its channels the input at the bins where it starts.

    Args:
        layer: Loses bins by its stride.

    Example:
        >>> Thin(Conv1d(4, 6, 4, stride=2))(torch.randn(2, 4, 11)).shape
        torch.Size([2, 10, 4])
    """

    def __init__(self, layer: Conv1d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Float[Tensor, "batch channels bins"]) -> Float[Tensor, "batch _ out"]:
        """Returns `(B, C' + C, L')`, of `(L', B, C' + C)` memory."""
        convolved = self.layer(input).permute(2, 0, 1)
        started = input.permute(2, 0, 1)[:: self.layer.stride[0]][: len(convolved)]
        return torch.cat([convolved, started], dim=2).permute(1, 2, 0)


class Normalize(nn.Module):
    """Scales each embedding to length 1; a zero vector stays zero instead of becoming NaN.

    Example:
        >>> Normalize()(torch.tensor([[[3.0], [4.0]], [[0.0], [0.0]]])).squeeze(2)
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """

    def forward(self, input: Float[Tensor, "batch dims bins"]) -> Float[Tensor, "batch dims bins"]:
        """Returns unit vectors along dimension 1."""
        return F.normalize(input, dim=1)
