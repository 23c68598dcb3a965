r"""A hundred neurons driven by a known latent of two dimensions: the paper's experiment 1.

.. math:: c \sim U[0, 2\pi), \qquad
          z \mid c \sim N\big((c, 2 \sin c), \mathrm{diag}(0.6 - 0.3|\sin c|, 0.3|\sin c|)\big)

The latent is padded with zeros to one dimension for each neuron, mixed by four RealNVP blocks with
fixed permutations between them, and becomes the rate :math:`\exp(2.2 \tanh(\cdot))`, between 0.11
and 9.0. There is no order in time: every point is a bin of its own.

Latent and label are those of the paper: NumPy's generator of seed 777 in its legacy form, drawn in
the same order. The weights of the mixing are not, since its authors did not seed them: they are a
draw of our own (`mixing_seed`), and scores shift with it. So a comparison needs all methods on one
draw, or the published activity, see `load_synthetic`. Nothing else is calibrated: the original is
a simulation, of which every constant is known. Our mean rate is 1.36, and between 1.12 and 1.63
over a hundred draws; the paper speaks of about 110 Hz with a refractory period, which would be a
mean of 2.2 at the 50 Hz for each count of its code. So its draw may be livelier than ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import Generator, RandomState

from ..errors import InvalidParameterError
from ..types import Label, Recording
from .files import read_published

__all__ = [
    "NOISES",
    "SyntheticData",
    "load_synthetic",
    "refractory_spike_times",
    "simulate_synthetic",
]

LATENT_SEED = 777
NUM_BLOCKS = 4
HIDDEN = 25  # units of each of the two hidden layers of a coupling net
WINDOW_S, REFRACTORY_S, HZ_PER_RATE = 3.0, 0.010, 50.0

_Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class SyntheticData:
    """Simulated activity and the truth behind it.

    Args:
        recording: Activity `(T, N)` with the labels `"c"` and `"latent"`, both continuous.
        latent: The true latent `(T, 2)`.
        rate: Expected counts `(T, N)` of Poisson noise, between 0.11 and 9.0.
    """

    recording: Recording
    latent: Float[np.ndarray, "time 2"]
    rate: Float[np.ndarray, "time neurons"]


def simulate_synthetic(
    num_points: int = 15_000,
    num_neurons: int = 100,
    noise: str = "poisson",
    *,
    mixing_seed: int = 0,
    noise_seed: int = 0,
) -> SyntheticData:
    """Simulates experiment 1.

    Args:
        num_points: Points `T`; the paper has 15,000, the first 12,000 of them for training.
        num_neurons: Neurons `N`, an even number.
        noise: A row of `NOISES`. `"poisson"` is the paper's main case.
        mixing_seed: Draws the weights of the mixing (Glorot-uniform, biases zero).
        noise_seed: Draws the noise.

    Raises:
        InvalidParameterError: If a size or the noise is not one of these.

    References:
        Schneider, Lee & Mathis (2023), Nature 617, 360-368, doi:10.1038/s41586-023-06031-6, Fig.
        1b; the generator is that of Zhou & Wei (2020), doi:10.48550/arXiv.2011.04798; the mixing
        of Dinh, Sohl-Dickstein & Bengio (2017), doi:10.48550/arXiv.1605.08803.

    Example:
        >>> data = simulate_synthetic(num_points=100)
        >>> data.recording.neural.shape, data.latent.shape
        (torch.Size([100, 100]), (100, 2))
        >>> float(data.recording.labels["c"].values[0, 0].round(decimals=4))
        0.9592
    """
    if num_points < 1 or num_neurons < 4 or num_neurons % 2:
        raise InvalidParameterError(
            "num_points must be at least 1 and num_neurons an even number from 4 on, since a "
            f"coupling halves them; got {num_points} and {num_neurons}."
        )
    if noise not in NOISES:
        raise InvalidParameterError(f"noise must be one of {', '.join(NOISES)}; got {noise!r}.")
    label, latent = _latents(num_points)
    rate = np.exp(2.2 * np.tanh(_mix(latent, num_neurons, np.random.default_rng(mixing_seed))))
    activity = NOISES[noise](rate, np.random.default_rng(noise_seed))
    source = (
        f"simulated by cebra_ethan.datasets.synthetic.simulate_synthetic(noise={noise!r}, "
        f"mixing_seed={mixing_seed}, noise_seed={noise_seed})"
    )
    recording = _recording(activity, label, latent, f"synthetic-{noise}", source)
    return SyntheticData(recording=recording, latent=latent, rate=rate)


def load_synthetic(
    noise: str = "poisson", root: str | os.PathLike[str] | None = None
) -> SyntheticData:
    """Loads the activity that the paper's authors published, with its latent.

    Args:
        noise: One of `NOISES`.
        root: The data folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Raises:
        InvalidParameterError: If there is no such noise.
        FileNotFoundError: If `synthetic/continuous_label_{noise}.jl` is not in the data folder.
        DataIntegrityError: If it is not the published file (MD5), or holds anything but arrays.
    """
    if noise not in NOISES:
        raise InvalidParameterError(f"noise must be one of {', '.join(NOISES)}; got {noise!r}.")
    relative = f"synthetic/continuous_label_{noise}.jl"
    arrays = read_published(relative, ("x", "z", "u", "lam"), root)
    latent = np.asarray(arrays["z"], dtype=np.float64)[:, :2]
    label = np.asarray(arrays["u"], dtype=np.float64).reshape(-1)
    source = f"{relative}, as published by Schneider et al. (2023)"
    name = f"synthetic-{noise}-published"
    return SyntheticData(
        recording=_recording(arrays["x"], label, latent, name, source),
        latent=latent,
        rate=np.asarray(arrays["lam"], dtype=np.float64),
    )


def _recording(x: _Array, label: _Array, latent: _Array, name: str, source: str) -> Recording:
    return Recording(
        neural=torch.from_numpy(np.array(x, dtype=np.float32)),
        labels={
            "c": Label(label, "continuous", name="c"),
            "latent": Label(latent, "continuous", name="latent"),
        },
        name=name,
        source=source,
    )


def _latents(num_points: int) -> tuple[_Array, _Array]:
    """The label `(T,)` and the latent `(T, 2)`, equal to the published ones to the last bit."""
    rng = RandomState(LATENT_SEED)
    label = rng.uniform(0, 2 * np.pi, size=(num_points, 1))
    mean = np.hstack([label, 2 * np.sin(label)])
    narrow = 0.15 * np.abs(mean[:, 1])
    variance = np.stack([0.6 - narrow, narrow], axis=1)
    return label[:, 0], rng.normal(0, 1, size=(num_points, 2)) * np.sqrt(variance) + mean


def _mix(latent: _Array, num_neurons: int, weights: Generator) -> _Array:
    """Four blocks of two couplings each; a fixed shuffle of the channels between blocks."""
    x = np.hstack([latent, np.zeros((len(latent), num_neurons - latent.shape[1]))])
    for block in range(NUM_BLOCKS):
        if block:
            x = x[:, RandomState(block - 1).permutation(num_neurons)]
        x = _couple(_couple(x, weights), weights)
    return x


def _couple(x: _Array, weights: Generator) -> _Array:
    """Scales and shifts one half by what a small net makes of the other; the halves change."""
    kept, changed = np.split(x, 2, axis=1)
    hidden = np.maximum(kept @ _glorot(kept.shape[1], HIDDEN, weights), 0)
    hidden = np.maximum(hidden @ _glorot(HIDDEN, HIDDEN, weights), 0)
    scale, shift = np.split(hidden @ _glorot(HIDDEN, x.shape[1], weights), 2, axis=1)
    return np.hstack([changed * np.exp(0.1 * np.tanh(scale)) + shift, kept])


def _glorot(num_in: int, num_out: int, rng: Generator) -> _Array:
    limit = np.sqrt(6 / (num_in + num_out))
    return rng.uniform(-limit, limit, size=(num_in, num_out))


def refractory_spike_times(
    rate_hz: Float[np.ndarray, " cells"],
    *,
    window_s: float = WINDOW_S,
    refractory_s: float = REFRACTORY_S,
    seed: int = 0,
) -> list[Float[np.ndarray, " _"]]:
    """Draws spike trains whose intervals are exponential plus a dead time.

    Args:
        rate_hz: Rate of each cell without the dead time; what is left is `rate / (1 + rate *
            refractory_s)`.
        window_s: How long is recorded, in seconds.
        refractory_s: The dead time in seconds. It also precedes the first spike, as in the paper.
        seed: Seed of the draw.

    Returns:
        The times (s) of each cell, ascending.

    Example:
        >>> times = refractory_spike_times(np.array([200.0]), seed=1)[0]
        >>> bool(np.diff(times).min() >= 0.010)
        True
    """
    rng = np.random.default_rng(seed)
    most = int(window_s / refractory_s) + 2
    scale = 1 / np.asarray(rate_hz)[:, None]
    times = np.cumsum(rng.exponential(scale, size=(len(rate_hz), most)) + refractory_s, axis=1)
    return [row[row < window_s] for row in times]


def _refractory(rate: _Array, rng: Generator) -> _Array:
    """Counts of `refractory_spike_times` for every point and neuron, without keeping the times.

    Points are drawn in pieces: all at once would need gigabytes.
    """
    counts = np.empty(rate.shape)
    piece = max(1, 20_000 // rate.shape[1])
    most = int(WINDOW_S / REFRACTORY_S) + 2
    for start in range(0, len(rate), piece):
        mean_s = (1 / (rate[start : start + piece] * HZ_PER_RATE)).astype(np.float32)
        elapsed = np.zeros_like(mean_s)
        inside = np.zeros(mean_s.shape, dtype=np.int32)
        for _ in range(most):
            elapsed += rng.standard_exponential(mean_s.shape, dtype=np.float32) * mean_s
            elapsed += np.float32(REFRACTORY_S)
            running = elapsed < WINDOW_S
            if not running.any():
                break
            inside += running
        counts[start : start + piece] = inside
    return counts


def _poisson(rate: _Array, rng: Generator) -> _Array:
    return rng.poisson(rate).astype(np.float64)


def _gaussian(rate: _Array, rng: Generator) -> _Array:
    """The rate plus half a Gaussian: the paper cuts a standard one at zero before shifting it."""
    return np.asarray(rate + np.abs(rng.normal(size=rate.shape)))


def _laplace(rate: _Array, rng: Generator) -> _Array:
    return np.clip(rng.laplace(rate), 0, 1000)


def _uniform(rate: _Array, rng: Generator) -> _Array:
    return np.asarray(rate + rng.uniform(0, 2, size=rate.shape))


def _student(rate: _Array, rng: Generator) -> _Array:
    return np.asarray(rate + rng.standard_t(2, size=rate.shape))


NOISES: Mapping[str, Callable[[_Array, Generator], _Array]] = {
    "poisson": _poisson,
    "gaussian": _gaussian,
    "laplace": _laplace,
    "uniform": _uniform,
    "t": _student,
    "refractory_poisson": _refractory,
}
"""What turns rates `(T, N)` into activity, by the paper's names. `"t"` has two degrees of freedom;
`"refractory_poisson"` counts spikes of 50 Hz times the rate in 3 s, 10 ms dead after each."""
