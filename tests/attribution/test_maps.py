"""Maps of recordings: what they equal, what they leave alone, what the options do."""

import copy

import numpy as np
import pytest
import scipy.linalg
import torch

from cebra_ethan.attribution.inverse import least_squares_inverse, pseudo_inverse
from cebra_ethan.attribution.maps import (
    AGGREGATES,
    TRANSFORMS,
    attribution_map,
    attribution_maps,
    sample_rows,
)
from cebra_ethan.attribution.methods import ALIASES, BASELINES, METHODS
from cebra_ethan.errors import DataError, DataTypeError, InvalidParameterError
from cebra_ethan.models.model import MODELS, AttentionOffsetModel, Offset5Model, resolve_model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.types import Offset, Recording
from tests.reference import attribution as reference

SMALL = ["offset1-model", "offset1-model-mse", "offset5-model", "attention-offset10-model"]
JACOBIANS = [name for name, method in METHODS.items() if method.invertible]


def build(name="offset5-model", dtype=torch.float64, **options):
    torch.manual_seed(0)
    return resolve_model(name)(4, 8, 3, **options).to(dtype)


def recording(num_bins=30, num_neurons=4):
    return torch.from_numpy(np.random.default_rng(1).normal(size=(num_bins, num_neurons)))


def windows_of(model, neural):
    return neural.unfold(0, model.offset.span, 1)  # (T', N, L)


@pytest.mark.parametrize("name", SMALL)
def test_jacobian_maps_equal_autograd_sample_by_sample(name):
    model, neural = build(name), recording()
    maps = attribution_maps(model, neural, per_bin=True)
    each = [reference.jacobian(model, w) for w in windows_of(model, neural)]
    full = torch.stack(each).numpy()
    np.testing.assert_allclose(maps["jf-bins"], full, atol=1e-12)
    np.testing.assert_allclose(maps["jf"], full.mean(3), atol=1e-12)
    np.testing.assert_allclose(maps["jf-convabs"], np.abs(full).mean(3), atol=1e-12)
    for key in ("jf", "jf-convabs"):
        expected = np.stack([reference.inverse(m) for m in maps[key]])
        found = maps[f"{key}-inv-svd"]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * abs(expected).max())
        assert maps[f"{key}-inv-lsq"].shape == maps[key].shape


def test_lsq_is_the_shortest_solution_of_the_least_squares_problem():
    model = build(normalize=False)
    maps = attribution_maps(model, recording())
    for matrix, inverse in zip(maps["jf"], maps["jf-inv-lsq"], strict=True):
        expected = np.linalg.lstsq(matrix, np.eye(3), rcond=None)[0].T
        np.testing.assert_allclose(inverse, expected, rtol=1e-8, atol=1e-8)


def test_lsq_inverts_what_rounding_leaves_along_a_unit_embedding():
    model = build().float()
    maps = attribution_maps(model, recording().float())
    assert abs(maps["jf-inv-lsq"]).max() > 1e3 * abs(maps["jf-inv-svd"]).max()
    for matrix, inverse in zip(maps["jf"], maps["jf-inv-lsq"], strict=True):
        expected = scipy.linalg.lstsq(matrix.astype(float), np.eye(3))[0].T
        np.testing.assert_allclose(inverse, expected, rtol=1e-4, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("shape", [(5, 3, 7), (5, 7, 3), (2, 2, 4, 4)])
def test_the_least_squares_inverse_is_that_of_lapack_for_any_shape(shape):
    matrices = torch.from_numpy(np.random.default_rng(0).normal(size=shape))
    expected = torch.linalg.pinv(matrices).mT
    torch.testing.assert_close(least_squares_inverse(matrices), expected)
    assert not least_squares_inverse(torch.zeros(shape)).any()


def test_the_two_gradient_methods_are_one():
    model, neural = build(), recording()
    ours, other = (attribution_maps(model, neural, name) for name in JACOBIANS)
    assert [key.replace("jf", "neuron-gradient") for key in ours] == list(other)
    for key, value in ours.items():
        np.testing.assert_array_equal(value, other[key.replace("jf", "neuron-gradient")])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", METHODS)
def test_maps_have_a_shape_and_type_and_do_not_depend_on_the_batch_size(name, dtype):
    model, neural = build(dtype=dtype), recording()
    small, large = (
        attribution_maps(model, neural, name, num_points=3, batch_size=size, inverse=False)
        for size in (7, 1000)
    )
    key = METHODS[name].key
    assert list(small) == [key, f"{key}-convabs"]
    for found, expected in zip(small.values(), large.values(), strict=True):
        assert found.shape == (26, 3, 4)
        assert torch.from_numpy(found).dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", METHODS)
def test_fault11_attribution_leaves_the_model_bit_for_bit_as_it_was(name):
    model = build(dtype=torch.float32, normalize=False)
    model.net[0].eval()  # a part that was frozen by hand
    model.net[0].weight.requires_grad_(False)
    model.net[3].weight.grad = torch.ones_like(model.net[3].weight)
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    before = copy.deepcopy(model)  # without gradients
    neural = recording().float().requires_grad_(False)
    random = torch.get_rng_state()
    attribution_map(model, neural, name, num_points=2)
    assert torch.equal(torch.get_rng_state(), random)
    assert not neural.requires_grad
    for old, new in zip(before.parameters(), model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert (old.dtype, old.requires_grad) == (new.dtype, new.requires_grad)
    for old, new in zip(gradients, model.parameters(), strict=True):
        assert old is new.grad or torch.equal(old, new.grad)
    flags = [module.training for module in model.modules()]
    assert flags == [module.training for module in before.modules()]
    assert True in flags
    assert False in flags
    assert torch.equal(model(neural.T[None]), before(neural.T[None]))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("inverse", [False, True])
def test_fault11_aggregate_and_transform_do_what_they_say(aggregate, transform, inverse):
    model, neural = build(normalize=False), recording()
    maps = attribution_maps(model, neural)["jf-inv-svd" if inverse else "jf"]
    maps = {"abs": np.abs, "none": np.asarray}[transform](maps)
    found = attribution_map(
        model, neural, aggregate=aggregate, transform=transform, inverse=inverse, batch_size=7
    )
    np.testing.assert_allclose(found, getattr(np, aggregate)(maps, axis=0), rtol=1e-10)


def test_dropout_is_off():
    model = AttentionOffsetModel(4, 8, 3, span=5, dropout=0.5)
    neural = recording()
    np.testing.assert_array_equal(attribution_map(model, neural), attribution_map(model, neural))


@pytest.mark.parametrize("name", ["offset1-model", "offset5-model"])
def test_num_samples_and_seed_choose_windows_for_every_model(name):
    model, neural = build(name), recording()
    every = attribution_maps(model, neural)["jf"]
    rows = sample_rows(neural, model.offset, 6, seed=3)
    assert len(rows.unique()) == 6
    assert torch.equal(rows, rows.sort().values)
    maps = attribution_maps(model, neural, num_samples=6, seed=3)["jf"]
    np.testing.assert_allclose(maps, every[(rows - model.offset.left).numpy()], atol=1e-14)
    assert not torch.equal(rows, sample_rows(neural, model.offset, 6, seed=4))


@pytest.mark.parametrize("name", ["neuron-gradient-shap"])
def test_the_seed_decides_what_is_drawn(name):
    model, neural = build(), recording()
    first, again, other = (attribution_map(model, neural, name, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_windows_stay_inside_trials():
    model, neural = build(), recording()
    trial = torch.tensor([0] * 12 + [1] * 18)
    maps = attribution_maps(model.float(), Recording(neural.float(), trial=trial))["jf"]
    every = attribution_maps(model, neural)["jf"]
    np.testing.assert_allclose(maps, np.concatenate([every[:8], every[12:]]), atol=1e-6)


def test_a_fitted_estimator_gives_its_encoder():
    class Fitted:
        model_ = build()

    neural = recording()
    expected = attribution_map(Fitted.model_, neural)
    np.testing.assert_array_equal(attribution_map(Fitted(), neural), expected)
    np.testing.assert_array_equal(attribution_map(Fitted.model_, neural.numpy()), expected)


@pytest.mark.parametrize("num_neurons", [2, 4, 40])
def test_the_direction_that_a_unit_vector_lacks_is_not_inverted(num_neurons):
    torch.manual_seed(0)
    model = Offset5Model(num_neurons, 8, 3)
    neural = recording(40, num_neurons)
    single = attribution_maps(model, neural)["jf-inv-svd"]
    double = attribution_maps(model.double(), neural)["jf-inv-svd"]
    np.testing.assert_allclose(single, double, atol=1e-3 * np.abs(double).max())


@pytest.mark.parametrize(("dims", "neurons"), [(3, 20), (8, 5), (1, 4)])
def test_single_precision_is_inverted_as_well_as_its_numbers_allow(dims, neurons):
    single = torch.randn(50, dims, neurons, generator=torch.Generator().manual_seed(0))
    single[0] = 0.0
    expected = torch.linalg.pinv(single.double(), rtol=1e-4).mT
    found = pseudo_inverse(single)
    assert found.dtype == torch.float32
    assert not found[0].any()
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


def test_the_pseudo_inverse_of_a_rank_deficient_matrix_is_short():
    thin = torch.randn(5, 4, 2, dtype=torch.float64) @ torch.randn(5, 2, 9, dtype=torch.float64)
    expected = np.stack([reference.inverse(m.numpy()) for m in thin])
    np.testing.assert_allclose(pseudo_inverse(thin), expected, rtol=1e-8, atol=1e-10)


def test_names_of_cebra_are_understood():
    stems = ["jacobian-based", *(name for name in METHODS if name != "jacobian")]
    assert {name for stem in stems for name in (stem, f"{stem}-batched")} <= {*METHODS, *ALIASES}
    assert set(ALIASES.values()) == set(METHODS)
    model, neural = build(), recording()
    for alias, name in ALIASES.items():
        found = attribution_map(model, neural, alias, num_points=1, num_samples=4)
        expected = attribution_map(model, neural, name, num_points=1, num_samples=4)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "a row of METHODS; got 'magic'. Use one of jacobian, neuron"),
        ({"aggregate": "median"}, "aggregate must be one of mean, sum, max; got 'median'"),
        ({"transform": "square"}, "transform must be one of none, abs; got 'square'"),
        ({"baseline": "ones"}, "baseline must be one of zeros, mean, data; got 'ones'"),
        ({"num_samples": 27}, "between 1 and the number of windows, 26; got 27"),
        ({"num_samples": 0}, "between 1 and the number of windows, 26; got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ({"num_points": 0}, "num_points must be at least 1; got 0"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InvalidParameterError, match=message):
        attribution_map(build(), recording(), **options)


def test_wrong_models_and_data_are_named():
    with pytest.raises(DataTypeError, match=r"needs an encoder with an offset.*got Linear"):
        attribution_map(torch.nn.Linear(4, 3), recording())
    with pytest.raises(DataError, match=r"takes \(batch, 4 neurons, at least 5 bins\); got"):
        attribution_map(build(), recording(num_neurons=5))
    with pytest.raises(DataError, match="needs at least 5 time bins"):
        attribution_map(build(), recording(num_bins=4))


def test_every_baseline_is_what_it_is_called():
    model, neural = build(normalize=False), recording() + 1.0
    z = model(neural.T[None])[0].mean(1).detach()
    constant = {"zeros": torch.zeros(4), "mean": neural.mean(0)}
    for name in BASELINES:
        found = attribution_maps(
            model, neural, "integrated-gradients", baseline=name, num_points=16, per_bin=True
        )["integrated-gradients-bins"]
        change = found.sum((2, 3)).mean(0)  # complete: the sum is z(x) - z(baseline)
        if name in constant:
            baseline = constant[name].double()[None, :, None].expand(1, 4, 5)
            expected = z - model(baseline)[0, :, 0].detach()
            np.testing.assert_allclose(change, expected, atol=1e-9)
        else:
            assert np.abs(change).max() < np.abs(found.sum((2, 3))).mean()


@pytest.mark.parametrize("name", [n for n in MODELS if n not in SMALL])
def test_every_model_has_a_map(name):
    model = build(name)
    assert attribution_map(model, recording(60), num_samples=2).shape == (3, 4)


def test_offsets_may_be_causal():
    model = build(causal=True)
    assert torch.equal(sample_rows(recording(7), model.offset), torch.tensor([4, 5, 6]))
    assert torch.equal(sample_rows(recording(7), Offset(2, 3)), torch.tensor([2, 3, 4]))
    assert attribution_maps(model, recording(7))["jf"].shape == (3, 3, 4)


def test_a_model_of_several_sessions_is_asked_for_one_encoder():
    model = MultiSessionModel([Offset5Model(4, 8, 3), Offset5Model(6, 8, 3)])
    with pytest.raises(DataTypeError, match=r"of several sessions\. .*model_\.encoder\(0\)"):
        attribution_map(model, torch.zeros(50, 4))
    assert attribution_map(model.encoder(1), torch.randn(50, 6)).shape == (3, 6)
