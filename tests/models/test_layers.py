"""The layers keep their promises to torch, to each other, and to zero."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cebra_ethan.models.layers import Conv1d, Normalize, Pointwise, Skip

SHAPES = [(7, 5, 4, 10, 2), (6, 4, 4, 9, 3), (5, 4, 3, 3, 3), (1, 5, 4, 60, 2), (3, 5, 2, 4, 1)]


def time_major(*shape):
    batch, channels, bins = shape
    return torch.randn(bins, batch, channels, dtype=torch.float64).permute(1, 2, 0)


def batch_major(*shape):
    return torch.randn(shape, dtype=torch.float64)


def strided(*shape):
    batch, channels, bins = shape
    return torch.randn(batch, bins, 2 * channels, dtype=torch.float64)[..., ::2].transpose(1, 2)


@pytest.mark.parametrize("memory", [time_major, batch_major, strided])
@pytest.mark.parametrize(("batch", "inputs", "outputs", "bins", "kernel"), SHAPES)
def test_convolution_and_its_gradients_equal_torch(memory, batch, inputs, outputs, bins, kernel):
    layer = Conv1d(inputs, outputs, kernel).double()
    x = memory(batch, inputs, bins).requires_grad_()
    ours, theirs = layer(x), F.conv1d(x, layer.weight, layer.bias)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    direction = torch.randn_like(theirs)
    variables = (x, layer.weight, layer.bias)
    found = torch.autograd.grad(ours, variables, direction)
    expected = torch.autograd.grad(theirs, variables, direction)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_convolution_equals_torch_in_single_precision():
    layer = Conv1d(120, 32, 2)
    x = torch.randn(10, 64, 120).permute(1, 2, 0)
    torch.testing.assert_close(
        layer(x), F.conv1d(x, layer.weight, layer.bias), rtol=1e-6, atol=3e-6
    )


def test_convolution_has_second_derivatives():
    layer = Conv1d(2, 3, 2).double()
    x = time_major(2, 2, 4).requires_grad_()
    assert torch.autograd.gradgradcheck(layer, x)


def test_convolution_keeps_time_major_memory():
    x = torch.randn(10, 8, 5).permute(1, 2, 0)
    assert Conv1d(5, 4, 2)(x).permute(2, 0, 1).is_contiguous()


def test_convolution_has_the_weights_of_torch():
    ours, theirs = Conv1d(5, 4, 3), nn.Conv1d(5, 4, 3)
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    assert shapes == {name: value.shape for name, value in theirs.state_dict().items()}


def test_convolution_of_no_windows_is_empty():
    assert Conv1d(5, 4, 2)(torch.randn(0, 5, 10)).shape == (0, 4, 9)


def test_pointwise_is_a_linear_layer_at_each_bin():
    layer = Pointwise(5, 4)
    x = torch.randn(3, 5, 6)
    expected = F.linear(x.transpose(1, 2), layer.weight.squeeze(2), layer.bias).transpose(1, 2)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("kernels", [(1,), (3,), (3, 3), (5,)])
def test_skip_crops_what_the_branch_loses_equally(kernels):
    branch = [Conv1d(2, 2, kernel) for kernel in kernels]
    for layer in branch:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    x = torch.arange(20.0).expand(1, 2, 20)
    lost = sum(kernels) - len(kernels)
    assert Skip(*branch)(x)[0, 0].tolist() == list(range(lost // 2, 20 - lost // 2))


def test_normalize_gives_unit_vectors_and_no_nan():
    x = torch.randn(4, 3, 5)
    x[0, :, 0] = 0
    x.requires_grad_()
    y = Normalize()(x)
    lengths = y.norm(dim=1)
    assert lengths[0, 0] == 0
    lengths = lengths.detach().clone()
    lengths[0, 0] = 1
    torch.testing.assert_close(lengths, torch.ones(4, 5))
    y.sum().backward()
    assert x.grad.isfinite().all()
