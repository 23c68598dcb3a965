"""Writes small checkpoints of the present version, for all later versions to read.

Run at each release, and keep what is written for ever::

    python -m tests.legacy.make_legacy

A folder that is there stays as it is; `--again` replaces the one of a version in the making.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from cebra_ethan import CEBRA, __version__
from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.models.criterions import LearnableCosineInfoNCE
from cebra_ethan.models.model import Offset5Model
from cebra_ethan.solver.base import EarlyStoppingSolver

NUM_BINS, NUM_NEURONS = 60, 4

SMALL = {
    "model_architecture": "offset5-model",
    "max_iterations": 4,
    "batch_size": 8,
    "num_hidden_units": 4,
    "output_dimension": 3,
    "random_state": 0,
    "device": "cpu",
}

ESTIMATORS = {
    "single": {"temperature_mode": "auto", "scheduler": "cosine"},
    "sessions": {"shared_trunk": True},
    "hybrid": {"hybrid": True},
    "early-stopping": {"early_stopping": {"every": 2, "patience": 3}},
}
"""Parameters of the estimators that are written, by the name of the file."""


def recordings():
    """Returns activity and a position, of one session and of two."""
    draw = np.random.default_rng(0)
    neural = draw.normal(size=(NUM_BINS, NUM_NEURONS)).astype(np.float32)
    position = np.cumsum(draw.normal(size=NUM_BINS))
    return neural, position, [neural, neural[::-1, :3].copy()], [position, position[::-1].copy()]


def make_solver():
    """Returns the solver whose checkpoint is written, untrained."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Offset5Model(NUM_NEURONS, 4, 3)
    criterion = LearnableCosineInfoNCE(min_temperature=0.1)
    optimizer = torch.optim.Adam([*model.parameters(), *criterion.parameters()])
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer)
    return EarlyStoppingSolver(model, criterion, optimizer, scheduler=scheduler)


def make_loaders():
    """Returns what the solver trains on, and what it stops by."""
    neural, position, *_ = recordings()
    dataset = ContrastiveDataset(neural, labels={"position": position})
    return ContrastiveLoader(dataset, 8, 8, random_state=0), ContrastiveLoader(
        dataset, 8, 2, random_state=1
    )


def write(folder):
    """Writes all files of one version."""
    neural, position, *sessions = recordings()
    for name, params in ESTIMATORS.items():
        X, y = sessions if name == "sessions" else (neural, position)
        fitted = CEBRA(**{**SMALL, **params}).fit(X, y)
        fitted.save(folder / f"{name}.ckpt")
        points = fitted.transform(X)
        several = X if name == "sessions" else [X]
        _write_arrays(folder / name, several, points if name == "sessions" else [points])
    solver = make_solver()
    loader, valid = make_loaders()
    loader.num_steps = 4
    solver.fit(loader, valid, valid_frequency=2)
    solver.save(folder / "solver.ckpt")
    _write_arrays(folder / "solver", [neural], [solver.transform(torch.from_numpy(neural))])


def _write_arrays(path, neural, points):
    arrays = {f"neural_{k}": one for k, one in enumerate(neural)}
    arrays |= {f"embedding_{k}": np.asarray(one) for k, one in enumerate(points)}
    np.savez_compressed(path.with_suffix(".npz"), **arrays)


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(__file__).parent / ".".join(__version__.split(".")[:2])
    if place.exists() and "--again" not in sys.argv:
        sys.exit(f"{place} is there; what a release has written is never written again")
    place.mkdir(exist_ok=True)
    write(place)
    print(place, sum(file.stat().st_size for file in place.iterdir()), "bytes")
