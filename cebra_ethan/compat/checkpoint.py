"""Checkpoints of `cebra` 0.6.1, read without running anything that they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..errors import CheckpointError, InvalidParameterError
from ..estimator import CEBRA
from ..estimator.build import make_solver
from ..estimator.params import check_params
from ..estimator.training import set_solver
from ..models.convert import from_cebra
from ..solver.base import SingleSessionSolver
from ..types import Kind
from ..utils.device import resolve_device
from ..utils.restricted import load_restricted

__all__ = ["load_checkpoint"]

_PARTS = ("args", "state", "state_dict")
_LOG = {"align": "pos", "uniform": "neg", "loss": "total", "temperature": "temperature"}
_MAX_SESSIONS = 1 << 12
_MAX_COUNT = 1 << 24


def load_checkpoint(
    path: str | os.PathLike[str], device: str | None = None, cls: type[CEBRA] = CEBRA
) -> CEBRA:
    """Returns the fitted estimator of a checkpoint that `cebra.CEBRA.save` wrote.

    Its embeddings are those of `cebra`. Read are parameters, weights, the learned temperature
    and the losses of training; the optimiser starts anew in `partial_fit`. `save` then writes a
    checkpoint of this package.

    Args:
        path: A `.pt` file of `cebra` 0.6.1, one session or several.
        device: Where to put it; by default where it was trained if that is here, else the CPU.
        cls: The class to make.

    Raises:
        DataIntegrityError: If the file is damaged, or holds more than numbers and words.
        CheckpointError: If it is no such checkpoint.
    """
    content = load_restricted(path)
    try:
        args, state, trained = (_part(content, name) for name in _PARTS)
        return _estimator(args, state, trained, device, cls)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as e:
        raise CheckpointError(
            f"{path} must be a checkpoint of cebra 0.6.1, written by CEBRA.save; it is not: {e}. "
            "Save it again with that version."
        ) from e


def _part(content: Any, name: str) -> dict[str, Any]:
    part = content.get(name) if isinstance(content, dict) else None
    if not isinstance(part, dict):
        raise CheckpointError(
            f"a checkpoint of cebra 0.6.1 holds {', '.join(_PARTS)}; {name} is missing. Older "
            "files hold whole objects, which can run code: save them again with cebra 0.6.1."
        )
    return part


def _estimator(
    args: dict[str, Any],
    state: dict[str, Any],
    trained: dict[str, Any],
    device: str | None,
    cls: type[CEBRA],
) -> CEBRA:
    offsets = args.get("time_offsets")
    if isinstance(offsets, (list, tuple)) and len(offsets) == 1:
        args = {**args, "time_offsets": offsets[0]}
    estimator = cls(**args)
    check_params(estimator)
    counts = _counts(state["n_features_"])
    weights = _weights(trained["model"], len(counts), estimator.hybrid)
    _check_size(estimator, counts, weights)
    solver = make_solver(estimator, counts, 0, _device(device, state.get("device_")))
    for number, part in enumerate(weights):
        from_cebra(part, solver.encoder(number))
    _load_temperature(solver, trained.get("criterion") or {})
    _load_history(solver, trained)
    set_solver(estimator, solver)
    estimator.num_sessions_ = len(counts)
    estimator.n_features_in_ = counts if len(counts) > 1 else counts[0]
    estimator.label_kinds_ = _kinds(state.get("label_types_") or [], len(counts) > 1)
    estimator.label_forms_ = {}  # widths of labels are not in the file
    estimator.random_state_ = 0  # `cebra` has no seed; this one draws what is evaluated
    return estimator


def _counts(features: Any) -> list[int]:
    counts = features if isinstance(features, list) else [features]
    if not 0 < len(counts) < _MAX_SESSIONS:
        raise CheckpointError(f"it has {len(counts)} sessions.")
    for count in counts:
        if type(count) is not int or not 0 < count < _MAX_COUNT:
            raise CheckpointError(f"its number of neurons is {count!r:.80}.")
    return counts


def _weights(
    model: Mapping[str, Any], num_sessions: int, hybrid: bool
) -> list[dict[str, torch.Tensor]]:
    """Returns the weights of the encoder of each session, without what wrapped them."""
    prefixes = [f"{number}." for number in range(num_sessions)] if num_sessions > 1 else [""]
    if hybrid:
        prefixes = [f"{prefix}module." for prefix in prefixes]
    parts = [
        {name.removeprefix(prefix): w for name, w in model.items() if name.startswith(prefix)}
        for prefix in prefixes
    ]
    if sum(map(len, parts)) != len(model) or not all(map(len, parts)):
        raise CheckpointError(f"its weights are not those of {num_sessions} session(s).")
    for part in parts:
        for name, weight in part.items():
            if not isinstance(weight, torch.Tensor) or not bool(torch.isfinite(weight).all()):
                raise CheckpointError(f"the weight {name!r:.80} does not hold finite numbers.")
    return parts


def _check_size(
    estimator: CEBRA, counts: list[int], weights: list[dict[str, torch.Tensor]]
) -> None:
    """Refuses parameters that ask for more memory than the weights of the file have."""
    for name in ("num_hidden_units", "output_dimension"):
        if getattr(estimator, name) >= _MAX_COUNT:
            raise CheckpointError(f"{name} is {getattr(estimator, name)!r}.")
    with torch.device("meta"):
        shapes = make_solver(estimator, counts, 0, torch.device("meta")).model
    asked = sum(weight.numel() for weight in shapes.state_dict().values())
    held = sum(weight.numel() for part in weights for weight in part.values())
    if asked != held:
        raise CheckpointError(f"its parameters ask for {asked} weights; it has {held}.")


def _load_temperature(solver: SingleSessionSolver, criterion: Mapping[str, Any]) -> None:
    for own in solver.criterions:
        missing, foreign = own.load_state_dict(dict(criterion), strict=False)
        if missing or foreign:
            names = ", ".join([*missing, *foreign])
            raise CheckpointError(f"its criterion and its temperature_mode disagree in {names}.")


def _load_history(solver: SingleSessionSolver, trained: Mapping[str, Any]) -> None:
    losses = torch.as_tensor(trained["loss"], dtype=torch.float64).flatten()
    log = trained.get("log") or {}
    series = {"loss": losses}
    for name, key in _LOG.items():
        values = torch.as_tensor(log.get(key) or [], dtype=torch.float64)
        if len(values) == len(losses):  # empty for hybrid training
            series[name] = values
    solver.history.load_state_dict(series)
    solver.num_steps = len(losses)


def _kinds(label_types: list[Any], several: bool) -> dict[str, Kind]:
    """Returns the kind of each label; stored are dtype and shape, of each session if several."""
    firsts = [entry[0] if several else entry for entry in label_types]
    return {
        f"label {place}": "continuous" if np.dtype(dtype).kind == "f" else "categorical"
        for place, (dtype, _) in enumerate(firsts)
    }


def _device(wanted: str | None, saved: Any) -> torch.device:
    if wanted is not None:
        return resolve_device(wanted)
    try:
        return resolve_device(str(saved))
    except InvalidParameterError:
        return torch.device("cpu")
