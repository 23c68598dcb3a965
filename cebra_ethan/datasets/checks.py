"""Small simulations from the papers of other methods, to check that these methods work here.

The two of pi-VAE have no order in time; the third is a chaotic attractor seen through spikes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from ..errors import InvalidParameterError
from ..types import Label, Recording

__all__ = ["Check", "simulate_classes", "simulate_curve", "simulate_lorenz"]

_NUM_BLOCKS = 4
_FLOW_FACTOR = 0.1
_SIGMA, _RHO, _BETA = 10.0, 28.0, 8.0 / 3.0  # where the attractor of Lorenz is chaotic
_SUBSTEPS = 2  # of Euler's method in one time bin


@dataclass(frozen=True, kw_only=True)
class Check:
    """A simulated recording and the truth behind it.

    Args:
        recording: Spike counts, with labels where there are any and trials where there is time.
        latents: `(T, D)`.
        rates: Expected counts of each bin, `(T, N)`.
    """

    recording: Recording
    latents: Float[np.ndarray, "time latents"]
    rates: Float[np.ndarray, "time neurons"]


def simulate_classes(
    num_bins: int = 10_000, *, num_classes: int = 5, num_neurons: int = 100, seed: int = 0
) -> Check:
    r"""Simulates pi-VAE's first set: each class is a normal cloud of latents in the plane.

    .. math:: z | u \sim N(\mu_u, \sigma^2_u), \quad x \sim \text{Poisson}(e^{2 \tanh f(z)})

    with means uniform in (-5, 5), variances in (0.5, 3), and a random flow :math:`f`.

    Args:
        num_bins: Draws `T`; classes take turns.
        num_classes: Classes of the label `"u"`.
        num_neurons: Neurons `N`, at least 4.
        seed: Seed of clouds, flow, latents and spikes, which do not influence each other.

    Raises:
        InvalidParameterError: If a size is too small.

    References:
        Zhou & Wei (2020), doi:10.48550/arXiv.2011.04798, section 3.1; the draws are our own.

    Example:
        >>> check = simulate_classes(20, num_neurons=8)
        >>> check.recording.labels["u"].values[:6]
        tensor([0, 1, 2, 3, 4, 0])
    """
    _check_sizes(num_bins, num_neurons, num_classes=num_classes)
    clouds, weights, draws, spikes = np.random.default_rng(seed).spawn(4)
    mean = clouds.uniform(-5, 5, size=(num_classes, 2))
    variance = clouds.uniform(0.5, 3, size=(num_classes, 2))
    label = np.arange(num_bins) % num_classes
    latents = mean[label] + np.sqrt(variance[label]) * draws.normal(size=(num_bins, 2))
    rates = np.exp(2 * np.tanh(_flow(latents, num_neurons, weights)))
    return _checked("classes-simulated", seed, latents, rates, spikes, {"u": label})


def simulate_curve(num_bins: int = 15_000, *, num_neurons: int = 100, seed: int = 0) -> Check:
    r"""Simulates pi-VAE's second set: latents around a sine wave that the label runs along.

    .. math:: z | u \sim N\big((u, 2 \sin u), 0.6^2\big), \quad
              x \sim \text{Poisson}(e^{2.2 \tanh f(z)}), \quad u \sim U(0, 2\pi)

    Args:
        num_bins: Draws `T`.
        num_neurons: Neurons `N`, at least 4.
        seed: Seed of flow, labels, latents and spikes.

    Raises:
        InvalidParameterError: If a size is too small.

    References:
        Zhou & Wei (2020), doi:10.48550/arXiv.2011.04798, section 3.1; the draws are our own.

    Example:
        >>> simulate_curve(20, num_neurons=8).latents.shape
        (20, 2)
    """
    _check_sizes(num_bins, num_neurons)
    labels, weights, draws, spikes = np.random.default_rng(seed).spawn(4)
    label = labels.uniform(0, 2 * np.pi, size=num_bins)
    middle = np.stack([label, 2 * np.sin(label)], axis=1)
    latents = middle + 0.6 * draws.normal(size=(num_bins, 2))
    rates = np.exp(2.2 * np.tanh(_flow(latents, num_neurons, weights)))
    return _checked("curve-simulated", seed, latents, rates, spikes, {"u": label})


def simulate_lorenz(
    num_trials: int = 200,
    *,
    num_bins: int = 100,
    num_neurons: int = 30,
    bin_s: float = 0.01,
    base_rate_hz: float = 5.0,
    seed: int = 0,
) -> Check:
    r"""Simulates spikes of neurons that read the attractor of Lorenz, from a new start each trial.

    .. math:: \dot y_1 = 10 (y_2 - y_1), \; \dot y_2 = y_1 (28 - y_3) - y_2, \;
              \dot y_3 = y_1 y_2 - \tfrac83 y_3, \qquad
              x_n \sim \text{Poisson}\big(r \Delta t \, e^{w_n^\top \bar y}\big)

    The three variables are scaled to mean 0 and variance 1 over all trials; a neuron's weights
    have length 1 to 2 in a random direction. A bin is 0.024 units of the attractor's time.

    Args:
        num_trials: Trials.
        num_bins: Bins of a trial.
        num_neurons: Neurons `N`, at least 4.
        bin_s: Width of a bin in seconds.
        base_rate_hz: Rate `r` of a neuron at the attractor's mean.
        seed: Seed of weights, starts and spikes.

    Raises:
        InvalidParameterError: If a size is too small.

    References:
        Sussillo, Jozefowicz, Abbott & Pandarinath (2016), doi:10.48550/arXiv.1608.06315, section
        4.1, for the task; weights, starts and time scale are our own.

    Example:
        >>> check = simulate_lorenz(3, num_bins=10)
        >>> check.recording.segments
        tensor([[ 0, 10], [10, 20], [20, 30]])
    """
    _check_sizes(num_bins, num_neurons, num_trials=num_trials)
    weights, starts, spikes = np.random.default_rng(seed).spawn(3)
    state = starts.normal(size=(num_trials, 3)) * 5 + np.array([0.0, 0.0, 25.0])
    path = []
    for step in range((num_bins + 100) * _SUBSTEPS):  # the first 100 bins lead to the attractor
        y1, y2, y3 = state.T
        slope = np.stack([_SIGMA * (y2 - y1), y1 * (_RHO - y3) - y2, y1 * y2 - _BETA * y3], axis=1)
        state = state + 0.006 * slope
        if step >= 100 * _SUBSTEPS and step % _SUBSTEPS == 0:
            path.append(state)
    latents = np.stack(path, axis=1).reshape(-1, 3)
    latents = (latents - latents.mean(axis=0)) / latents.std(axis=0)
    direction = weights.normal(size=(num_neurons, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction *= weights.uniform(0.5, 1, size=(num_neurons, 1))
    rates = base_rate_hz * bin_s * np.exp(latents @ direction.T)
    trial = np.repeat(np.arange(num_trials), num_bins)
    check = _checked("lorenz-simulated", seed, latents, rates, spikes, {}, trial, bin_s)
    return check


def _flow(latents: np.ndarray, num_neurons: int, weights: np.random.Generator) -> np.ndarray:
    """Sends latents, padded by zeros, through blocks of two couplings with random weights."""
    x = np.zeros((len(latents), num_neurons))
    x[:, : latents.shape[1]] = latents
    for block in range(_NUM_BLOCKS):
        for _ in range(2):
            x = _coupled(x, weights)
        if block < _NUM_BLOCKS - 1:
            x = x[:, weights.permutation(num_neurons)]
    return x


def _coupled(x: np.ndarray, weights: np.random.Generator) -> np.ndarray:
    kept, moved = np.split(x, [x.shape[1] // 2], axis=1)
    units = max(2, x.shape[1] // 4)
    hidden = kept
    for size in (units, units):
        hidden = np.maximum(hidden @ _glorot(hidden.shape[1], size, weights), 0)
    output = hidden @ _glorot(units, 2 * moved.shape[1], weights)
    scale, shift = np.split(output, 2, axis=1)
    return np.concatenate([moved * np.exp(_FLOW_FACTOR * np.tanh(scale)) + shift, kept], axis=1)


def _glorot(inward: int, outward: int, weights: np.random.Generator) -> np.ndarray:
    width = np.sqrt(6 / (inward + outward))
    return weights.uniform(-width, width, size=(inward, outward))


def _checked(
    name: str,
    seed: int,
    latents: np.ndarray,
    rates: np.ndarray,
    spikes: np.random.Generator,
    labels: dict[str, np.ndarray],
    trial: np.ndarray | None = None,
    bin_s: float | None = None,
) -> Check:
    recording = Recording(
        neural=torch.from_numpy(spikes.poisson(rates).astype(np.float32)),
        labels={key: Label(values, name=key) for key, values in labels.items()},
        trial=None if trial is None else torch.from_numpy(trial),
        bin_s=bin_s,
        name=name,
        source=f"simulated (cebra_ethan.datasets.checks, seed {seed})",
    )
    return Check(recording=recording, latents=latents, rates=rates)


def _check_sizes(num_bins: int, num_neurons: int, **others: int) -> None:
    if num_neurons < 4:
        raise InvalidParameterError(
            f"num_neurons must be at least 4; got {num_neurons}. Use more neurons."
        )
    for name, count in {"num_bins": num_bins, **others}.items():
        if count < 1:
            raise InvalidParameterError(f"{name} must be at least 1; got {count}. Use more.")
