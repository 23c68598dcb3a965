r"""The logarithm of a sum of exponentials of products, without the matrix of products.

.. math:: \ell_i = \log \sum_j e^{q_i^\top n_j + b_j}

InfoNCE spends its time here: `B * B'` exponentials, and their gradient. All of it is made in one
pass over blocks of references that stay in the processor's cache. A block is one matrix product
with columns of ones and `b` added, so that shift and `b` cost nothing, one exponential in place,
and two products with it: with `[n, 1]` for the sum and the gradient of `q`, and with `[q, 1]` over
the sum for the gradients of `n` and `b`. Memory grows with `B + B'`. The latter two gradients are
those of the mean over references; other weights of the references take a second pass.

The shift that keeps exponentials in range is the bound `|q_i| max_j |n_j| + max_j b_j`, where
nothing can underflow with it, as with unit vectors at usual temperatures; otherwise the maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["log_partition"]

_BLOCK_ELEMENTS = 1 << 18  # of products at a time: 1 MiB, about a core's second-level cache
_BLOCK_ON_DEVICE = 1 << 26  # an accelerator has no such cache, and likes large pieces
_SAFE_RANGE = 60.0  # exp(-60) is far from the smallest float32


def log_partition(
    query: Float[Tensor, "batch dims"],
    negative: Float[Tensor, "negatives dims"],
    bias: Float[Tensor, " negatives"] | None = None,
) -> Float[Tensor, " batch"]:
    r"""Returns :math:`\log \sum_j \exp(q_i^\top n_j + b_j)` for each query.

    Args:
        query: `(B, D)`.
        negative: `(B', D)`.
        bias: `(B',)`; zero without.

    Example:
        >>> log_partition(torch.zeros(2, 3), torch.zeros(8, 3))
        tensor([2.0794, 2.0794])
    """
    zero = negative.new_zeros(len(negative)) if bias is None else bias
    result: Tensor = _LogPartition.apply(query, negative, zero)  # type: ignore[no-untyped-call]
    return result


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, negative: Tensor, bias: Tensor) -> Tensor:
        # Transposed, (columns, rows): a thin matrix is multiplied several times faster lying down.
        queries, summed = _with_ones(query).T.contiguous(), _with_ones(negative).T.contiguous()
        result, for_query = query.new_empty(len(query)), torch.empty_like(query)
        for_negative = torch.zeros_like(summed)
        needs_negative = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]
        for rows, shift, terms in _blocks(query, negative, bias):
            sums = summed @ terms.T
            total = sums[-1]
            result[rows] = shift + total.log()
            for_query[rows] = (sums[:-1] / total).T
            if needs_negative:
                for_negative.addmm_(queries[:, rows] / total, terms)
        ctx.save_for_backward(query, negative, bias, result, for_query, for_negative)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, negative, bias, result, for_query, for_negative = ctx.saved_tensors
        needs_query, needs_negative, needs_bias = ctx.needs_input_grad
        if needs_negative or needs_bias:
            if grad.device.type == "cpu" and bool((grad == grad[:1]).all()):
                for_negative = for_negative * grad[:1]
            else:
                for_negative = torch.zeros_like(for_negative)
                queries = _with_ones(query).T
                for rows, shift, terms in _blocks(query, negative, bias):
                    weight = grad[rows] * (shift - result[rows]).exp()
                    for_negative.addmm_(queries[:, rows] * weight, terms)
        return (
            for_query * grad[:, None] if needs_query else None,
            for_negative[:-1].T if needs_negative else None,
            for_negative[-1] if needs_bias else None,
        )


def _blocks(
    query: Tensor, negative: Tensor, bias: Tensor
) -> Iterator[tuple[slice, Float[Tensor, " rows"], Float[Tensor, "rows negatives"]]]:
    """Yields rows, their shift, and the exponentials of their shifted products."""
    columns = torch.stack([*negative.unbind(1), bias, torch.ones_like(bias)])
    bound = _bound(query, negative, bias)
    size = _BLOCK_ELEMENTS if query.device.type == "cpu" else _BLOCK_ON_DEVICE
    num_rows = max(1, size // len(negative))
    for first in range(0, len(query), num_rows):
        rows = slice(first, min(first + num_rows, len(query)))
        part = _with_ones(query[rows])
        shift = (part @ columns[:-1]).amax(dim=1) if bound is None else bound[rows]
        terms = torch.cat([part, -shift[:, None]], dim=1) @ columns
        yield rows, shift, terms.exp_()


def _bound(query: Tensor, negative: Tensor, bias: Tensor) -> Tensor | None:
    """Returns an upper bound of each query's products, if it is near enough to be a shift."""
    if query.device.type != "cpu":  # to look at its range would be to wait for the device
        return None
    length = (
        torch.linalg.vector_norm(query, dim=1) * torch.linalg.vector_norm(negative, dim=1).max()
    )
    spread = 2 * length.max() + bias.max() - bias.min()
    return length + bias.max() if bool(spread <= _SAFE_RANGE) else None


def _with_ones(query: Tensor) -> Tensor:
    return torch.cat([query, query.new_ones(len(query), 1)], dim=1)
