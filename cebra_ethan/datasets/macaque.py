"""Macaques at hand: a task alone and together (premotor and motor cortex), and reaches (M1).

Two recordings of `data/README.md`; that of area 2 has a file of its own, `area2`.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import torch

from ..errors import DataIntegrityError, InvalidParameterError
from ..types import Label, Recording
from .files import verified_path
from .primate import smoothed, trial_recording

__all__ = ["CONDITIONS", "M1_RECORDINGS", "MONKEYS", "load_m1", "load_reaching_monkey"]

MONKEYS = ("k", "s")
CONDITIONS = ("active", "passive", "joint")
M1_RECORDINGS = ("tr", "te")


def load_reaching_monkey(
    name: str,
    condition: str = "active",
    *,
    root: str | os.PathLike[str] | None = None,
    smoothing_s: float = 0.0,
) -> Recording:
    """Loads a monkey that acts alone, sees another act, or acts with it, in eight directions.

    64 trials, eight for each direction, of 599 bins of 1 ms. What the trials are aligned on is not
    known; nothing about the direction can be read from the first 200 ms. The conditions bear the
    names of the source, which do not mean the same in both animals; and equal rows of two
    conditions need not be one trial.

    Args:
        name: `"k"` (202 units) or `"s"` (184 units).
        condition: One of `CONDITIONS`.
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.
        smoothing_s: Standard deviation (s) of a Gaussian over each trial; 0 for counts.

    Returns:
        Activity `(64 * 599, N)` in counts per bin with the labels `direction` (1 to 8), `time` (s
        from the start of the trial) and `trial_id`, the number of the trial in the source.

    Raises:
        InvalidParameterError: If there is no such monkey or condition.
        FileNotFoundError: If the file is not in the data folder.
        DataIntegrityError: If it is not the published one.

    References:
        Presumably Ferrari-Toniolo, Visco-Comandini & Battaglia-Mayer (2019), J. Neurosci. 39,
        3514-3528; the source does not say.
    """
    if name not in MONKEYS or condition not in CONDITIONS:
        raise InvalidParameterError(
            f"a monkey must be {' or '.join(MONKEYS)} and its condition one of "
            f"{', '.join(CONDITIONS)}; got {name!r} and {condition!r}."
        )
    if smoothing_s < 0:
        raise InvalidParameterError(f"smoothing_s must not be negative; got {smoothing_s}.")
    relative = f"macaque_solo_joint_reaching/monkey_{name}.npz"
    keys = ("spikes", "direction", "trial_id")
    arrays = _arrays(verified_path(relative, root), [f"{condition}_{key}" for key in keys])
    spikes, direction, trial_id = (arrays[f"{condition}_{key}"] for key in keys)
    bin_s = float(arrays["bin_width_s"])
    return trial_recording(
        smoothed(spikes.astype(np.float32), smoothing_s / bin_s),
        {"direction": direction.astype(int), "trial_id": trial_id.astype(int)},
        before_bins=0,
        bin_s=bin_s,
        name=f"macaque-{name}-{condition}",
        source=f"{relative} (github.com/LorenzoCNR/AI_for_all; attribution is an inference)",
    )


def load_m1(name: str, *, root: str | os.PathLike[str] | None = None) -> Recording:
    """Loads reaches from the centre to four targets, in bins of 0.2 s of motor cortex.

    Args:
        name: `"tr"` (623 bins, 174 units) or `"te"` (803 bins, 187 units): two recordings of one
            monkey, with other units.
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Returns:
        Counts `(T, N)` with the labels `velocity` (x and y; presumably cm/s) and `target` (3, 4, 5
        or 7, as in the source). A trial ends where the target changes; two reaches in a row to one
        target are not told apart in the source and are one trial.

    Raises:
        InvalidParameterError: If there is no such recording.
        FileNotFoundError: If the file is not in the data folder.
        DataIntegrityError: If it is not the published one.

    References:
        Dyer et al. (2017), Nature Biomedical Engineering 1, 967-976,
        doi:10.1038/s41551-017-0169-7.
    """
    if name not in M1_RECORDINGS:
        raise InvalidParameterError(
            f"name must be one of {', '.join(M1_RECORDINGS)}; got {name!r}."
        )
    relative = f"macaque_m1_center_out_demo/mihi_{name}.npz"
    arrays = _arrays(verified_path(relative, root), ["spike_counts", "velocity", "target"])
    target = arrays["target"].astype(int)
    return Recording(
        neural=torch.from_numpy(arrays["spike_counts"].astype(np.float32)),
        labels={
            "velocity": Label(arrays["velocity"].astype(np.float64), name="velocity"),
            "target": Label(target, "categorical", name="target"),
        },
        trial=torch.from_numpy(np.cumsum(np.diff(target, prepend=target[0]) != 0)),
        bin_s=0.2,
        name=f"macaque-m1-{name}",
        source=f"{relative} (Dyer et al. 2017)",
    )


def _arrays(path: Path, keys: list[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if "bin_width_s" in file.files:
                keys = [*keys, "bin_width_s"]
            return {key: np.asarray(file[key]) for key in keys}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataIntegrityError(
            f"{path} must hold {', '.join(keys)}; reading them failed: {error}. Copy it again."
        ) from error
