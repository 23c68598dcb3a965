r"""A monkey that reaches in eight directions and is pushed in eight directions: simulated area 2.

The task is that of Chowdhury, Glaser & Miller (2020): reaches from the centre to a target
(active), and pushes of the handle while the hand rests (passive). A trial is 600 bins of 1 ms,
from 100 ms before the movement to 500 ms after. Labels: `position` (cm) and `velocity` (cm/s) of
the hand, `direction` (0 to 7, in steps of 45° from the right), `active`, `time` (s from movement
onset) and `split` (`train`, `valid`, `test`, whole trials).

The recording itself (`area2.load_area2_bump`) was not at hand. Rates were fitted by hand to two
other monkeys, `macaque_solo_joint_reaching` (premotor and motor cortex, 1 ms bins), and the gains
of the tuning so that linear decoders reach what the paper reports of them. Decoders are those of
scikit-learn with one penalty, on counts smoothed by 40 ms, trained on the split `train` and
tested on `test` of the active trials.

| statistic                          | source                        | simulated, seeds 0-4 |
|------------------------------------|-------------------------------|----------------------|
| units; active, passive trials      | 65; 193, 171 (paper)          | 65; 193, 171         |
| active trials in the split `test`  | 26 (paper)                    | 26                   |
| mean rate (Hz)                     | 6.3 to 6.9 (the two monkeys)  | 7.2 (6.6 to 8.3)     |
| rate of a unit (Hz): 10, 50, 90 %  | 0.3, 4.7, 16 (the same)       | 1.0, 5.5, 14.9       |
| variance / mean of a trial's count | 1.5 to 1.7 (the same)         | 1.9 (1.7 to 2.0)     |
| position, R² of ridge              | 0.74 (paper, lasso)           | 0.73 (0.66 to 0.76)  |
| direction by ridge, mean over time | 55 % (paper)                  | 43 % (38 to 47)      |
| the same at its best time          | 85 % (paper)                  | 80 % (77 to 85)      |
| active or passive, ridge           | 91 % (paper, CEBRA)           | 93 % (83 to 99)      |

So the direction of the simulated monkey is found later in the trial than that of the real one.

Reach length (12.5 cm), duration (about 0.5 s) and the push (2 N for 125 ms against a damped
spring) are from the literature and from the range of the paper's figures, not from a file.
What it does not have: a muscle or joint model, correlations between units other than by
kinematics, reach errors, and drift over the session.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from ..errors import InvalidParameterError
from ..types import Label, Recording

__all__ = [
    "BEFORE_BINS",
    "BIN_S",
    "SMOOTHING_BINS",
    "SPLITS",
    "TRIAL_BINS",
    "minimum_jerk",
    "simulate_reaching",
    "smoothed",
    "split_of_trials",
    "trial_recording",
]

BIN_S = 0.001
BEFORE_BINS, TRIAL_BINS = 100, 600
SMOOTHING_BINS = 40
MARGIN_BINS = 3 * SMOOTHING_BINS  # what the smoothing sees beyond a trial
MAX_LAG_BINS = 100
NUM_DIRECTIONS = 8
SPLITS = ("train", "valid", "test")

REACH_CM, PUSH_N, PUSH_S = 12.5, 2.0, 0.125
MASS_KG, DAMPING_N_S_M, STIFFNESS_N_M = (
    1.0,
    8.0,
    80.0,
)  # of arm and handle: the push moves it 1.6 cm

_Array = np.ndarray


def simulate_reaching(
    num_active: int = 193,
    num_passive: int = 171,
    num_units: int = 65,
    seed: int = 0,
    *,
    smoothing_s: float = 0.04,
    rate_scale: float = 1.0,
    name: str | None = None,
) -> Recording:
    r"""Simulates units that follow position and velocity of the hand, in reaches and in pushes.

    .. math:: n_{it} \sim \mathrm{Bernoulli}\big(r_i \, g_{ik} \exp(p_i^\top x_{t-\ell_i}
              + v_i^\top \dot x_{t-\ell_i} + s_i |\dot x_{t-\ell_i}| + a_{i} A_k) \, \Delta t\big)

    with position :math:`x`, lag :math:`\ell_i` of unit :math:`i`, a gain :math:`g_{ik}` of its
    own in each trial :math:`k`, and :math:`A_k` whether the trial is active.

    Args:
        num_active: Reaches; the default is the number in the real session.
        num_passive: Pushes; likewise.
        num_units: Units `N`.
        seed: Determines everything.
        smoothing_s: Standard deviation (s) of the Gaussian that smooths the counts, over both past
            and future as in the paper; 0 gives the counts.
        rate_scale: Factor on all rates.
        name: Name of the recording; `None` gives `reaching-simulated-{seed}`.

    Returns:
        Activity `(600 * trials, N)` in counts per bin of 1 ms, with the labels of the module.

    Raises:
        InvalidParameterError: If a size is negative, there is no trial, or a factor is not finite.

    References:
        Flash & Hogan (1985), J. Neurosci. 5, 1688-1703, doi:10.1523/JNEUROSCI.05-07-01688.1985
        (the reach); Prud'homme & Kalaska (1994), J. Neurophysiol. 72, 2280-2301,
        doi:10.1152/jn.1994.72.5.2280 (tuning to posture and movement); Chowdhury, Glaser & Miller
        (2020), eLife 9, e48198, doi:10.7554/eLife.48198 (the task).

    Example:
        >>> monkey = simulate_reaching(num_active=4, num_passive=2, num_units=5, seed=1)
        >>> monkey.neural.shape, sorted(monkey.labels)[:3]
        (torch.Size([3600, 5]), ['active', 'direction', 'position'])
    """
    _check(num_active, num_passive, num_units, smoothing_s, rate_scale)
    behaviour_rng, unit_rng, spike_rng = np.random.default_rng(seed).spawn(3)
    active = behaviour_rng.permutation(np.repeat([True, False], [num_active, num_passive]))
    direction = np.empty(len(active), dtype=int)
    for kind in (True, False):
        rows = np.flatnonzero(active == kind)
        direction[rows] = behaviour_rng.permutation(
            np.resize(np.arange(NUM_DIRECTIONS), len(rows))
        )
    hand = _hand(active, direction, behaviour_rng)
    units = _units(num_units, unit_rng)
    spikes = _spikes(hand, active, units, rate_scale, spike_rng)
    inside = slice(MARGIN_BINS, MARGIN_BINS + TRIAL_BINS)
    around = slice(MAX_LAG_BINS + MARGIN_BINS, MAX_LAG_BINS + MARGIN_BINS + TRIAL_BINS)
    return trial_recording(
        smoothed(spikes, smoothing_s / BIN_S)[:, inside],
        {
            "position": hand[:, around],
            "velocity": np.gradient(hand, BIN_S, axis=1)[:, around],
            "direction": direction,
            "active": active,
            "split": split_of_trials(active, _held_out(active, behaviour_rng)),
        },
        name=name or f"reaching-simulated-{seed}",
        source=f"simulated by cebra_ethan.datasets.primate.simulate_reaching(seed={seed})",
    )


def minimum_jerk(phase: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    r"""Returns the share of the way that a reach without needless jerk has covered.

    .. math:: 10 \tau^3 - 15 \tau^4 + 6 \tau^5

    Args:
        phase: Time over duration; below 0 the hand rests at the start, above 1 at the end.

    References:
        Flash & Hogan (1985), J. Neurosci. 5, 1688-1703, equation 3.

    Example:
        >>> minimum_jerk(np.array([-1.0, 0.5, 2.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    tau = np.clip(phase, 0, 1)
    return np.asarray(tau**3 * (10 - 15 * tau + 6 * tau**2))


def smoothed(
    counts: Float[np.ndarray, "trials bins units"], bins: float = SMOOTHING_BINS
) -> Float[np.ndarray, "trials bins units"]:
    """Smooths counts over time by a Gaussian that reaches three standard deviations each way.

    Args:
        counts: Counts of each trial; beyond its ends they are taken as zero.
        bins: Standard deviation in bins; 0 changes nothing.
    """
    if bins == 0:
        return counts
    return np.asarray(gaussian_filter1d(counts, bins, axis=1, truncate=3.0, mode="constant"))


def split_of_trials(active: _Array, held_out: _Array) -> _Array:
    """Names the split of each trial: of the held-out ones the first half is for validation.

    Active and passive trials are halved apart, in their order, as in the paper.

    Args:
        active: Whether a trial is active `(trials,)`.
        held_out: Whether it is kept from training `(trials,)`.

    Example:
        >>> both = np.array([True, True, False])
        >>> split_of_trials(np.array([True, True, True]), both).tolist()
        ['valid', 'test', 'train']
    """
    split = np.full(len(active), "train", dtype="U5")
    for kind in (True, False):
        rows = np.flatnonzero(held_out & (active == kind))
        split[rows[: len(rows) // 2]] = "valid"
        split[rows[len(rows) // 2 :]] = "test"
    return split


def trial_recording(
    neural: Float[np.ndarray, "trials bins units"],
    labels: dict[str, _Array],
    *,
    before_bins: int = BEFORE_BINS,
    bin_s: float = BIN_S,
    name: str,
    source: str,
) -> Recording:
    """Puts trials of one length behind each other.

    Args:
        neural: Activity of each trial.
        labels: `(trials,)`, one value for a whole trial, or `(trials, bins, d)`.
        before_bins: Bins before the event that `time` counts from.
        bin_s: Width of a bin in seconds.
        name: Name of the recording.
        source: Where it comes from.

    Returns:
        Activity `(trials * bins, N)` with the labels, `time` (s) and the trials.
    """
    num_trials, num_bins, _ = neural.shape
    flat = {
        key: np.repeat(values, num_bins) if values.ndim == 1 else np.concatenate(list(values))
        for key, values in labels.items()
    }
    time_s = np.tile((np.arange(num_bins) - before_bins) * bin_s, num_trials)
    return Recording(
        neural=torch.from_numpy(np.concatenate(list(neural)).astype(np.float32)),
        labels={key: Label(values, name=key) for key, values in flat.items()}
        | {"time": Label(time_s, name="time")},
        trial=torch.from_numpy(np.repeat(np.arange(num_trials), num_bins)),
        bin_s=bin_s,
        name=name,
        source=source,
    )


def _check(
    num_active: int, num_passive: int, num_units: int, smoothing_s: float, rate_scale: float
) -> None:
    if min(num_active, num_passive) < 0 or num_active + num_passive < 1 or num_units < 1:
        raise InvalidParameterError(
            "a session needs a trial and a unit, and no number of trials below 0; got "
            f"num_active={num_active}, num_passive={num_passive}, num_units={num_units}."
        )
    if not 0 <= smoothing_s <= SMOOTHING_BINS * BIN_S:
        raise InvalidParameterError(
            f"smoothing_s must be from 0 to {SMOOTHING_BINS * BIN_S}; got {smoothing_s}. "
            "For more, smooth the counts (smoothing_s=0) afterwards."
        )
    if not 0 < rate_scale < np.inf:
        raise InvalidParameterError(f"rate_scale must be positive and finite; got {rate_scale}.")


def _held_out(active: _Array, rng: np.random.Generator) -> _Array:
    """Keeps 27 % of the reaches and of the pushes from training: 52 of the 193 real reaches."""
    held_out = np.zeros(len(active), dtype=bool)
    for kind in (True, False):
        rows = rng.permutation(np.flatnonzero(active == kind))
        held_out[rows[: round(0.27 * len(rows))]] = True
    return held_out


def _hand(active: _Array, direction: _Array, rng: np.random.Generator) -> _Array:
    """The path `(trials, bins, 2)` of the hand in cm, with a margin on both sides of a trial."""
    extra = MAX_LAG_BINS + MARGIN_BINS
    time_s = (np.arange(TRIAL_BINS + 2 * extra) - extra - BEFORE_BINS) * BIN_S
    push_cm = _push(time_s)
    paths = []
    for is_active, number in zip(active, direction, strict=True):
        angle = 2 * np.pi * number / NUM_DIRECTIONS + rng.normal(0, 0.06)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        start = rng.normal(0, 0.4, size=2)
        size, bend = rng.normal(1, 0.06), rng.normal(0, 0.05)
        seconds = np.clip(rng.normal(0.5, 0.06), 0.35, 0.7)
        if is_active:
            phase = np.clip(time_s / seconds, 0, 1)
            way, side = minimum_jerk(phase), 16 * bend * phase**2 * (1 - phase) ** 2
            path = REACH_CM * size * (way[:, None] * along + side[:, None] * across)
        else:
            path = size * push_cm[:, None] * (along + bend * across)
        paths.append(start + path)
    return np.array(paths)


def _push(time_s: _Array) -> _Array:
    """Displacement (cm) of a damped mass on a spring, pushed for 125 ms from time 0 on."""
    place_m, speed_m_s, path = 0.0, 0.0, []
    for now in time_s:
        force = PUSH_N if 0 <= now < PUSH_S else 0.0
        force -= DAMPING_N_S_M * speed_m_s + STIFFNESS_N_M * place_m
        path.append(place_m)
        speed_m_s += force / MASS_KG * BIN_S
        place_m += speed_m_s * BIN_S
    return 100 * np.array(path)


@dataclass(frozen=True)
class _Units:
    """What drives each unit: rates in Hz, gains per cm and per cm/s, lags in bins."""

    rate_hz: _Array
    place: _Array
    motion: _Array
    speed: _Array
    active: _Array
    lag: _Array
    spread: float = 0.03  # variance of the gain over trials, see the Fano factor above


def _units(num_units: int, rng: np.random.Generator) -> _Units:
    quiet = rng.random(num_units) < 0.15  # a tenth of the real units is below 0.5 Hz
    rate_hz = np.where(
        quiet,
        rng.lognormal(np.log(0.35), 0.8, num_units),
        rng.lognormal(np.log(5.0), 0.8, num_units),
    )

    def vectors(size: float) -> _Array:
        angle = rng.uniform(0, 2 * np.pi, num_units)
        length = rng.gamma(4.0, size / 4.0, num_units)
        return np.stack([np.cos(angle), np.sin(angle)]) * length

    return _Units(
        rate_hz=np.minimum(rate_hz, 60.0),
        place=vectors(0.7) / REACH_CM,
        motion=vectors(0.9) / 40,
        speed=rng.normal(0.15, 0.3, num_units) / 40,
        active=rng.normal(0.0, 0.8, num_units),
        lag=np.clip(rng.normal(10, 40, num_units), -MAX_LAG_BINS, MAX_LAG_BINS)
        .round()
        .astype(int),
    )


def _spikes(
    hand: _Array, active: _Array, units: _Units, rate_scale: float, rng: np.random.Generator
) -> _Array:
    """Spikes `(trials, bins, N)` of trials with the margin that the smoothing needs."""
    num_bins = TRIAL_BINS + 2 * MARGIN_BINS
    rows = np.arange(num_bins)[:, None] + MAX_LAG_BINS - units.lag
    columns = np.arange(len(units.lag))
    spikes = np.empty((len(hand), num_bins, len(units.lag)), dtype=np.float32)
    for trial, path in enumerate(hand):
        motion = np.gradient(path, BIN_S, axis=0)
        drive = path @ units.place + motion @ units.motion
        drive += np.linalg.norm(motion, axis=1)[:, None] * units.speed
        drive += units.active * (active[trial] - 0.5)
        gain = rng.gamma(1 / units.spread, units.spread, len(units.lag))
        rate_hz = rate_scale * units.rate_hz * gain * np.exp(drive[rows, columns])
        spikes[trial] = rng.random(rate_hz.shape, dtype=np.float32) < rate_hz * BIN_S
    return spikes
