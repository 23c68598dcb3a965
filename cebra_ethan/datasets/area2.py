"""Area 2 of a macaque that reaches and is pushed: the recording of the paper's experiment 3.

DANDI 000127, monkey Han, one session: 65 units, of which the Neural Latents Benchmark keeps 16
back, and 364 trials with kinematics. Its file `sub-Han_desc-train_behavior+ecephys.nwb` has

- `units/spike_times` with its index, and `units/heldout`;
- `intervals/trials`: `start_time`, `move_onset_time`, `ctr_hold_bump` (whether the hand was pushed
  while it rested in the centre: a passive trial), `cond_dir` and `bump_dir` (target and push, in
  degrees), `split` (`train` or `val`);
- `processing/behavior/hand_pos` and `hand_vel`, x and y at 1 kHz.

Both loaders give what `primate.simulate_reaching` gives, with the same labels. Neither was tested
on its real file, which was not at hand; tests write small ones of the same format.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from ..errors import DataIntegrityError, InvalidParameterError
from ..types import Recording
from .files import read_published, verified_path
from .nwb import NwbFile, open_nwb
from .primate import (
    BEFORE_BINS,
    BIN_S,
    MARGIN_BINS,
    SPLITS,
    TRIAL_BINS,
    smoothed,
    split_of_trials,
    trial_recording,
)

__all__ = ["AREA2_FILE", "SESSIONS", "load_area2_bump", "load_area2_published"]

AREA2_FILE = "area2_bump/sub-Han_desc-train_behavior+ecephys.nwb"
SESSIONS = ("all", "active", "passive")
DEGREES_PER_DIRECTION = 45
CITATION = "DANDI 000127 (Chowdhury & Miller 2022)"
CM_PER_UNIT = {"m": 100.0, "meters": 100.0, "metres": 100.0, "mm": 0.1}
"""Other units, and none, are taken as cm, which is what the benchmark's own reader does."""

log = logging.getLogger(__name__)


def load_area2_bump(
    path: str | os.PathLike[str] | None = None,
    *,
    session: str = "all",
    smoothing_s: float = 0.04,
    root: str | os.PathLike[str] | None = None,
) -> Recording:
    """Loads the recording from its NWB file, cut and smoothed as in the paper.

    Trials last from 100 ms before movement onset to 500 ms after, in bins of 1 ms. Counts are
    smoothed over past and future before they are cut. Trials without onset, with gaps in the
    position, or beyond the observed interval are left out and counted in the log. Of the trials
    that the benchmark keeps for validation, the first half of each kind is `valid` and the second
    `test`: 26 active trials of the real session.

    Args:
        path: The file; `None` looks for `AREA2_FILE` in the data folder.
        session: `"active"` (reaches), `"passive"` (pushes) or `"all"`.
        smoothing_s: Standard deviation of the Gaussian in seconds; 0 for counts.
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Returns:
        Activity `(600 * trials, 65)` in counts per bin, with the labels `position` (cm),
        `velocity` (cm/s), `direction` (0 to 7), `active`, `split` and `time` (s).

    Raises:
        InvalidParameterError: If there is no such session or smoothing.
        FileNotFoundError: If the file is missing.
        DataIntegrityError: If it is damaged or lacks what is listed above.
        MissingDependencyError: If h5py is not installed.

    References:
        Chowdhury, Glaser & Miller (2020), eLife 9, e48198, doi:10.7554/eLife.48198; data
        doi:10.48324/dandi.000127/0.220113.0359; Pei et al. (2021),
        doi:10.48550/arXiv.2109.04463 (the split).
    """
    if session not in SESSIONS:
        raise InvalidParameterError(
            f"session must be one of {', '.join(SESSIONS)}; got {session!r}."
        )
    if not 0 <= smoothing_s <= MARGIN_BINS / 3 * BIN_S:
        raise InvalidParameterError(
            f"smoothing_s must be from 0 to {MARGIN_BINS / 3 * BIN_S}; got {smoothing_s}."
        )
    place = verified_path(AREA2_FILE, root) if path is None else Path(path)
    with open_nwb(place) as file:
        trials = _trials(file)
        hand = {key: _hand(file, key) for key in ("hand_pos", "hand_vel")}
        rows = _whole_trials(file, trials["first"], hand)
        spikes = file.spike_times()
    rows &= {"all": np.True_, "active": trials["active"], "passive": ~trials["active"]}[session]
    trials = {key: values[rows] for key, values in trials.items()}
    if not rows.any():
        raise DataIntegrityError(
            f"{place} must hold {session} trials with an onset; none is left."
        )
    first = trials.pop("first")
    counts = _counts(spikes, first - MARGIN_BINS, TRIAL_BINS + 2 * MARGIN_BINS)
    neural = smoothed(counts, smoothing_s / BIN_S)[:, MARGIN_BINS : MARGIN_BINS + TRIAL_BINS]
    position, velocity = (_cut(*hand[key], first) for key in ("hand_pos", "hand_vel"))
    return trial_recording(
        neural,
        {"position": position, "velocity": velocity, **trials},
        name=f"area2-bump-{session}",
        source=CITATION,
    )


def load_area2_published(
    session: str = "active",
    split: str = "all",
    root: str | os.PathLike[str] | None = None,
) -> Recording:
    """Loads the recording as the paper's authors published it: cut, and smoothed by 40 ms.

    Args:
        session: `"active"`, `"passive"` or `"all"`.
        split: `"all"`, or one of `SPLITS`; the authors keep a file for each.
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Returns:
        As `load_area2_bump`. The label `split` is there when one split is asked for: the file of
        all trials does not say where they belong.

    Raises:
        InvalidParameterError: If there is no such session or split.
        FileNotFoundError: If the file is not in the data folder.
        DataIntegrityError: If it is not the published one (MD5), or not as described.
    """
    if session not in SESSIONS or split not in ("all", *SPLITS):
        raise InvalidParameterError(
            f"session must be one of {', '.join(SESSIONS)} and split all, {', '.join(SPLITS)}; "
            f"got {session!r} and {split!r}."
        )
    relative = f"monkey_reaching_preload_smth_40/{session}_{split}.jl"
    keys = ("spikes", "pos", "vel", "passive", "movement_dir", "num_trials", "trial_len")
    arrays = read_published(relative, keys, root)
    passive = arrays["passive"].astype(bool)
    shape = (int(arrays["num_trials"]), int(arrays["trial_len"]))
    if len(arrays["spikes"]) != np.prod(shape) or len(passive) != shape[0]:
        raise DataIntegrityError(
            f"{relative} must hold num_trials trials of trial_len bins; it has {shape} and "
            f"{len(arrays['spikes'])} bins. Download it again."
        )
    labels = {
        "position": arrays["pos"].astype(np.float64).reshape(*shape, -1),
        "velocity": arrays["vel"].astype(np.float64).reshape(*shape, -1),
        "direction": arrays["movement_dir"].astype(int),
        "active": ~passive,
    }
    if split != "all":
        labels["split"] = np.full(shape[0], split)
    return trial_recording(
        arrays["spikes"].reshape(*shape, -1),
        labels,
        name=f"area2-bump-{session}-{split}-published",
        source=f"{CITATION}, as published by Schneider et al. (2023)",
    )


def _trials(file: NwbFile) -> dict[str, np.ndarray]:
    """First bin, kind, direction and split of each trial; the first bin of one without is -1."""
    table = "intervals/trials"
    onset_s = file.array(f"{table}/move_onset_time").astype(np.float64)
    passive = file.column(f"{table}/ctr_hold_bump").astype(bool)
    degrees = np.where(
        passive, file.array(f"{table}/bump_dir"), file.array(f"{table}/cond_dir")
    ).astype(np.float64)
    there = np.isfinite(onset_s) & np.isfinite(degrees)
    # Rounding first keeps an onset that is stored as 1.2340000001 s in its own bin.
    first = np.ceil(np.round(np.where(there, onset_s, 0.0) / BIN_S, 3)).astype(int) - BEFORE_BINS
    turns = np.where(there, degrees, 0.0) // DEGREES_PER_DIRECTION
    held_out = file.column(f"{table}/split").astype(str) == "val"
    return {
        "first": np.where(there, first, -1),
        "direction": turns.astype(int) % (360 // DEGREES_PER_DIRECTION),
        "active": ~passive,
        "split": split_of_trials(~passive, held_out),
    }


def _hand(file: NwbFile, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Times (s) and values `(S, 2)` in cm or cm/s."""
    series = file.series(f"/{name}")
    unit = file.unit(series).removesuffix("/s")
    return file.times(series), file.values(series) * CM_PER_UNIT.get(unit, 1.0)


def _whole_trials(
    file: NwbFile, first: np.ndarray, hand: dict[str, tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Which trials lie in observed time, margins too, and have finite kinematics."""
    start_s = (first - MARGIN_BINS) * BIN_S
    stop_s = (first + TRIAL_BINS + MARGIN_BINS) * BIN_S
    whole = (first >= 0) & (start_s >= 0)
    if file.has("units/obs_intervals"):
        seen = file.ragged("units/obs_intervals")[0].reshape(-1, 2)
        inside = (seen[:, 0] <= start_s[:, None] + 1e-9) & (seen[:, 1] >= stop_s[:, None] - 1e-9)
        whole &= inside.any(axis=1)
    for times_s, values in hand.values():
        whole &= start_s + (MARGIN_BINS - 0.5) * BIN_S >= times_s[0] - BIN_S
        whole &= stop_s - (MARGIN_BINS + 0.5) * BIN_S <= times_s[-1] + BIN_S
        whole[whole] &= np.isfinite(_cut(times_s, values, first[whole])).all(axis=(1, 2))
    if not whole.all():
        log.warning("%s: %d of %d trials left out", file.path, (~whole).sum(), len(whole))
    return np.asarray(whole)


def _cut(times_s: np.ndarray, values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Values `(trials, bins, d)` at the start of each bin; NaN where samples are missing."""
    wanted = (first[:, None] + np.arange(TRIAL_BINS)) * BIN_S
    columns = values.reshape(len(values), -1)
    cut = np.stack([np.interp(wanted, times_s, column) for column in columns.T], axis=-1)
    after = np.clip(np.searchsorted(times_s, wanted), 1, len(times_s) - 1)
    step_s = np.diff(times_s)
    inside = (times_s[after - 1] < wanted) & (wanted < times_s[after])
    cut[inside & (step_s[after - 1] > 3 * np.median(step_s))] = np.nan
    return cut


def _counts(spikes: list[np.ndarray], first: np.ndarray, num_bins: int) -> np.ndarray:
    """Spikes `(trials, bins, N)`; a bin takes what falls on or after its start."""
    counts = np.zeros((len(first), num_bins, len(spikes)), dtype=np.float32)
    for unit, times_s in enumerate(spikes):
        bins = np.floor(np.round(times_s / BIN_S, 3)).astype(int)
        for trial, start in enumerate(first):
            low, high = np.searchsorted(bins, [start, start + num_bins])
            np.add.at(counts[trial, :, unit], bins[low:high] - start, 1)
    return counts
