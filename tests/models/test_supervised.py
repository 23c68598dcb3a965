"""The readout of a supervised model, and what its encoder shares with the others."""

import pytest
import torch
import torch.nn.functional as F

from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.model import resolve_model
from cebra_ethan.models.supervised import SupervisedModel

TWINS = {"supervised1-model": "offset1-model", "supervised10-model": "offset10-model"}
names = pytest.mark.parametrize("name", TWINS)


@names
def test_the_encoder_is_that_of_the_model_without_a_readout(name):
    model = resolve_model(name)(3, 8, 2, num_targets=5).double()
    twin = resolve_model(TWINS[name])(3, 8, 2, normalize=False).double()
    twin.load_state_dict({k: v for k, v in model.state_dict().items() if k.startswith("net.")})
    x = torch.randn(4, 3, model.offset.span + 3, dtype=torch.float64)
    assert torch.equal(model(x), twin(x))


@names
def test_the_readout_is_linear_in_the_rectified_points(name):
    torch.manual_seed(0)  # of other weights the points may be all positive
    model = resolve_model(name)(3, 8, 2, num_targets=5).double()
    x = 10 * torch.randn(99, 3, model.offset.span, dtype=torch.float64)
    points = model(x).squeeze(2)
    weight, bias = model.classifier.weight.squeeze(2), model.classifier.bias
    expected = torch.where(points > 0, points, 0) @ weight.T + bias
    assert (points < 0).any()
    torch.testing.assert_close(model.predict(x).squeeze(2), expected, rtol=0, atol=1e-12)


@names
def test_a_recording_is_read_out_window_by_window(name):
    model = resolve_model(name)(3, 8, 2, num_targets=5).double()
    x = torch.randn(1, 3, 40, dtype=torch.float64)
    windows = x[0].unfold(1, model.offset.span, 1).permute(1, 0, 2)
    torch.testing.assert_close(
        model.predict(windows).squeeze(2), model.predict(x)[0].T, rtol=0, atol=1e-12
    )


@names
def test_classes_are_learned(name):
    torch.manual_seed(0)
    model = resolve_model(name)(3, 16, 16, num_targets=3)
    labels = torch.randint(3, (120,))
    x = torch.randn(120, 3, model.offset.span) + 4 * F.one_hot(labels, 3)[:, :, None]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        loss = F.cross_entropy(model.predict(x).squeeze(2), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    correct = model.predict(x).squeeze(2).argmax(dim=1) == labels
    assert correct.float().mean() > 0.9  # chance is a third


@names
def test_without_targets_there_is_no_readout(name):
    model = resolve_model(name)(3, 8, 2)
    assert model.classifier is None
    with pytest.raises(InvalidParameterError, match=r"needs num_targets; .* Pass the number"):
        model.predict(torch.zeros(1, 3, model.offset.span))


@pytest.mark.parametrize("num_targets", [0, -2, True])
def test_targets_are_counted(num_targets):
    with pytest.raises(InvalidParameterError, match="num_targets must be an integer of at least"):
        SupervisedModel(3, 8, 2, num_targets=num_targets)


def test_a_wrong_input_is_named():
    with pytest.raises(DataError, match=r"takes \(batch, 3 neurons, at least 10 bins\)"):
        SupervisedModel(3, 8, 2, num_targets=2).predict(torch.zeros(1, 4, 10))


@pytest.mark.parametrize("span", [0, 2])
def test_the_span_is_one_or_at_least_three(span):
    with pytest.raises(InvalidParameterError, match="span of at least 3"):
        SupervisedModel(3, 8, 2, span=span)
