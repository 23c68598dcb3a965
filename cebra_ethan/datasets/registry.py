"""Every dataset by name: one row adds one.

A row is a function `(root, **options) -> Recording`; simulators ignore `root`.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InvalidParameterError
from ..types import Recording
from .allen import MODALITIES, simulate_visual_population
from .allen_files import load_movie_file
from .allen_npz import POOLS, load_movie_session, load_pooled_movie
from .area2 import load_area2_bump, load_area2_published
from .files import verified_path
from .hc11 import load_dandi_000044, load_hc11, load_published_rat
from .hippocampus import load_rat, simulate_rat
from .macaque import CONDITIONS, M1_RECORDINGS, MONKEYS, load_m1, load_reaching_monkey
from .mouse import MICE, load_mouse
from .primate import simulate_reaching
from .synthetic import SyntheticData, load_synthetic, simulate_synthetic

__all__ = ["DANDI_SESSION", "DATASETS", "HC11_SESSION", "list_datasets", "load_dataset"]

DANDI_SESSION, HC11_SESSION = "Achilles-10252013", "Achilles_10252013"
"""The session of an archive that is loaded if none is named."""


def _simulated(simulate: Callable[..., Recording]) -> Callable[..., Recording]:
    """Gives a simulator the signature of a loader."""
    return lambda root=None, **options: simulate(**options)


def _session(
    load: Callable[[Path], Recording], pattern: str, default: str
) -> Callable[..., Recording]:
    """Finds the file of a session, named `rat_date`, in the data folder."""

    def of_session(
        root: str | os.PathLike[str] | None = None, session: str = default
    ) -> Recording:
        relative = pattern.format(re.split("[-_]", session)[0], session)
        return load(verified_path(relative, root))

    of_session.__doc__ = load.__doc__
    return of_session


def _activity(make: Callable[..., SyntheticData]) -> Callable[..., Recording]:
    """Gives the recording alone; its label `latent` is the truth."""
    return lambda *args, **options: make(*args, **options).recording


def _pooled_movie(pool: str, root: str | os.PathLike[str] | None = None) -> Recording:
    return load_pooled_movie(pool, root)[0]


def _movie(
    modality: str, root: str | os.PathLike[str] | None = None, file: str | None = None
) -> Recording:
    return load_movie_file(modality, root, file).recording


def _visual(modality: str, **options: Any) -> Recording:
    population = simulate_visual_population(modalities=(modality,), **options)
    return population.recordings[modality].recording


DATASETS: Mapping[str, Callable[..., Recording]] = {
    **{f"allen-{kind}-simulated": _simulated(partial(_visual, kind)) for kind in MODALITIES},
    **{f"allen-movie-{kind}": partial(_movie, kind) for kind in MODALITIES},
    "allen-session-791319847": lambda root=None: load_movie_session(root).recording,
    **{f"allen-pooled-{pool}": partial(_pooled_movie, pool) for pool in POOLS},
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
    "dandi-000044": _session(
        load_dandi_000044, "dandi_000044/sub-{0}_ses-{1}_behavior+ecephys.nwb", DANDI_SESSION
    ),
    "hc11": _session(load_hc11, "crcns_hc11/{1}_sessInfo.mat", HC11_SESSION),
    **{f"rat-{name}": partial(load_published_rat, name) for name in ("cicero", "gatsby")},
    **{
        f"rat-{name}-published": partial(load_published_rat, name)
        for name in ("achilles", "buddy")
    },
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
