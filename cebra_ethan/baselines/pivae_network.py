"""pi-VAE as a network: encoder, label prior, their product, decoder, and the bound that trains."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..models.base import OffsetModel, centered
from ..models.convolution import offset_layers
from ..models.layers import Pointwise
from ..types import Offset
from .pivae_layers import FlowDecoder, Gaussian, initialise, softplus_rate

__all__ = ["PiVAENetwork", "encoder_net", "log_likelihood", "product"]


def encoder_net(span: int, num_neurons: int, num_units: int, num_latents: int) -> OffsetModel:
    """Returns half an encoder, for the mean or for the log-variance.

    Args:
        span: Bins that it sees. One bin is read by the perceptron of pi-VAE, more by the
            convolutions of CEBRA, which makes it conv-pi-VAE.
        num_neurons: Neurons `N` of the input.
        num_units: Units of the two hidden layers, or channels of the convolutions.
        num_latents: Dimensions of the latents.

    Example:
        >>> encoder_net(10, 30, 60, 2).offset
        Offset(left=5, right=5)
    """
    if span > 1:
        layers = offset_layers(span, num_neurons, num_units, num_latents)
        offset = centered(span)
    else:
        sizes = [num_neurons, num_units, num_units, num_latents]
        layers = (
            *(Pointwise(sizes[0], sizes[1]), nn.Tanh()),
            *(Pointwise(sizes[1], sizes[2]), nn.Tanh(), Pointwise(sizes[2], sizes[3])),
        )
        offset = Offset(0, 1)
    return OffsetModel(
        offset, *layers, num_neurons=num_neurons, num_output=num_latents, normalize=False
    )


def product(first: Gaussian, second: Gaussian) -> Gaussian:
    r"""Returns the normal density that is proportional to the product of two.

    .. math:: \sigma^{-2} = \sigma_1^{-2} + \sigma_2^{-2}, \qquad
              \mu = \sigma^2 (\mu_1 \sigma_1^{-2} + \mu_2 \sigma_2^{-2})

    Example:
        >>> one, zero = torch.ones(1, 1), torch.zeros(1, 1)
        >>> mean, log_variance = product((one, zero), (-one, zero))
        >>> mean.item(), log_variance.exp().item()
        (0.0, 0.5)
    """
    weight = torch.sigmoid(second[1] - first[1])  # of the first, by its share of the precision
    mean = weight * first[0] + (1 - weight) * second[0]
    return mean, -torch.logaddexp(-first[1], -second[1])


def log_likelihood(
    counts: Float[Tensor, "batch neurons"],
    output: Float[Tensor, "batch neurons"],
    log_noise: Float[Tensor, " neurons"] | None,
) -> Float[Tensor, " batch"]:
    r"""Returns :math:`\log p(x | z)` in nats, without the terms that `x` alone decides.

    Args:
        counts: The activity `x`.
        output: What the decoder makes of `z`; softplus of it is the rate of a Poisson variable.
        log_noise: Log-variance of each neuron if the noise is normal; `None` for Poisson.
    """
    if log_noise is None:
        rate = softplus_rate(output)
        return (counts * rate.log() - rate).sum(dim=1)
    return -0.5 * ((counts - output).square() / log_noise.exp() + log_noise).sum(dim=1)


class PiVAENetwork(nn.Module):
    r"""The generative model :math:`p(z|u) \, p(x|z)` and the posterior that inverts it.

    .. math:: q(z|x,u) \propto q(z|x) \, p(z|u)

    Args:
        prior: Maps labels to a normal density over latents.
        uses_labels: Whether the posterior is that product, or :math:`q(z|x)` as in a plain VAE.
        num_neurons: Neurons `N`.
        num_latents: Dimensions `D` of the latents.
        num_units: Units of the encoder.
        num_blocks: Blocks of the decoder.
        span: Bins that the encoder sees.
        poisson: Whether counts are Poisson; otherwise the noise is normal, of a variance that is
            learned for each neuron.
        generator: Source of the initial weights.

    References:
        Zhou & Wei (2020), doi:10.48550/arXiv.2011.04798, equations 1-6.
    """

    def __init__(
        self,
        prior: nn.Module,
        *,
        uses_labels: bool,
        num_neurons: int,
        num_latents: int,
        num_units: int,
        num_blocks: int,
        span: int,
        poisson: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.uses_labels = uses_labels
        self.mean = encoder_net(span, num_neurons, num_units, num_latents)
        self.log_variance = encoder_net(span, num_neurons, num_units, num_latents)
        self.prior = prior
        self.decoder = FlowDecoder(num_latents, num_neurons, num_blocks)
        self.log_noise = None if poisson else nn.Parameter(torch.zeros(num_neurons))
        initialise(self, generator)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    @property
    def offset(self) -> Offset:
        """The bins that the encoder sees."""
        return self.mean.offset

    def posterior(self, encoded: Gaussian, prior: Gaussian) -> Gaussian:
        """Returns what is known of the latents from activity, and from labels where they count."""
        return product(encoded, prior) if self.uses_labels else encoded

    def bound(
        self,
        windows: Float[Tensor, "batch neurons bins"],
        label: Tensor,
        noise: Float[Tensor, "batch latents"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Returns the mean of log-likelihood and of divergence from the prior, in nats.

        Their difference is the evidence lower bound, estimated with one draw for each bin.

        Args:
            windows: Activity around each bin; the likelihood is that of the bin itself.
            label: Classes `(B,)` or columns `(B, d)`.
            noise: Standard normal draws.
        """
        encoded = self.mean(windows).squeeze(2), self.log_variance(windows).squeeze(2)
        prior = self.prior(label)
        mean, log_variance = self.posterior(encoded, prior)
        output = self.decoder(mean + (0.5 * log_variance).exp() * noise)
        counts = windows[:, :, self.offset.left]
        gap = (mean - prior[0]).square() + log_variance.exp()
        divergence = 0.5 * (gap / prior[1].exp() - 1 + prior[1] - log_variance)
        fit = log_likelihood(counts, output, self.log_noise)
        return fit.mean(), divergence.sum(dim=1).mean()
