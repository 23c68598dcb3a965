"""A small recording with structure, and solvers that train on it in milliseconds."""

import numpy as np
import torch

from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.models.criterions import LearnableCosineInfoNCE
from cebra_ethan.models.model import resolve_model
from cebra_ethan.solver.base import EarlyStoppingSolver, SingleSessionSolver
from cebra_ethan.types import Label, Recording

NUM_BINS, NUM_NEURONS, NUM_DIMS = 300, 6, 3
_draw = np.random.default_rng(0)
ANGLE = np.cumsum(_draw.normal(0.05, 0.1, NUM_BINS))
PLACE = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1)
_centers = np.linspace(0, 2 * np.pi, NUM_NEURONS, endpoint=False)
NEURAL = _draw.poisson(4 * np.exp(2 * (np.cos(ANGLE[:, None] - _centers) - 1))).astype(np.float32)
"""Place cells on a circle."""


def recording(part=slice(None), labels=True):
    return Recording(
        torch.from_numpy(NEURAL[part]), labels={"place": Label(PLACE[part])} if labels else {}
    )


def make_model(name="offset5-model", seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return resolve_model(name)(NUM_NEURONS, 8, NUM_DIMS, **options)


def make_loader(num_steps=12, batch_size=32, part=slice(None), seed=0, labels=True, **options):
    names = ("augmentation",)
    own = {name: options.pop(name) for name in names if name in options}
    dataset = ContrastiveDataset(recording(part, labels), **options)
    return ContrastiveLoader(dataset, batch_size, num_steps, random_state=seed, **own)


def make_solver(
    kind=SingleSessionSolver, model=None, criterion=None, lr=1e-2, schedule=None, **options
):
    model = model or make_model()
    criterion = criterion or LearnableCosineInfoNCE(temperature=0.5, min_temperature=0.1)
    modules = [criterion] if isinstance(criterion, torch.nn.Module) else criterion
    weights = {p for m in modules for p in getattr(m, "criterion", m).parameters()}
    optimizer = torch.optim.Adam([*model.parameters(), *weights], lr=lr)
    scheduler = None if schedule is None else schedule(optimizer)
    return kind(model, criterion, optimizer, scheduler=scheduler, **options)


def make_stopping_solver(patience=2, min_delta=0.0, **options):
    return make_solver(EarlyStoppingSolver, patience=patience, min_delta=min_delta, **options)


def weights(solver):
    return {k: v.clone() for k, v in solver._weights().items()}


def assert_equal(first, second):
    """Compares nests of tensors, arrays and numbers bit for bit."""
    assert type(first) is type(second), (first, second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for name in first:
            assert_equal(first[name], second[name])
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second
