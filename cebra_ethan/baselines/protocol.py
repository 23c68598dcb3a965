"""What every method is that CEBRA is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from ..errors import InvalidParameterError
from ..utils.optional import require_installed

__all__ = ["Baseline", "Row", "Use"]

Use = Literal["never", "fit", "fit and transform"]
"""When a method reads labels. With `"fit and transform"` it is told what a decoder would have to
find out: an oracle, not a competitor in decoding."""


@runtime_checkable
class Baseline(Protocol):
    """A method that maps activity `(T, N)` to points `(T, D)`, one for each bin.

    All are called alike: labels and trials may be passed to every one of them, and one that has no
    use for them ignores them.
    """

    random_state: Any

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> Any:
        """Learns from activity `(T, N)`, and labels where it uses them; returns itself."""

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns one point for each bin, `(T, D)` float32."""


@dataclass(frozen=True)
class Row:
    """One row of `BASELINES`; calling it makes the method.

    Args:
        build: Takes the parameters as keywords.
        labels: When the method reads labels.
        transductive: Whether the points of the data that it was fitted to are part of what is
            learned, so that `fit_transform` differs from `transform` of the same bins.
        needs: A module of the extra `baselines`, or `None`.

    Raises:
        InvalidParameterError: If `labels` is not one of the uses.

    Example:
        >>> from cebra_ethan.baselines import BASELINES
        >>> BASELINES["pca"](n_components=3)
        PCA(n_components=3)
        >>> BASELINES["pi-vae"].labels
        'fit and transform'
    """

    build: Callable[..., Baseline]
    labels: Use = "never"
    transductive: bool = False
    needs: str | None = None

    def __post_init__(self) -> None:
        if self.labels not in get_args(Use):
            raise InvalidParameterError(
                f"labels must be one of {', '.join(map(repr, get_args(Use)))}; got "
                f"{self.labels!r}. Say when the method reads them."
            )

    def __call__(self, **params: Any) -> Baseline:
        """Returns the method with these parameters, the others as the row has them."""
        return self.build(**params)

    def require(self) -> None:
        """Raises `MissingDependencyError` where the method could not be fitted."""
        if self.needs is not None:
            require_installed(self.needs, "baselines")
