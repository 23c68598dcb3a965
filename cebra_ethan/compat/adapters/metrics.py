"""`cebra.sklearn.metrics` and `helpers`: the same scores under the arguments of `cebra`."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Shaped

from ...errors import InvalidParameterError
from ...estimator import CEBRA
from ...metrics import consistency, goodness_of_fit
from ...metrics.alignment import OrthogonalProcrustesAlignment as _Alignment
from ...metrics.alignment import ensemble_embeddings as _ensemble_embeddings

__all__ = [
    "OrthogonalProcrustesAlignment",
    "consistency_score",
    "ensemble_embeddings",
    "goodness_of_fit_history",
    "goodness_of_fit_score",
    "infonce_loss",
    "infonce_to_goodness_of_fit",
]


def infonce_loss(
    cebra_model: CEBRA,
    X: Any,
    *y: Any,
    session_id: int | None = None,
    num_batches: int = 500,
    correct_by_batchsize: bool = False,
) -> float:
    """Returns the mean InfoNCE loss of a fitted model on the data given here, in nats.

    Args:
        cebra_model: Fitted.
        X: As for `CEBRA.fit`.
        y: Labels, likewise.
        session_id: The session of `X`, where several were fitted.
        num_batches: Batches that are drawn, with the model's `random_state_`.
        correct_by_batchsize: Subtract chance, the log of the negatives that a reference sees.
    """
    fit = cebra_model.goodness_of_fit(X, *y, session_id=session_id, num_batches=num_batches)
    return fit.loss - (math.log(fit.num_negatives) if correct_by_batchsize else 0.0)


def goodness_of_fit_score(
    cebra_model: CEBRA,
    X: Any,
    *y: Any,
    session_id: int | None = None,
    num_batches: int = 500,
) -> float:
    """Returns the goodness of fit in bits; arguments as for `infonce_loss`."""
    fit = cebra_model.goodness_of_fit(X, *y, session_id=session_id, num_batches=num_batches)
    return fit.bits


def goodness_of_fit_history(model: CEBRA) -> Float[np.ndarray, " steps"]:
    """Returns the goodness of fit of every training step, in bits; hybrid: of behaviour.

    Raises:
        InvalidParameterError: If it was trained on full batches, whose size is not stored.
    """
    history = model.history_
    hybrid = "behavior/loss" in history
    name = "behavior/loss" if hybrid else "loss"
    return goodness_of_fit.goodness_of_fit_history(history, _num_negatives(model), name)


def infonce_to_goodness_of_fit(
    infonce: Any,
    model: CEBRA | None = None,
    batch_size: int | None = None,
    num_sessions: int | None = None,
) -> Any:
    """Returns InfoNCE losses of training as bits.

    Args:
        infonce: One loss or an array, in nats.
        model: The model that was trained; or
        batch_size: Negatives of each session, and
        num_sessions: How many there were, 1 without.

    Raises:
        InvalidParameterError: If neither or both are given.
    """
    if (model is None) == (batch_size is None):
        raise InvalidParameterError(
            "bits need either the model or the batch_size; got "
            f"{'neither' if model is None else 'both'}. Pass one of them."
        )
    count = (batch_size or 0) * (num_sessions or 1) if model is None else _num_negatives(model)
    losses = np.asarray(infonce, dtype=np.float64)
    bits = goodness_of_fit.infonce_to_bits(losses, count)
    return float(bits) if losses.ndim == 0 else bits


def _num_negatives(model: CEBRA) -> int:
    """Returns how many negatives one reference saw in training."""
    if model.num_negatives is not None:
        return model.num_negatives
    if model.batch_size is None:
        raise InvalidParameterError(
            "bits of training need the number of negatives, which batch_size=None leaves to the "
            "data. Use goodness_of_fit_score, or metrics.goodness_of_fit.goodness_of_fit_history."
        )
    apart = model.conditional == "time" or not model.label_kinds_
    return model.batch_size * (1 if apart else model.num_sessions_)


def consistency_score(
    embeddings: Sequence[Any],
    between: Literal["datasets", "runs"] | None = None,
    labels: Sequence[Any] | None = None,
    dataset_ids: Sequence[Hashable] | None = None,
    num_discretization_bins: int = 100,
) -> tuple[Float[np.ndarray, " pairs"], Shaped[np.ndarray, "pairs 2"], Shaped[np.ndarray, " ids"]]:
    """Returns scores, pairs and ids of `metrics.consistency.consistency_score`.

    Args:
        embeddings: At least two, `(T, D)`.
        between: `"datasets"` or `"runs"`; `None` is datasets if there are labels.
        labels: One for each embedding, to compare datasets.
        dataset_ids: The dataset of each embedding.
        num_discretization_bins: Bins of a continuous label.
    """
    found = consistency.consistency_score(
        embeddings, labels, dataset_ids, between, num_discretization_bins
    )
    return found.scores, found.pairs, found.ids


def ensemble_embeddings(
    embeddings: Sequence[Any],
    labels: Sequence[Any] | None = None,
    post_norm: bool = False,
    n_jobs: int = 0,
) -> Float[np.ndarray, "time dims"]:
    """Returns the mean of aligned embeddings; `n_jobs` is of no effect, there is little to do."""
    return _ensemble_embeddings(embeddings, labels, post_norm)


class OrthogonalProcrustesAlignment(_Alignment):
    """`metrics.alignment.OrthogonalProcrustesAlignment` with the argument names of `cebra`."""

    def fit(
        self, ref_data: Any, data: Any, ref_label: Any = None, label: Any = None
    ) -> OrthogonalProcrustesAlignment:
        """Finds the rotation of `data` onto `ref_data`."""
        super().fit(ref_data, data, ref_label, label)
        return self

    def fit_transform(
        self, ref_data: Any, data: Any, ref_label: Any = None, label: Any = None
    ) -> Float[np.ndarray, "time dims"]:
        """Returns `data`, turned onto `ref_data`."""
        return self.fit(ref_data, data, ref_label, label).transform(data)
