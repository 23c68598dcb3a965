"""The formulas of pi-VAE and LFADS, written a second time with torch.distributions and loops."""

import math

import numpy as np
import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal, Poisson, kl_divergence


def evidence_bound(network, windows, label, noise):
    """Zhou & Wei (2020), eq. 6, of a Poisson model; without log x!, bin by bin."""
    fits, divergences = [], []
    for i in range(len(windows)):
        window = windows[i : i + 1]
        mean, log_variance = network.mean(window)[0, :, 0], network.log_variance(window)[0, :, 0]
        prior_mean, prior_log_variance = (part[0] for part in network.prior(label[i : i + 1]))
        variance, prior_variance = log_variance.exp(), prior_log_variance.exp()
        if network.uses_labels:  # product of two normal densities, as in the paper
            mean = (mean * prior_variance + prior_mean * variance) / (variance + prior_variance)
            variance = variance * prior_variance / (variance + prior_variance)
        posterior = Normal(mean, variance.sqrt())
        prior = Normal(prior_mean, prior_variance.sqrt())
        z = mean + variance.sqrt() * noise[i]
        rate = torch.nn.functional.softplus(network.decoder(z[None])[0])
        counts = window[0, :, network.offset.left]
        log_probability = Poisson(rate).log_prob(counts) + torch.lgamma(counts + 1)
        fits.append(log_probability.sum())
        divergences.append(kl_divergence(posterior, prior).sum())
    return torch.stack(fits).mean(), torch.stack(divergences).mean()


def marginal_likelihood(counts, mean, variance, decode, noise, num_draws, seed):
    """log p(x|u) up to terms of x, of one bin, with draws of its own; `noise` None is Poisson."""
    z = np.random.default_rng(seed).normal(mean, np.sqrt(variance), size=(num_draws, len(mean)))
    output = decode(z)
    if noise is None:
        rate = np.log1p(np.exp(output))
        terms = stats.poisson.logpmf(counts, rate).sum(axis=1)
    else:
        terms = stats.norm.logpdf(counts, output, np.sqrt(noise)).sum(axis=1)
    return np.logaddexp.reduce(terms) - math.log(num_draws)


def autoregressive_log_density(inputs, time_constant, variance):
    """Of one path `(L,)`: a normal vector with covariance variance * exp(-|t - t'| / tau)."""
    place = torch.arange(len(inputs), dtype=inputs.dtype)
    covariance = variance * torch.exp(-(place[:, None] - place).abs() / time_constant)
    return MultivariateNormal(torch.zeros_like(inputs), covariance).log_prob(inputs)
