"""Equal weights give equal embeddings, here and in `cebra`."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from cebra_ethan.errors import CheckpointError
from cebra_ethan.models.attention import AttentionOffsetModel
from cebra_ethan.models.convert import from_cebra, to_cebra
from cebra_ethan.models.model import MODELS, Offset1Model, Offset5Model, resolve_model

GOLDEN = Path(__file__).parents[1] / "golden" / "models.npz"
SHARED = [name for name in MODELS if not name.startswith("attention")]
SIZES = {"num_neurons": 4, "num_units": 6, "num_output": 2}

needs_cebra = pytest.mark.skipif(
    find_spec("cebra") is None, reason="needs cebra 0.6.1: pip install 'cebra-ethan[compare]'"
)


def golden(name):
    with np.load(GOLDEN, allow_pickle=False) as file:
        own = {
            key.removeprefix(f"{name}/"): file[key] for key in file if key.startswith(f"{name}/")
        }
    state = {key.removeprefix("state/"): own[key] for key in own if key.startswith("state/")}
    return own, state


@pytest.mark.parametrize("name", SHARED)
def test_stored_weights_give_the_stored_embedding(name):
    stored, state = golden(name)
    model = from_cebra(state, resolve_model(name)(**SIZES)).double().eval()
    assert (model.offset.left, model.offset.right) == tuple(stored["offset"])
    with torch.no_grad():
        embedding = model(torch.from_numpy(stored["neural"]).double())
    expected = torch.from_numpy(stored["embedding"]).reshape(embedding.shape)
    torch.testing.assert_close(embedding, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SHARED)
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


@needs_cebra
@pytest.mark.parametrize("name", SHARED)
def test_both_packages_embed_alike_in_both_directions(name):
    import cebra.models

    theirs = cebra.models.init(name, **SIZES).double().eval()
    ours, fresh = (resolve_model(name)(**SIZES).double().eval() for _ in range(2))
    x = torch.randn(7, 4, ours.offset.span, dtype=torch.float64)
    with torch.no_grad():
        from_cebra(theirs.state_dict(), ours)
        torch.testing.assert_close(ours(x).squeeze(2), theirs(x), rtol=0, atol=1e-12)
        theirs.load_state_dict(to_cebra(fresh))
        torch.testing.assert_close(fresh(x).squeeze(2), theirs(x), rtol=0, atol=1e-12)
