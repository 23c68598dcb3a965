"""Decoding by pi-VAE: which label makes the activity of a bin most likely."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .pivae_layers import softplus_rate
from .pivae_network import PiVAENetwork

__all__ = ["candidate_log_likelihood"]

_CHUNK_NUMBERS = 20_000_000  # of the largest array, 80 MB


@torch.no_grad()
def candidate_log_likelihood(
    network: PiVAENetwork,
    counts: Float[Tensor, "time neurons"],
    candidates: Tensor,
    *,
    num_samples: int,
    generator: torch.Generator,
) -> Float[Tensor, "time candidates"]:
    r"""Returns the log-likelihood of each label at each bin, up to a constant of the bin, in nats.

    .. math:: \log p(x|u) \approx \log \frac{1}{S} \sum_{s=1}^S p(x|z_s), \quad z_s \sim p(z|u)

    All bins meet the same draws of a candidate, so that the decoder runs once for each draw; the
    estimate at one bin is that of independent draws, only the errors of different bins are
    related. The encoder is not used.

    Args:
        network: A trained pi-VAE.
        counts: Activity `(T, N)`.
        candidates: Classes `(C,)` or columns `(C, d)`.
        num_samples: Draws `S` for each candidate.
        generator: Source of the draws.

    References:
        Zhou & Wei (2020), doi:10.48550/arXiv.2011.04798, section 2.5.
    """
    mean, log_variance = network.prior(candidates)
    shape = (num_samples, *mean.shape)
    draws = torch.randn(shape, generator=generator, device=mean.device)
    output = network.decoder((mean + (0.5 * log_variance).exp() * draws).flatten(0, 1))
    if network.log_noise is None:
        rate = softplus_rate(output)
        slope, level = rate.log(), -rate.sum(dim=1)
    else:  # the square, multiplied out; that of x itself is the same for all candidates
        precision = (-network.log_noise).exp()
        slope, level = output * precision, -0.5 * (output.square() * precision).sum(dim=1)
    rows = max(1, _CHUNK_NUMBERS // len(output))
    scores = [
        torch.addmm(level, part, slope.T)
        .unflatten(1, (num_samples, len(candidates)))
        .logsumexp(dim=1)
        for part in counts.split(rows)
    ]
    return torch.cat(scores) - math.log(num_samples)
