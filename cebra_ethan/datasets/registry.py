"""Every dataset by name: one row adds one.

A row is a function `(root, **options) -> Recording`; simulators ignore `root`.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import InvalidParameterError
from ..types import Recording
from .allen import MODALITIES, simulate_visual_population
from .allen_npz import POOLS, load_movie_session, load_pooled_movie
from .hippocampus import load_rat, simulate_rat
from .mouse import MICE, load_mouse

__all__ = ["DATASETS", "list_datasets", "load_dataset"]


def _simulated(simulate: Callable[..., Recording]) -> Callable[..., Recording]:
    """Gives a simulator the signature of a loader."""
    return lambda root=None, **options: simulate(**options)


def _pooled_movie(pool: str, root: str | os.PathLike[str] | None = None) -> Recording:
    return load_pooled_movie(pool, root)[0]


def _visual(modality: str, **options: Any) -> Recording:
    population = simulate_visual_population(modalities=(modality,), **options)
    return population.recordings[modality].recording


DATASETS: Mapping[str, Callable[..., Recording]] = {
    **{f"allen-{kind}-simulated": _simulated(partial(_visual, kind)) for kind in MODALITIES},
    "allen-session-791319847": lambda root=None: load_movie_session(root).recording,
    **{f"allen-pooled-{pool}": partial(_pooled_movie, pool) for pool in POOLS},
    **{f"mouse-{mouse}": partial(load_mouse, mouse) for mouse in MICE},
    "rat-achilles": partial(load_rat, "achilles"),
    "rat-buddy": partial(load_rat, "buddy"),
    "rat-simulated": _simulated(simulate_rat),
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
