"""What the parameters of the estimator may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from sklearn.utils import _param_validation as allowed
from torch import nn

from ..errors import DataError, InvalidParameterError
from ..models.criterions import CRITERIONS
from ..models.model import resolve_model
from ..solver.objectives import make_regularizer
from ..solver.schedules import OPTIMIZERS, SCHEDULERS
from ..solver.weighting import BALANCES
from .build import EARLY_STOPPING, make_optimizer, objectives_of, stopping_options
from .training import FIXED_BY_FIT, Freeze

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = [
    "PARAMETER_CONSTRAINTS",
    "check_adaptation",
    "check_params",
    "check_transform_options",
    "check_unchanged",
]

_MAX_QUEUED = 1 << 20  # sixteen times the queue of MoCo; a file may ask for any length

PARAMETER_CONSTRAINTS: dict[str, list[Any]] = {
    "model_architecture": [str],
    "device": [str, torch.device],
    "criterion": [allowed.StrOptions(set(CRITERIONS)), nn.Module],
    "distance": [allowed.StrOptions({"cosine", "euclidean"})],
    "conditional": [
        allowed.StrOptions({"time", "time_delta", "delta", "delta_normal", "discrete"}),
        None,
    ],
    "temperature": [allowed.Interval(Real, 0, None, closed="neither")],
    "temperature_mode": [allowed.StrOptions({"constant", "auto"})],
    "min_temperature": [allowed.Interval(Real, 0, None, closed="neither"), None],
    "time_offsets": [allowed.Interval(Integral, 1, None, closed="left")],
    "delta": [allowed.Interval(Real, 0, None, closed="neither"), None],
    "max_iterations": [allowed.Interval(Integral, 1, None, closed="left")],
    "max_adapt_iterations": [allowed.Interval(Integral, 1, None, closed="left")],
    "batch_size": [allowed.Interval(Integral, 2, None, closed="left"), None],
    "learning_rate": [allowed.Interval(Real, 0, 1e30, closed="right")],  # Adam divides it by 0.1
    "optimizer": [allowed.StrOptions(set(OPTIMIZERS))],
    "output_dimension": [allowed.Interval(Integral, 1, None, closed="left")],
    "verbose": ["verbose"],
    "num_hidden_units": [allowed.Interval(Integral, 2, None, closed="left")],
    "pad_before_transform": ["boolean"],
    "hybrid": ["boolean"],
    "optimizer_kwargs": [tuple, list],
    "masking_kwargs": [tuple, list, None],
    "random_state": ["random_state"],
    "early_stopping": ["boolean", dict],
    "num_negatives": [allowed.Interval(Integral, 1, None, closed="left"), None],
    "augmentation": [dict, callable, None],
    "scheduler": [allowed.StrOptions(set(SCHEDULERS)), None],
    "causal": ["boolean"],
    "prior": [allowed.StrOptions({"empirical", "uniform"}), None],
    "shared_trunk": ["boolean"],
    "objectives": [dict, list, tuple, None],
    "balance": [allowed.StrOptions(set(BALANCES)), None],
    "regularizer": [dict, None],
    "num_queued_negatives": [allowed.Interval(Integral, 0, _MAX_QUEUED, closed="both"), None],
    "momentum": [allowed.Interval(Real, 0, 1, closed="left")],
}
"""Types and ranges, in scikit-learn's form."""

_MAX_SPAN_DIGITS = 3  # `offset{n}-model` has n / 2 layers, and a file may ask for any n

_STOPPING: dict[str, list[Any]] = {
    "patience": [allowed.Interval(Integral, 1, None, closed="left")],
    "min_delta": [allowed.Interval(Real, 0, None, closed="left")],
    "fraction": [allowed.Interval(Real, 0, 1, closed="neither")],
    "every": [allowed.Interval(Integral, 1, None, closed="left"), None],
}


def check_params(params: CEBRA) -> None:
    """Refuses parameters outside their sets, alone and together.

    Raises:
        InvalidParameterError: With the parameter, what it may be, and what it is.
    """
    try:
        params._validate_params()
    except allowed.InvalidParameterError as error:
        raise InvalidParameterError(str(error)) from None
    for name, (first, *_) in PARAMETER_CONSTRAINTS.items():
        value = getattr(params, name)
        if isinstance(value, (bool, np.bool_)) and isinstance(first, allowed.Interval):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(params).__name__} must be a number. Got "
                f"{value!r} instead."
            )
    _check_span(params.model_architecture)
    resolve_model(params.model_architecture)
    make_optimizer(params, [nn.Parameter(torch.zeros(1))])
    lowest = params.min_temperature
    if params.temperature_mode == "auto" and lowest is not None and lowest > params.temperature:
        raise InvalidParameterError(
            "min_temperature must not exceed temperature; got min_temperature="
            f"{lowest!r} and temperature={params.temperature!r}. Change one of both."
        )
    if params.hybrid and params.output_dimension < 3:
        raise InvalidParameterError(
            "hybrid learns behaviour in the first three dimensions, so output_dimension must be "
            f"at least 3; got {params.output_dimension!r}."
        )
    _check_objectives(params)
    unknown = sorted(set(stopping_options(params)) - set(EARLY_STOPPING))
    if unknown:
        raise InvalidParameterError(
            f"early_stopping takes {', '.join(EARLY_STOPPING)}; got {', '.join(unknown)}."
        )
    for option, value in stopping_options(params).items():
        kinds = [allowed.make_constraint(kind) for kind in _STOPPING[option]]
        if not any(kind.is_satisfied_by(value) for kind in kinds):
            rule = " or ".join(map(str, kinds))
            raise InvalidParameterError(
                f"{option} of early_stopping must be {rule}; got {value!r}."
            )


def _check_objectives(params: CEBRA) -> None:
    if params.objectives is not None:
        own = {name: getattr(params, name) for name in ("hybrid", "conditional", "delta", "prior")}
        given = [f"{name}={value!r}" for name, value in own.items() if value]
        if given:
            raise InvalidParameterError(
                "each of the objectives says itself how its positives are drawn; got "
                f"{', '.join(given)} beside them. Write it into an objective, or leave it out."
            )
    objectives = objectives_of(params)
    if params.balance is not None:
        BALANCES[params.balance](len(objectives))
    if params.regularizer is not None:
        make_regularizer(params.regularizer, objectives, params.max_iterations)
    if params.num_queued_negatives is not None and params.num_negatives is not None:
        raise InvalidParameterError(
            "a queue adds negatives that all references share; got num_negatives="
            f"{params.num_negatives!r} and num_queued_negatives={params.num_queued_negatives!r}. "
            "Set one of them to None."
        )


def _check_span(name: str) -> None:
    span = re.match(r"offset(\d+)-model", name)
    if span is not None and len(span[1]) > _MAX_SPAN_DIGITS:
        raise InvalidParameterError(
            f"a model_architecture must span less than {10**_MAX_SPAN_DIGITS} time bins; got "
            f"{name[:40]!r}. Use wider bins."
        )


def check_unchanged(params: CEBRA, fitted: Mapping[str, Any]) -> None:
    """Refuses to continue a fitted model under other parameters.

    Raises:
        InvalidParameterError: With the first parameter of `FIXED_BY_FIT` that was changed.
    """
    for name in FIXED_BY_FIT:
        if getattr(params, name) != fitted[name]:
            raise InvalidParameterError(
                f"training continues with the fitted model, so {name} must stay "
                f"{fitted[name]!r}; got {getattr(params, name)!r}. Use fit."
            )


def check_transform_options(
    estimator: CEBRA, session_id: Any, batch_size: Any, num_given: int
) -> None:
    """Refuses a session that was not fitted and a batch size that counts nothing.

    Args:
        estimator: Fitted.
        session_id: What the user passed.
        batch_size: Likewise.
        num_given: The number of recordings that were passed.

    Raises:
        InvalidParameterError: With the argument and its range.
        DataError: If there are as many recordings as sessions in neither way.
    """
    check_session(estimator, session_id)
    fitted = estimator.num_sessions_
    if session_id is None and num_given == 1 < fitted:
        raise InvalidParameterError(
            f"session_id must say which of {fitted} sessions X belongs to, 0 to {fitted - 1}; got "
            "None. Pass it, or a list with one entry for each session."
        )
    expected = fitted if session_id is None else 1
    if num_given != expected:
        raise DataError(
            f"with session_id={session_id} X must hold {expected} session(s), as fitted; got "
            f"{num_given}. Pass a list with one entry for each, or one of them and its session_id."
        )
    is_count = isinstance(batch_size, Integral) and not isinstance(batch_size, bool)
    if batch_size is not None and not (is_count and int(batch_size) >= 1):
        raise InvalidParameterError(
            f"batch_size must be a positive integer or None; got {batch_size!r}."
        )


def check_adaptation(estimator: CEBRA, session_id: Any, freeze: Any) -> None:
    """Refuses to adapt a session that is not there, or to free a trunk that others use.

    Raises:
        InvalidParameterError: With the argument and what it may be.
    """
    check_session(estimator, session_id)
    if freeze not in get_args(Freeze):
        raise InvalidParameterError(
            f"freeze must be one of {', '.join(map(repr, get_args(Freeze)))}; got {freeze!r}."
        )
    if freeze == "none" and estimator.shared_trunk and estimator.num_sessions_ > 1:
        raise InvalidParameterError(
            "freeze='none' would change the trunk that all sessions share (shared_trunk=True). "
            "Freeze all but the first layer, or fit all sessions together."
        )


def check_session(estimator: CEBRA, session_id: Any) -> None:
    """Refuses what is not the number of a fitted session.

    Raises:
        InvalidParameterError: With the range.
    """
    last = estimator.num_sessions_ - 1
    number = isinstance(session_id, Integral) and not isinstance(session_id, bool)
    known = number and 0 <= session_id <= last
    if session_id is not None and not known:
        raise InvalidParameterError(
            f"session_id must be None or {'0' if last == 0 else 'an integer'}, the number of a "
            f"fitted session (range 0 to {last}); got {session_id!r}."
        )
