r"""Rats on a 1.6 m linear track: the recordings of hc-11, and a simulated rat calibrated on one.

Both give the same `Recording`: spike counts in bins of 25 ms; labels `position` (metres,
continuous) and `direction` (`"right"` while the position grows, else `"left"`); one trial for
each lap. Only running laps are kept and they follow each other without pause, so time is
contiguous inside a lap and nowhere else.

The simulated rat was fitted by hand to `achilles.npz`. Counts are compared as they are; rate maps
have 40 bins of 4 cm for each direction, smoothed by one bin, over cells above 0.1 Hz. Decoding is
kNN (cosine, k = 25) on the square root of counts averaged over 10 bins, first 80 % of the time for
training, last 20 % for testing.

| statistic                          | achilles           | simulated, mean of seeds 0-4 |
|------------------------------------|--------------------|------------------------------|
| bins × neurons                     | 10178 × 120        | 10178 × 120                  |
| laps                               | 84                 | 85 (81 to 93)                |
| lap (s): 25, 50, 75, 95 %          | 2.0, 2.4, 3.7, 6.3 | 2.1, 2.4, 3.3, 6.6           |
| speed (m/s): 25, 50, 75 %          | 0.26, 0.54, 0.81   | 0.25, 0.46, 0.75             |
| mean rate (Hz)                     | 1.75               | 1.75 (1.67 to 1.85)          |
| rate of a cell (Hz): 10, 50, 90 %  | 0.10, 0.89, 4.6    | 0.13, 1.05, 4.0              |
| peak rate (Hz): 10, 50, 90 %       | 0.7, 3.7, 18       | 0.9, 4.2, 15                 |
| information (bit/spike): quartiles | 0.41, 0.70, 1.13   | 0.43, 0.84, 1.22             |
| variance / mean of counts, median  | 1.30               | 1.27                         |
| excess variance over laps, CV²     | 0.34               | 0.36                         |
| decoded position: median error     | 5.1 cm             | 4.9 cm (4.0 to 5.7)          |
| decoded position: mean error       | 7.7 cm             | 6.1 cm (5.2 to 6.9)          |
| decoded direction                  | 89 %               | 97 % (95 to 98)              |

So the simulated rat is somewhat cleaner: its direction is decoded more often, and its large errors
are fewer.

Fields keep their place over the session, as they do in ten minutes or less of a known track; with
`drift_m` they walk. Laps over- and undershoot with or without it. Several animals
(`simulate_rats`) share the track, the task and the distribution of fields, and nothing else: each
has its own cells, laps and noise, so what is alike in all embeddings comes from the task.

What it does not have: theta phase precession, remapping, replay, pauses outside the laps, and
correlations between cells other than by position, speed, theta and lap-wise gain.
"""

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import DataIntegrityError, InvalidParameterError
from ..types import Label, Recording
from .files import verified_path

__all__ = ["RATS", "load_rat", "simulate_rat", "simulate_rats"]

RATS = ("achilles", "buddy")
TRACK_M = 1.6

_Array = np.ndarray


def load_rat(name: str, root: str | os.PathLike[str] | None = None) -> Recording:
    """Loads a rat of Grosmark & Buzsáki (2016) on the linear track.

    The direction is named by the movement, not by its column in the file: in `buddy` the two
    columns are the other way round than in `achilles`.

    Args:
        name: `"achilles"` (10178 bins, 120 neurons) or `"buddy"` (6577 bins, 48 neurons).
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Returns:
        Counts `(T, N)` per bin of 25 ms with `position` in metres, `direction` and laps as trials.

    Raises:
        InvalidParameterError: If the name is unknown.
        FileNotFoundError: If the file is not there.
        DataIntegrityError: If the file is not the published one.

    References:
        Grosmark & Buzsáki (2016), Science 351, 1440-1443; data set CRCNS hc-11,
        doi:10.6080/K0862DC5.
    """
    if name not in RATS:
        raise InvalidParameterError(f"name must be one of {', '.join(RATS)}; got {name!r}.")
    path = verified_path(f"rat_hippocampus/{name}.npz", root)
    try:
        with np.load(path, allow_pickle=False) as file:
            counts, position = file["spikes"], file["position"]
            column, bin_s = file["direction"][:, 0], float(file["bin_width_s"])
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataIntegrityError(f"{path} cannot be read as a rat recording: {error}") from error
    lap = np.cumsum(np.diff(column.astype(int), prepend=int(column[0])) != 0)
    return Recording(
        neural=torch.from_numpy(counts.astype(np.float32)),
        labels=_labels(position.astype(np.float64), _runs_right(position, column)),
        trial=torch.from_numpy(lap),
        bin_s=bin_s,
        name=f"rat-{name}",
        source="CRCNS hc-11 (Grosmark & Buzsáki 2016), as processed by Schneider et al. (2023)",
    )


def simulate_rat(
    num_bins: int = 10_000,
    num_neurons: int = 120,
    seed: int = 0,
    *,
    bin_s: float = 0.025,
    rate_scale: float = 1.0,
    drift_m: float = 0.0,
    name: str | None = None,
) -> Recording:
    r"""Simulates a rat that runs laps while CA1 neurons fire in their place fields.

    .. math:: n_{it} \sim \mathrm{Poisson}\big( r_i(x_t, d_t) \, g^{lap}_{i} \,
              (v_t / \bar v)^{0.15} \, (1 + m \cos(2 \pi f t - \phi_i)) \, b_{it} \, \Delta t \big)

    The module's docstring compares the result with the real rat.

    Args:
        num_bins: Time bins `T`; 10,000 are 4.2 minutes and about 80 laps.
        num_neurons: Neurons `N`.
        seed: Determines everything; two seeds are two rats.
        bin_s: Width of a time bin in seconds.
        rate_scale: Factor on all rates.
        drift_m: How far (m, standard deviation) the fields of a cell are from where they were at
            the beginning, when the session ends; each cell walks on its own from lap to lap.
        name: Name of the recording; `None` gives `rat-simulated-{seed}`.

    Returns:
        Counts `(T, N)` with `position` in metres, `direction` and laps as trials.

    Raises:
        InvalidParameterError: If a size is below 1, a width or a factor is not positive, or the
            drift is negative.

    Example:
        >>> rat = simulate_rat(num_bins=2000, num_neurons=30, seed=7)
        >>> rat.name, rat.neural.shape, sorted(rat.labels)
        ('rat-simulated-7', torch.Size([2000, 30]), ['direction', 'position'])
    """
    for key, value in {"num_bins": num_bins, "num_neurons": num_neurons}.items():
        if value < 1:
            raise InvalidParameterError(f"{key} must be at least 1; got {value}.")
    for key, factor in {"bin_s": bin_s, "rate_scale": rate_scale}.items():
        if not 0 < factor < np.inf:
            raise InvalidParameterError(f"{key} must be positive and finite; got {factor}.")
    if not 0 <= drift_m < np.inf:
        raise InvalidParameterError(f"drift_m must be finite and not negative; got {drift_m}.")
    behaviour_rng, cell_rng, spike_rng, walk_rng = np.random.default_rng(seed).spawn(4)
    run = _run_laps(num_bins, bin_s, behaviour_rng)
    walk_m = _walk(run, num_neurons, drift_m, walk_rng)
    rate_hz = _tuning(run, num_neurons, walk_m, cell_rng) * rate_scale
    rate_hz *= _modulation(run, num_neurons, bin_s, spike_rng)
    counts = spike_rng.poisson(rate_hz * bin_s)
    return Recording(
        # No cell fires above 200 Hz; the largest count of achilles is 5 in 25 ms.
        neural=torch.from_numpy(np.minimum(counts, max(1, round(200 * bin_s))).astype(np.float32)),
        labels=_labels(run.position, run.right),
        trial=torch.from_numpy(run.lap),
        bin_s=bin_s,
        name=name or f"rat-simulated-{seed}",
        source=f"simulated by cebra_ethan.datasets.hippocampus.simulate_rat(seed={seed})",
    )


def simulate_rats(
    num_bins: Sequence[int] = (10_178, 6_577, 8_000, 8_000),
    num_neurons: Sequence[int] = (120, 48, 90, 60),
    seed: int = 0,
    **options: Any,
) -> list[Recording]:
    """Simulates several rats on one track.

    Args:
        num_bins: Bins of each rat. The first two defaults are those of achilles and buddy; the
            others are our choice.
        num_neurons: Neurons of each rat; likewise.
        seed: Rat `i` has the seed `seed + i`.
        options: As in `simulate_rat`.

    Raises:
        InvalidParameterError: If the two lengths differ, or as in `simulate_rat`.

    Example:
        >>> [rat.num_neurons for rat in simulate_rats((300, 200), (12, 8))]
        [12, 8]
    """
    if len(num_bins) != len(num_neurons):
        raise InvalidParameterError(
            "num_bins and num_neurons must have one number for each rat; got "
            f"{len(num_bins)} and {len(num_neurons)}."
        )
    pairs = enumerate(zip(num_bins, num_neurons, strict=True))
    return [simulate_rat(bins, cells, seed + rat, **options) for rat, (bins, cells) in pairs]


@dataclass(frozen=True)
class _Run:
    """What the animal does in each bin: position (m), speed (m/s), direction, lap."""

    position: _Array
    speed: _Array
    right: _Array
    lap: _Array


def _labels(position: _Array, right: _Array) -> dict[str, Label]:
    direction = np.where(right, "right", "left")
    return {
        "position": Label(position, "continuous", name="position"),
        "direction": Label(direction, "categorical", name="direction"),
    }


def _runs_right(position: _Array, column: _Array) -> _Array:
    """Which bins belong to the direction in which the position grows."""
    step, stays = np.diff(position), column[1:] == column[:-1]
    return np.asarray((column == 1) == (step[stays & (column[1:] == 1)].sum() > 0))


def _run_laps(num_bins: int, bin_s: float, rng: np.random.Generator) -> _Run:
    """Laps there and back, each with its own duration and an uneven speed."""
    laps: list[tuple[_Array, _Array]] = []
    total = 0
    while total < num_bins:
        # Medians 2.35 s and 3.7 s (75 %), 6.3 s (95 %): a fast mode and a tail of slow laps.
        seconds = 1.75 + rng.lognormal(-0.35, 1.15)
        laps.append(_lap(max(2, round(min(seconds, 9.0) / bin_s)), bin_s, rng))
        total += len(laps[-1][0])
    lap = np.repeat(np.arange(len(laps)), [len(path) for path, _ in laps])[:num_bins]
    path = np.concatenate([path for path, _ in laps])[:num_bins]
    speed = np.concatenate([speed for _, speed in laps])[:num_bins]
    right = lap % 2 == 0
    return _Run(np.where(right, path, TRACK_M - path), speed, right, lap)


def _lap(num_bins: int, bin_s: float, rng: np.random.Generator) -> tuple[_Array, _Array]:
    """Distance from the start (m) and speed (m/s) of one lap over the whole track."""
    phase = (np.arange(num_bins) + 0.5) / num_bins
    knots = rng.normal(0.0, 0.45, size=max(3, round(num_bins * bin_s / 0.4)))
    wander = np.interp(phase, np.linspace(0, 1, len(knots)), knots)
    speed = (np.sin(np.pi * phase) ** 0.8 + 0.08) * np.exp(wander)
    speed *= TRACK_M / (speed.sum() * bin_s)
    return np.cumsum(speed) * bin_s - speed * bin_s / 2, speed


def _tuning(run: _Run, num_neurons: int, walk_m: _Array, rng: np.random.Generator) -> _Array:
    """The rate `(T, N)` in Hz that place and direction alone would give."""
    peak_hz, centre_m, width_m, base_hz = _cells(num_neurons, rng)
    felt_m = (run.position + _drift(run, rng))[:, None] - walk_m
    rate_hz = np.empty((len(run.position), num_neurons))
    for side, rows in enumerate((~run.right, run.right)):
        distance = felt_m[rows][:, :, None] - centre_m[side]
        fields = peak_hz[side] * np.exp(-0.5 * (distance / width_m[side]) ** 2)
        rate_hz[rows] = base_hz[side] + fields.sum(axis=-1)
    return rate_hz


def _walk(run: _Run, num_neurons: int, drift_m: float, rng: np.random.Generator) -> _Array:
    """How far (m) the fields of each cell have moved `(T, N)`; `(T, 1)` zeros without drift."""
    if drift_m == 0:
        return np.zeros((len(run.lap), 1))
    num_laps = int(run.lap[-1]) + 1
    steps = rng.normal(0.0, drift_m / np.sqrt(max(1, num_laps - 1)), (num_laps, num_neurons))
    steps[0] = 0.0
    return np.asarray(steps.cumsum(axis=0)[run.lap])


def _drift(run: _Run, rng: np.random.Generator) -> _Array:
    """How far (m) the place that the cells represent is from the true one; constant in a lap.

    The population over- and undershoots together; without it the simulated rat would be decoded
    to 3.7 cm, the real one to 5.1 cm.
    """
    return np.asarray(rng.normal(0.0, 0.05, size=int(run.lap[-1]) + 1)[run.lap])


def _cells(num_neurons: int, rng: np.random.Generator) -> tuple[_Array, _Array, _Array, _Array]:
    """Draws two fields `(2 sides, N, 2)` for each cell and direction, and its baseline."""
    shape = (2, num_neurons, 2)
    kind = rng.choice(4, size=num_neurons, p=[0.40, 0.40, 0.08, 0.12])
    both, single, silent, broad = (kind == code for code in range(4))

    # The two directions of a cell share their size; bidirectional cells also their place.
    size_hz = np.minimum(rng.lognormal(np.log(5.5), 0.95, size=num_neurons), 20.0)[:, None]
    peak_hz = size_hz * rng.lognormal(0.0, 0.5, size=shape)
    peak_hz[..., 1] *= rng.random((2, num_neurons)) < 0.45  # a second field, if any, is smaller
    peak_hz[..., 1] *= 0.5
    quiet = rng.integers(2, size=num_neurons)[None] == np.arange(2)[:, None]
    peak_hz *= np.where(single & quiet, 0.12, 1.0)[..., None]
    peak_hz *= np.where(silent, 0.008, 1.0)[:, None]

    # Fields gather at the two ends, where the rat turns and is fed.
    centre_m = np.where(
        rng.random(shape) < 0.35, rng.choice([0.0, TRACK_M], shape), rng.uniform(0, TRACK_M, shape)
    ) + rng.normal(0.0, 0.06, shape)
    shifted = centre_m[0] + rng.normal(0.0, 0.1, (num_neurons, 2))
    centre_m[1] = np.where(both[:, None], shifted, centre_m[1])

    width_m = rng.lognormal(np.log(0.11), 0.4, size=shape)
    width_m = np.where(broad[:, None], 0.5, width_m)
    peak_hz *= np.where(broad, 0.4, 1.0)[:, None]
    base_hz = 0.03 * size_hz[:, 0] * rng.lognormal(0.0, 0.7, size=(2, num_neurons))
    base_hz = np.where(silent, 0.02, np.where(broad, 0.35 * size_hz[:, 0], base_hz))
    return peak_hz, centre_m, width_m, base_hz


def _modulation(run: _Run, num_neurons: int, bin_s: float, rng: np.random.Generator) -> _Array:
    """The factor `(T, N)` of lap-wise gain, running speed and theta; its mean is close to 1."""
    # Spike counts of one pass vary far more than Poisson (Fenton & Muller 1998, PNAS 95,
    # 3182): the squared coefficient of variation over laps is 0.34 in achilles.
    spread = 0.3
    burst = 1.5  # Bursts: counts in a bin also vary, a variance of 1.30 times the mean
    gain = rng.gamma(1 / spread, spread, size=(int(run.lap[-1]) + 1, num_neurons))[run.lap]
    speed = np.clip(run.speed / 0.55, 0.02, None) ** 0.15
    time_s = np.arange(len(run.lap)) * bin_s + rng.uniform(0, 1, size=run.lap[-1] + 1)[run.lap]
    preferred = rng.normal(0.0, 0.9, size=num_neurons)
    theta = 1 + 0.35 * np.cos(2 * np.pi * 9.3 * time_s[:, None] - preferred)
    theta *= rng.gamma(1 / burst, burst, size=theta.shape)
    return np.asarray(gain * speed[:, None] * theta)
