"""The verbs of training: what `fit`, `partial_fit` and `adapt` do once everything is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sklearn.utils.validation import validate_data

from ..data.loader import ContrastiveLoader
from ..models.base import OffsetModel
from ..models.multisession import (
    MultiSessionModel,
    copy_trunk,
    input_parameters,
    share_trunk,
)
from ..solver.base import SingleSessionSolver
from ..solver.callbacks import EveryFewSteps
from ..types import Recording
from ..utils.seeding import Streams, derive_seed
from .build import make_loaders, make_model, solver_of, stopping_options
from .inputs import as_sessions

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = [
    "FIXED_BY_FIT",
    "Freeze",
    "UserCallback",
    "adapted",
    "set_neurons",
    "set_solver",
    "train",
]

FIXED_BY_FIT = (
    "model_architecture output_dimension num_hidden_units causal hybrid criterion distance "
    "temperature temperature_mode min_temperature optimizer optimizer_kwargs early_stopping "
    "device random_state shared_trunk"
).split()
"""Parameters that a fitted model cannot change any more."""

Freeze = Literal["all but the first layer", "none"]

UserCallback = Callable[[int, SingleSessionSolver], None]
"""Called as `callback(step, solver)`."""


def train(
    estimator: CEBRA,
    solver: SingleSessionSolver,
    loaders: tuple[ContrastiveLoader, ContrastiveLoader | None],
    callback: UserCallback | None = None,
    callback_frequency: int | None = None,
    **files: Any,
) -> None:
    """Trains a solver as the estimator's parameters say.

    Args:
        estimator: Its parameters are used, its state is not touched.
        solver: What is trained.
        loaders: Of the training part and of the held-out part.
        callback: The user's own.
        callback_frequency: Steps between two calls; 1 without.
        files: `logdir`, `save_frequency` and `resume`, see `SingleSessionSolver.fit`.
    """
    callbacks = []
    if callback is not None:
        callbacks.append(
            EveryFewSteps(lambda step: callback(step, solver), callback_frequency or 1)
        )
    solver.fit(
        *loaders,
        valid_frequency=stopping_options(estimator)["every"],
        progress=bool(estimator.verbose),
        callbacks=callbacks,
        **files,
    )


def adapted(
    estimator: CEBRA,
    recording: Recording,
    session_id: int | None,
    freeze: Freeze,
    **callback: Any,
) -> tuple[SingleSessionSolver, list[int]]:
    """Returns a solver with a new encoder for a recording, trained, and all counts of neurons.

    The input layers of the encoder are new, the rest is that of the session it replaces, or of
    session 0 where it is one more. The estimator is left as it is.

    Args:
        estimator: Fitted.
        recording: Of the new neurons.
        session_id: The session to replace, or `None`.
        freeze: What stays as it was.
        callback: `callback` and `callback_frequency`, see `train`.
    """
    fitted = estimator.solver_
    seed = derive_seed(estimator.random_state_, Streams.ADAPTATION, fitted.num_steps)
    encoder = make_model(estimator, [recording.num_neurons], seed, estimator.device_)
    assert isinstance(encoder, OffsetModel)
    copy_trunk(fitted.encoder(session_id or 0), encoder)
    solver = solver_of(estimator, encoder)
    solver.criterions.load_state_dict(fitted.criterions.state_dict())
    loaders = make_loaders(estimator, [recording], solver, seed, estimator.max_adapt_iterations)
    kept = input_parameters(encoder)
    frozen = [p for name, p in encoder.named_parameters() if name not in kept]
    frozen += list(solver.criterions.parameters())
    for parameter in frozen:
        parameter.requires_grad_(freeze == "none")
    try:
        train(estimator, solver, loaders, **callback)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    if not isinstance(fitted.model, MultiSessionModel):
        return solver, [recording.num_neurons]
    encoders = [fitted.encoder(number) for number in range(fitted.model.num_sessions)]
    place = len(encoders) if session_id is None else session_id
    encoders[place : place + 1] = [encoder]
    if estimator.shared_trunk:
        share_trunk(encoders)
    whole = solver_of(estimator, MultiSessionModel(encoders))
    whole.criterions.load_state_dict(solver.criterions.state_dict())
    whole.history, whole.num_steps = solver.history, solver.num_steps
    return whole, [one.num_neurons for one in encoders]


def set_solver(estimator: CEBRA, solver: SingleSessionSolver) -> None:
    """Gives an estimator what was trained, and remembers with which parameters."""
    estimator.solver_, estimator.model_ = solver, solver.model
    estimator.offset_, estimator.device_ = solver.model.offset, solver.device
    names = (*FIXED_BY_FIT, "scheduler")
    estimator._fitted_params = {name: getattr(estimator, name) for name in names}


def set_neurons(estimator: CEBRA, X: Any, counts: Sequence[int]) -> None:
    """Remembers how many neurons each session has, and their names where there is one session."""
    estimator.num_sessions_ = len(counts)
    if len(counts) > 1:
        estimator.__dict__.pop("feature_names_in_", None)
        estimator.n_features_in_ = list(counts)
        return
    (session,) = as_sessions(X, None, (), None)
    validate_data(estimator, session.X, reset=True, skip_check_array=True)
