"""LFADS as a network: spikes of a segment in, initial state, inputs, factors and rates out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LFADSNetwork", "Sequence", "autoregressive_divergence", "dropped", "normal_divergence"]

_PRIOR_VARIANCE = 0.1  # of initial condition and inputs, Pandarinath et al. (2018), Suppl. table
_SPREAD_FACTOR = 0.1  # of the weights that a posterior's variance starts from
_MIN_VARIANCE = 1e-4  # of the initial condition's posterior
_STATE_LIMIT = 5.0


@dataclass(frozen=True)
class Sequence:
    """What LFADS infers from segments.

    Args:
        log_rates: Logarithm of the expected counts, `(B, L, N)`.
        factors: `(B, L, F)`.
        initial_divergence: From the prior of the initial condition, in nats, `(B,)`.
        input_divergence: From the prior of the inputs, in nats, `(B,)`; zero without inputs.
    """

    log_rates: Float[Tensor, "batch bins neurons"]
    factors: Float[Tensor, "batch bins factors"]
    initial_divergence: Float[Tensor, " batch"]
    input_divergence: Float[Tensor, " batch"]


class LFADSNetwork(nn.Module):
    r"""A recurrent generator that runs from an initial condition, corrected by inferred inputs.

    A bidirectional encoder reads the segment and gives the posterior of the initial condition
    :math:`g_0`. With inputs, a second one gives a controller what lies before and after each bin;
    the controller also sees the factors of the bin before, and gives the posterior of the inputs.

    .. math:: g_t = \text{GRU}(g_{t-1}, u_t), \quad f_t = \hat W g_t, \quad
              r_t = \exp(V f_t + b)

    The rows of :math:`\hat W` have length 1. The state of a GRU is a mean of its last state and of
    a number in (-1, 1), so that it stays inside its limit if the initial condition does: that
    alone is clipped. Without inputs everything is fused recurrences; with them the generator and
    the controller are a loop over bins.

    Args:
        num_neurons: Neurons `N`.
        num_factors: Factors `F`.
        num_encoder: Units of each direction of the encoders.
        num_generator: Units of the generator.
        num_initial: Dimensions of the initial condition.
        num_inputs: Inferred inputs; 0 for a generator that is left to itself.
        num_controller: Units of the controller.
        generator: Source of the initial weights.

    References:
        Pandarinath et al. (2018), doi:10.1038/s41592-018-0109-9, Methods. Their GRU resets before
        the matrix product and biases its update gate by 1; torch's, used here, does neither.

    Example:
        >>> source = torch.Generator().manual_seed(0)
        >>> network = LFADSNetwork(5, 3, 8, 8, 4, 1, 8, source)
        >>> network(torch.ones(20, 2, 5), None, 0.0).factors.shape
        torch.Size([2, 20, 3])
    """

    def __init__(
        self,
        num_neurons: int,
        num_factors: int,
        num_encoder: int,
        num_generator: int,
        num_initial: int,
        num_inputs: int,
        num_controller: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.num_inputs = num_inputs
        self.encoder = nn.GRU(num_neurons, num_encoder, bidirectional=True)
        self.initial = nn.Linear(2 * num_encoder, 2 * num_initial)
        self.initial_mean = nn.Parameter(torch.zeros(num_initial))
        self.start = nn.Linear(num_initial, num_generator)
        self.generator: nn.GRU | nn.GRUCell
        if num_inputs:
            self.input_encoder = nn.GRU(num_neurons, num_encoder, bidirectional=True)
            self.controller = nn.GRUCell(2 * num_encoder + num_factors, num_controller)
            self.inputs = nn.Linear(num_controller, 2 * num_inputs)
            self.controller_start = nn.Parameter(torch.zeros(num_controller))
            self.log_time_constant = nn.Parameter(torch.full((num_inputs,), math.log(10.0)))
            self.log_variance = nn.Parameter(torch.full((num_inputs,), math.log(_PRIOR_VARIANCE)))
            self.generator = nn.GRUCell(num_inputs, num_generator)
        else:
            self.generator = nn.GRU(1, num_generator)
        self.factor_weight = nn.Parameter(torch.zeros(num_factors, num_generator))
        self.readout = nn.Linear(num_factors, num_neurons)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, 0, weight.shape[1] ** -0.5, generator=generator)
            elif "bias" in name:
                nn.init.zeros_(weight)
        for layer in (self.initial, *([self.inputs] if num_inputs else [])):  # start at the prior
            spread = layer.weight.shape[0] // 2
            with torch.no_grad():
                layer.bias[spread:] = math.log(_PRIOR_VARIANCE)
                layer.weight[spread:] *= _SPREAD_FACTOR

    def forward(
        self,
        spikes: Float[Tensor, "bins batch neurons"],
        noise: torch.Generator | None,
        dropout: float,
    ) -> Sequence:
        """Infers rates and factors of segments.

        Args:
            spikes: Counts, time first, as windows lie in memory.
            noise: Source of posterior samples and dropout; `None` takes posterior means.
            dropout: Share of the numbers that are set to zero before the linear layers.
        """
        seen = dropped(spikes, dropout, noise)
        _, last = self.encoder(seen)
        summary = dropped(torch.cat([last[0], last[1]], dim=1), dropout, noise)
        mean, log_variance = self.initial(summary).chunk(2, dim=1)
        log_variance = (log_variance.exp() + _MIN_VARIANCE).log()
        initial = _draw(mean, log_variance, noise)
        prior = torch.full_like(mean, math.log(_PRIOR_VARIANCE))
        divergence = normal_divergence(mean, log_variance, self.initial_mean, prior)
        state = self.start(initial).clamp(-_STATE_LIMIT, _STATE_LIMIT)
        if isinstance(self.generator, nn.GRU):
            silence = torch.zeros(len(spikes), spikes.shape[1], 1, device=spikes.device)
            states, _ = self.generator(silence, state[None].contiguous())
            factors = self._factors(dropped(states, dropout, noise))
            input_divergence = torch.zeros_like(divergence)
        else:
            factors, input_divergence = self._controlled(seen, state, noise, dropout)
        factors = factors.transpose(0, 1)
        return Sequence(self.readout(factors), factors, divergence, input_divergence)

    def fitted_to(self, log_rates: Float[Tensor, " neurons"]) -> LFADSNetwork:
        """Starts the rates at given levels, such as the means of the data; returns itself."""
        with torch.no_grad():
            self.readout.bias.copy_(log_rates)
        return self

    def recurrent_penalty(self) -> Float[Tensor, ""]:
        """Returns half the mean square of the recurrent weights of generator and controller."""
        cells = [self.controller, self.generator] if self.num_inputs else [self.generator]
        recurrent = [
            weight
            for cell in cells
            for name, weight in cell.named_parameters()
            if name.startswith("weight_hh")
        ]
        return 0.5 * torch.stack([weight.square().mean() for weight in recurrent]).sum()

    def _factors(self, states: Tensor) -> Tensor:
        return nn.functional.linear(states, nn.functional.normalize(self.factor_weight, dim=1))

    def _controlled(
        self, seen: Tensor, state: Tensor, noise: torch.Generator | None, dropout: float
    ) -> tuple[Tensor, Tensor]:
        assert isinstance(self.generator, nn.GRUCell)
        context, _ = self.input_encoder(seen)
        context = dropped(context, dropout, noise)
        control = self.controller_start.expand(seen.shape[1], -1)
        factor = self._factors(state)
        factors, means, log_variances, inputs = [], [], [], []
        for now in context:
            control = self.controller(torch.cat([now, factor], dim=1), control)
            mean, log_variance = self.inputs(control).chunk(2, dim=1)
            drawn = _draw(mean, log_variance, noise)
            state = self.generator(drawn, state)
            factor = self._factors(dropped(state, dropout, noise))
            factors.append(factor)
            means.append(mean)
            log_variances.append(log_variance)
            inputs.append(drawn)
        divergence = autoregressive_divergence(
            torch.stack(inputs),
            torch.stack(means),
            torch.stack(log_variances),
            self.log_time_constant,
            self.log_variance,
        )
        return torch.stack(factors), divergence


def normal_divergence(
    mean: Float[Tensor, "batch dims"],
    log_variance: Float[Tensor, "batch dims"],
    prior_mean: Float[Tensor, " dims"],
    prior_log_variance: Float[Tensor, "batch dims"],
) -> Float[Tensor, " batch"]:
    r"""Returns the divergence of one normal density from another, in nats.

    .. math:: \frac12 \sum \Big[ \frac{\sigma_q^2 + (\mu_q - \mu_p)^2}{\sigma_p^2} - 1
              + \log \frac{\sigma_p^2}{\sigma_q^2} \Big]
    """
    gap = (mean - prior_mean).square() + log_variance.exp()
    terms = gap / prior_log_variance.exp() - 1 + prior_log_variance - log_variance
    return 0.5 * terms.sum(dim=1)


def autoregressive_divergence(
    inputs: Float[Tensor, "bins batch inputs"],
    mean: Float[Tensor, "bins batch inputs"],
    log_variance: Float[Tensor, "bins batch inputs"],
    log_time_constant: Float[Tensor, " inputs"],
    prior_log_variance: Float[Tensor, " inputs"],
) -> Float[Tensor, " batch"]:
    r"""Returns one sample's estimate of the inputs' divergence from an autoregressive prior.

    .. math:: u_1 \sim N(0, \sigma^2), \quad u_t | u_{t-1} \sim N(\alpha u_{t-1},
              (1 - \alpha^2) \sigma^2), \quad \alpha = e^{-1 / \tau}

    so that every input has variance :math:`\sigma^2`, and nearby ones are alike.

    Args:
        inputs: Samples of the posterior.
        mean: Of the posterior at each bin, given what was drawn before.
        log_variance: Likewise.
        log_time_constant: Logarithm of the time constant, in bins.
        prior_log_variance: Logarithm of the variance.

    Returns:
        :math:`\log q(u) - \log p(u)` in nats, summed over bins and inputs.

    References:
        Sussillo et al. (2016), doi:10.48550/arXiv.1608.06315, section 2.2.
    """
    posterior = _log_normal(inputs, mean, log_variance)
    decay = (-1 / log_time_constant.exp()).exp()
    expected = torch.cat([torch.zeros_like(inputs[:1]), decay * inputs[:-1]])
    spread = prior_log_variance + torch.log1p(-decay.square())
    spreads = torch.cat([prior_log_variance.expand_as(inputs[:1]), spread.expand_as(inputs[:-1])])
    return (posterior - _log_normal(inputs, expected, spreads)).sum(dim=(0, 2))


def dropped(values: Tensor, share: float, noise: torch.Generator | None) -> Tensor:
    """Returns the values with a share of them at zero and the others larger; all without noise."""
    if noise is None or not share:
        return values
    kept = torch.rand(values.shape, generator=noise, device=values.device) >= share
    return values * kept / (1 - share)


def _draw(mean: Tensor, log_variance: Tensor, noise: torch.Generator | None) -> Tensor:
    if noise is None:
        return mean
    draws = torch.randn(mean.shape, generator=noise, device=mean.device)
    return mean + (0.5 * log_variance).exp() * draws


def _log_normal(value: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    gap = (value - mean).square() / log_variance.exp()
    return -0.5 * (gap + log_variance + math.log(2 * math.pi))
