"""Laws of every encoder in `MODELS`, and the names that lead to them."""

import pytest
import torch

from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.model import (
    MODELS,
    SUBSAMPLED,
    AttentionOffsetModel,
    Offset1Model,
    OffsetModel,
    offset_layers,
    offset_model,
    resolve_model,
    resolve_offset,
)
from cebra_ethan.types import Offset

# From `cebra` 0.6.1: num_neurons=30, num_units=32, num_output=8.
PARAMETERS = {
    "offset1-model": 2712,
    "offset1-model-v2": 3368,
    "offset1-model-v3": 3368,
    "offset1-model-v4": 5480,
    "offset1-model-v5": 5480,
    "offset1-model-mse": 85208,
    "offset1-model-mse-tanh": 85208,
    "offset5-model": 5576,
    "offset10-model": 12040,
    "offset10-model-mse": 12040,
    "offset10-model-mse-tanh": 12040,
    "offset15-model": 21096,
    "offset20-model": 27560,
    "offset36-model": 52392,
    "offset36-model-dropout": 52392,
    "offset36-model-more-dropout": 52392,
    "offset40-model": 58600,
    "offset50-model": 74120,
    "supervised1-model": 2712,
    "supervised10-model": 12040,
    "offset4-model-2x-subsample": 7608,
    "offset20-model-4x-subsample": 13480,
    "offset40-model-4x-subsample": 19944,
}
OFFSETS = {
    "offset1-model": Offset(0, 1),
    "offset1-model-v2": Offset(0, 1),
    "offset1-model-v3": Offset(0, 1),
    "offset1-model-v4": Offset(0, 1),
    "offset1-model-v5": Offset(0, 1),
    "offset1-model-mse": Offset(0, 1),
    "offset1-model-mse-tanh": Offset(0, 1),
    "offset5-model": Offset(2, 3),
    "offset10-model": Offset(5, 5),
    "offset10-model-mse": Offset(5, 5),
    "offset10-model-mse-tanh": Offset(5, 5),
    "offset15-model": Offset(7, 8),
    "offset20-model": Offset(10, 10),
    "offset36-model": Offset(18, 18),
    "offset36-model-dropout": Offset(18, 18),
    "offset36-model-more-dropout": Offset(18, 18),
    "offset40-model": Offset(20, 20),
    "offset50-model": Offset(25, 25),
    "supervised1-model": Offset(0, 1),
    "supervised10-model": Offset(5, 5),
    "attention-offset10-model": Offset(5, 5),
    "offset4-model-2x-subsample": Offset(2, 2),
    "offset20-model-4x-subsample": Offset(10, 10),
    "offset40-model-4x-subsample": Offset(20, 20),
}
ROWS = [*MODELS, *SUBSAMPLED]
NAMES = [
    *ROWS,
    "offset3-model",
    "offset4-model-mse",
    "offset7-model",
    "offset7-model-mse-tanh",
    "offset1-model-mse-clip-10-5",
    "offset1-model-mse-v2-3layers",
    "offset1-model-mse-resnet-3layers-tanh",
]


DEVICES = [
    "meta",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


def build(name, *, causal=False, dtype=torch.float64):
    torch.manual_seed(0)
    model = resolve_model(name)(num_neurons=3, num_units=8, num_output=2, causal=causal)
    return model.to(dtype).eval()


def influence(model, place):
    """The bins that point `place` depends on, as numbers of a recording of three windows."""
    x = torch.randn(1, 3, 3 * model.offset.span, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, -0.5], dtype=torch.float64)
    (weights @ model(x)[0, :, place]).backward()
    return x.grad.abs().sum((0, 1)).nonzero().flatten().tolist()


def input_layers_by_shape(model, larger):
    """The input layer of each parameter with another shape; or else the parameter itself."""
    shapes, others = ({k: v.shape for k, v in m.state_dict().items()} for m in (model, larger))
    assert list(shapes) == list(others)
    layers = {}
    for name in shapes:
        owners = [own for own in model.input_layers if f"{name}.".startswith(f"{own}.")]
        layers[name] = owners[0] if owners else name
    same = {name for name, shape in shapes.items() if shape == others[name]}
    kept = {name for name in same if layers[name] in model.input_layers}
    assert all(name.endswith(".bias") for name in kept)
    return {layers[name] for name in shapes if name not in same}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_offset_is_the_receptive_field(name, causal):
    model = build(name, causal=causal)
    offset, place = model.offset, model.offset.span // model.resample_factor
    bin_ = place * model.resample_factor + offset.left
    assert influence(model, place) == list(range(bin_ - offset.left, bin_ + offset.right))


@pytest.mark.parametrize("name", NAMES)
def test_causal_keeps_the_layers_and_sees_no_future(name):
    centred, causal = build(name), build(name, causal=True)
    assert causal.offset == Offset(centred.offset.span - 1, 1)
    x = torch.randn(2, 3, centred.offset.span + 4, dtype=torch.float64)
    assert torch.equal(centred(x), causal(x))
    changed = x.clone()
    changed[:, :, causal.offset.left + 1 :] += 1  # everything after the bin of output 0
    assert torch.equal(causal(x)[:, :, 0], causal(changed)[:, :, 0])


@pytest.mark.parametrize("name", NAMES)
def test_a_model_maps_windows_and_recordings(name):
    model = build(name)
    span = model.offset.span
    assert isinstance(model, OffsetModel)
    assert (model.num_neurons, model.num_output) == (3, 2)
    for batch, bins in ((5, span), (1, span + 20), (2, span + 1)):
        shape = model(torch.randn(batch, 3, bins, dtype=torch.float64)).shape
        assert shape == (batch, 2, (bins - span) // model.resample_factor + 1)


@pytest.mark.parametrize("name", NAMES)
def test_windows_give_what_the_recording_gives(name):
    model = build(name)
    recording = torch.randn(1, 3, model.offset.span + 30, dtype=torch.float64)
    windows = recording[0].unfold(1, model.offset.span, model.resample_factor)
    windows = windows.permute(2, 1, 0).contiguous()
    torch.testing.assert_close(
        model(windows.permute(1, 2, 0)).squeeze(2), model(recording)[0].T, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("name", NAMES)
def test_normalized_means_unit_vectors(name):
    model = build(name)
    assert model.normalize is not ("-mse" in name or name.startswith("supervised"))
    x = torch.randn(50, 3, model.offset.span, dtype=torch.float64)
    lengths = model(x).norm(dim=1)
    assert torch.allclose(lengths, torch.ones_like(lengths)) == model.normalize


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("normalize", [False, True])
def test_normalize_is_an_argument(name, normalize):
    model = resolve_model(name)(3, 8, 2, normalize=normalize)
    assert model.normalize is normalize


@pytest.mark.parametrize("name", NAMES)
def test_silence_gives_no_nan(name):
    model = build(name)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.zeros(2, 3, model.offset.span, dtype=torch.float64)
    assert torch.equal(model(x), torch.zeros(2, 2, 1, dtype=torch.float64))


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_weights(name):
    one, two = build(name).state_dict(), build(name).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name):
    model = build(name)
    model(torch.randn(9, 3, model.offset.span, dtype=torch.float64))[:, 0].sum().backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_the_slopes_of_the_embedding(name):
    """Along one random direction of all weights and the input at once."""
    model = build(name)
    x = torch.randn(4, 3, model.offset.span, dtype=torch.float64, requires_grad=True)
    variables = [x, *model.parameters()]
    weights = torch.randn(4, 2, 1, dtype=torch.float64)
    gradients = torch.autograd.grad((model(x) * weights).sum(), variables)
    directions = [torch.randn_like(variable) for variable in variables]
    step, heights = 1e-6, []
    with torch.no_grad():
        for sign in (1, -2):
            for variable, direction in zip(variables, directions, strict=True):
                variable += sign * step * direction
            heights.append((model(x) * weights).sum())
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    torch.testing.assert_close((heights[0] - heights[1]) / (2 * step), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_an_embedding_has_the_type_of_the_model(name, dtype):
    model = build(name, dtype=dtype)
    x = torch.randn(4, 3, model.offset.span, dtype=torch.float64)
    embedding = model(x.to(dtype))
    assert embedding.dtype == dtype
    close = 0.2 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(embedding.double(), build(name)(x), rtol=0, atol=close)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", DEVICES)
def test_an_embedding_is_where_the_model_is(name, device):
    model = build(name).to(device)
    x = torch.randn(4, 3, model.offset.span + 8, dtype=torch.float64)
    embedding, expected = model(x.to(device)), build(name)(x)
    assert embedding.device.type == device
    assert embedding.shape == expected.shape
    if device != "meta":
        torch.testing.assert_close(embedding.cpu(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_input_layers_are_those_with_a_shape_of_the_neurons(name):
    """More neurons change the shape of every input layer, and nothing else."""
    model, larger = (resolve_model(name)(num_neurons, 8, 2) for num_neurons in (3, 4))
    assert input_layers_by_shape(model, larger) == set(model.input_layers)


@pytest.mark.parametrize("over", ["time", "neurons"])
def test_input_layers_of_attention(over):
    model, larger = (AttentionOffsetModel(n, 8, 2, over=over) for n in (3, 4))
    assert input_layers_by_shape(model, larger) == set(model.input_layers)


@pytest.mark.parametrize("name", PARAMETERS)
def test_number_of_parameters_is_that_of_cebra(name):
    model = resolve_model(name)(30, 32, 8)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", ROWS)
def test_offset_is_that_of_the_table(name):
    assert build(name).offset == OFFSETS[name] == resolve_offset(name)


@pytest.mark.parametrize("name", NAMES)
def test_an_offset_is_resolved_without_a_draw(name):
    before = torch.get_rng_state()
    assert resolve_offset(name, causal=True) == build(name, causal=True).offset
    torch.manual_seed(0)
    state = torch.get_rng_state()
    resolve_offset(name)
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_rng_state(before)


@pytest.mark.parametrize("name", ROWS)
def test_only_convolutions_share_work_between_windows(name):
    assert build(name).shift_equivariant is not name.startswith("attention")


@pytest.mark.parametrize("span", range(3, 61))
def test_one_formula_for_any_span(span):
    model = offset_model(span, 3, 4, 2)
    assert model.offset == Offset(span // 2, span - span // 2)
    assert model(torch.randn(1, 3, span)).shape == (1, 2, 1)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("shape", [(4, 5, 60), (4, 3, 0), (1, 60, 3)])
def test_a_wrong_input_is_named(name, shape):
    with pytest.raises(DataError, match=r"takes \(batch, 3 neurons, at least .* got"):
        build(name, dtype=torch.float32)(torch.zeros(shape))


@pytest.mark.parametrize(
    "name",
    [
        "offset2-model",
        "offset2-model-mse-tanh",
        "offset1-model-v9",
        "offset10-model-mse2",
        "offset10-model-tanh",
        "offset1-model-mse-clip-0-5",
        "offset1-model-mse-clip-5",
        "offset1-model-mse-v2-0layers",
        "offset1-model-mse-v2-3layers-tan",
        "offset1-model-v2-3layers",
        "OFFSET10-MODEL",
        "",
    ],
)
def test_an_unknown_name_lists_the_rows(name):
    with pytest.raises(InvalidParameterError, match=f"{name!r}.*{', '.join(MODELS)}"):
        resolve_model(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", ["num_neurons", "num_units", "num_output"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_wrong_count_is_named(name, count, value):
    counts = {"num_neurons": 3, "num_units": 8, "num_output": 2, count: value}
    with pytest.raises(InvalidParameterError, match=r"must be .*at least [12]"):
        resolve_model(name)(**counts)


def test_the_model_of_one_bin_halves_its_units():
    with pytest.raises(InvalidParameterError, match="num_units must be at least 2"):
        Offset1Model(3, 1, 2)


def test_convolutions_need_three_bins():
    with pytest.raises(InvalidParameterError, match="span of at least 3"):
        offset_layers(2, 3, 4, 2)
