"""Decoders as scikit-learn estimators, for users who bring their own search or pipeline.

Targets decide: floats are regressed, integers, booleans and strings are classes, and with a
`period` the target is a circle. `score` follows: R2 on a line, its counterpart on a circle,
accuracy for classes. `decode` does all of it in one call, with settings chosen on held-out rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Shaped
from sklearn.base import BaseEstimator
from sklearn.linear_model import Lasso, Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import ParameterGrid
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import DataError
from ..types import Label
from .decoders import DECODERS, Decoder, fit_decoder, predict_label
from .scores import as_label, circular_r2

__all__ = ["KNNDecoder", "L1LinearRegressor", "MLPDecoder", "RidgeDecoder", "SVMDecoder"]


class _LabelDecoder(BaseEstimator):  # type: ignore[misc]
    """What all decoders share; a subclass names its row and its settings.

    Attributes:
        model_: The fitted scikit-learn model.
        label_: What `y` was taken for.
    """

    _row: ClassVar[Decoder]
    grid: ClassVar[Mapping[str, tuple[Any, ...]]]
    period: float | None

    def fit(self, X: Any, y: Any) -> Any:
        """Fits the decoder.

        Args:
            X: An embedding `(T, D)`, or any features.
            y: `T` values: an array, several columns of floats, or a `Label`.

        Raises:
            DataError: If lengths differ, or `period` is given for classes.
        """
        X = _features(self, X, reset=True)
        label = self._label(y)
        if len(label) != len(X):
            raise DataError(
                "X and y must span the same time bins; got inconsistent numbers of samples, "
                f"{len(X)} and {len(label)}. Crop both to the shared window."
            )
        setting = self.get_params(deep=False)
        del setting["period"]
        self.label_ = label
        self.model_ = fit_decoder(self._row, setting, X, label)
        return self

    def predict(self, X: Any) -> Shaped[np.ndarray, "time *columns"]:
        """Returns one prediction for each row, in the unit or the classes of the training target.

        Args:
            X: `(T, D)`.
        """
        check_is_fitted(self, "model_")
        return predict_label(self.model_, _features(self, X, reset=False), self.label_)

    def score(self, X: Any, y: Any) -> float:
        """Returns R2, for classes the accuracy, on a circle the share of circular variance.

        Several columns are averaged. 1 is perfect; the best constant guess has 0, or for classes
        the share of the most frequent one.

        Args:
            X: `(T, D)`.
            y: The truth, as in `fit`.
        """
        predicted = self.predict(X)
        true = as_label(y, like=self.label_, name="y").to_numpy()
        if self.label_.kind == "categorical":
            return float(accuracy_score(true, predicted))
        if self.label_.period is not None:
            return circular_r2(true, predicted, self.label_.period)
        return float(r2_score(true, predicted))

    @classmethod
    def iter_hyperparams(cls) -> Iterator[dict[str, Any]]:
        """Yields each setting of `grid`, to be passed to the constructor."""
        yield from ParameterGrid(dict(cls.grid))

    def _label(self, y: Any) -> Label:
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. "
                "Pass the label that is to be decoded."
            )
        if self.period is None or isinstance(y, Label):
            return as_label(y, name="y")
        return Label(y, "circular", period=self.period, name="y")


class KNNDecoder(_LabelDecoder):
    """Mean or vote of the nearest neighbours.

    Args:
        n_neighbors: How many.
        metric: `"cosine"` for embeddings on a sphere, else `"euclidean"`.
        period: One turn of a circular target.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> angle = rng.uniform(0, 360, size=200)
        >>> ring = np.stack([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))], axis=1)
        >>> KNNDecoder(period=360.0).fit(ring[:150], angle[:150]).score(ring[150:], angle[150:])
        0.99...
    """

    _row = DECODERS["knn"]
    grid = MappingProxyType({"n_neighbors": (1, 4, 9, 16, 25), "metric": ("cosine",)})

    def __init__(
        self, n_neighbors: int = 3, metric: str = "cosine", *, period: float | None = None
    ) -> None:
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.period = period


class L1LinearRegressor(_LabelDecoder):
    """Linear regression with an L1 penalty, the lasso; for classes a linear margin with one.

    Args:
        alpha: Weight of the penalty, in the units of `X` and `y`, which are used as given; for
            classes `1 / C` of scikit-learn, on scaled columns.
        period: One turn of a circular target.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> round(L1LinearRegressor(alpha=0.01).fit(x, 3 * x[:, 0]).score(x, 3 * x[:, 0]), 3)
        1.0
    """

    _row = Decoder(Lasso, DECODERS["lasso"].classifier, {})
    grid = MappingProxyType({"alpha": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)})

    def __init__(self, alpha: float = 1.0, *, period: float | None = None) -> None:
        self.alpha = alpha
        self.period = period


class RidgeDecoder(_LabelDecoder):
    """Linear regression or classification with an L2 penalty, on columns as given.

    Args:
        alpha: Weight of the penalty.
        period: One turn of a circular target.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> RidgeDecoder().fit(x, x[:, 0] > 0).score(x, x[:, 0] > 0)
        1.0
    """

    _row = Decoder(Ridge, RidgeClassifier, {})
    grid = MappingProxyType({"alpha": tuple(np.logspace(-4, 0, 9).tolist())})

    def __init__(self, alpha: float = 1.0, *, period: float | None = None) -> None:
        self.alpha = alpha
        self.period = period


class SVMDecoder(_LabelDecoder):
    """Support vectors on scaled columns, each column of the target apart.

    Args:
        C: Inverse weight of the penalty.
        kernel: As in `sklearn.svm.SVC`.
        period: One turn of a circular target.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> SVMDecoder().fit(x, x[:, 0] > 0).score(x, x[:, 0] > 0)
        1.0
    """

    _row = DECODERS["svm"]
    grid = MappingProxyType({"C": (0.1, 1.0, 10.0, 100.0)})

    def __init__(
        self, C: float = 1.0, kernel: str = "rbf", *, period: float | None = None
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.period = period


class MLPDecoder(_LabelDecoder):
    """A perceptron with one or two hidden layers, trained with Adam on scaled columns.

    Args:
        hidden_layer_sizes: Units of each hidden layer.
        learning_rate_init: Step size.
        max_iter: Epochs at most; fewer when the loss stops falling.
        random_state: Seed of weights and batches.
        period: One turn of a circular target.

    Example:
        >>> x = np.linspace(-1, 1, 200)[:, None]
        >>> bool(MLPDecoder().fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.9)
        True
    """

    _row = DECODERS["mlp"]
    grid = MappingProxyType({"hidden_layer_sizes": ((32,), (32, 32))})

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (32,),
        learning_rate_init: float = 5e-3,
        max_iter: int = 200,
        random_state: int | None = 0,
        *,
        period: float | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.period = period


def _features(decoder: BaseEstimator, X: Any, reset: bool) -> np.ndarray:
    if hasattr(X, "detach"):
        X = X.detach().cpu().numpy()
    return np.asarray(validate_data(decoder, X, reset=reset, dtype=np.float64))
