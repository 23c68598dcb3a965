"""The parts of pi-VAE: perceptrons, the flow that decodes, and the priors over latents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

__all__ = [
    "ClassPrior",
    "ColumnPrior",
    "Coupling",
    "FlowDecoder",
    "Gaussian",
    "StandardPrior",
    "initialise",
    "perceptron",
    "softplus_rate",
]

Gaussian = tuple[Tensor, Tensor]
"""Mean and logarithm of the variance of independent normal variables, each `(B, D)`."""

_PRIOR_UNITS = 20
_MIN_FLOW_UNITS = 30


def perceptron(sizes: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """Returns linear layers of these sizes with an activation between any two.

    Example:
        >>> perceptron([3, 8, 2], nn.Tanh)(torch.zeros(4, 3)).shape
        torch.Size([4, 2])
    """
    layers: list[nn.Module] = []
    for inward, outward in pairwise(sizes):
        layers += [nn.Linear(inward, outward), activation()]
    return nn.Sequential(*layers[:-1])


class Coupling(nn.Module):
    r"""Moves and scales one half of its input as the other half says, and swaps both.

    .. math:: (x_1, x_2) \mapsto (x_2 \odot e^{s(x_1)} + t(x_1), \; x_1), \qquad \sum_i s_i = 0

    so volumes are kept: the scales are :math:`0.1 \tanh` of a network's outputs and the last one
    is minus their sum.

    Args:
        num_dims: Dimensions of input and output, at least 2.

    References:
        Sorrenson, Rother & Köthe (2020), doi:10.48550/arXiv.2001.04872 (GIN), section 3.2; Zhou &
        Wei (2020), doi:10.48550/arXiv.2011.04798, supplement, for sizes and the factor of 0.1.

    Example:
        >>> Coupling(5)(torch.zeros(2, 5)).shape
        torch.Size([2, 5])
    """

    def __init__(self, num_dims: int) -> None:
        super().__init__()
        self.num_kept = num_dims // 2
        self.num_moved = num_dims - self.num_kept
        units = max(_MIN_FLOW_UNITS, num_dims // 4)
        self.net = perceptron([self.num_kept, units, units, 2 * self.num_moved - 1], nn.ReLU)

    def forward(self, x: Float[Tensor, "batch dims"]) -> Float[Tensor, "batch dims"]:
        """Returns the moved half, then the kept one."""
        kept, moved = x.split([self.num_kept, self.num_moved], dim=1)
        scale, shift = self.net(kept).split([self.num_moved - 1, self.num_moved], dim=1)
        scale = 0.1 * scale.tanh()
        scale = torch.cat([scale, -scale.sum(dim=1, keepdim=True)], dim=1)
        return torch.cat([moved * scale.exp() + shift, kept], dim=1)


class FlowDecoder(nn.Module):
    """Maps latents to as many dimensions as there are neurons, injectively.

    The latents are completed by a function of them, as if padded by zeros and sent through a
    first coupling; then each block permutes the dimensions, always in the same way, and couples
    them twice.

    Args:
        num_latents: Dimensions `D` of the latents, at most the number of neurons.
        num_neurons: Dimensions of the output, at least 2.
        num_blocks: Blocks of two couplings.

    Example:
        >>> FlowDecoder(2, 30, num_blocks=2)(torch.zeros(4, 2)).shape
        torch.Size([4, 30])
    """

    def __init__(self, num_latents: int, num_neurons: int, num_blocks: int) -> None:
        super().__init__()
        units = max(_MIN_FLOW_UNITS, num_neurons // 4)
        rest = num_neurons - num_latents
        self.complete = perceptron([num_latents, units, units, rest], nn.ReLU) if rest else None
        self.blocks = nn.ModuleList(
            nn.Sequential(Coupling(num_neurons), Coupling(num_neurons)) for _ in range(num_blocks)
        )
        orders = [np.random.default_rng(k).permutation(num_neurons) for k in range(num_blocks)]
        self.orders: Tensor
        self.register_buffer("orders", torch.from_numpy(np.array(orders, dtype=np.int64)))

    def forward(self, z: Float[Tensor, "batch latents"]) -> Float[Tensor, "batch neurons"]:
        """Returns what a likelihood turns into rates or means."""
        output = z if self.complete is None else torch.cat([z, self.complete(z)], dim=1)
        for block, order in zip(self.blocks, self.orders.unbind(), strict=True):
            output = block(output.index_select(1, order))  # quicker backward than indexing
        return output


class ColumnPrior(nn.Module):
    """A normal prior whose mean and variance are functions of labels that are numbers.

    Args:
        num_columns: Columns of the labels.
        num_latents: Dimensions of the latents.

    Example:
        >>> mean, log_variance = ColumnPrior(3, 2)(torch.zeros(5, 3))
        >>> mean.shape
        torch.Size([5, 2])
    """

    def __init__(self, num_columns: int, num_latents: int) -> None:
        super().__init__()
        sizes = [num_columns, _PRIOR_UNITS, _PRIOR_UNITS, 2 * num_latents]
        self.net = perceptron(sizes, nn.Tanh)

    def forward(self, label: Float[Tensor, "batch columns"]) -> Gaussian:
        """Returns mean and log-variance."""
        mean, log_variance = self.net(label).chunk(2, dim=1)
        return mean, log_variance


class ClassPrior(nn.Module):
    """A normal prior with a mean and a variance of its own for each class.

    Args:
        num_classes: Classes of the label.
        num_latents: Dimensions of the latents.
    """

    def __init__(self, num_classes: int, num_latents: int) -> None:
        super().__init__()
        self.table = nn.Embedding(num_classes, 2 * num_latents)

    def forward(self, label: Tensor) -> Gaussian:
        """Returns mean and log-variance of classes `(B,)`."""
        mean, log_variance = self.table(label).chunk(2, dim=1)
        return mean, log_variance


class StandardPrior(nn.Module):
    """The standard normal prior of a plain VAE, whatever the label.

    Args:
        num_latents: Dimensions of the latents.
    """

    def __init__(self, num_latents: int) -> None:
        super().__init__()
        self.num_latents = num_latents

    def forward(self, label: Tensor) -> Gaussian:
        """Returns zeros, `(B, D)` each."""
        zeros = torch.zeros(len(label), self.num_latents, device=label.device)
        return zeros, zeros


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws weights as Keras does, which the published settings were found with.

    Uniform of Glorot's width for matrices and convolutions, in (-0.05, 0.05) for tables, zero
    for biases.

    Args:
        module: What is changed, with all that it contains.
        generator: Source of the draws.
    """
    for part in module.modules():
        if isinstance(part, nn.Embedding):
            nn.init.uniform_(part.weight, -0.05, 0.05, generator=generator)
        elif isinstance(part, (nn.Linear, nn.Conv1d)):
            nn.init.xavier_uniform_(part.weight, generator=generator)
            assert part.bias is not None
            nn.init.zeros_(part.bias)


def softplus_rate(output: Float[Tensor, "*rows neurons"]) -> Float[Tensor, "*rows neurons"]:
    """Returns expected counts, kept away from zero and infinity so that logarithms are finite."""
    return F.softplus(output).clamp(1e-7, 1e7)
