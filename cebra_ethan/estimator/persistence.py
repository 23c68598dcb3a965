"""A fitted estimator as a state that a file can hold, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch

from ..data.objectives import ObjectiveSpec
from ..errors import CheckpointError, InvalidParameterError
from ..solver.base import SingleSessionSolver
from ..solver.checkpoint import load_state, save_state
from ..solver.schema import check_tensors
from ..types import Kind
from ..utils.device import resolve_device
from .build import make_solver
from .params import check_params

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = ["FITTED", "read_estimator", "write_estimator"]

FITTED: Mapping[str, tuple[type, ...]] = {
    "n_features_in_": (int, list),
    "feature_names_in_": (list, type(None)),
    "label_kinds_": (dict,),
    "label_forms_": (dict,),
    "random_state_": (int,),
}
"""What a checkpoint may set on an estimator, and the types of it."""

_MAX_SESSIONS = 1 << 12
_MAX_COUNT = 1 << 24
"""No width, count of neurons or of dimensions is larger; a damaged one would take all memory."""


def write_estimator(
    estimator: CEBRA, fitted_params: Mapping[str, Any], path: str | os.PathLike[str]
) -> None:
    """Writes a fitted estimator, see `CEBRA.save`."""
    names = getattr(estimator, "feature_names_in_", None)
    seed = {"random_state": estimator.random_state_}
    state = {
        "kind": "estimator",
        "params": _to_plain({**estimator.get_params(deep=False), **fitted_params, **seed}),
        "fitted": {
            "n_features_in_": _to_plain(estimator.n_features_in_),
            "feature_names_in_": None if names is None else names.tolist(),
            "label_kinds_": dict(estimator.label_kinds_),
            "label_forms_": dict(getattr(estimator, "label_forms_", {})),
            "random_state_": estimator.random_state_,
        },
        # training has ended: nothing of how it could go on is needed
        "solver": {**estimator.solver_.state_dict(), "stopping": None, "fingerprint": None},
    }
    save_state(path, state)


def read_estimator(
    cls: type[CEBRA], path: str | os.PathLike[str], device: str | None
) -> tuple[CEBRA, SingleSessionSolver, dict[str, Any]]:
    """Returns an unfitted estimator, its solver, and the attributes to set; see `CEBRA.load`."""
    if device is not None:
        resolve_device(device)  # what the caller asks for is no fault of the file
    state = load_state(path)
    _check_schema(cls, state, path)
    estimator, fitted = cls(**state["params"]), state["fitted"]
    num_neurons, seed = _counts(fitted), fitted["random_state_"]
    try:
        check_params(estimator)
        with torch.device("meta"):  # shapes alone: what a file asks for may not fit into memory
            shapes = make_solver(estimator, num_neurons, seed, torch.device("meta"))
        check_tensors("model", state["solver"]["model"], shapes.model.state_dict())
        if shapes.queue is not None:
            check_tensors("queue", state["solver"]["queue"], shapes.queue.state_dict())
        here = resolve_device(device or _device_here(estimator.device))
        solver = make_solver(estimator, num_neurons, seed, here)
        solver.load_state_dict(state["solver"])
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise CheckpointError(
            f"a checkpoint must describe a CEBRA estimator; {path} does not: {error}"
        ) from error
    known = {name: value for name, value in fitted.items() if value is not None}
    known["num_sessions_"] = len(num_neurons)
    if "feature_names_in_" in known:
        known["feature_names_in_"] = np.asarray(known["feature_names_in_"], dtype=object)
    return estimator, solver, known


def _check_schema(cls: type[CEBRA], state: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Refuses a state whose keys or types are not those that `CEBRA.save` writes.

    Parameters that the file lacks, because they came later, take their defaults.

    Raises:
        CheckpointError: With the key at fault.
    """
    if state.get("kind") != "estimator":
        raise CheckpointError(
            f"{path} is not the checkpoint of an estimator but of {state.get('kind')!r}."
        )
    for part, expected in (
        ("", ("kind", "params", "fitted", "solver")),
        ("fitted", FITTED),
        ("params", cls._parameter_constraints),
    ):
        content = state.get(part) if part else state
        if part == "params" and isinstance(content, dict):
            # a parameter that came after the file was written is as it was by default
            content = state["params"] = {**_defaults(cls), **content}
        if not isinstance(content, dict) or set(content) != set(expected):
            found = set(content) if isinstance(content, dict) else set()
            odd = sorted(map(str, found ^ set(expected)))
            raise CheckpointError(
                f"a checkpoint must hold the keys of its schema; in {path}, {part or 'the state'} "
                f"lacks or has in excess: {', '.join(odd)}. Save it with this version again."
            )
    for name, types in FITTED.items():
        value = state["fitted"][name]
        if not isinstance(value, types) or isinstance(value, bool):
            raise CheckpointError(f"{name} in {path} has the type {type(value).__name__}.")
    counts = _counts(state["fitted"])
    is_list = isinstance(state["fitted"]["n_features_in_"], list)
    if is_list and not 1 < len(counts) < _MAX_SESSIONS:
        raise CheckpointError(
            f"n_features_in_ in {path} must be a number, or list those of 2 to "
            f"{_MAX_SESSIONS - 1} sessions; got a list of {len(counts)}."
        )
    names = ("num_hidden_units", "output_dimension")
    sizes = [("n_features_in_", count) for count in counts]
    for name, size in [*sizes, *((name, state["params"][name]) for name in names)]:
        if not isinstance(size, int) or not 0 < size < _MAX_COUNT:
            raise CheckpointError(f"{name} in {path} must be below {_MAX_COUNT}; got {size!r}.")
    _check_fitted(state["fitted"], path)


def _check_fitted(fitted: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    names, kinds = fitted["feature_names_in_"], fitted["label_kinds_"]
    for name, fits, rule in (
        ("random_state_", fitted["random_state_"] >= 0, "must not be negative"),
        (
            "feature_names_in_",
            names is None
            or (len(names) == fitted["n_features_in_"] and all(type(n) is str for n in names)),
            "must name each neuron",
        ),
        (
            "label_kinds_",
            all(type(n) is str and kind in get_args(Kind) for n, kind in kinds.items()),
            f"must hold {', '.join(get_args(Kind))}",
        ),
        (
            "label_forms_",
            fitted["label_forms_"].keys() <= kinds.keys()
            and all(map(_is_form, fitted["label_forms_"].values())),
            "must hold columns and period of a label",
        ),
    ):
        if not fits:
            raise CheckpointError(f"{name} in {path} {rule}; got {fitted[name]!r:.80}.")


def _defaults(cls: type[CEBRA]) -> dict[str, Any]:
    params: dict[str, Any] = cls().get_params(deep=False)
    return params


def _is_form(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    columns, period = value
    return type(columns) is int and columns > 0 and (period is None or type(period) is float)


def _counts(fitted: Mapping[str, Any]) -> list[Any]:
    """Returns the number of neurons of each session."""
    counts = fitted["n_features_in_"]
    return list(counts) if isinstance(counts, list) else [counts]


def _device_here(device: str) -> str:
    """Returns the saved device where it is available, else what is."""
    try:
        return str(resolve_device(device))
    except InvalidParameterError:
        return "cuda_if_available"


def _to_plain(value: Any) -> Any:
    """Returns numpy scalars as Python numbers and devices as strings, inside nests too."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_to_plain(one) for one in value)
    if isinstance(value, ObjectiveSpec):
        return _to_plain(dict(vars(value)))
    if isinstance(value, slice):
        return (value.start or 0, value.stop)
    if isinstance(value, dict):
        return {key: _to_plain(one) for key, one in value.items()}
    return value
