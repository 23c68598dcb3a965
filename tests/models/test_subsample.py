"""Models with fewer points than bins: exact fields, and recordings as `cebra` embeds them."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.convert import from_cebra
from cebra_ethan.models.model import SUBSAMPLED, resolve_model
from cebra_ethan.models.subsample import Subsample4Model
from cebra_ethan.solver.embed import transform

NUM_BINS = range(160, 165)  # every remainder
names = pytest.mark.parametrize("name", SUBSAMPLED)
causal_or_not = pytest.mark.parametrize("causal", [False, True])
needs_cebra = pytest.mark.skipif(
    find_spec("cebra") is None, reason="needs cebra 0.6.1: pip install 'cebra-ethan[compare]'"
)
# It compiles its losses with `torch.jit` as it is imported, which newer versions of torch warn of.
of_cebra = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def build(name, **options):
    torch.manual_seed(0)
    return resolve_model(name)(3, 8, 2, **options).double().eval()


def recording(num_bins):
    return torch.randn(num_bins, 3, dtype=torch.float64)


def windows_at(neural, offset, bins):
    """The windows around some bins, looked up bin by bin; the ends are repeated."""
    last = len(neural) - 1
    rows = [[min(max(t + k, 0), last) for k in range(-offset.left, offset.right)] for t in bins]
    return neural[torch.tensor(rows)].permute(0, 2, 1)


@pytest.mark.parametrize("span", range(12, 81, 4))
def test_one_formula_for_any_span(span):
    model = Subsample4Model(3, 4, 2, span=span).double().eval()
    x = torch.randn(1, 3, span, dtype=torch.float64, requires_grad=True)
    point = model(x)
    assert point.shape == (1, 2, 1)
    point[0, 0, 0].backward()
    assert (x.grad.abs().sum((0, 1)) > 0).all()
    assert model.offset.left == model.offset.right == span // 2
    for more in range(9):
        assert model(torch.zeros(1, 3, span + more, dtype=torch.float64)).shape[2] == more // 4 + 1


@pytest.mark.parametrize("span", [8, 11, 0, 21, 42])
def test_other_spans_are_refused(span):
    with pytest.raises(InvalidParameterError, match=f"multiple of 4 .* got {span}. Use"):
        Subsample4Model(3, 4, 2, span=span)


def test_the_first_layers_equal_their_formula():
    """A convolution of stride 2 beside every second bin, and a convolution of stride 2 of both."""
    model = build("offset40-model-4x-subsample")
    x = torch.randn(2, 3, 47, dtype=torch.float64)
    first, second = model.net[0].layer, model.net[1]
    rows = []
    for start in range(0, 47 - 4 + 1, 2):
        convolved = torch.einsum("bcl,ocl->bo", x[:, :, start : start + 4], first.weight)
        rows.append(torch.cat([convolved + first.bias, x[:, :, start]], dim=1))
    thinned = torch.stack(rows, dim=2)
    torch.testing.assert_close(model.net[0](x), thinned, rtol=0, atol=1e-12)
    expected = F.conv1d(thinned, second.weight, second.bias, stride=2)
    torch.testing.assert_close(second(model.net[0](x)), expected, rtol=0, atol=1e-12)


@names
@causal_or_not
@pytest.mark.parametrize("num_bins", NUM_BINS)
def test_a_recording_gives_a_point_for_each_nth_bin(name, causal, num_bins):
    model, neural = build(name, causal=causal), recording(num_bins)
    bins = range(0, num_bins, model.resample_factor)
    expected = model(windows_at(neural, model.offset, bins)).squeeze(2)
    torch.testing.assert_close(transform(model, neural), expected, rtol=0, atol=1e-9)


@names
@pytest.mark.parametrize("num_bins", NUM_BINS)
def test_without_padding_only_whole_windows_stay(name, num_bins):
    model, neural = build(name), recording(num_bins)
    left, right = model.offset.left, model.offset.right
    bins = range(left, num_bins - right + 1, model.resample_factor)
    expected = model(windows_at(neural, model.offset, bins)).squeeze(2)
    torch.testing.assert_close(transform(model, neural, pad=False), expected, rtol=0, atol=1e-9)


@names
@causal_or_not
@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("chunk", [4, 12, 64, 100])
def test_pieces_do_not_show(name, causal, pad, chunk, monkeypatch):
    model, neural = build(name, causal=causal), recording(163)
    whole = transform(model, neural, pad=pad)
    monkeypatch.setattr("cebra_ethan.solver.embed._CHUNK_BINS", chunk)
    torch.testing.assert_close(transform(model, neural, pad=pad), whole, rtol=0, atol=1e-9)


@names
@pytest.mark.parametrize("pad", [False, True])
def test_trials_start_in_step(name, pad):
    model, neural = build(name), recording(163)
    segments = torch.tensor([[0, 61], [61, 62], [62, 163]])
    apart = [transform(model, neural[start:stop], pad=pad) for start, stop in segments]
    together = transform(model, neural, segments, pad=pad)
    torch.testing.assert_close(together, torch.cat(apart), rtol=0, atol=1e-9)


@needs_cebra
@of_cebra
@pytest.mark.parametrize("name", [name for name in SUBSAMPLED if "4x" in name])
def test_recordings_are_embedded_as_cebra_does(name):
    """`cebra` cannot transform a recording with the third one, which is not convolutional."""
    import cebra

    neural = np.random.default_rng(0).normal(size=(max(NUM_BINS), 3)).astype(np.float32)
    theirs = cebra.CEBRA(
        model_architecture=name,
        max_iterations=1,
        batch_size=8,
        num_hidden_units=8,
        output_dimension=3,
        device="cpu",
    ).fit(neural)
    ours = from_cebra(theirs.model_.state_dict(), resolve_model(name)(3, 8, 3))
    for num_bins, pad in [(n, pad) for n in NUM_BINS for pad in (True, False)]:
        theirs.pad_before_transform = pad
        expected = theirs.transform(neural[:num_bins])
        found = transform(ours, torch.from_numpy(neural[:num_bins]), pad=pad).numpy()
        assert found.shape == expected.shape
        assert len(found) == -(-num_bins // 4) or not pad
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
