"""Equal weights give equal embeddings, here and in `cebra`."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cebra_ethan.errors import CheckpointError
from cebra_ethan.models.attention import AttentionOffsetModel
from cebra_ethan.models.convert import from_cebra, to_cebra
from cebra_ethan.models.model import (
    ALIASES,
    MODELS,
    SUBSAMPLED,
    Offset1Model,
    Offset5Model,
    SupervisedModel,
    resolve_model,
    supported_model_architectures,
)
from cebra_ethan.models.names import grid_names

GOLDEN = Path(__file__).parents[1] / "golden" / "models.npz"
SHARED = [name for name in (*MODELS, *SUBSAMPLED) if not name.startswith("attention")]
STORED = [
    *SHARED,
    "offset1-model-mse-clip-1-5",
    "offset1-model-mse-v2-3layers-tanh",
    "offset1-model-mse-resnet-3layers",
]
TIED = [
    f"offset1-model-mse-{kind}-{n}layers{end}"
    for kind in ("v2", "resnet")
    for n in (2, 3, 10)
    for end in ("", "-tanh")
]
SIZES = {"num_neurons": 4, "num_units": 6, "num_output": 2}

needs_cebra = pytest.mark.skipif(
    find_spec("cebra") is None, reason="needs cebra 0.6.1: pip install 'cebra-ethan[compare]'"
)
# It compiles its losses with `torch.jit` as it is imported, which newer versions of torch warn of.
of_cebra = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def golden(name):
    with np.load(GOLDEN, allow_pickle=False) as file:
        own = {
            key.removeprefix(f"{name}/"): file[key] for key in file if key.startswith(f"{name}/")
        }
    state = {key.removeprefix("state/"): own[key] for key in own if key.startswith("state/")}
    return own, state


@pytest.mark.parametrize("name", STORED)
def test_stored_weights_give_the_stored_embedding(name):
    stored, state = golden(name)
    model = from_cebra(state, resolve_model(name)(**SIZES)).double().eval()
    assert (model.offset.left, model.offset.right) == tuple(stored["offset"])
    with torch.no_grad():
        embedding = model(torch.from_numpy(stored["neural"]).double())
    expected = torch.from_numpy(stored["embedding"]).reshape(embedding.shape)
    torch.testing.assert_close(embedding, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", STORED)
def test_weights_go_back_as_they_came(name):
    _, state = golden(name)
    back = to_cebra(from_cebra(state, resolve_model(name)(**SIZES)))
    assert list(back) == list(state)
    for key, value in state.items():
        np.testing.assert_array_equal(back[key].numpy(), value)


def test_the_order_of_the_names_does_not_matter():
    source, target = Offset5Model(**SIZES), Offset5Model(**SIZES)
    from_cebra(dict(reversed(to_cebra(source).items())), target)
    x = torch.randn(3, 4, 5)
    assert torch.equal(source(x), target(x))


def test_converted_weights_are_copies():
    model = Offset5Model(**SIZES)
    weights = to_cebra(model)
    weights["net.0.weight"].zero_()
    assert model.net[0].weight.abs().sum() > 0


def test_a_missing_and_a_foreign_name_are_shown():
    state = to_cebra(Offset5Model(**SIZES))
    state["net.9.weight"] = state.pop("net.3.weight")
    message = (
        r"must be those of this architecture; got 'net.9.weight' .* not 'net.3.weight'\. Build"
    )
    with pytest.raises(CheckpointError, match=message):
        from_cebra(state, Offset5Model(**SIZES))


def test_a_wrong_shape_is_shown_and_changes_nothing():
    state = to_cebra(Offset5Model(4, 6, 3))
    model = Offset5Model(**SIZES)
    before = to_cebra(model)
    message = r"must have the shapes of this model; got \(3, 6, 2\) for 'net.3.weight'.*Build"
    with pytest.raises(CheckpointError, match=message):
        from_cebra(state, model)
    assert all(torch.equal(before[name], weight) for name, weight in to_cebra(model).items())


def test_linear_weights_of_another_architecture_do_not_fit():
    with pytest.raises(CheckpointError, match="must be those of this architecture"):
        from_cebra(to_cebra(Offset1Model(**SIZES)), Offset5Model(**SIZES))


@pytest.mark.parametrize("convert", [to_cebra, lambda model: from_cebra({}, model)])
def test_attention_has_no_counterpart(convert):
    with pytest.raises(CheckpointError, match=r"only convolutional.*AttentionOffsetModel.*Use"):
        convert(AttentionOffsetModel(4, 8, 2))


def test_the_stored_clipped_embedding_is_clipped():
    stored, _ = golden("offset1-model-mse-clip-1-5")
    assert (stored["embedding"] == 5).any()
    assert (np.abs(stored["embedding"]) < 5).any()


@pytest.mark.parametrize("name", TIED)
def test_layers_with_their_own_weights_have_no_counterpart(name):
    model = resolve_model(name)(**SIZES)
    with pytest.raises(CheckpointError, match=rf"one weight for all.*got {model.num_layers} diff"):
        to_cebra(model)


@pytest.mark.parametrize("name", TIED)
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_equal_layers_have_one_until_any_of_them_differs(name, part):
    model = resolve_model(name)(**SIZES)
    hidden = list(model.net)[2 : 2 + 2 * model.num_layers : 2]
    for layer in hidden[1:]:
        layer.load_state_dict(hidden[0].state_dict())
    assert len(to_cebra(model)) == 2 * (3 + model.num_layers)
    dict(hidden[-1].named_parameters())[
        f"module.{part}" if "resnet" in name else part
    ].data.flatten()[-1] += 1
    with pytest.raises(CheckpointError, match="one weight for all"):
        to_cebra(model)


def test_imported_layers_are_copies_of_the_shared_weight():
    source, target = (resolve_model(TIED[2])(**SIZES) for _ in range(2))
    for place in (4, 6):
        source.net[place].load_state_dict(source.net[2].state_dict())
    from_cebra(to_cebra(source), target)
    torch.nn.init.zeros_(target.net[4].weight)
    assert torch.equal(target.net[2].weight, source.net[2].weight)
    assert torch.equal(target.net[6].weight, source.net[2].weight)


@pytest.mark.parametrize("span", [1, 10])
def test_a_readout_is_converted_with_its_encoder(span):
    source, target = (SupervisedModel(**SIZES, span=span, num_targets=3) for _ in range(2))
    weights = to_cebra(source)
    assert weights["classifier.weight"].shape == (3, 2)
    x = torch.randn(5, 4, span)
    assert torch.equal(from_cebra(weights, target).predict(x), source.predict(x))
    with pytest.raises(CheckpointError, match=r"got 'classifier.bias', 'classifier.weight' that"):
        from_cebra(weights, SupervisedModel(**SIZES, span=span))


def in_cebra(name):
    """A model of `cebra`, in float64, and what embeds with it."""
    import cebra.models

    model = cebra.models.init(name, **SIZES).double().eval()
    return model, model.net if name.startswith("supervised") else model


@needs_cebra
@of_cebra
@pytest.mark.parametrize("name", [*SHARED, *ALIASES, *grid_names()])
def test_both_packages_embed_alike_in_both_directions(name):
    (theirs, embed), ours = in_cebra(name), resolve_model(name)(**SIZES).double().eval()
    x = torch.randn(7, 4, ours.offset.span, dtype=torch.float64) * (100 if "clip" in name else 1)
    with torch.no_grad():
        from_cebra(theirs.state_dict(), ours)
        torch.testing.assert_close(ours(x).squeeze(2), embed(x), rtol=0, atol=1e-12)
        other = resolve_model(name)(**SIZES).double().eval()
        if getattr(other, "num_layers", 1) == 1:
            theirs.load_state_dict(to_cebra(other))
        else:  # layers that are one in `cebra` are equal only where they come from there
            theirs, embed = in_cebra(name)
            theirs.load_state_dict(to_cebra(ours))
            other = ours
        torch.testing.assert_close(other(x).squeeze(2), embed(x), rtol=0, atol=1e-12)


@needs_cebra
@of_cebra
@pytest.mark.parametrize("name", ["supervised1-model", "supervised10-model"])
def test_both_packages_read_out_alike(name):
    theirs, _ = in_cebra(name)
    theirs.set_output_num(3)
    ours = from_cebra(theirs.state_dict(), resolve_model(name)(**SIZES, num_targets=3)).double()
    x = torch.randn(7, 4, ours.offset.span, dtype=torch.float64)
    points, scores = theirs.double()(x)
    torch.testing.assert_close(ours.predict(x).squeeze(2), scores, rtol=0, atol=1e-12)
    torch.testing.assert_close(F.relu(ours(x)).squeeze(2), points, rtol=0, atol=1e-12)


@needs_cebra
@of_cebra
def test_all_names_of_cebra_are_here():
    import cebra
    import cebra.models

    ours = supported_model_architectures()
    assert {*cebra.models.get_options()} == {*ours} - {"attention-offset10-model"}
    assert {*cebra.CEBRA.supported_model_architectures()} <= {*ours}
    assert len(cebra.CEBRA.supported_model_architectures()) == 139
