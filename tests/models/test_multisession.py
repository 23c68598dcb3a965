"""One encoder for each session: shapes, shared weights, and gradients of the published loss."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.errors import DataError
from cebra_ethan.models.criterions import FixedCosineInfoNCE
from cebra_ethan.models.model import (
    MODELS,
    SUBSAMPLED,
    Offset5Model,
    Offset10Model,
    resolve_model,
)
from cebra_ethan.models.multisession import (
    MultiSessionModel,
    copy_trunk,
    input_parameters,
    share_trunk,
)
from cebra_ethan.solver.loss import total_loss
from cebra_ethan.types import Objective
from tests.reference.multisession import multisession_loss

NEURONS = (4, 7, 5)
every_architecture = pytest.mark.parametrize("name", [*MODELS, *SUBSAMPLED])


def encoders(name="offset10-model", neurons=NEURONS):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [resolve_model(name)(count, 8, 3) for count in neurons]


@every_architecture
def test_input_parameters_are_those_whose_shape_depends_on_the_neurons(name):
    one, two = encoders(name, (4, 7))
    shapes = {key: value.shape for key, value in one.named_parameters()}
    differ = {key for key, value in two.named_parameters() if value.shape != shapes[key]}
    own = input_parameters(one)
    assert differ <= own
    layers = {key.rpartition(".")[0] for key in differ}
    assert all(key.rpartition(".")[0] in layers or key in differ for key in own)  # their biases


@every_architecture
def test_a_shared_trunk_is_one_set_of_weights(name):
    several = encoders(name)
    apart = sum(p.numel() for p in MultiSessionModel(several).parameters())
    own = input_parameters(several[0])
    trunk = sum(p.numel() for key, p in several[0].named_parameters() if key not in own)
    share_trunk(several)
    model = MultiSessionModel(several)
    assert sum(p.numel() for p in model.parameters()) == apart - 2 * trunk
    for copied in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.float()):
        first, *rest = (dict(one.named_parameters()) for one in copied.encoders)
        for one in rest:
            assert {key for key in one if one[key] is not first[key]} == own
    for neurons, encoder in zip(NEURONS, several, strict=True):  # each still takes its neurons
        assert encoder(torch.randn(2, neurons, encoder.offset.span)).shape == (2, 3, 1)


@every_architecture
def test_a_copied_trunk_is_equal_and_apart(name):
    source, target = encoders(name, (4, 7))
    own = input_parameters(source)
    before = {key: value.clone() for key, value in target.state_dict().items()}
    copy_trunk(source, target)
    fixed = dict(source.state_dict())
    for key, value in target.state_dict().items():
        assert torch.equal(value, before[key] if key in own else fixed[key])
        assert value.data_ptr() != fixed[key].data_ptr()


def test_each_session_has_its_encoder():
    several = encoders()
    model = MultiSessionModel(several).eval()
    assert (model.num_sessions, model.num_output, model.offset.span) == (3, 3, 10)
    for number, neurons in enumerate(NEURONS):
        windows = torch.randn(5, neurons, 10)
        assert torch.equal(model(windows, number), several[number](windows))
        assert model.encoder(number) is several[number]


@pytest.mark.parametrize(
    "other", [Offset5Model(4, 8, 3), Offset10Model(4, 8, 2), Offset10Model(4, 8, 3, causal=True)]
)
def test_encoders_of_another_form_are_refused(other):
    with pytest.raises(DataError, match="need one receptive field and one number of outputs"):
        MultiSessionModel([Offset10Model(4, 8, 3), other])


def _batch(conditional, num_negatives, label):
    rng = np.random.default_rng(0)
    sessions, labels = [], []
    for count, length in zip(NEURONS, (60, 40, 50), strict=True):
        sessions.append(rng.normal(size=(length, count)))
        labels.append({"place": rng.normal(size=length)} if label else {})
    dataset = MultiSessionDataset(
        sessions, labels, conditional=conditional, num_negatives=num_negatives, time_offset=2
    )
    loader = ContrastiveLoader(dataset, 6, 1, random_state=0)
    batch = loader.bind(Offset5Model(1, 4, 2).offset).batch(0)
    for recording in batch.recordings:  # in float64, so that the comparison is sharp
        object.__setattr__(recording, "neural", recording.neural.double())
    return batch


@pytest.mark.parametrize("num_negatives", [None, 3])
@pytest.mark.parametrize(("conditional", "label"), [(None, True), ("time", True), (None, False)])
@pytest.mark.parametrize("shared", [False, True])
def test_loss_and_gradients_are_the_published_ones(conditional, label, num_negatives, shared):
    batch = _batch(conditional, num_negatives, label)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        several = [Offset5Model(count, 4, 2).double() for count in NEURONS]
    if shared:
        share_trunk(several)
    model = MultiSessionModel(several)
    criterion = FixedCosineInfoNCE(0.7).double()
    total, _ = total_loss(model, [Objective(criterion)], batch)
    found = torch.autograd.grad(total, list(model.parameters()))
    expected = multisession_loss(
        several,
        [recording.neural for recording in batch.recordings],
        (batch.indices.reference, batch.indices.positive[0], batch.indices.negative),
        *(batch.offset.left, batch.offset.right, 0.7),
        apart=conditional == "time" or not label,
    )
    torch.testing.assert_close(total, expected, rtol=1e-12, atol=1e-12)
    wanted = torch.autograd.grad(expected, list(model.parameters()))
    for one, other in zip(found, wanted, strict=True):
        assert one.abs().sum() > 0
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_weights_of_several_sessions_survive_a_file():
    several = encoders()
    share_trunk(several)
    model = MultiSessionModel(several)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = encoders()
    share_trunk(other)
    again = MultiSessionModel(other)
    again.load_state_dict(torch.load(file, weights_only=True))
    for one, two in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


def test_encoders_are_reached_like_entries_of_a_list():
    encoders = [Offset5Model(n, 8, 3) for n in (4, 6)]
    model = MultiSessionModel(encoders)
    assert list(model) == encoders
    assert len(model) == 2
    assert model[1] is encoders[1]
