"""What the parameters of the estimator may be."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import torch
from sklearn.utils import _param_validation as allowed
from torch import nn

from ..errors import InvalidParameterError
from ..models.criterions import CRITERIONS
from ..models.model import resolve_model
from ..solver.schedules import OPTIMIZERS, SCHEDULERS
from .build import EARLY_STOPPING, stopping_options

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = ["FIXED_BY_FIT", "PARAMETER_CONSTRAINTS", "check_params"]

FIXED_BY_FIT = (
    "model_architecture output_dimension num_hidden_units causal hybrid criterion distance "
    "temperature temperature_mode min_temperature optimizer optimizer_kwargs early_stopping "
    "device random_state"
).split()
"""Parameters that a fitted model cannot change any more."""

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
    "learning_rate": [allowed.Interval(Real, 0, None, closed="neither")],
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
}
"""Types and ranges, in scikit-learn's form."""

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
    resolve_model(params.model_architecture)
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
    unknown = sorted(set(stopping_options(params)) - set(EARLY_STOPPING))
    if unknown:
        raise InvalidParameterError(
            f"early_stopping takes {', '.join(EARLY_STOPPING)}; got {', '.join(unknown)}."
        )
    for name, value in stopping_options(params).items():
        if not any(
            allowed.make_constraint(kind).is_satisfied_by(value) for kind in _STOPPING[name]
        ):
            kinds = " or ".join(str(allowed.make_constraint(kind)) for kind in _STOPPING[name])
            raise InvalidParameterError(
                f"{name} of early_stopping must be {kinds}; got {value!r}."
            )
