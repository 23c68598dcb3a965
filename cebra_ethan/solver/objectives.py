"""From described objectives to criteria on subspaces, which a solver can train."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from ..data.objectives import ObjectiveSpec, as_specs, resolve_dims
from ..errors import InvalidParameterError
from ..models.criterions import make_criterion
from ..models.jacobian import JacobianRegularizer
from ..types import Objective
from .weighting import resolve_weight

__all__ = ["make_objectives", "make_regularizer"]

_CRITERION = ("criterion", "distance", "temperature", "temperature_mode", "min_temperature")


def make_objectives(
    specs: Any, num_output: int, num_steps: int = 1000, **criterion: Any
) -> list[Objective]:
    """Returns the objectives that were described, each with a criterion of its own.

    A part of a unit vector is shorter than 1, and how long is up to the model: what one objective
    gains in length, and with it in sharpness of its similarities, the others lose. Therefore
    subspaces of two or more dimensions that do not overlap are brought to unit length under
    cosine similarity, unless an objective says otherwise.

    Args:
        specs: See `data.objectives.as_specs`; those of a `MultiObjectiveLoader` fit its positives.
        num_output: Dimensions `D` of the embedding.
        num_steps: Steps of the training, which scheduled weights refer to.
        criterion: Keywords of `make_criterion` for objectives that do not say.

    Raises:
        InvalidParameterError: If dimensions, weights or criteria are not well described.

    Example:
        >>> place, time = make_objectives({"place": {"labels": "position"}, "time": {}}, 8)
        >>> place.dims, time.dims, time.renormalize
        (slice(0, 4, None), slice(4, 8, None), True)
    """
    described = as_specs(specs)
    dims = resolve_dims(described, num_output)
    return [
        Objective(
            make_criterion(**_keywords(spec, criterion)),
            spec.name,
            resolve_weight(spec.weight, num_steps),
            own,
            _is_renormalized(spec, own, described, {**criterion, **spec.criterion}),
        )
        for spec, own in zip(described, dims, strict=True)
    ]


def make_regularizer(
    given: Mapping[str, Any], objectives: Sequence[Objective], num_steps: int = 1000
) -> JacobianRegularizer:
    """Returns the penalty on the Jacobian that was described.

    Args:
        given: The keys of a scheduled weight, see `resolve_weight`; `num_projections`, random ones
            for each window, or -1 for the exact value; and `objectives`, names of those whose
            subspaces have a penalty each, where it is not one on the whole embedding.
        objectives: Of the solver.
        num_steps: Steps of the training, which the schedule refers to.

    Raises:
        InvalidParameterError: If a key is unknown or a value out of range.

    Example:
        >>> make_regularizer({"weight": 0.1, "schedule": "linear-ramp-up"}, [], 800).weight(350)
        0.05
    """
    if not isinstance(given, Mapping):
        raise InvalidParameterError(
            f"a regularizer must be a mapping, as {{'weight': 0.1}}; got {given!r:.200}."
        )
    weight = {k: v for k, v in given.items() if k not in ("num_projections", "objectives")}
    resolved = resolve_weight(weight, num_steps)
    names = given.get("objectives")
    known = {objective.name: objective.dims for objective in objectives}
    listed = isinstance(names, (list, tuple)) and all(isinstance(one, str) for one in names)
    if names is not None and not (listed and names and set(names) <= set(known)):
        raise InvalidParameterError(
            f"objectives of a regularizer must list some of {', '.join(known)}; got "
            f"{names!r:.200}. Leave it out for one penalty on the whole embedding."
        )
    num_projections = given.get("num_projections", 1)
    if isinstance(num_projections, bool) or not isinstance(num_projections, Integral):
        raise InvalidParameterError(
            f"num_projections must be a positive integer, or -1; got {num_projections!r:.100}."
        )
    dims = (slice(None),) if names is None else tuple(known[name] for name in names)
    return JacobianRegularizer(weight=resolved, num_projections=int(num_projections), dims=dims)


def _is_renormalized(
    spec: ObjectiveSpec, dims: slice, specs: Sequence[ObjectiveSpec], criterion: Mapping[str, Any]
) -> bool:
    width = dims.stop - dims.start
    if spec.renormalize and width == 1:
        raise InvalidParameterError(
            f"one dimension of unit length is a sign, which nothing can learn; objective "
            f"{spec.name!r} has dims={spec.dims} and renormalize=True. Give it two or more."
        )
    if spec.renormalize is not None:
        return spec.renormalize
    is_cosine = criterion.get("distance", "cosine") == "cosine"
    apart = not any(one.overlap for one in specs)
    return len(specs) > 1 and is_cosine and apart and width > 1


def _keywords(spec: ObjectiveSpec, shared: Mapping[str, Any]) -> dict[str, Any]:
    odd = sorted(map(str, set(spec.criterion) - set(_CRITERION)))
    if odd:
        raise InvalidParameterError(
            f"criterion of objective {spec.name!r} may say {', '.join(_CRITERION)}; got "
            f"{', '.join(odd)}. Leave it out."
        )
    keywords = {**shared, **spec.criterion}
    if "criterion" in keywords:
        keywords["criterion"] = copy.deepcopy(keywords["criterion"])  # each objective its own
    return keywords
