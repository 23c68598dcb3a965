"""Models of a single bin equal their formulas; each layer has its own weights."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.model import resolve_model
from cebra_ethan.models.pointwise import (
    SHORTCUTS,
    Offset1Model,
    half,
    offset1_even_model,
    offset1_mse_model,
    pointwise_layers,
)

DEEP = [f"offset1-model-mse-{kind}-{n}layers" for kind in ("v2", "resnet") for n in (2, 3, 10)]


def weights_of(model):
    """Matrices and biases in order of application."""
    weights, biases = list(model.parameters())[::2], list(model.parameters())[1::2]
    return [(w.squeeze(2), b) for w, b in zip(weights, biases, strict=True)]


def padded(x, width):
    """Zeros behind the columns of `x`, or its first `width` columns."""
    out = torch.zeros(len(x), width, dtype=x.dtype)
    shared = min(width, x.shape[1])
    out[:, :shared] = x[:, :shared]
    return out


def windows(num_neurons=5):
    return torch.randn(7, num_neurons, dtype=torch.float64)


@pytest.mark.parametrize("num_neurons", [3, 8, 12])  # fewer, as many and more than units
@pytest.mark.parametrize("num_layers", [1, 2, 4])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("tanh", [False, True])
def test_layers_with_and_without_shortcuts(num_neurons, num_layers, residual, tanh):
    options = {"num_layers": num_layers, "residual": residual, "tanh": tanh, "normalize": False}
    model = Offset1Model(num_neurons, 8, 3, **options).double()
    *hidden, (last, bias) = weights_of(model)
    x = y = windows(num_neurons)
    for weight, hidden_bias in hidden:
        linear = y @ weight.T + hidden_bias
        y = F.gelu(linear + padded(y, len(weight)) if residual else linear)
    y = y @ last.T + bias
    expected = y.tanh() if tanh else y
    assert [len(weight) for weight, _ in hidden] == [8] * (1 + num_layers) + [4]
    torch.testing.assert_close(model(x[:, :, None]).squeeze(2), expected, rtol=0, atol=1e-12)


FORMULAS = {
    "none": lambda x, linear: F.gelu(linear),
    "around": lambda x, linear: x + F.gelu(linear),
    "outside": lambda x, linear: F.gelu(x + linear),
}


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_shortcuts_of_equally_wide_layers(shortcut, num_layers):
    model = offset1_even_model(5, 6, 3, num_layers=num_layers, shortcut=shortcut).double()
    (first, bias), *hidden, (last, last_bias) = weights_of(model)
    x = windows()
    y = F.gelu(x @ first.T + bias)
    for weight, hidden_bias in hidden:
        y = FORMULAS[shortcut](y, y @ weight.T + hidden_bias)
    y = y @ last.T + last_bias
    expected = y / y.norm(dim=1, keepdim=True)
    assert len(hidden) == num_layers
    torch.testing.assert_close(model(x[:, :, None]).squeeze(2), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize("clip", [None, (-0.1, 0.02)])
def test_ends_of_the_wide_model(tanh, clip):
    model = offset1_mse_model(5, 1, 2, tanh=tanh, clip=clip).double()
    y = x = windows() * 5
    *hidden, (last, bias) = weights_of(model)
    for weight, hidden_bias in hidden:
        y = F.gelu(y @ weight.T + hidden_bias)
    y = y @ last.T + bias
    y = y.tanh() if tanh else y
    expected = y if clip is None else y.clamp(*clip)
    assert clip is None or not torch.equal(y, expected)
    assert [len(weight) for weight, _ in hidden] == [60, 60, 20]
    torch.testing.assert_close(model(x[:, :, None]).squeeze(2), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", DEEP)
def test_fault12_each_layer_has_its_own_weights(name):
    """In `cebra` the hidden layers of these models are one module n times."""
    model = resolve_model(name)(5, 6, 2)
    num_layers = model.num_layers
    square = [p for p in model.parameters() if p.shape == (6, 6, 1)]
    assert len(square) == len({p.data_ptr() for p in square}) == num_layers
    assert all(not torch.equal(square[0], other) for other in square[1:])
    hidden = (5 + 1) * 6 + num_layers * (6 + 1) * 6
    assert sum(p.numel() for p in model.parameters()) == hidden + (6 + 1) * 3 + (3 + 1) * 2


@pytest.mark.parametrize("name", DEEP)
def test_fault12_each_layer_learns_its_own(name):
    model = resolve_model(name)(5, 6, 2).double()
    model(windows()[:, :, None]).sum().backward()
    gradients = [p.grad for p in model.parameters() if p.shape == (6, 6, 1)]
    assert all(bool(gradient.any()) for gradient in gradients)
    for one, other in pairwise(gradients):
        assert not torch.equal(one, other)


def test_widths_one_after_the_other():
    shapes = [tuple(layer.weight.shape[:2]) for layer in pointwise_layers(5, 4, 3, 2)[::2]]
    assert shapes == [(4, 5), (3, 4), (2, 3)]


def test_an_unknown_shortcut_is_named():
    with pytest.raises(InvalidParameterError, match="one of none, around, outside; got 'gelu'"):
        offset1_even_model(5, 6, 2, shortcut="gelu")


@pytest.mark.parametrize("make", [Offset1Model, offset1_even_model])
@pytest.mark.parametrize("num_layers", [0, -1, True])
def test_layers_are_counted(make, num_layers):
    with pytest.raises(InvalidParameterError, match="num_layers must be an integer of at least 1"):
        make(5, 6, 2, num_layers=num_layers)


@pytest.mark.parametrize("num_units", [1, 0, -3])
def test_a_single_unit_has_no_half(num_units):
    with pytest.raises(InvalidParameterError, match=f"at least 2, .* got {num_units}"):
        half(num_units)
