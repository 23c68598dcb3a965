"""`cebra.io`: principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

from ...errors import InvalidParameterError

__all__ = ["reduce"]


def reduce(
    data: Any, *, ratio: float | None = None, num_components: int | None = None
) -> Float[np.ndarray, "time components"]:
    """Returns principal components, see `sklearn.decomposition.PCA`.

    Args:
        data: `(T, ...)`; all but the first dimension are put behind each other.
        ratio: Share of the variance that as few as possible explain, in (0, 1]; in `cebra` it is
            one too few.
        num_components: How many; one of the two must be given.

    Raises:
        InvalidParameterError: If neither or both are given, or the ratio is not in (0, 1].

    Example:
        >>> data = np.random.default_rng(0).normal(size=(99, 2)) * [3, 1]
        >>> reduce(data, ratio=0.5).shape, reduce(data, num_components=2).shape
        ((99, 1), (99, 2))
    """
    wrong = ratio is not None and not 0 < ratio <= 1
    if (ratio is None) == (num_components is None) or wrong:
        raise InvalidParameterError(
            "components are counted, or chosen by a ratio in (0, 1]; got "
            f"ratio={ratio!r} and num_components={num_components!r}. Pass one of them."
        )
    array = np.asarray(data)
    wanted = num_components if ratio is None else (None if ratio == 1 else float(ratio))
    points: np.ndarray = PCA(wanted).fit_transform(array.reshape(len(array), -1))
    return points
