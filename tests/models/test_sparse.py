"""The first convolution by stored numbers alone gives what the dense one gives."""

import gc
import warnings

import pytest
import torch

from cebra_ethan import CEBRA
from cebra_ethan.models.model import Offset10Model
from cebra_ethan.models.sparse import SparseActivity, convolve_sparse, may_pay
from cebra_ethan.solver import embed as embedding
from cebra_ethan.solver import stretches
from cebra_ethan.solver.stretches import embed_stretches, sparse_activity
from cebra_ethan.types import Recording

pytestmark = pytest.mark.skipif(
    not torch.backends.mkl.is_available(), reason="PyTorch has no sparse products here"
)


def events(length=400, neurons=60, share=0.02, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(length, neurons, generator=generator) < share
    return torch.randn(length, neurons, generator=generator).to(dtype) * kept


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("taps", [1, 2, 3])
@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients_are_those_of_a_convolution(dtype, tolerance, taps, with_bias):
    neural = events(dtype=dtype)
    activity = SparseActivity.of(neural)
    rows = torch.arange(400)[torch.rand(400) < 0.6]
    weight = torch.randn(8, 60, taps, dtype=dtype, requires_grad=True)
    bias = torch.randn(8, dtype=dtype, requires_grad=True) if with_bias else None
    given = [one for one in (weight, bias) if one is not None]
    found = convolve_sparse(activity, rows, weight, bias)
    plain = torch.nn.functional.conv1d(neural[rows].T[None], weight, bias)[0].T
    direction = torch.randn_like(plain)
    gradients = [torch.autograd.grad((one * direction).sum(), given) for one in (found, plain)]
    torch.testing.assert_close(found, plain, rtol=tolerance, atol=tolerance)
    scale = max(float(one.abs().max()) for one in gradients[1])
    torch.testing.assert_close(*gradients, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("kind", ["all", "some", "one", "last"])
def test_stretches_may_read_either(kind):
    model = Offset10Model(60, 8, 3).double()
    neural = events(dtype=torch.float64)
    every = torch.arange(5, 396)
    rows = {"all": every, "some": every[torch.rand(391) < 0.3], "one": every[:1],
            "last": every[-1:]}[kind]  # fmt: skip
    activity = SparseActivity.of(neural)
    dense, sparse = (embed_stretches(model, neural, rows, one) for one in (None, activity))
    torch.testing.assert_close(dense, sparse, rtol=0, atol=1e-10)


def test_only_what_is_mostly_zero_is_stored():
    assert SparseActivity.of(torch.ones(100, 60)) is None
    assert SparseActivity.of(events(share=0.5)) is None
    assert SparseActivity.of(events(neurons=8, share=0.0)) is None  # bins alone cost as much
    found = SparseActivity.of(events())
    assert found.num_stored == int(events().count_nonzero())
    assert torch.equal(found.matrix.to_dense(), events())
    assert torch.equal(found.transposed.to_dense(), events().T)
    assert found.pays(400)
    assert not found.pays(100)


def test_a_few_bins_of_a_long_recording_are_no_reason_to_store_it():
    recording = Recording(events(length=5000))
    assert not may_pay(recording.neural, 100)
    assert sparse_activity(recording, 100) is None
    assert recording not in stretches._SPARSE
    assert sparse_activity(recording, 5000) is sparse_activity(recording, 5000) is not None


def test_activity_that_is_changed_in_place_is_stored_anew():
    recording = Recording(events())
    before = sparse_activity(recording, 400)
    recording.neural[7] = 1.0
    after = sparse_activity(recording, 400)
    assert after is not before
    assert torch.equal(after.matrix.to_dense(), recording.neural)


def test_what_is_stored_goes_with_its_recording():
    before = len(stretches._SPARSE)
    recording = Recording(events())
    sparse_activity(recording, 400)
    assert len(stretches._SPARSE) == before + 1
    del recording
    gc.collect()
    assert len(stretches._SPARSE) == before


@pytest.mark.parametrize("several", [False, True])
def test_training_is_the_same_either_way_and_warns_of_nothing(several, monkeypatch):
    X = [events(seed=k).numpy() for k in range(2)]
    place = [torch.rand(400).numpy() for _ in range(2)]
    params = {"model_architecture": "offset10-model", "max_iterations": 20, "batch_size": 64,
              "output_dimension": 3, "random_state": 0, "device": "cpu"}  # fmt: skip
    given = (X, place) if several else (X[0], place[0])
    used = []
    original = SparseActivity.pays
    monkeypatch.setattr(
        SparseActivity, "pays", lambda own, bins: used.append(original(own, bins)) or used[-1]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sparse = CEBRA(**params).fit(*given)
    assert any(used)
    monkeypatch.setattr(embedding, "sparse_activity", lambda *_: None)
    dense = CEBRA(**params).fit(*given)
    for name, weight in sparse.model_.state_dict().items():
        torch.testing.assert_close(weight, dense.model_.state_dict()[name], rtol=0, atol=1e-4)
