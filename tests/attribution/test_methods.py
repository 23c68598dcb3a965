"""The formulas against slow ones, against their own laws, and against captum."""

import numpy as np
import pytest
import torch

from cebra_ethan.attribution.methods import (
    Draws,
    expected_gradients,
    feature_ablation,
    integrated_gradients,
    jacobian,
)
from cebra_ethan.models.model import resolve_model
from tests.reference import attribution as reference

MODELS = ["offset1-model", "offset5-model", "attention-offset10-model"]


def example(name, num_windows=6, num_points=40, **options):
    torch.manual_seed(0)
    model = resolve_model(name)(3, 8, 2, **options).double().eval()
    random = torch.Generator().manual_seed(1)
    shape = (num_windows, 3, model.offset.span)
    windows = torch.randn(shape, generator=random, dtype=torch.float64)
    bank = torch.randn((50, *shape[1:]), generator=random, dtype=torch.float64)
    rows = torch.randint(50, (num_points, num_windows), generator=random)
    fractions = torch.rand((num_points, num_windows), generator=random, dtype=torch.float64)
    return model, windows, bank, Draws(lambda at: bank[at], rows, fractions)


def encoder(model):
    return lambda x: model(x).squeeze(2)


@pytest.mark.parametrize("name", MODELS)
def test_jacobian_equals_autograd_sample_by_sample(name):
    model, windows, _, _ = example(name)
    expected = torch.stack([reference.jacobian(model, window) for window in windows])
    torch.testing.assert_close(jacobian(encoder(model), windows), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_integrated_gradients_equal_the_integral_and_are_complete(name):
    model, windows, bank, draws = example(
        name, normalize=False
    )  # unit vectors are not smooth at 0
    found = integrated_gradients(encoder(model), windows, draws)
    baseline = bank[draws.rows[0]]
    expected = torch.stack(
        [
            reference.integrated_gradients(model, x, b)
            for x, b in zip(windows, baseline, strict=True)
        ]
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    change = (model(windows) - model(baseline)).squeeze(2)
    torch.testing.assert_close(found.sum((2, 3)), change, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_feature_ablation_replaces_one_number_at_a_time(name):
    model, windows, bank, draws = example(name)
    found = feature_ablation(encoder(model), windows, draws)
    pairs = zip(windows, bank[draws.rows[0]], strict=True)
    expected = torch.stack([reference.ablation(model, x, b) for x, b in pairs])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_expected_gradients_are_the_mean_over_points(name):
    model, windows, bank, draws = example(name, num_points=3)
    found = expected_gradients(encoder(model), windows, draws)
    for i, window in enumerate(windows):
        total = torch.zeros(2, *window.shape, dtype=torch.float64)
        for rows, fractions in zip(draws.rows, draws.fractions, strict=True):
            way = window - bank[rows[i]]
            total += reference.jacobian(model, bank[rows[i]] + fractions[i] * way) * way
        torch.testing.assert_close(found[i], total / 3, rtol=0, atol=1e-12)


def test_expected_gradients_of_a_line_are_its_shapley_values():
    weights = torch.tensor([[2.0, -1.0, 0.5]], dtype=torch.float64)
    _, windows, bank, draws = example("offset1-model", num_points=2)
    found = expected_gradients(lambda x: x.squeeze(2) @ weights.T, windows, draws)
    expected = weights * (windows - bank[draws.rows].mean(0)).squeeze(2)  # Lundberg & Lee, cor. 1
    torch.testing.assert_close(found[:, 0, :, 0], expected)


@pytest.mark.parametrize("name", MODELS)
def test_captum_finds_the_same(name):
    captum = pytest.importorskip("captum.attr", reason="needs captum: the extra `attribution`")
    model, windows, _, draws = example(name, num_points=50)
    encode = encoder(model)
    zeros = Draws(lambda at: torch.zeros_like(windows), draws.rows, draws.fractions)
    pairs = [
        (jacobian(encode, windows), captum.Saliency(encode), {"abs": False}),
        (integrated_gradients(encode, windows, zeros), captum.IntegratedGradients(encode), {}),
        (feature_ablation(encode, windows, zeros), captum.FeatureAblation(encode), {}),
    ]
    for found, theirs, options in pairs:
        for dim in range(2):
            expected = theirs.attribute(windows.clone().requires_grad_(), target=dim, **options)
            torch.testing.assert_close(found[:, dim], expected.detach(), rtol=0, atol=1e-7)


def test_captum_expects_the_same_gradients(monkeypatch):
    captum = pytest.importorskip("captum.attr", reason="needs captum: the extra `attribution`")
    model, windows, bank, draws = example("offset5-model", num_points=1000, normalize=False)
    encode = encoder(model)
    found = expected_gradients(encode, windows, draws)
    for name in ("choice", "uniform"):  # captum draws from the global generator
        monkeypatch.setattr(np.random, name, getattr(np.random.default_rng(0), name))
    theirs = captum.GradientShap(encode).attribute(
        windows, baselines=bank, n_samples=1000, stdevs=0.0, target=0
    )
    error = (found[:, 0] - theirs.detach()).abs().max()
    assert error < 0.1 * theirs.abs().max()
