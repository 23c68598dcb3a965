"""A simulated population of which is known which latent drives which neuron."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float

from ..errors import DataError, InvalidParameterError
from ..types import Label, Recording

__all__ = ["ConnectedPopulation", "simulate_connected"]

_STEP = 0.1  # of the walk, whose range is 2: a hundred bins from wall to wall
_HIDDEN = 16  # units of the map from latents to neurons


@dataclass(frozen=True, kw_only=True)
class ConnectedPopulation:
    """A simulated recording and the truth behind it.

    Args:
        recording: The neurons, with a label `"group{g}"` for each group of latents.
        latents: All latents, `(T, K)`, group after group.
        connectivity: Whether a group drives a neuron, `(groups, N)`.
    """

    recording: Recording
    latents: Float[np.ndarray, "time latents"]
    connectivity: Bool[np.ndarray, "groups neurons"]


def simulate_connected(
    num_bins: int = 5000,
    *,
    group_sizes: tuple[int, ...] = (2, 2),
    neurons_per_set: int = 15,
    noise: float = 0.1,
    seed: int = 0,
    latents: Float[np.ndarray, "time latents"] | None = None,
) -> ConnectedPopulation:
    r"""Simulates neurons that are driven by some groups of latents and not by others.

    Every latent walks at random between -1 and 1. Every set of groups but the empty one has
    neurons of its own; with two groups there are neurons of the first, of the second, and of both:

    .. math:: x_n = w_n^\top \tanh(W_s z_s + b_s) + \sigma \epsilon

    with Gaussian weights, drawn once for each set :math:`s`, and only its latents :math:`z_s`.
    The weights of groups that do not belong to the set are exactly zero, and so is their share in
    the Jacobian of the data: that is the truth which an attribution map should find.

    Args:
        num_bins: Time bins `T`.
        group_sizes: Latents of each group.
        neurons_per_set: Neurons of each set of groups.
        noise: Standard deviation of the noise; the signal of a neuron has about 1.
        seed: Seed of walk, weights and noise, which do not influence each other.
        latents: Latents to use instead of the walk, `(T, K)`.

    Raises:
        InvalidParameterError: If a size is not positive or the noise is negative.
        DataError: If the latents have another shape.

    References:
        Schneider et al. (2025), doi:10.48550/arXiv.2502.12977, for the idea of blocks of zeros in
        the Jacobian; sizes, walk and weights are our own, not the files of that paper.

    Example:
        >>> population = simulate_connected(100, neurons_per_set=1)
        >>> population.connectivity.astype(int)
        array([[0, 1, 1],
               [1, 0, 1]])
    """
    _check(num_bins=num_bins, neurons_per_set=neurons_per_set, num_groups=len(group_sizes))
    _check(**{f"group {group}": size for group, size in enumerate(group_sizes)})
    if noise < 0:
        raise InvalidParameterError(f"noise must not be negative; got {noise}. Use 0 for none.")
    walks, weights, noises = np.random.default_rng(seed).spawn(3)
    shape = (num_bins, sum(group_sizes))
    if latents is None:
        latents = _reflected(walks.normal(size=shape).cumsum(axis=0) * _STEP)
    if latents.shape != shape:
        raise DataError(
            f"latents must be (time bins, latents), {shape} here; got {latents.shape}. Change "
            "num_bins or group_sizes."
        )
    sets = [member for member in product((False, True), repeat=len(group_sizes)) if any(member)]
    signal = np.concatenate(
        [
            _mixed(latents[:, np.repeat(member, group_sizes)], neurons_per_set, weights)
            for member in sets
        ],
        axis=1,
    )
    neural = signal + noise * noises.normal(size=signal.shape)
    borders = np.cumsum(group_sizes)[:-1]
    return ConnectedPopulation(
        recording=Recording(
            neural=torch.from_numpy(neural),
            labels={
                f"group{group}": Label(part, name=f"group{group}")
                for group, part in enumerate(np.split(latents, borders, axis=1))
            },
            name="connected-simulated",
            source=f"simulated (cebra_ethan.datasets.connectivity, seed {seed})",
        ),
        latents=latents,
        connectivity=np.repeat(np.array(sets).T, neurons_per_set, axis=1),
    )


def _reflected(walk: np.ndarray) -> np.ndarray:
    """Folds a walk into [-1, 1]: walls that send it back."""
    return np.asarray(np.abs((walk - 1) % 4 - 2) - 1)


def _mixed(latents: np.ndarray, num_neurons: int, weights: np.random.Generator) -> np.ndarray:
    inward = weights.normal(size=(latents.shape[1], _HIDDEN)) / np.sqrt(latents.shape[1])
    bias = weights.normal(size=_HIDDEN)
    outward = weights.normal(size=(_HIDDEN, num_neurons)) * np.sqrt(2 / _HIDDEN)
    return np.asarray(np.tanh(2 * latents @ inward + bias) @ outward)


def _check(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InvalidParameterError(f"{name} must be at least 1; got {count}. Use more.")
