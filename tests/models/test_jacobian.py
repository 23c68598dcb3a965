"""The Jacobian penalty against explicit Jacobians, its gradient, its mean; and its weights."""

from functools import partial

import pytest
import torch

from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.jacobian import (
    WEIGHT_SCHEDULES,
    ConstantWeight,
    JacobianRegularizer,
    LinearRampUp,
    LinearWeight,
    jacobian_penalty,
)
from cebra_ethan.models.model import AttentionOffsetModel, resolve_model
from tests.reference import attribution as reference

SMALL = {
    **{name: partial(resolve_model(name), 3, 8, 4) for name in ("offset1-model", "offset5-model")},
    "offset10-model-mse": partial(resolve_model("offset10-model-mse"), 3, 4, 4),
    "attention over time": partial(AttentionOffsetModel, 3, 8, 4, span=5),
    "attention over neurons": partial(AttentionOffsetModel, 3, 8, 4, span=5, over="neurons"),
}


def example(name, num_windows=5):
    torch.manual_seed(0)
    model = SMALL[name]().double()
    return model, torch.randn(num_windows, 3, model.offset.span, dtype=torch.float64)


@pytest.mark.parametrize("dims", [slice(None), slice(0, 2), slice(3, 4)])
@pytest.mark.parametrize("name", SMALL)
def test_exact_penalty_equals_explicit_jacobians(name, dims):
    model, windows = example(name)
    found = jacobian_penalty(model, windows, dims=dims)
    expected = reference.penalty(model, windows, dims)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("num_projections", [-1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_the_penalty_can_be_differentiated_for_every_weight(name, num_projections):
    model, windows = example(name, num_windows=2)
    parameters = list(model.parameters())

    def penalty():
        generator = torch.Generator().manual_seed(0)
        return jacobian_penalty(
            model, windows, num_projections=num_projections, generator=generator
        )

    slopes = torch.autograd.grad(penalty(), parameters, allow_unused=True)
    step, directions = 1e-5, [torch.randn_like(p) for p in parameters]
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter += sign * step * direction
        values.append(penalty().item())
        with torch.no_grad():
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter -= sign * step * direction
    expected = (values[0] - values[1]) / (2 * step)
    found = sum(
        float((slope * direction).sum())
        for slope, direction in zip(slopes, directions, strict=True)
        if slope is not None
    )
    assert abs(expected) > 1e-4
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["offset5-model", "attention over time"])
def test_random_projections_are_unbiased(name):
    model, windows = example(name)
    generator = torch.Generator().manual_seed(0)
    for dims in (slice(None), slice(1, 3)):
        draws = torch.stack(
            [
                jacobian_penalty(
                    model, windows, num_projections=1, dims=dims, generator=generator
                ).detach()
                for _ in range(200)
            ]
        )
        exact = jacobian_penalty(model, windows, dims=dims)
        error = (draws.mean() - exact) / (draws.std() / 200**0.5)
        assert abs(error) < 3.5
        assert draws.std() < exact
        assert draws.std() > 0


def test_gradient_descent_on_the_penalty_flattens_the_encoder():
    model, windows = example("offset5-model")
    regularizer = JacobianRegularizer(weight=1.0)
    before = float(jacobian_penalty(model, windows).detach())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(30):
        optimizer.zero_grad()
        regularizer(model, windows, step).backward()
        optimizer.step()
    assert float(jacobian_penalty(model, windows).detach()) < 0.5 * before


def test_regularizer_weighs_and_adds_subspaces():
    model, windows = example("offset10-model-mse")
    dims = (slice(0, 1), slice(1, 4))
    found = JacobianRegularizer(weight=0.3, num_projections=-1, dims=dims)(model, windows)
    expected = sum(jacobian_penalty(model, windows, dims=part) for part in dims)
    torch.testing.assert_close(found, 0.3 * expected)


def test_what_is_drawn_depends_on_seed_and_step_only():
    model, windows = example("offset5-model")
    random = torch.get_rng_state()
    regularizer = JacobianRegularizer()
    first, again = (regularizer(model, windows, step=3) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, regularizer(model, windows, step=4))
    assert not torch.equal(first, JacobianRegularizer(seed=1)(model, windows, step=3))
    assert torch.equal(torch.get_rng_state(), random)


def test_a_schedule_decides_the_weight_of_a_step():
    model, windows = example("offset5-model")
    ramp = LinearRampUp(first_step=2, last_step=4, end=0.2)
    regularizer = JacobianRegularizer(weight=ramp, num_projections=-1)
    penalty = jacobian_penalty(model, windows)
    assert not regularizer(model, windows, step=1).requires_grad
    for step, weight in {1: 0.0, 3: 0.1, 4: 0.2, 9: 0.2}.items():
        torch.testing.assert_close(regularizer(model, windows, step).detach(), weight * penalty)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (ConstantWeight(weight=0.5), [0.5] * 6),
        (LinearWeight(first_step=2, last_step=4, start=1.0, end=3.0), [0, 0, 1, 2, 3, 0]),
        (LinearRampUp(first_step=2, last_step=4, start=1.0, end=3.0), [0, 0, 1, 2, 3, 3]),
        (LinearRampUp(first_step=0, last_step=5, start=5.0, end=0.0), [5, 4, 3, 2, 1, 0]),
    ],
)
def test_schedules(schedule, expected):
    assert [schedule(step) for step in range(6)] == pytest.approx(expected)
    assert type(schedule) in WEIGHT_SCHEDULES.values()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantWeight(weight=-1.0), "weight must be finite and not negative; got -1.0"),
        (lambda: LinearRampUp(first_step=3, last_step=3), "0 <= first_step < last_step; got"),
        (lambda: LinearWeight(first_step=0, last_step=1, end=float("nan")), "end must be finite"),
        (lambda: JacobianRegularizer(num_projections=0), "positive, or -1 for all .*got 0"),
        (lambda: JacobianRegularizer(dims=()), "dims must hold a slice"),
        (lambda: JacobianRegularizer(weight=-0.1), "weight must be finite and not negative"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(InvalidParameterError, match=message):
        make()


def test_wrong_windows_are_named():
    model, windows = example("offset5-model")
    with pytest.raises(DataError, match="one receptive field, 5 bins; got 7"):
        jacobian_penalty(model, torch.randn(2, 3, 7, dtype=torch.float64))
    with pytest.raises(DataError, match="dims must select a dimension"):
        jacobian_penalty(model, windows, dims=slice(4, 9))
    with pytest.raises(InvalidParameterError, match="need a generator; got None"):
        jacobian_penalty(model, windows, num_projections=1)
