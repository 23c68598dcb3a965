"""What the state of a solver may hold: the keys, types and shapes that it would write itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError

__all__ = ["ADVICE", "check_solver_state", "check_tensors"]

ADVICE = "Use the model, criteria, optimiser and schedule that were saved, or another checkpoint."
"""The end of every message about a checkpoint that does not fit."""


def check_solver_state(
    state: Mapping[str, Any],
    own: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    parameters: Sequence[Tensor],
) -> None:
    """Refuses a state that the solver which is to take it could not have written.

    PyTorch's schedulers set every key that they are given as an attribute, and its optimisers take
    any number for a learning rate; what passes here is only what they would have saved.

    Args:
        state: What was read.
        own: The state of the solver as it is.
        weights: Its weights under the names that early stopping keeps them by.
        parameters: What its optimiser changes, in order.

    Raises:
        CheckpointError: With the key at fault.
    """
    _check_keys("the state", state, own)
    for part in ("model", "criterions", "queue"):
        if part in own:
            check_tensors(part, state[part], own[part])
    if "queue" in own:
        counts = state["queue"]["_extra_state"]
        _demand(bool((counts >= 0).all()), "queue/_extra_state", "counts of rows")
    _check_optimizer(state["optimizer"], own["optimizer"], parameters)
    _check_alike("scheduler", state["scheduler"], own["scheduler"])
    if state["stopping"] is not None:
        _check_stopping(state["stopping"], weights)
    _check_series(state["history"], state["validation_history"])
    _check_fingerprint(state["fingerprint"])
    for name in ("num_steps", "seed", "valid_seed"):
        value = state[name]
        if name == "valid_seed" and value is None:
            continue
        _demand(type(value) is int and 0 <= value < 1 << 64, name, f"a count, not {value!r}")


def check_tensors(part: str, found: Any, own: Mapping[str, Tensor]) -> None:
    """Refuses tensors of other names, shapes or types, and such that are not finite.

    Raises:
        CheckpointError: With the name at fault.
    """
    _check_keys(part, found, own)
    for name, tensor in own.items():
        _check_tensor(f"{part}/{name}", found[name], tensor.shape, tensor.dtype)


def _check_tensor(
    name: str, found: Any, shape: torch.Size, dtype: torch.dtype | None = None
) -> None:
    _demand(isinstance(found, Tensor), name, f"a tensor, not a {type(found).__name__}")
    _demand(
        found.shape == shape, name, f"of shape {tuple(shape)}, not of shape {tuple(found.shape)}"
    )
    _demand(dtype in (None, found.dtype), name, f"of type {dtype}, not of type {found.dtype}")
    _demand(bool(torch.isfinite(found).all()), name, "finite; it holds NaN or infinity")


def _check_optimizer(found: Any, own: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
    _check_keys("optimizer", found, own)
    _check_alike("optimizer/param_groups", found["param_groups"], own["param_groups"])
    for group, expected in zip(found["param_groups"], own["param_groups"], strict=True):
        same = group["params"] == expected["params"]
        _demand(same, "optimizer/param_groups/params", "the numbers of its parameters")
    _demand(isinstance(found["state"], dict), "optimizer/state", "a mapping")
    for number, entries in found["state"].items():
        name = f"optimizer/state/{number}"
        known = type(number) is int and 0 <= number < len(parameters)
        _demand(known and isinstance(entries, dict), name, "that of a parameter")
        for key, value in entries.items():
            is_tensor = isinstance(value, Tensor) and value.ndim > 0
            shape = parameters[number].shape if is_tensor else torch.Size([])
            _check_tensor(f"{name}/{key}", value, shape)


def _check_stopping(found: Any, weights: Mapping[str, Tensor]) -> None:
    own = {"best_loss": 0.0, "best_step": 0, "best_weights": {}, "num_bad": 0, "losses": []}
    _check_keys("stopping", found, own)
    if found["best_weights"]:
        check_tensors("stopping/best_weights", found["best_weights"], weights)
    _check_alike("stopping", {**found, "best_weights": {}, "losses": []}, own)
    for loss in found["losses"]:
        _check_tensor("stopping/losses", loss, torch.Size([]))


def _check_series(history: Any, validation: Any) -> None:
    _demand(isinstance(history, dict), "history", "a mapping")
    lengths = set()
    for name, series in history.items():
        one = isinstance(series, Tensor) and series.ndim == 1 and isinstance(name, str)
        _demand(one, f"history/{name}", "a series of numbers")
        lengths.add(len(series))
    _demand(len(lengths) <= 1, "history", "of one length")
    pairs = isinstance(validation, Tensor) and validation.ndim == 2 and validation.shape[1] == 2
    _demand(pairs, "validation_history", "pairs of step and loss")


def _check_fingerprint(found: Any) -> None:
    if found is None:
        return
    _check_keys("fingerprint", found, {"data": {}, "settings": {}})
    for part, entries in found.items():
        texts = isinstance(entries, dict) and all(
            isinstance(one, str) for pair in entries.items() for one in pair
        )
        _demand(texts, f"fingerprint/{part}", "a mapping of names to texts")


def _check_alike(name: str, found: Any, own: Any) -> None:
    """Demands the same keys and lengths, and numbers of the same kind."""
    if isinstance(own, dict):
        _check_keys(name, found, own)
        for key, value in own.items():
            _check_alike(f"{name}/{key}", found[key], value)
    elif isinstance(own, (list, tuple)):
        same = type(found) is type(own) and len(found) == len(own)
        _demand(same, name, f"a {type(own).__name__} of {len(own)}")
        for place, value in enumerate(own):
            _check_alike(f"{name}/{place}", found[place], value)
    else:
        if isinstance(own, str):
            _demand(found == own, name, f"{own!r}, not {found!r}")
        options = {"flag", "nothing"}  # PyTorch turns one into the other in some versions
        kinds = options if _kind(own) in options else {_kind(own)}
        _demand(_kind(found) in kinds, name, f"a {_kind(own)}, not {found!r}")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def _check_keys(name: str, found: Any, own: Mapping[str, Any]) -> None:
    _demand(isinstance(found, dict), name, f"a mapping, not a {type(found).__name__}")
    odd = sorted(map(str, set(found) ^ set(own)))
    _demand(not odd, name, f"made of its own keys; it lacks or has in excess: {', '.join(odd)}")


def _demand(condition: bool, name: str, rule: str) -> None:
    if not condition:
        raise CheckpointError(f"{name} of a checkpoint must be {rule}. {ADVICE}")
