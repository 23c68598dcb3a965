"""What the methods share: checks of parameters and data, windows, names of the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import _param_validation as allowed
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ..data.dataset import as_recording
from ..errors import DataError, InvalidParameterError
from ..models.base import centered
from ..types import Recording
from ..utils.validation import as_array, check_finite, check_numeric

__all__ = ["Embedder", "flat_windows"]


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The base of all methods: scikit-learn's conventions, and data checked in one way.

    A subclass stores its parameters in `__init__` and nothing else, has `n_components`, lists what
    they may be in `_parameter_constraints`, and writes `fit` and `transform`.
    """

    def fit_transform(self, X: Any, y: Any = None, *, trial: Any = None) -> Any:
        """Returns the points of the data that it was fitted to."""
        return self.fit(X, y, trial=trial).transform(X, y, trial=trial)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.positive_only = self._takes_counts
        return tags

    @property
    def _takes_counts(self) -> bool:
        return False

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def _begin(self, X: Any, trial: Any) -> Recording:
        """Checks parameters and training data, and notes the neurons.

        Raises:
            InvalidParameterError: If a parameter is outside its set.
            DataError: If the data cannot be used; also negative ones for a Poisson likelihood.
        """
        try:
            self._validate_params()
        except allowed.InvalidParameterError as error:
            raise InvalidParameterError(str(error)) from None
        return _checked(self, X, trial, reset=True)

    def _continue(self, X: Any, trial: Any) -> Recording:
        """Checks that the method is fitted, and new data of the same neurons."""
        check_is_fitted(self)
        return _checked(self, X, trial, reset=False)


def _checked(estimator: Embedder, X: Any, trial: Any, *, reset: bool) -> Recording:
    if isinstance(X, Recording):
        X, trial = X.neural, X.trial if trial is None else trial
    X = as_array(X, "X")
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    array = check_array(
        X,
        dtype=None if kind in "biufmM" else "numeric",
        ensure_all_finite=False,
        ensure_min_samples=2 if reset else 1,
        estimator=estimator,
        input_name="X",
    )
    check_numeric(array, "X")
    check_finite(array, "X")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if estimator._takes_counts and (array < 0).any():
        raise DataError(
            f"Negative values in data passed to X: it goes down to {array.min():g}, and a Poisson "
            "likelihood needs counts, or other values that are not negative. Pass spike counts, "
            "or take likelihood='gaussian' where there is one."
        )
    return as_recording(array, trial=trial, name="X")


def flat_windows(recording: Recording, span: int) -> Float[np.ndarray, "time features"]:
    """Returns the window around each bin as one row, bins of a neuron side by side.

    The first and last bin of a trial repeat beyond its ends.

    Args:
        recording: Activity `(T, N)` and trials.
        span: Bins of a window, at least 1; an even one has one bin more before than after.

    Returns:
        `(T, N * span)`.

    Example:
        >>> flat_windows(Recording(torch.tensor([[1.0], [2.0], [3.0]])), 2)
        array([[1., 1.],
               [1., 2.],
               [2., 3.]], dtype=float32)
    """
    if span == 1:
        return recording.neural.numpy()
    offset = centered(span)
    steps = torch.arange(-offset.left, offset.right)
    rows = [
        (torch.arange(first, last)[:, None] + steps).clamp(first, last - 1)
        for first, last in recording.segments.tolist()
    ]
    return recording.neural[torch.cat(rows)].transpose(1, 2).flatten(1).numpy()
