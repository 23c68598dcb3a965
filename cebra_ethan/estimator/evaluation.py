"""The verbs of evaluation, which `CEBRA` has as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from ..metrics.goodness_of_fit import GoodnessOfFit
from .apply import judged
from .inputs import is_list
from .params import check_transform_options

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = ["goodness_of_fit", "score"]


def score(
    self: CEBRA,
    X: Any,
    y: Any = None,
    *labels: Any,
    trial: Any = None,
    session_id: int | None = None,
) -> float:
    """Returns the goodness of fit in bits, by the labels given here; by time without `y`."""
    return self.goodness_of_fit(X, y, *labels, trial=trial, session_id=session_id).bits


def goodness_of_fit(
    self: CEBRA,
    X: Any,
    y: Any = None,
    *labels: Any,
    trial: Any = None,
    session_id: int | None = None,
    num_batches: int = 100,
    objective: str | None = None,
) -> GoodnessOfFit:
    """Returns the goodness of fit with its interval on any data, see `solver.evaluate`.

    The arguments are those of `fit`; held-out data give an honest number. A list is judged
    together, each reference beside the negatives of all sessions, as in training; one session
    of several, named by `session_id`, by itself. `num_batches` are drawn. It
    is that of one `objective`, by name; of the first one without.

    Raises:
        NotFittedError: If `fit` was not called.
        DataError: If neurons or labels are not like those that were fitted.
        InvalidParameterError: If there is no such session or objective.
    """
    check_is_fitted(self, "model_")
    check_transform_options(self, session_id, None, len(X) if is_list(X) else 1)
    return judged(self, (X, y, labels, trial), session_id, num_batches, objective)
