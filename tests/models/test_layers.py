"""The layers keep their promises to torch, to each other, and to zero."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.convolution import offset_layers, offset_model
from cebra_ethan.models.layers import Conv1d, Normalize, PaddedSkip, Pointwise, Skip, Thin
from cebra_ethan.models.model import resolve_model

SHAPES = [(7, 5, 4, 10, 2), (6, 4, 4, 9, 3), (5, 4, 3, 3, 3), (1, 5, 4, 60, 2), (3, 5, 2, 4, 1),
          (7, 5, 20, 10, 3)]  # fmt: skip


def time_major(*shape):
    batch, channels, bins = shape
    return torch.randn(bins, batch, channels, dtype=torch.float64).permute(1, 2, 0)


def batch_major(*shape):
    return torch.randn(shape, dtype=torch.float64)


def strided(*shape):
    batch, channels, bins = shape
    return torch.randn(batch, bins, 2 * channels, dtype=torch.float64)[..., ::2].transpose(1, 2)


@pytest.mark.parametrize("memory", [time_major, batch_major, strided])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("batch", "inputs", "outputs", "bins", "kernel"), SHAPES)
def test_convolution_and_its_gradients_equal_torch(
    memory, stride, batch, inputs, outputs, bins, kernel
):
    layer = Conv1d(inputs, outputs, kernel, stride).double()
    x = memory(batch, inputs, bins).requires_grad_()
    ours, theirs = layer(x), F.conv1d(x, layer.weight, layer.bias, stride)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    direction = torch.randn_like(theirs)
    variables = (x, layer.weight, layer.bias)
    found = torch.autograd.grad(ours, variables, direction)
    expected = torch.autograd.grad(theirs, variables, direction)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("outputs", [3, 32])
def test_convolution_equals_torch_in_single_precision(outputs):
    layer = Conv1d(120, outputs, 2)
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
    assert Conv1d(5, 4, 2, stride=2)(torch.randn(0, 5, 10)).shape == (0, 4, 5)


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


@pytest.mark.parametrize("memory", [time_major, batch_major, strided])
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (5, 3), (4, 4), (1, 2)])
def test_padded_skip_adds_zeros_or_the_first_channels(memory, inputs, outputs):
    layer = PaddedSkip(Pointwise(inputs, outputs)).double()
    x = memory(2, inputs, 6)
    expected = layer.module(x)
    for channel in range(min(inputs, outputs)):
        expected[:, channel] += x[:, channel]
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=0)


@pytest.mark.parametrize("memory", [time_major, batch_major, strided])
@pytest.mark.parametrize("bins", [4, 5, 9, 10])
def test_thin_puts_the_bins_where_kernels_start_below(memory, bins):
    layer = Thin(Conv1d(3, 2, 4, stride=2)).double()
    x = memory(5, 3, bins)
    starts = range(0, bins - 3, 2)
    assert layer(x).shape == (5, 5, len(starts))
    torch.testing.assert_close(layer(x)[:, :2], layer.layer(x), rtol=0, atol=0)
    torch.testing.assert_close(layer(x)[:, 2:], x[:, :, list(starts)], rtol=0, atol=0)


@pytest.mark.parametrize(
    "layer",
    [Thin(Conv1d(4, 3, 4, stride=2)), PaddedSkip(Pointwise(4, 6)), PaddedSkip(Pointwise(4, 3))],
)
def test_new_layers_keep_time_major_memory(layer):
    x = time_major(8, 4, 12)
    assert layer.double()(x).permute(2, 0, 1).is_contiguous()


def record_inputs_and_outputs(model):
    seen = []
    for module in model.modules():
        if isinstance(module, nn.Dropout1d):
            module.register_forward_hook(lambda _, given, out: seen.append((given[0], out)))
    return seen


@pytest.mark.parametrize("memory", [time_major, batch_major, strided])
@pytest.mark.parametrize(
    ("name", "places"), [("offset36-model-dropout", 1), ("offset36-model-more-dropout", 17)]
)
def test_dropout_takes_whole_channels_of_each_window(memory, name, places):
    torch.manual_seed(0)
    model = resolve_model(name)(4, 32, 2).double()
    seen = record_inputs_and_outputs(model)
    model(memory(64, 4, 36))
    assert len(seen) == places
    for given, out in seen:
        alive = (given != 0).all(dim=2)  # a channel may have been dropped before
        scale = out[alive] / given[alive]
        dropped = scale[:, 0] == 0
        expected = torch.where(dropped, 0.0, 1 / 0.9).double()
        torch.testing.assert_close(scale, expected[:, None].expand_as(scale), rtol=1e-7, atol=0)
        assert alive.double().mean() > 0.8
        assert 0.05 < dropped.double().mean() < 0.15  # of about 2000 draws at 0.1
        assert len((out[:, :, 0] == 0).unique(dim=0)) > 32  # other channels in other windows
        assert out.permute(2, 0, 1).is_contiguous()


@pytest.mark.parametrize("name", ["offset36-model-dropout", "offset36-model-more-dropout"])
def test_dropout_ends_with_training(name):
    model = resolve_model(name)(4, 8, 2).double()
    plain = resolve_model("offset36-model")(4, 8, 2).double()
    plain.load_state_dict(dict(zip(plain.state_dict(), model.state_dict().values(), strict=True)))
    x = time_major(9, 4, 36)
    assert not torch.allclose(model(x), plain(x))
    assert torch.equal(model.eval()(x), plain(x))


def test_without_dropout_there_is_no_layer_for_it():
    assert not any(
        "Dropout" in type(layer).__name__ for layer in offset_model(8, 3, 4, 2).modules()
    )


@pytest.mark.parametrize("where", ["dropout", "skip_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1.0, 2])
def test_a_wrong_probability_is_named(where, value):
    with pytest.raises(InvalidParameterError, match=rf"^{where} must be in \[0, 1\); got {value}"):
        offset_layers(8, 3, 4, 2, **{where: value})


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
