"""PCA, t-SNE and UMAP of single bins or of windows."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from sklearn import decomposition
from sklearn.utils import _param_validation as allowed

from ..errors import DataError
from ..utils.optional import require
from ..utils.seeding import resolve_seed
from .embedder import Embedder, flat_windows

__all__ = ["PCA", "TSNE", "UMAP"]

_EXTRA = "baselines"
_CHUNK_ROWS = 65_536
_COMMON: dict[str, list[Any]] = {
    "n_components": [allowed.Interval(Integral, 1, None, closed="left")],
    "window_bins": [allowed.Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
}
_METRIC = [allowed.StrOptions({"cosine", "euclidean"})]


class PCA(Embedder):
    """Principal components of windows.

    Args:
        n_components: Dimensions of the points.
        window_bins: Bins of a window; the paper takes 10, as many as CEBRA sees.
        random_state: Of scikit-learn's randomised solver, which it takes for large data.

    Attributes:
        model_: The fitted `sklearn.decomposition.PCA`.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 4))
        >>> PCA(n_components=2, window_bins=10).fit(X).transform(X).shape
        (50, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _COMMON

    def __init__(
        self,
        n_components: int = 2,
        window_bins: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components, self.window_bins = n_components, window_bins
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> PCA:
        """Finds the directions; labels are not looked at."""
        windows = flat_windows(self._begin(X, trial), self.window_bins)
        largest = min(windows.shape)
        if self.n_components > largest:
            raise DataError(
                f"n_components must not exceed bins and windowed neurons, {largest} here; got "
                f"{self.n_components}. Use fewer."
            )
        seed = resolve_seed(self.random_state)
        self.model_ = decomposition.PCA(self.n_components, random_state=seed).fit(windows)
        return self

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns the scores, `(T, n_components)` float32."""
        windows = flat_windows(self._continue(X, trial), self.window_bins)
        points = np.empty((len(windows), self.n_components), dtype=np.float32)
        for first in range(0, len(windows), _CHUNK_ROWS):
            rows = slice(first, first + _CHUNK_ROWS)
            # In double precision a point does not depend on where its window stands.
            points[rows] = self.model_.transform(windows[rows].astype(np.float64))
        return points


class TSNE(Embedder):
    """t-SNE by openTSNE, which can place new points among those that were fitted.

    Args:
        n_components: Dimensions of the points, 1 or 2 (openTSNE is fast there).
        perplexity: Neighbours that count, about; must be below a third of the bins.
        early_exaggeration: Factor of the attraction in the first iterations.
        metric: `"cosine"` or `"euclidean"`, between windows. By cosine a silent window, which has
            no direction, is given that of equal rates in all neurons.
        window_bins: Bins of a window.
        max_iterations: Iterations after the early exaggeration (250 of these).
        random_state: Seed of the approximate neighbours; the start is by PCA.

    Attributes:
        embedding_: Points of the training data, `(T, n_components)`; what `fit_transform` gives.
            `transform` of the same data places them anew, near but not at these points.

    References:
        van der Maaten & Hinton (2008), JMLR 9, 2579-2605. Poličar, Stražar & Zupan (2024),
        doi:10.18637/jss.v109.i03 (openTSNE).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _COMMON | {
        "n_components": [allowed.Interval(Integral, 1, 2, closed="both")],
        "perplexity": [allowed.Interval(Real, 1, None, closed="left")],
        "early_exaggeration": [allowed.Interval(Real, 1, None, closed="left")],
        "metric": _METRIC,
        "max_iterations": [allowed.Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 2,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        metric: str = "euclidean",
        window_bins: int = 1,
        max_iterations: int = 500,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components, self.perplexity = n_components, perplexity
        self.early_exaggeration, self.metric = early_exaggeration, metric
        self.window_bins, self.max_iterations = window_bins, max_iterations
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> TSNE:
        """Places the training data; labels are not looked at.

        Raises:
            DataError: If there are too few bins for the perplexity.
            MissingDependencyError: If openTSNE is not installed.
        """
        windows = self._directed(flat_windows(self._begin(X, trial), self.window_bins))
        if 3 * self.perplexity > len(windows) - 1:
            raise DataError(
                f"t-SNE with perplexity={self.perplexity:g} needs at least "
                f"{int(3 * self.perplexity) + 1} time bins; got n_samples={len(windows)}. Lower "
                "the perplexity or pass more data."
            )
        model = require("openTSNE", _EXTRA).TSNE(
            n_components=self.n_components,
            perplexity=self.perplexity,
            early_exaggeration=self.early_exaggeration,
            metric=self.metric,
            initialization="pca",
            n_iter=self.max_iterations,
            n_jobs=1,
            random_state=resolve_seed(self.random_state),
        )
        self._fitted = model.fit(windows)
        self.embedding_ = np.array(self._fitted, dtype=np.float32)
        return self

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns where new bins lie among the training data, which stay, `(T, D)` float32."""
        windows = self._directed(flat_windows(self._continue(X, trial), self.window_bins))
        return np.array(self._fitted.transform(windows), dtype=np.float32)

    def _directed(self, windows: np.ndarray) -> np.ndarray:
        """Returns windows that all have a direction, where it is needed; else openTSNE has NaN."""
        if self.metric != "cosine":
            return windows
        silent = ~windows.any(axis=1, keepdims=True)
        return np.where(silent, np.float32(1), windows)

    def fit_transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns `embedding_`."""
        return np.asarray(self.fit(X, y, trial=trial).embedding_)


class UMAP(Embedder):
    """UMAP by umap-learn.

    Args:
        n_components: Dimensions of the points.
        n_neighbors: Size of a neighbourhood, less than the number of bins.
        min_dist: How close points may lie, at most 1.
        metric: `"cosine"` or `"euclidean"`, between windows.
        window_bins: Bins of a window.
        random_state: Seed; one thread is used, since several would not repeat themselves.

    Attributes:
        embedding_: Points of the training data, `(T, n_components)`; what `fit_transform` gives.
        model_: The fitted `umap.UMAP`.

    References:
        McInnes, Healy & Melville (2018), doi:10.48550/arXiv.1802.03426.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _COMMON | {
        "n_neighbors": [allowed.Interval(Integral, 2, None, closed="left")],
        "min_dist": [allowed.Interval(Real, 0, 1, closed="both")],
        "metric": _METRIC,
    }

    def __init__(
        self,
        n_components: int = 2,
        n_neighbors: int = 15,
        min_dist: float = 0.1,
        metric: str = "euclidean",
        window_bins: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components, self.n_neighbors = n_components, n_neighbors
        self.min_dist, self.metric, self.window_bins = min_dist, metric, window_bins
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> UMAP:
        """Places the training data; labels are not looked at.

        Raises:
            DataError: If there are too few bins for the neighbourhood.
            MissingDependencyError: If umap-learn is not installed.
        """
        windows = flat_windows(self._begin(X, trial), self.window_bins)
        if len(windows) <= self.n_neighbors:
            raise DataError(
                f"UMAP with n_neighbors={self.n_neighbors} needs at least {self.n_neighbors + 1} "
                f"time bins; got n_samples={len(windows)}. Lower it or pass more data."
            )
        seed = resolve_seed(self.random_state)
        self.model_ = _umap().UMAP(
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            min_dist=self.min_dist,
            metric=self.metric,
            n_jobs=1,  # with a seed it would take one thread anyway, and warn of it
            random_state=seed,
            transform_seed=seed,
        )
        self.embedding_ = np.asarray(self.model_.fit_transform(windows), dtype=np.float32)
        return self

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns where new bins lie among the training data, `(T, n_components)` float32."""
        windows = flat_windows(self._continue(X, trial), self.window_bins)
        return np.asarray(self.model_.transform(windows), dtype=np.float32)

    def fit_transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns `embedding_`."""
        return np.asarray(self.fit(X, y, trial=trial).embedding_)


def _umap() -> ModuleType:
    with warnings.catch_warnings():  # of a variant that needs tensorflow and is not used here
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        return require("umap", _EXTRA)
