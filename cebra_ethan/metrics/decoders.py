"""Which decoders there are, and how one is fitted to each kind of label.

A row of `DECODERS` builds a scikit-learn regressor or classifier; the kind of the label says which
of them. A circular label is regressed as sine and cosine and read back as an angle.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, Ridge, RidgeClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC

from ..types import Label

__all__ = ["DECODERS", "Decoder", "fit_decoder", "predict_label"]


@dataclass(frozen=True)
class Decoder:
    """How a decoder is built, and the settings that are tried.

    Args:
        regressor: Called with one setting, returns a scikit-learn regressor.
        classifier: Called with one setting, returns a scikit-learn classifier.
        grid: Values of each parameter.
        has_metric: Whether `metric` belongs to the settings.
    """

    regressor: Callable[..., Any]
    classifier: Callable[..., Any]
    grid: Mapping[str, Sequence[Any]]
    has_metric: bool = False


def fit_decoder(
    row: Decoder, setting: Mapping[str, Any], x: Float[np.ndarray, "time dims"], y: Label
) -> Any:
    """Returns a fitted scikit-learn model.

    Args:
        row: How it is built.
        setting: Its parameters.
        x: Features.
        y: A label of any kind, one value for each row.
    """
    values = y.to_numpy()
    if y.kind == "categorical":
        return row.classifier(**setting).fit(x, values)
    columns = values[:, None] if values.ndim == 1 else values
    if y.period is not None:
        angle = columns * (2 * np.pi / y.period)
        columns = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    return row.regressor(**setting).fit(x, columns)


def predict_label(
    model: Any, x: Float[np.ndarray, "time dims"], like: Label
) -> Shaped[np.ndarray, "time *columns"]:
    """Returns predictions in the form of `Label.to_numpy`.

    Args:
        model: What `fit_decoder` returned.
        x: Features.
        like: The label that it was fitted to.
    """
    predicted = np.asarray(model.predict(x))
    if like.kind == "categorical":
        return predicted
    predicted = predicted.reshape(len(x), -1)
    if like.period is not None:
        sine, cosine = np.split(predicted, 2, axis=1)
        predicted = np.arctan2(sine, cosine) * (like.period / (2 * np.pi)) % like.period
    return predicted[:, 0] if like.values.shape[1] == 1 else predicted


class _FixedEpochsRegressor(MLPRegressor):  # type: ignore[misc]
    """A perceptron whose number of epochs is part of the recipe, not a limit that was missed."""

    def fit(self, X: Any, y: Any) -> _FixedEpochsRegressor:
        """Fits the perceptron; one column of targets is as good as none."""
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)  # type: ignore[no-any-return]


class _FixedEpochsClassifier(MLPClassifier):  # type: ignore[misc]
    """See `_FixedEpochsRegressor`."""

    def fit(self, X: Any, y: Any) -> _FixedEpochsClassifier:
        """Fits the perceptron."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)  # type: ignore[no-any-return]


def _scaled_target(regressor: Any) -> Any:
    # tube, penalty and step have the unit of the target, so the target is scaled as well
    target = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    return make_pipeline(StandardScaler(), target)


def _scaled_ridge(**setting: Any) -> Any:
    return make_pipeline(StandardScaler(), Ridge(**setting))


def _scaled_ridge_classifier(**setting: Any) -> Any:
    return make_pipeline(StandardScaler(), RidgeClassifier(**setting))


def _scaled_lasso(**setting: Any) -> Any:
    return _scaled_target(Lasso(**setting))


def _scaled_l1_classifier(alpha: float = 1.0) -> Any:
    sparse = LinearSVC(penalty="l1", dual=False, C=1 / alpha, max_iter=10_000)
    return make_pipeline(StandardScaler(), sparse)


def _scaled_svr(**setting: Any) -> Any:
    target = TransformedTargetRegressor(SVR(**setting), transformer=StandardScaler())
    return make_pipeline(StandardScaler(), MultiOutputRegressor(target))


def _scaled_svc(**setting: Any) -> Any:
    return make_pipeline(StandardScaler(), SVC(**setting))


_MLP: dict[str, Any] = {"learning_rate_init": 5e-3, "random_state": 0}


def _scaled_mlp(**setting: Any) -> Any:
    return _scaled_target(_FixedEpochsRegressor(**_MLP | setting))


def _scaled_mlp_classifier(**setting: Any) -> Any:
    return make_pipeline(StandardScaler(), _FixedEpochsClassifier(**_MLP | setting))


DECODERS: dict[str, Decoder] = {
    "knn": Decoder(
        KNeighborsRegressor,
        KNeighborsClassifier,
        {"n_neighbors": (1, 4, 9, 16, 25, 36, 49)},
        has_metric=True,
    ),
    "ridge": Decoder(
        _scaled_ridge, _scaled_ridge_classifier, {"alpha": (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)}
    ),
    "lasso": Decoder(_scaled_lasso, _scaled_l1_classifier, {"alpha": (1e-3, 1e-2, 0.1, 1.0)}),
    "svm": Decoder(_scaled_svr, _scaled_svc, {"C": (0.1, 1.0, 10.0, 100.0)}),
    "mlp": Decoder(_scaled_mlp, _scaled_mlp_classifier, {"hidden_layer_sizes": ((32,), (32, 32))}),
}
