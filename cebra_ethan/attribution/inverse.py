"""Inverses of many Jacobians at once: with rounding kept out, and as `cebra` leaves it in."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["inverses", "least_squares_inverse", "pseudo_inverse"]

_RANK_UNITS = 10  # rounding leaves 2 to 3 machine units where a singular value should be 0
_NEARLY_UNIT = 0.5  # a Gram matrix so near to 1 has a condition under 3


def pseudo_inverse(
    maps: Float[Tensor, "*samples dims neurons"], eps: float | None = None
) -> Float[Tensor, "*samples dims neurons"]:
    """Returns the transposed Moore-Penrose inverse of each matrix.

    Singular values below `10 * max(D, N) * eps` of the largest count as zero. An embedding of unit
    length needs that: its Jacobian has no component along the embedding, and rounding leaves
    2 to 3 machine units there, which must not be inverted.

    Args:
        maps: Matrices.
        eps: Relative rounding error of the values; `None` takes that of their type.

    Example:
        >>> pseudo_inverse(torch.tensor([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
        tensor([[0.5000, 0.0000, 0.0000],
                [0.0000, 0.2500, 0.0000]])
    """
    return _truncated(maps, torch.finfo(maps.dtype).eps if eps is None else eps)[0]


def least_squares_inverse(
    maps: Float[Tensor, "*samples dims neurons"],
) -> Float[Tensor, "*samples dims neurons"]:
    r"""Returns the transposed shortest solution of :math:`J A = 1`, as `cebra` computes it.

    Only singular values below one unit of *double* precision count as zero. A network in single
    precision leaves more than that where its Jacobian has none, along an embedding of unit
    length, so this inverts rounding. The result is up to a million times as large, and its
    pattern is that of the rounding, which is larger for neurons with larger gradients: it scores
    like a blurred gradient, better than `pseudo_inverse` and worse than the gradient itself. The
    rounding alone scores still better, and with noise of the same size on every entry in its
    place nothing is left (docs/decisions.md, 18). It is here to be compared with `cebra`; what
    is to be trusted is the gradient.

    Args:
        maps: Matrices.

    References:
        Fukaya, Nakatsukasa, Yanagisawa & Yamamoto (2014), doi:10.1109/ScalA.2014.11, algorithm 2:
        a Cholesky decomposition, and another one that repairs the first.

    Example:
        >>> least_squares_inverse(torch.tensor([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
        tensor([[0.5000, 0.0000, 0.0000],
                [0.0000, 0.2500, 0.0000]])
    """
    double = maps.double().reshape(-1, *maps.shape[-2:])
    unit = torch.eye(maps.shape[-2], dtype=torch.float64, device=maps.device)
    lower = torch.linalg.cholesky_ex(double @ double.mT).L
    basis = torch.linalg.solve_triangular(lower, double, upper=False)  # J = L Q, Q Q' nearly 1
    gram = basis @ basis.mT
    repair = torch.linalg.cholesky_ex(gram).L
    small = torch.linalg.solve_triangular(repair, unit.expand_as(repair), upper=False)
    small = torch.linalg.solve_triangular((lower @ repair).mT, small, upper=True)
    inverse = small @ basis
    poor = ~((gram - unit).abs().sum(dim=2).amax(dim=1) < _NEARLY_UNIT)  # NaN is poor too
    if poor.any():  # the square of their condition does not fit into double precision
        eps = torch.finfo(torch.float64).eps
        inverse[poor] = torch.linalg.pinv(double[poor], rtol=eps).mT
    result: Tensor = inverse.reshape(maps.shape).to(maps.dtype)
    return result


def inverses(
    maps: Float[Tensor, "samples dims neurons"], eps: float, least_squares: bool = True
) -> tuple[Float[Tensor, "samples dims neurons"], Float[Tensor, "samples dims neurons"] | None]:
    """Returns `pseudo_inverse(maps, eps)` and `least_squares_inverse(maps)`.

    They are one where no singular value was cut, which is then computed once.

    Args:
        maps: Matrices.
        eps: Relative rounding error of the values.
        least_squares: Whether the second is asked for; `None` otherwise.
    """
    svd, cut = _truncated(maps, eps)
    if not least_squares:
        return svd, None
    if not cut.any():
        return svd, svd
    if cut.all():
        return svd, least_squares_inverse(maps)
    lsq = svd.clone()
    lsq[cut] = least_squares_inverse(maps[cut])
    return svd, lsq


def _truncated(
    maps: Float[Tensor, "*samples dims neurons"], eps: float
) -> tuple[Float[Tensor, "*samples dims neurons"], Bool[Tensor, "*samples"]]:
    """Returns the inverses, and in which of them singular values were counted as zero."""
    least = _RANK_UNITS * max(maps.shape[-2:]) * eps
    inverse: Tensor
    if maps.dtype == torch.float64:
        inverse = torch.linalg.pinv(maps, rtol=least)
        return inverse.mT, torch.ones(maps.shape[:-2], dtype=torch.bool, device=maps.device)
    # (J J^T)^+ J in double precision: the squared condition of single numbers still fits, it is
    # more accurate than a singular value decomposition in single, and ten times faster.
    double = maps.double()
    values, vectors = torch.linalg.eigh(double @ double.mT)
    kept = values > least**2 * values[..., -1:]
    weights = torch.where(kept, 1 / values, 0.0)
    inverse = (vectors * weights[..., None, :]) @ vectors.mT @ double
    return inverse.to(maps.dtype), ~kept.all(dim=-1)
