"""How well a map tells connected neurons from others, and whether an inverse is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

from ..errors import DataError, DataTypeError

__all__ = ["attribution_metrics", "attribution_score", "moore_penrose"]

_MACHINE_UNITS = 100  # three products of rounded matrices, each with sums over all neurons


def attribution_score(
    attribution: Float[np.ndarray, "dims neurons"],
    connectivity: Bool[np.ndarray, "groups neurons"],
    dims: Sequence[slice | Sequence[int]] | None = None,
) -> float:
    """Returns the area under the ROC curve of the absolute map against a known connectivity.

    It is the probability that a connected pair of latent and neuron has the larger value than an
    unconnected one; 0.5 is chance, ties count half.

    Args:
        attribution: One value for each dimension and neuron, with any sign.
        connectivity: Whether a neuron depends on a dimension, or on a group of them.
        dims: The dimensions of each row of `connectivity`, whose absolute values are averaged;
            without, row `i` is dimension `i`.

    Raises:
        DataTypeError: If the connectivity is not boolean.
        DataError: If shapes disagree, a value is not finite, or all pairs are of one kind.

    References:
        Schneider et al. (2025), doi:10.48550/arXiv.2502.12977 (auROC of attribution maps).
        Fawcett (2006), doi:10.1016/j.patrec.2005.10.010, section 7.

    Example:
        >>> true = np.array([[True, True, False], [False, True, True]])
        >>> attribution_score(np.array([[-3.0, 1.0, 0.2], [0.5, -2.0, 1.0]]), true)
        1.0
    """
    values = np.abs(np.asarray(attribution))
    if dims is not None:
        values = np.stack([values[rows].mean(axis=0) for rows in dims])
    _check_pair(values, connectivity)
    return float(roc_auc_score(connectivity.ravel(), values.ravel()))


def attribution_metrics(
    attribution: Float[np.ndarray, "dims neurons"],
    connectivity: Bool[np.ndarray, "dims neurons"],
) -> dict[str, float]:
    """Returns the largest, mean and smallest value of connected and other pairs, and their gaps.

    Values are taken with their signs, as they are; pass the absolute map to ignore them.

    Args:
        attribution: One value for each dimension and neuron.
        connectivity: Whether a neuron depends on a dimension.

    Returns:
        `{max,mean,min}_{connected,nonconnected}`; `gap_{max,mean,min}`, connected minus other;
        `gap_minmax`, the smallest connected minus the largest other value, positive where a
        threshold separates them; `max_jacobian` and `min_jacobian`, over all pairs.

    Raises:
        DataTypeError: If the connectivity is not boolean.
        DataError: If shapes disagree, a value is not finite, or all pairs are of one kind.

    Example:
        >>> true = np.array([[True, False, False]])
        >>> attribution_metrics(np.array([[3.0, 1.0, 0.5]]), true)["gap_minmax"]
        2.0
    """
    values = np.asarray(attribution)
    _check_pair(values, connectivity)
    result = {}
    for part, chosen in (("connected", connectivity), ("nonconnected", ~connectivity)):
        some = values[chosen]
        result[f"max_{part}"] = float(some.max())
        result[f"mean_{part}"] = float(some.mean())
        result[f"min_{part}"] = float(some.min())
    for name in ("max", "mean", "min"):
        result[f"gap_{name}"] = result[f"{name}_connected"] - result[f"{name}_nonconnected"]
    result["gap_minmax"] = result["min_connected"] - result["max_nonconnected"]
    result["max_jacobian"], result["min_jacobian"] = float(values.max()), float(values.min())
    return result


def moore_penrose(
    jacobian: Float[np.ndarray, "samples dims neurons"],
    inverse: Float[np.ndarray, "samples dims neurons"],
    tolerance: float | None = None,
) -> Bool[np.ndarray, "samples 4"]:
    r"""Returns which of the four conditions of a pseudo-inverse hold, for each sample.

    .. math:: J A J = J, \quad A J A = A, \quad (J A)^\top = J A, \quad (A J)^\top = A J

    Args:
        jacobian: `J` of each sample.
        inverse: The transpose of `A`, as `attribution_maps` gives it.
        tolerance: Largest error relative to the norms of the factors; `None` takes a hundred
            machine units for each neuron.

    Raises:
        DataError: If the shapes differ.

    References:
        Penrose (1955), doi:10.1017/S0305004100030401, theorem 1.

    Example:
        >>> J = np.array([[[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]]])
        >>> moore_penrose(J, np.where(J == 0, 0, 1 / np.maximum(J, 1))).all()
        np.True_
    """
    if jacobian.shape != inverse.shape or jacobian.ndim != 3:
        raise DataError(
            "a Jacobian and its stored inverse must have one shape, (samples, dims, neurons); got "
            f"{jacobian.shape} and {inverse.shape}. The inverse is kept transposed."
        )
    if tolerance is None:
        tolerance = _MACHINE_UNITS * max(jacobian.shape[1:]) * float(np.finfo(jacobian.dtype).eps)
    J, A = jacobian, inverse.swapaxes(1, 2)
    forth, back = J @ A, A @ J
    asymmetries = (forth - forth.swapaxes(1, 2), back - back.swapaxes(1, 2))
    errors = (forth @ J - J, back @ A - A, *asymmetries)
    spread = _norm(J) * _norm(A)  # how far rounding errors of a product can grow
    scales = (_norm(J) * spread, _norm(A) * spread, spread, spread)
    return np.stack(
        [_norm(error) <= tolerance * scale for error, scale in zip(errors, scales, strict=True)],
        axis=1,
    )


def _norm(matrices: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(matrices, axis=(1, 2)))


def _check_pair(values: np.ndarray, connectivity: np.ndarray) -> None:
    if connectivity.dtype != bool:
        raise DataTypeError(
            f"connectivity must be boolean; got dtype {connectivity.dtype}. Compare it with 0 "
            "first."
        )
    if values.shape != connectivity.shape:
        raise DataError(
            f"a map and its connectivity must have one shape; got {values.shape} and "
            f"{connectivity.shape}. Average the map over samples, and name the dimensions of each "
            "group."
        )
    if not np.isfinite(values).all():
        raise DataError(
            f"a map must be finite; got {int((~np.isfinite(values)).sum())} values that are not. "
            "Look at the model's weights and inputs."
        )
    if connectivity.all() or not connectivity.any():
        raise DataError(
            f"a score needs connected and other pairs; all {connectivity.size} are of one kind. "
            "Add neurons of the other kind."
        )
