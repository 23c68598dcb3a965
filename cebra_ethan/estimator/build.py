"""From an estimator's parameters to a solver and loaders."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch

from ..data.augment import Compose, from_masking_kwargs
from ..data.loader import ContrastiveLoader, MultiObjectiveLoader, make_augmentation
from ..data.multisession import MultiSessionDataset
from ..data.objectives import as_specs
from ..data.split import time_split
from ..errors import InvalidParameterError
from ..models.criterions import make_criterion
from ..models.model import resolve_model
from ..models.multisession import Encoder, MultiSessionModel, share_trunk
from ..solver.base import EarlyStoppingSolver, SingleSessionSolver
from ..solver.momentum import MomentumQueue
from ..solver.objectives import make_objectives, make_regularizer
from ..solver.schedules import OPTIMIZERS, SCHEDULERS
from ..solver.weighting import BALANCES
from ..types import Augmentation, Objective, Recording
from ..utils.seeding import Streams, derive_seed, private_torch_rng

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = [
    "EARLY_STOPPING",
    "make_loader",
    "make_loaders",
    "make_model",
    "make_optimizer",
    "make_solver",
    "objectives_of",
    "renew_schedule",
    "solver_of",
    "stopping_options",
]

EARLY_STOPPING: Mapping[str, Any] = {
    "patience": 10,
    "min_delta": 0.0,
    "fraction": 0.1,
    "every": None,
}
"""What `early_stopping=True` means: evaluations, nats, share of time held out, steps."""

_VALID_BATCHES = 20

_HYBRID_DIMS = 3
_LOOPS = {"fused", "foreach", "capturable", "differentiable"}  # ways to run an optimiser


def stopping_options(params: CEBRA) -> dict[str, Any]:
    """Returns patience, min_delta, fraction and every."""
    given = params.early_stopping if isinstance(params.early_stopping, dict) else {}
    return {**EARLY_STOPPING, **given}


def make_model(
    params: CEBRA, num_neurons: Sequence[int], seed: int, device: torch.device
) -> Encoder:
    """Returns a model with new weights that depend on the seed alone.

    Args:
        params: Architecture, width, and whether sessions share a trunk.
        num_neurons: Neurons of each session.
        seed: Seed of the weights.
        device: Where they live.
    """
    with private_torch_rng(derive_seed(seed, Streams.INITIALISATION)):
        encoders = [
            resolve_model(params.model_architecture)(
                count,
                int(params.num_hidden_units),  # a grid of numpy numbers is welcome
                int(params.output_dimension),
                causal=params.causal,
            )
            for count in num_neurons
        ]
    if params.shared_trunk:
        share_trunk(encoders)
    model = encoders[0] if len(encoders) == 1 else MultiSessionModel(encoders)
    return model.to(device)


def make_solver(
    params: CEBRA, num_neurons: Sequence[int], seed: int, device: torch.device
) -> SingleSessionSolver:
    """Returns a solver with new weights, see `make_model`."""
    return solver_of(params, make_model(params, num_neurons, seed, device))


def solver_of(params: CEBRA, model: Encoder) -> SingleSessionSolver:
    """Returns the solver that trains a model as the parameters say."""
    device = next(model.parameters()).device
    objectives = objectives_of(params)
    learned = [objective.criterion.to(device) for objective in objectives]
    balance = None if params.balance is None else BALANCES[params.balance](len(objectives))
    if balance is not None:
        learned.append(balance.to(device))
    weights = dict.fromkeys(p for module in learned for p in module.parameters())
    optimizer = make_optimizer(params, [*model.parameters(), *weights])
    own: dict[str, Any] = {"scheduler": _make_schedule(params, optimizer), "balance": balance}
    if params.regularizer is not None:
        steps = params.max_iterations
        own["regularizer"] = make_regularizer(params.regularizer, objectives, steps)
    if params.num_queued_negatives is not None:
        own["queue"] = MomentumQueue(model, params.num_queued_negatives, params.momentum)
    if not params.early_stopping:
        return SingleSessionSolver(model, objectives, optimizer, **own)
    options = stopping_options(params)
    own |= {name: options[name] for name in ("patience", "min_delta")}
    return EarlyStoppingSolver(model, objectives, optimizer, **own)


def objectives_of(params: CEBRA) -> list[Objective]:
    """Returns the objectives that the parameters describe, with new criteria.

    Raises:
        InvalidParameterError: If dimensions, weights or criteria are not well described.
    """
    settings: dict[str, Any] = {
        "criterion": params.criterion,
        "distance": params.distance,
        "temperature": params.temperature,
        "temperature_mode": params.temperature_mode,
        "min_temperature": params.min_temperature,
    }
    if params.objectives is not None:
        num_output = int(params.output_dimension)
        return make_objectives(params.objectives, num_output, params.max_iterations, **settings)
    criterion = make_criterion(**{**settings, "criterion": copy.deepcopy(params.criterion)})
    if not params.hybrid:
        return [Objective(criterion)]
    # as in `cebra`: behaviour in the first dimensions, time in all of them
    behavior = Objective(criterion, "behavior", dims=slice(_HYBRID_DIMS))
    return [behavior, Objective(criterion, "time")]


def make_optimizer(params: CEBRA, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Returns the optimiser that the estimator's parameters ask for.

    Raises:
        InvalidParameterError: If it does not take `optimizer_kwargs`.
    """
    try:
        own = dict(params.optimizer_kwargs)
        options = own if _LOOPS & set(own) else {**_fused(parameters[0].device), **own}
        return OPTIMIZERS[params.optimizer](parameters, lr=params.learning_rate, **options)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            "optimizer_kwargs must be pairs of a name and a value that the optimiser "
            f"{params.optimizer!r} takes; got {params.optimizer_kwargs!r}: {error}. See "
            f"torch.optim.{OPTIMIZERS[params.optimizer].__name__}."
        ) from error


def _fused(device: torch.device) -> dict[str, bool]:
    """Returns what makes an optimiser take all weights in one launch, and fit into a graph."""
    if device.type == "cuda":
        return {"fused": True, "capturable": True}
    return {"fused": True} if device.type == "cpu" else {}


def renew_schedule(params: CEBRA, solver: SingleSessionSolver) -> None:
    """Starts the learning rate and its schedule anew for `max_iterations` more steps."""
    weight = torch.nn.Parameter(torch.zeros(1, device=solver.device))
    fresh = make_optimizer(params, [weight]).param_groups[0]
    for group in solver.optimizer.param_groups:
        kept = group["params"]
        group.clear()  # an earlier schedule left its own entries, and changed those of others
        group.update({**fresh, "params": kept})
    solver.scheduler = _make_schedule(params, solver.optimizer)


def make_loaders(
    params: CEBRA,
    sessions: Sequence[Recording],
    solver: SingleSessionSolver,
    seed: int,
    num_steps: int,
) -> tuple[ContrastiveLoader, ContrastiveLoader | None]:
    """Returns the loader of the training part, and that of the held-out part if there is one."""
    device, offset = solver.device, solver.model.offset
    train, valid = sessions, None
    if params.early_stopping:
        gap, fraction = offset.span + _longest(params), stopping_options(params)["fraction"]
        train, valid = zip(*(time_split(one, fraction, gap) for one in sessions), strict=True)
    augmentation = make_params_augmentation(params)
    loader = make_loader(params, train, seed, device, num_steps, params.batch_size, augmentation)
    loader.fixed_seed = isinstance(params.random_state, Integral)
    loader.bind(offset)  # what cannot be drawn is said before anything is trained
    if valid is None:
        return loader, None
    size = min(params.batch_size or 512, *map(len, valid))
    fixed = derive_seed(seed, Streams.VALIDATION)
    return loader, make_loader(params, valid, fixed, device, _VALID_BATCHES, size).bind(offset)


def make_loader(
    params: CEBRA,
    sessions: Sequence[Recording],
    seed: int,
    device: torch.device,
    num_steps: int,
    batch_size: int | None,
    augmentation: Augmentation | None = None,
) -> ContrastiveLoader:
    """Returns a loader that draws as the parameters say."""
    dataset = MultiSessionDataset(
        sessions,
        time_offset=params.time_offsets,
        num_negatives=params.num_negatives,
        conditional=params.conditional,
        delta=params.delta,
        prior=params.prior,
        hybrid=params.hybrid,
    )
    own: dict[str, Any] = {"random_state": seed, "augmentation": augmentation, "device": device}
    if params.objectives is None:
        return ContrastiveLoader(dataset, batch_size, num_steps, **own)
    specs = params.objectives
    return MultiObjectiveLoader(dataset, batch_size, num_steps, objectives=specs, **own)


def _longest(params: CEBRA) -> int:
    """Returns the most bins between a reference and a positive in time."""
    specs = () if params.objectives is None else as_specs(params.objectives)
    return max([params.time_offsets, *(spec.time_offset or 0 for spec in specs)])


def _make_schedule(
    params: CEBRA, optimizer: torch.optim.Optimizer
) -> torch.optim.lr_scheduler.LRScheduler | None:
    if params.scheduler is None:
        return None
    return SCHEDULERS[params.scheduler](optimizer, params.max_iterations)


def make_params_augmentation(params: CEBRA) -> Augmentation | None:
    """Returns what `augmentation` and `masking_kwargs` ask for, in this order."""
    steps: list[Augmentation] = []
    if isinstance(params.augmentation, Mapping):
        steps.append(make_augmentation(params.augmentation))
    elif params.augmentation is not None:
        steps.append(params.augmentation)
    if params.masking_kwargs:
        steps.append(from_masking_kwargs(params.masking_kwargs))
    return Compose(tuple(steps)) if steps else None
