"""The recordings of an experiment: a thin layer over `cebra_ethan.datasets`."""

from __future__ import annotations

import os
from typing import Any

from cebra_ethan.datasets import load_dataset
from cebra_ethan.datasets.mouse import MICE
from cebra_ethan.types import Recording

__all__ = ["RECORDINGS", "load"]

_VISUAL = ("allen-neuropixels-simulated", "allen-calcium-simulated")

RECORDINGS = {
    ("hippocampus", "simulated"): ("rat-simulated",),
    ("hippocampus", "real"): ("rat-achilles", "rat-buddy"),
    ("primate", "simulated"): ("reaching-simulated",),
    ("primate", "real"): (
        *(f"macaque-{name}-{kind}" for name in "ks" for kind in ("active", "passive", "joint")),
        "macaque-m1-tr",
        "macaque-m1-te",
    ),
    ("synthetic", "simulated"): ("synthetic-simulated",),
    ("synthetic", "real"): ("synthetic-published",),
    ("allen", "simulated"): _VISUAL,
    ("allen", "real"): ("allen-movie-neuropixels", "allen-movie-calcium"),
    ("video_decoding", "simulated"): _VISUAL,
    ("video_decoding", "real"): ("allen-session-791319847",),
    ("multi_session", "simulated"): ("rat-simulated",),
    ("multi_session", "real"): ("rat-achilles", "rat-buddy", *(f"mouse-{name}" for name in MICE)),
}
"""(experiment, source) to the rows of `cebra_ethan.datasets.DATASETS`.

Simulated rats differ by `seed`. Of the real recordings of `allen` the first file of each method is
loaded here; the experiment takes all that lie in its folder.
"""


def load(
    name: str,
    source: str = "simulated",
    root: str | os.PathLike[str] | None = None,
    **options: Any,
) -> list[Recording]:
    """Returns the recordings of an experiment.

    Args:
        name: The experiment.
        source: `"simulated"` or `"real"`.
        root: Folder of the real recordings; `None` takes `CEBRA_ETHAN_DATA`.
        options: What the simulator or loader takes (`num_bins`, `num_neurons`, `seed`; `noise`).

    Raises:
        ValueError: If there is no such experiment or source.
        FileNotFoundError: If a real recording is not on disk.

    Example:
        >>> [rat.num_neurons for rat in load("hippocampus", num_bins=500, num_neurons=20)]
        [20]
    """
    if (name, source) not in RECORDINGS:
        rows = ", ".join(f"{experiment} ({kind})" for experiment, kind in RECORDINGS)
        raise ValueError(f"there are recordings for {rows}; got {name} ({source}).")
    return [load_dataset(row, root, **options) for row in RECORDINGS[name, source]]
