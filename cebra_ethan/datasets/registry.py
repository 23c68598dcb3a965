"""Every dataset by name: one row adds one.

A row is a function `(root, **options) -> Recording`; simulators ignore `root`.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import InvalidParameterError
from ..types import Recording
from .area2 import load_area2_bump, load_area2_published
from .hc11 import PUBLISHED_RATS, load_published_rat
from .hippocampus import load_rat, simulate_rat
from .macaque import CONDITIONS, M1_RECORDINGS, MONKEYS, load_m1, load_reaching_monkey
from .mouse import MICE, load_mouse
from .primate import simulate_reaching
from .synthetic import SyntheticData, load_synthetic, simulate_synthetic

__all__ = ["DATASETS", "list_datasets", "load_dataset"]


def _simulated(simulate: Callable[..., Recording]) -> Callable[..., Recording]:
    """Gives a simulator the signature of a loader."""
    return lambda root=None, **options: simulate(**options)


def _activity(make: Callable[..., SyntheticData]) -> Callable[..., Recording]:
    """Gives the recording alone; its label `latent` is the truth."""
    return lambda *args, **options: make(*args, **options).recording


DATASETS: Mapping[str, Callable[..., Recording]] = {
    **{f"mouse-{mouse}": partial(load_mouse, mouse) for mouse in MICE},
    "area2-bump": partial(load_area2_bump, None),
    "area2-bump-published": load_area2_published,
    **{f"macaque-m1-{name}": partial(load_m1, name) for name in M1_RECORDINGS},
    **{
        f"macaque-{name}-{condition}": partial(load_reaching_monkey, name, condition)
        for name in MONKEYS
        for condition in CONDITIONS
    },
    "reaching-simulated": _simulated(simulate_reaching),
    **{f"rat-{name}": partial(load_published_rat, name) for name in PUBLISHED_RATS[2:]},
    "rat-achilles": partial(load_rat, "achilles"),
    "rat-buddy": partial(load_rat, "buddy"),
    "rat-simulated": _simulated(simulate_rat),
    "synthetic-published": _activity(load_synthetic),
    "synthetic-simulated": _simulated(_activity(simulate_synthetic)),
}


def list_datasets() -> list[str]:
    """Returns the names that `load_dataset` knows.

    Example:
        >>> "rat-simulated" in list_datasets()
        True
    """
    return sorted(DATASETS)


def load_dataset(
    name: str,
    root: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Recording:
    """Loads or simulates a recording.

    Args:
        name: A row of `DATASETS`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`. Simulators need none.
        options: What the row's function takes (`seed`, `num_bins`, ... of a simulator).

    Raises:
        InvalidParameterError: If the name is unknown.
        FileNotFoundError: If a real recording is not on disk.
        DataIntegrityError: If its file is not the published one.

    Example:
        >>> load_dataset("rat-simulated", num_bins=1000, num_neurons=20, seed=1).neural.shape
        torch.Size([1000, 20])
    """
    if name not in DATASETS:
        raise InvalidParameterError(
            f"name must be one of {', '.join(list_datasets())}; got {name!r}. "
            "A new dataset is one more row of cebra_ethan.datasets.registry.DATASETS."
        )
    return DATASETS[name](root=root, **options)
