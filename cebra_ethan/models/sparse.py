r"""The first convolution of an encoder where most of the activity is zero.

Spikes in short bins and calcium events are nearly all zeros: 3 % of the bins of a rat's
hippocampus at 25 ms, 0.1 % of events. A product with the stored numbers alone (CSR) takes as long
as they are many. All bins of the recording are projected with all taps at once,
:math:`P = X [W_0 \dots W_{K-1}]`, and what a convolution over chosen bins adds up is gathered
from there:

.. math:: Y_\ell = \beta + \sum_k P_{r(\ell + k),\,k}, \quad
    \frac{\partial}{\partial W} = X^\top \, \mathrm{scatter}_r(G)

The transpose of the activity is stored, too, so that the gradient is a product of the same kind.
A stored number costs about eight times one of a dense product, and a bin as much as sixteen of
these, whether it is needed or not; `pays` weighs them.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["SparseActivity", "convolve_sparse", "may_pay"]

_STORED_COST, _BIN_COST = 8, 16  # in numbers of a dense product


@dataclass(frozen=True, eq=False)
class SparseActivity:
    """Activity by its numbers that are not zero.

    Args:
        matrix: `(T, N)`, compressed rows.
        transposed: `(N, T)`, likewise.
        num_stored: How many numbers it holds.
    """

    matrix: Tensor
    transposed: Tensor
    num_stored: int

    @classmethod
    def of(cls, neural: Float[Tensor, "time neurons"]) -> SparseActivity | None:
        """Returns the activity, or `None` where a product with all of it is no quicker.

        Products of compressed rows are those of MKL, on a processor.
        """
        if neural.device.type != "cpu" or not torch.backends.mkl.is_available():
            return None
        num_stored = int(neural.count_nonzero())
        if _STORED_COST * num_stored + _BIN_COST * len(neural) >= neural.numel():
            return None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
            return cls(_compressed(neural), _compressed(neural.T), num_stored)

    def pays(self, num_bins: int) -> bool:
        """Returns whether it is quicker than the dense product of so many bins."""
        length, num_neurons = self.matrix.shape
        cost = _STORED_COST * self.num_stored + _BIN_COST * length
        return cost < num_bins * num_neurons


def may_pay(neural: Float[Tensor, "time neurons"], num_bins: int) -> bool:
    """Returns whether so many bins of a recording are enough, were it all zeros."""
    return _BIN_COST * len(neural) < num_bins * neural.shape[1]


def convolve_sparse(
    activity: SparseActivity,
    rows: Int[Tensor, " bins"],
    weight: Float[Tensor, "out neurons taps"],
    bias: Float[Tensor, " out"] | None,
) -> Float[Tensor, "fewer out"]:
    """Returns the valid convolution over chosen bins, in their order.

    Args:
        activity: The recording.
        rows: Its bins, each at most once.
        weight: As `nn.Conv1d` keeps it.
        bias: Likewise, or `None`.

    Returns:
        `(bins - K + 1, out)`.

    Example:
        >>> neural = torch.zeros(99, 40)
        >>> neural[5, :4] = 1.0
        >>> activity = SparseActivity.of(neural)
        >>> weight, bias = torch.ones(1, 40, 2), torch.zeros(1)
        >>> convolve_sparse(activity, torch.arange(3, 8), weight, bias)[:, 0]
        tensor([0., 4., 4., 0.])
    """
    zero = weight.new_zeros(len(weight)) if bias is None else bias
    output: Tensor = _Convolve.apply(weight, zero, activity, rows)  # type: ignore[no-untyped-call]
    return output


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor, activity: SparseActivity, rows: Tensor
    ) -> Tensor:
        num_outputs, num_neurons, num_taps = weight.shape
        num_bins = len(rows) - num_taps + 1
        wide = weight.permute(1, 2, 0).reshape(num_neurons, num_taps * num_outputs)
        each = (activity.matrix @ wide).index_select(0, rows).unflatten(1, (num_taps, -1))
        output = each[:num_bins, 0] + bias
        for k in range(1, num_taps):
            output += each[k : k + num_bins, k]
        ctx.activity, ctx.shape = activity, weight.shape
        ctx.save_for_backward(rows)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (rows,), (num_outputs, num_neurons, num_taps) = ctx.saved_tensors, ctx.shape
        spread = grad.new_zeros(len(ctx.activity.matrix), num_taps, num_outputs)
        for k in range(num_taps):
            spread[:, k].index_copy_(0, rows[k : k + len(grad)], grad)
        wide = ctx.activity.transposed @ spread.flatten(1)
        for_weight = wide.view(num_neurons, num_taps, num_outputs).permute(2, 0, 1)
        return for_weight, grad.sum(dim=0), None, None


# `apply` asks for the signature at every call, and would have it made anew each time.
_Convolve.forward.__signature__ = inspect.signature(  # type: ignore[attr-defined]
    _Convolve.forward
)


def _compressed(dense: Tensor) -> Tensor:
    """Returns compressed rows with the 32-bit indices that MKL takes without a copy."""
    rows = dense.to_sparse_csr()
    return torch.sparse_csr_tensor(
        rows.crow_indices().int(),
        rows.col_indices().int(),
        rows.values(),
        rows.shape,
        check_invariants=True,
    )
