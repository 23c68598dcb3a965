"""The verbs of training: what `fit`, `partial_fit` and `adapt` do once everything is checked."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sklearn.utils.validation import validate_data
from torch import nn

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
from ..solver.train import Callback
from ..types import Recording
from ..utils.seeding import Streams, derive_seed
from .build import make_loaders, make_model, renew_schedule, solver_of, stopping_options
from .inputs import as_sessions
from .labels import set_labels

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = [
    "FIXED_BY_FIT",
    "Freeze",
    "UserCallback",
    "adapted",
    "set_fitted",
    "set_solver",
    "train",
    "train_on",
]

FIXED_BY_FIT = (
    "model_architecture output_dimension num_hidden_units causal hybrid criterion distance "
    "temperature temperature_mode min_temperature optimizer optimizer_kwargs early_stopping "
    "device random_state shared_trunk objectives balance regularizer num_queued_negatives momentum"
).split()
"""Parameters that a fitted model cannot change any more."""

Freeze = Literal["all but the first layer", "none"]

_FREE_ON_RESUME = {"max_iterations", "max_adapt_iterations", "verbose", "device"}
_FREE_ON_RESUME |= {"pad_before_transform", "random_state"}
"""Parameters that may change when a training is resumed; the seed is looked at by itself."""

UserCallback = Callable[[int, SingleSessionSolver], None] | Callback
"""Called as `callback(step, solver)`, or a callback of the solver such as `TensorBoardLog`."""


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
        estimator: Its parameters are used; it learns whether a signal ended the training, and
            the seed, which is that of the beginning where a training is resumed.
        solver: What is trained.
        loaders: Of the training part and of the held-out part.
        callback: The user's own.
        callback_frequency: Steps between two calls; 1 without. A callback of the solver sees
            every step and has a frequency of its own.
        files: `logdir`, `save_frequency` and `resume`, see `SingleSessionSolver.fit`.
    """
    callbacks: list[Callback] = []
    if isinstance(callback, Callback):
        callbacks.append(callback)
    elif callback is not None:
        callbacks.append(
            EveryFewSteps(lambda step: callback(step, solver), callback_frequency or 1)
        )
    try:
        solver.fit(
            *loaders,
            valid_frequency=stopping_options(estimator)["every"],
            progress=bool(estimator.verbose),
            callbacks=callbacks,
            settings=_settings(estimator),
            **files,
        )
    finally:
        estimator.interrupted_, estimator.random_state_ = solver.interrupted, loaders[0].seed


def _settings(estimator: CEBRA) -> dict[str, Any]:
    """Returns the parameters that a resumed training must agree in."""
    params = estimator.get_params(deep=False)
    return {name: value for name, value in params.items() if name not in _FREE_ON_RESUME}


def train_on(
    estimator: CEBRA,
    sessions: Sequence[Recording],
    callback: UserCallback | None,
    callback_frequency: int | None,
) -> None:
    """Trains a fitted estimator `max_iterations` more steps, see `CEBRA.partial_fit`."""
    solver = estimator.solver_
    steps = solver.num_steps + estimator.max_iterations
    loaders = make_loaders(estimator, sessions, solver, estimator.random_state_, steps)
    renew_schedule(estimator, solver)  # from here on nothing is refused any more
    estimator._fitted_params["scheduler"] = estimator.scheduler
    train(estimator, solver, loaders, callback, callback_frequency)


def adapted(
    estimator: CEBRA,
    recording: Recording,
    session_id: int | None,
    freeze: Freeze,
    **callback: Any,
) -> SingleSessionSolver:
    """Returns a solver with a new encoder for a recording, trained, beside the other sessions'.

    The input layers of the encoder are new, the rest is that of the session it replaces, or of
    session 0 where it is one more. The estimator is left as it is, also if this fails.

    Args:
        estimator: Fitted.
        recording: Of the new neurons.
        session_id: The session to replace, or `None`.
        freeze: What stays as it was.
        callback: `callback` and `callback_frequency`, see `train`.
    """
    fitted, params = estimator.solver_, copy.copy(estimator)
    params.max_iterations = estimator.max_adapt_iterations  # as long as a schedule lasts
    seed = derive_seed(estimator.random_state_, Streams.ADAPTATION, fitted.num_steps)
    encoder = make_model(estimator, [recording.num_neurons], seed, estimator.device_)
    assert isinstance(encoder, OffsetModel)
    copy_trunk(fitted.encoder(session_id or 0), encoder)
    solver = solver_of(params, encoder)
    solver.criterions.load_state_dict(fitted.criterions.state_dict())
    loaders = make_loaders(params, [recording], solver, seed, params.max_iterations)
    frozen = [] if freeze == "none" else _all_but_input(encoder, solver)
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        train(params, solver, loaders, **callback)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    if not isinstance(fitted.model, MultiSessionModel):
        return solver
    encoders = [fitted.encoder(number) for number in range(fitted.model.num_sessions)]
    place = len(encoders) if session_id is None else session_id
    encoders[place : place + 1] = [encoder]
    if estimator.shared_trunk:
        share_trunk(encoders)
    whole = solver_of(estimator, MultiSessionModel(encoders))
    whole.criterions.load_state_dict(solver.criterions.state_dict())
    whole.history, whole.validation_history = solver.history, solver.validation_history
    whole.num_steps, whole.stop_reason = solver.num_steps, solver.stop_reason
    return whole.to(solver.device)


def _all_but_input(encoder: OffsetModel, solver: SingleSessionSolver) -> list[nn.Parameter]:
    own = input_parameters(encoder)
    trunk = [weight for name, weight in encoder.named_parameters() if name not in own]
    return [p for p in (*trunk, *solver.criterions.parameters()) if p.requires_grad]


def set_fitted(
    estimator: CEBRA,
    solver: SingleSessionSolver,
    X: Any,
    recordings: Sequence[Recording],
    anew: bool = True,
) -> None:
    """Gives an estimator what was trained on `X`, and the neurons and labels of it.

    Args:
        estimator: What is fitted.
        solver: For the model of all sessions.
        X: What the user passed; a table of one session has named neurons.
        recordings: What became of it.
        anew: Forget the labels of what was fitted before.
    """
    set_solver(estimator, solver)
    if anew:
        set_labels(estimator, recordings[0])
    model = solver.model
    num_sessions = model.num_sessions if isinstance(model, MultiSessionModel) else 1
    encoders = [solver.encoder(number) for number in range(num_sessions)]
    estimator.num_sessions_ = num_sessions
    if num_sessions > 1:
        estimator.__dict__.pop("feature_names_in_", None)
        estimator.n_features_in_ = [one.num_neurons for one in encoders]
        return
    (session,) = as_sessions(X, None, (), None)
    validate_data(estimator, session.X, reset=True, skip_check_array=True)


def set_solver(estimator: CEBRA, solver: SingleSessionSolver) -> None:
    """Gives an estimator what was trained, and remembers with which parameters."""
    estimator.solver_, estimator.model_ = solver, solver.model
    estimator.offset_, estimator.device_ = solver.model.offset, solver.device
    estimator.interrupted_ = solver.interrupted
    names = (*FIXED_BY_FIT, "scheduler")
    estimator._fitted_params = {name: getattr(estimator, name) for name in names}
