r"""A valid convolution as a sum of matrix products, on time-major memory, with its gradients.

In memory of `(L, B, C)` the bins `k` to `k + L'` of all windows lie side by side, so tap `k` of a
convolution is one product of a `(L' B, C)` matrix, without a copy:

.. math:: Y = \beta + \sum_k X_{k:k+L'} W_k, \quad
    \frac{\partial}{\partial W_k} = X_{k:k+L'}^\top G, \quad
    \frac{\partial}{\partial X} = \sum_k \mathrm{shift}_k(G W_k^\top)

with `L' = L - K + 1`. Matrix products run near the speed of the processor; the convolutions of
libraries rearrange their input, and their gradient of the weights is several times slower on many
short windows. The gradient is made of differentiable products, so it has a gradient itself.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["convolve"]

_THIN = 16  # products of so few columns are transposed, which is up to nine times faster


def convolve(
    memory: Float[Tensor, "bins batch channels"],
    weight: Float[Tensor, "out channels taps"],
    bias: Float[Tensor, " out"] | None,
) -> Float[Tensor, "fewer batch out"]:
    """Returns the valid convolution over the first dimension, as contiguous memory.

    Args:
        memory: `(L, B, C)`; copied if it is not contiguous.
        weight: As `nn.Conv1d` keeps it, `(C', C, K)`.
        bias: `(C',)`, or `None`.

    Returns:
        `(L - K + 1, B, C')`.

    Example:
        >>> convolve(torch.ones(5, 2, 3), torch.ones(1, 3, 2), torch.zeros(1))[:, 0, 0]
        tensor([6., 6., 6., 6.])
    """
    zero = weight.new_zeros(weight.shape[0]) if bias is None else bias
    output: Tensor = _Convolve.apply(memory, weight, zero)  # type: ignore[no-untyped-call]
    num_bins = len(memory) - weight.shape[2] + 1
    return output.view(num_bins, memory.shape[1], len(weight))


class _Convolve(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(memory: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        num_outputs, _, num_taps = weight.shape
        num_bins = len(memory) - num_taps + 1
        if num_outputs < _THIN:
            taps = weight.permute(2, 0, 1).contiguous()
            across = torch.addmm(bias[:, None], taps[0], _rows(memory, 0, num_bins).T)
            for k in range(1, num_taps):
                across.addmm_(taps[k], _rows(memory, k, num_bins).T)
            return across.T.contiguous()
        taps = weight.permute(2, 1, 0).contiguous()
        output = torch.addmm(bias, _rows(memory, 0, num_bins), taps[0])
        for k in range(1, num_taps):
            output.addmm_(_rows(memory, k, num_bins), taps[k])
        return output

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        memory, weight, _ = inputs
        ctx.save_for_backward(memory, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        memory, weight = ctx.saved_tensors
        needs_memory, needs_weight, needs_bias = ctx.needs_input_grad
        num_taps = weight.shape[2]
        num_bins = len(memory) - num_taps + 1
        for_memory = for_weight = None
        if needs_weight:
            each = [grad.T @ _rows(memory, k, num_bins) for k in range(num_taps)]
            for_weight = torch.stack(each, dim=2)
        if needs_memory:
            for_memory = _spread(grad, weight, memory)
        return for_memory, for_weight, grad.sum(dim=0) if needs_bias else None


# `apply` asks for the signature at every call, and would have it made anew each time.
_Convolve.forward.__signature__ = inspect.signature(  # type: ignore[attr-defined]
    _Convolve.forward
)


def _rows(memory: Tensor, first: int, num_bins: int) -> Tensor:
    """Returns the bins from `first` on of all windows as the rows of a matrix."""
    return memory.narrow(0, first, num_bins).reshape(-1, memory.shape[2])


def _spread(rows: Tensor, weight: Tensor, memory: Tensor) -> Tensor:
    """Returns the gradient of the input: each tap's product, added where the tap read."""
    num_rows, num_taps = len(rows), weight.shape[2]
    total = rows.new_zeros(memory.shape[0] * memory.shape[1], memory.shape[2])
    for k in range(num_taps):
        total.narrow(0, k * memory.shape[1], num_rows).addmm_(rows, weight[:, :, k])
    return total.view(memory.shape)
