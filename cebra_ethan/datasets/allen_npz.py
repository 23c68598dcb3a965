"""Natural Movie One in the visual cortex of mice: the recordings that lie in the data folder.

Allen Institute for Brain Science, Visual Coding - Neuropixels. Siegle, J. H. et al. (2021). Survey
of spiking in the mouse visual system reveals functional hierarchy. Nature 592, 86-92,
doi:10.1038/s41586-020-03171-x. Both are in bins of one second, of which a movie has 30: too coarse
for the experiments of the paper, enough to test whether anything about the movie is decoded, and
what the simulator in `allen` was calibrated on.
"""

from __future__ import annotations

import os
import zipfile

import numpy as np
import torch

from ..errors import DataIntegrityError, InvalidParameterError
from ..types import Label, Recording
from .allen_recording import VisualRecording, visual_recording
from .files import SHA256, verified_path

__all__ = ["POOLS", "load_movie_session", "load_pooled_movie"]

FOLDER = "allen_neuropixels_natural_movie"
SESSION = f"{FOLDER}/session_791319847.npz"
SOURCE = "Allen Visual Coding - Neuropixels (Siegle et al. 2021)"
BEHAVIOUR = ("running_speed", "pupil_width", "pupil_height", "eye_x", "eye_y")
FRAMES_PER_BIN = 30

POOLS = tuple(
    sorted(
        name.removeprefix(f"{FOLDER}/pooled_").removesuffix(".npz")
        for name in SHA256
        if name.startswith(f"{FOLDER}/pooled_")
    )
)
"""Pools of trial averages: by area, or by how much the behaviour of the mice varied."""


def load_movie_session(root: str | os.PathLike[str] | None = None) -> VisualRecording:
    """Loads the single trials of session 791319847: 555 units, 20 repeats, bins of a second.

    The label `frame` counts seconds, 0 to 29: bin `b` holds the movie's frames `30 b` to
    `30 b + 29`. Repeats 0-9 and 10-19 are two blocks that other stimuli separate.

    Args:
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.

    Returns:
        Counts `(600, 555)` with the labels `frame`, `block`, `running_speed` (cm/s) and, in the
        unit of the source, `pupil_width`, `pupil_height`, `eye_x`, `eye_y`. Areas include
        thalamus and hippocampus; take `.select(area="VISp")`. Layers are not known.

    Raises:
        FileNotFoundError: If the file is not there.
        DataIntegrityError: If it is not the published one.
    """
    path = verified_path(SESSION, root)
    try:
        with np.load(path, allow_pickle=False) as file:
            counts, area = file["spike_counts"], file["unit_area"]
            bin_s = float(file["bin_width_s"])
            behaviour = {key: file[key].astype(np.float64) for key in BEHAVIOUR}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataIntegrityError(f"{path} cannot be read as a session: {error}") from error
    num_repeats, num_bins = counts.shape[1:]
    extra = {key: Label(values.ravel(), name=key) for key, values in behaviour.items()}
    block = np.repeat(np.arange(num_repeats) // 10, num_bins)
    return visual_recording(
        counts.transpose(1, 2, 0),
        area=area,
        mouse="791319847",
        name="allen-session-791319847",
        source=f"{SOURCE}, session 791319847",
        bin_s=bin_s,
        extra={**extra, "block": Label(block, name="block")},
    )


def load_pooled_movie(
    pool: str = "V1", root: str | os.PathLike[str] | None = None
) -> tuple[Recording, Recording]:
    """Loads trial averages of units of many mice: over training repeats and over test repeats.

    Args:
        pool: One of `POOLS`: `"V1"` (1913 units of 31 recordings) and `"CA1"` (2308), averages
            over 16 and 4 repeats; `"all_high_behav_var"` (1696) and `"all_low_behav_var"` (2270),
            all areas, over 10 and 10. Which unit is of which mouse is not given.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.

    Returns:
        Two recordings of 30 bins of a second, mean counts `(30, units)`, with the label `frame`
        (seconds, 0 to 29), in the same order of units.

    Raises:
        InvalidParameterError: If there is no such pool.
        FileNotFoundError: If the file is not there.
        DataIntegrityError: If it is not the published one.
    """
    if pool not in POOLS:
        raise InvalidParameterError(f"pool must be one of {', '.join(POOLS)}; got {pool!r}.")
    path = verified_path(f"{FOLDER}/pooled_{pool}.npz", root)
    try:
        with np.load(path, allow_pickle=False) as file:
            means = {part: file[f"mean_counts_{part}"].T for part in ("train", "test")}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataIntegrityError(f"{path} cannot be read as a pool: {error}") from error
    train, test = (
        Recording(
            neural=torch.from_numpy(np.ascontiguousarray(values)),
            labels={"frame": Label(np.arange(len(values)), name="frame")},
            bin_s=1.0,
            name=f"allen-pooled-{pool}-{part}",
            source=f"{SOURCE}, trial averages of several sessions",
        )
        for part, values in means.items()
    )
    return train, test
