"""The formulas of attribution: what each neuron and bin of a window does to each output.

All give `(B, D, N, L)` for windows `(B, N, L)` and an encoder that maps them to `(B, D)`, each row
on its own. Randomness is drawn beforehand (`Draws`), so that no formula draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidParameterError

__all__ = [
    "ALIASES",
    "BASELINES",
    "METHODS",
    "Draws",
    "Encode",
    "Method",
    "expected_gradients",
    "feature_ablation",
    "integrated_gradients",
    "jacobian",
    "resolve_method",
]

Encode = Callable[[Tensor], Tensor]
"""Maps windows `(B, N, L)` to embeddings `(B, D)`; row `i` depends on window `i` alone."""

_ABLATED_WINDOWS = 4096  # windows of one pass: more of them fall out of the processor's cache


@dataclass(frozen=True)
class Draws:
    """What was drawn for `B` windows at `P` points.

    Args:
        baseline: Gives the baseline windows `(B, N, L)` of some rows.
        rows: The bins whose windows serve as baselines, `(P, B)`.
        fractions: Places in [0, 1) on the way from baseline to window, `(P, B)`.
    """

    baseline: Callable[[Tensor], Tensor]
    rows: Int[Tensor, "points batch"]
    fractions: Float[Tensor, "points batch"]


def jacobian(
    encode: Encode, windows: Float[Tensor, "batch neurons bins"], draws: Draws | None = None
) -> Float[Tensor, "batch dims neurons bins"]:
    r"""Returns the derivative of each output with respect to each input.

    .. math:: J_{bdn\ell} = \partial z_{bd} / \partial x_{bn\ell}

    One forward and `D` backward passes serve all windows of a batch, because an output depends on
    its own window only. A loop over the outputs is three times faster than `torch.func.vmap` over
    them, measured on one core with 120 neurons.

    Args:
        encode: The encoder.
        windows: Where to differentiate.
        draws: Not used; all methods are called alike.

    Example:
        >>> jacobian(lambda x: 2 * x.sum(2), torch.zeros(1, 2, 3))[0, :, :, 0]
        tensor([[2., 0.],
                [0., 2.]])
    """
    with torch.enable_grad():
        inputs = windows.detach().requires_grad_()
        points = encode(inputs)
    directions = torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
    slopes = [
        torch.autograd.grad(points, inputs, one.expand_as(points), retain_graph=True)[0]
        for one in directions
    ]
    time_major = torch.stack([slope.permute(2, 0, 1) for slope in slopes], dim=2)
    return time_major.permute(1, 2, 3, 0)  # as windows are: 20 times faster than reordering


def integrated_gradients(
    encode: Encode, windows: Float[Tensor, "batch neurons bins"], draws: Draws
) -> Float[Tensor, "batch dims neurons bins"]:
    r"""Returns the gradients integrated along the straight way from a baseline.

    .. math:: A = (x - x') \int_0^1 J(x' + \alpha (x - x')) \, d\alpha

    The sum over all inputs is :math:`z(x) - z(x')`. The integral is a Gauss-Legendre sum of as
    many nodes as points were drawn; the baseline is that of the first point.

    References:
        Sundararajan, Taly & Yan (2017), doi:10.48550/arXiv.1703.01365, eq. 1.

    Example:
        >>> rows, fractions = torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, 1)
        >>> draws = Draws(lambda rows: torch.zeros(1, 1, 1), rows, fractions)
        >>> integrated_gradients(lambda x: x[..., 0] ** 3, torch.full((1, 1, 1), 2.0), draws)
        tensor([[[[8.]]]])
    """
    nodes, weights = np.polynomial.legendre.leggauss(len(draws.rows))
    baseline = draws.baseline(draws.rows[0])
    way = windows - baseline
    total = torch.zeros(())
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total = total + float(weight) * jacobian(encode, baseline + float(node) * way)
    return total * way[:, None]


def expected_gradients(
    encode: Encode, windows: Float[Tensor, "batch neurons bins"], draws: Draws
) -> Float[Tensor, "batch dims neurons bins"]:
    r"""Returns approximate Shapley values: gradients at random places from random baselines.

    .. math:: A = \mathbb{E}_{x', \alpha} \big[ (x - x') \, J(x' + \alpha (x - x')) \big]

    References:
        Erion, Janizek, Sturmfels, Lundberg & Lee (2021), doi:10.1038/s42256-021-00343-w, eq. 4;
        Lundberg & Lee (2017), doi:10.48550/arXiv.1705.07874, for the values it approximates.
    """
    total = torch.zeros(())
    for rows, fraction in zip(draws.rows, draws.fractions, strict=True):
        baseline = draws.baseline(rows)
        way = windows - baseline
        place = baseline + fraction.to(windows)[:, None, None] * way
        total = total + jacobian(encode, place) * way[:, None]
    return total / len(draws.rows)


def feature_ablation(
    encode: Encode, windows: Float[Tensor, "batch neurons bins"], draws: Draws
) -> Float[Tensor, "batch dims neurons bins"]:
    r"""Returns what each output loses when one input takes the value of the baseline.

    .. math:: A_{bdn\ell} = z_d(x_b) - z_d(x_b \text{ with } x_{bn\ell} = x'_{bn\ell})

    One pass for each input, all outputs at once; the baseline is that of the first point.

    References:
        Zeiler & Fergus (2014), doi:10.1007/978-3-319-10590-1_53, section 4.2 (occlusion).
    """
    batch, neurons, bins = windows.shape
    baseline = draws.baseline(draws.rows[0]).flatten(1)
    with torch.no_grad():
        points, losses = encode(windows), []
        places = torch.arange(neurons * bins, device=windows.device)
        for some in places.split(max(1, _ABLATED_WINDOWS // batch)):
            ablated = windows.flatten(1).repeat(len(some), 1, 1)
            ablated[torch.arange(len(some), device=some.device), :, some] = baseline[:, some].T
            output = encode(ablated.flatten(0, 1).unflatten(1, (neurons, bins)))
            losses.append(points - output.unflatten(0, (len(some), batch)))
    lost: Tensor = torch.cat(losses).permute(1, 2, 0).reshape(batch, -1, neurons, bins)
    return lost


@dataclass(frozen=True)
class Method:
    """One row of `METHODS`.

    Args:
        attribute: The formula.
        key: What its map is called in the result.
        invertible: Whether the map is a Jacobian, whose pseudo-inverse means something.
        baseline: The default baseline, a row of `BASELINES`.
        num_points: The default number of points on the way from the baseline.
    """

    attribute: Callable[[Encode, Tensor, Draws], Tensor]
    key: str
    invertible: bool = False
    baseline: str = "zeros"
    num_points: int = 1


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "jacobian": Method(jacobian, "jf", invertible=True),
        "neuron-gradient": Method(jacobian, "neuron-gradient", invertible=True),
        "integrated-gradients": Method(
            integrated_gradients, "integrated-gradients", num_points=50
        ),
        "neuron-gradient-shap": Method(
            expected_gradients, "neuron-gradient-shap", baseline="data", num_points=5
        ),
        "feature-ablation": Method(feature_ablation, "feature-ablation"),
    }
)
"""The method of a name. Numbers of points are those of `cebra` and of captum."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "jacobian-based": "jacobian",
        "jacobian-based-batched": "jacobian",
        **{f"{name}-batched": name for name in METHODS if name != "jacobian"},
    }
)
"""The names in `cebra`; every method works in batches here."""

BASELINES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "zeros": lambda drawn, mean: torch.zeros_like(drawn),
        "mean": lambda drawn, mean: mean[:, None].expand_as(drawn),
        "data": lambda drawn, mean: drawn,
    }
)
"""From drawn windows `(B, N, L)` and the mean of each neuron to baselines: silence, the mean of
each neuron, or the drawn windows themselves."""


def resolve_method(name: str) -> Method:
    """Returns the method of a name or of a name in `cebra`.

    Raises:
        InvalidParameterError: If there is no such method; the message lists them.

    Example:
        >>> resolve_method("jacobian-based").key
        'jf'
    """
    name = ALIASES.get(name, name)
    if name not in METHODS:
        raise InvalidParameterError(
            f"an attribution method must be a row of METHODS; got {name!r}. Use one of "
            f"{', '.join(METHODS)}."
        )
    return METHODS[name]
