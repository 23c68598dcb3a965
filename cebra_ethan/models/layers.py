"""Layers of the encoders: valid convolutions in time-major memory, skips, unit vectors.

All map `(B, C, L)` to `(B, C', L')`, and all keep the memory order that they are given.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Conv1d", "Normalize", "Pointwise", "Skip"]


class Conv1d(nn.Conv1d):
    r"""A valid convolution over time: the weights of `nn.Conv1d`, quick on time-major memory.

    .. math:: y_{bo\ell} = \beta_o + \sum_k \sum_c w_{ock} \, x_{bc,\ell + k}

    Training windows are views of `(L, B, C)` memory (see `Batch.windows`). Read with time as the
    rows and the batch as the columns of one channels-last image, they are convolved by a kernel
    of `(kernel_size, 1)` as they lie, without the transpositions that make `nn.Conv1d` slow on
    many short windows. Other memory orders are copied first.

    Args:
        in_channels: Channels `C` of the input.
        out_channels: Channels `C'` of the output.
        kernel_size: Bins that one output sees; `kernel_size - 1` bins are lost.

    Example:
        >>> import torch
        >>> windows = torch.randn(10, 512, 30).permute(1, 2, 0)
        >>> Conv1d(30, 32, 2)(windows).shape
        torch.Size([512, 32, 9])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size)

    def forward(self, input: Float[Tensor, "batch channels bins"]) -> Float[Tensor, "batch out _"]:
        """Returns the convolution, `(B, C', L - kernel_size + 1)`, a view of `(L', B, C')`."""
        if not len(input):  # torch refuses an image without columns
            return super().forward(input)
        # A channels-last tensor owns its strides even where a dimension has size 1, so the
        # batch dimension of the image is added before the permutation.
        image = input.permute(2, 0, 1).contiguous().unsqueeze(0).permute(0, 3, 1, 2)
        output = F.conv2d(image, self.weight.unsqueeze(3), self.bias)
        return output.squeeze(0).permute(2, 0, 1)


class Pointwise(Conv1d):
    """The same linear map at every bin: a convolution whose kernel is one bin wide.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Example:
        >>> import torch
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
        >>> import torch
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


class Normalize(nn.Module):
    """Scales each embedding to length 1; a zero vector stays zero instead of becoming NaN.

    Example:
        >>> import torch
        >>> Normalize()(torch.tensor([[[3.0], [4.0]], [[0.0], [0.0]]])).squeeze(2)
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """

    def forward(self, input: Float[Tensor, "batch dims bins"]) -> Float[Tensor, "batch dims bins"]:
        """Returns unit vectors along dimension 1."""
        return F.normalize(input, dim=1)
