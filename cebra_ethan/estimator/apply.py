"""What a fitted estimator does with data: embed them, and say how well it fits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from sklearn import get_config

from ..errors import InvalidParameterError
from ..metrics.goodness_of_fit import GoodnessOfFit
from ..solver.evaluate import goodness_of_fit
from ..utils.seeding import Streams, derive_seed
from .build import make_loader
from .inputs import Session, as_sessions, checked_recording, checked_sessions
from .labels import check_labels

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = ["embeddings", "judged"]


def embeddings(
    estimator: CEBRA, sessions: Sequence[Session], session_id: int | None
) -> list[Float[np.ndarray, "_ dims"]]:
    """Returns the embedding of each session, see `CEBRA.transform`."""
    _check_output(estimator, len(sessions))
    numbers = range(len(sessions)) if session_id is None else [session_id]
    points = []
    for number, session in zip(numbers, sessions, strict=True):
        named = number if estimator.num_sessions_ > 1 else None
        recording = checked_recording(estimator, session, named, fitted=True, min_samples=1)
        embedding = estimator.solver_.transform(
            recording.neural,
            recording.segments,
            session=number,
            pad=estimator.pad_before_transform,
        )
        points.append(embedding.cpu().numpy())
    return points


def _check_output(estimator: CEBRA, num_sessions: int) -> None:
    """Refuses to make one table of several embeddings, as scikit-learn would try to.

    Raises:
        InvalidParameterError: If there are several and `set_output` was called.
    """
    own = getattr(estimator, "_sklearn_output_config", {})
    kind = own.get("transform", get_config()["transform_output"])
    if num_sessions > 1 and kind != "default":
        raise InvalidParameterError(
            f"set_output makes one table; got {num_sessions} sessions and transform={kind!r}. "
            "Transform each with its session_id, or call set_output(transform='default')."
        )


def judged(
    estimator: CEBRA,
    given: tuple[Any, Any, Sequence[Any], Any],
    session_id: int | None,
    num_batches: int,
    objective: str | None = None,
) -> GoodnessOfFit:
    """Returns the goodness of fit of `(X, y, labels, trial)`, see `CEBRA.goodness_of_fit`."""
    solver = estimator.solver_
    names = [one.name for one in solver.objectives]
    if objective is not None and objective not in names:
        raise InvalidParameterError(
            f"objective must be one of those that were trained, {', '.join(names)}; got "
            f"{objective!r}. Leave it out for the first."
        )
    place = 0 if objective is None else names.index(objective)
    if session_id is None:
        sessions, model = checked_sessions(estimator, *given, fitted=True), solver.model
    else:
        named = session_id if estimator.num_sessions_ > 1 else None
        (session,) = as_sessions(*given)
        sessions = [checked_recording(estimator, session, named, fitted=True)]
        model = solver.encoder(session_id)
    check_labels(estimator, sessions[0])
    seed = derive_seed(estimator.random_state_, Streams.EVALUATION)
    size = min(estimator.batch_size or 512, *map(len, sessions))
    loader = make_loader(estimator, sessions, seed, estimator.device_, num_batches, size)
    return goodness_of_fit(model, solver.objectives[place], loader, place)
