"""Learned weights follow their papers; scheduled ones follow what was written down."""

import math

import pytest
import torch

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.criterions import FixedCosineInfoNCE
from cebra_ethan.models.jacobian import ConstantWeight
from cebra_ethan.models.model import Offset5Model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.weighting import (
    BALANCES,
    GradNorm,
    UncertaintyWeighting,
    resolve_weight,
)
from cebra_ethan.types import Objective
from tests.reference.balancing import gradnorm_gradient, uncertainty_loss
from tests.solver.examples import make_loader, make_model, make_solver

LOSSES = (5.0, 1.5, 0.2)


def _softplus(loss):
    return math.log1p(math.exp(loss))


def _values():
    return [torch.tensor(loss) for loss in LOSSES]


@pytest.mark.parametrize("raw", [(0.0, 0.0, 0.0), (0.3, -0.1, 0.02)])
@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_uncertainty_has_the_gradient_of_the_paper(raw, speed):
    balance = UncertaintyWeighting(3, speed)
    balance.raw.data = torch.tensor(raw)
    factors, extra = balance(_values(), make_model())
    (found,) = torch.autograd.grad(extra, balance.raw)
    log_variances = [speed * one for one in raw]
    positive = [_softplus(loss) for loss in LOSSES]
    assert factors.tolist() == pytest.approx([math.exp(-s) for s in log_variances])
    assert float(extra.detach()) == pytest.approx(sum(log_variances) / 2, abs=1e-5)
    for place, step in enumerate(torch.eye(3).mul(1e-5).tolist()):
        up, down = (
            uncertainty_loss(
                positive, [s + sign * d for s, d in zip(log_variances, step, strict=True)]
            )
            for sign in (1, -1)
        )
        assert float(found[place]) == pytest.approx(speed * (up - down) / 2e-5, rel=1e-3)


def test_uncertainty_settles_where_objectives_count_in_proportion():
    balance = UncertaintyWeighting(3)
    optimizer = torch.optim.Adam(balance.parameters(), lr=1e-2)
    for _ in range(400):
        optimizer.zero_grad()
        balance(_values(), make_model())[1].backward()
        optimizer.step()
    factors = balance(_values(), make_model())[0]
    assert factors.tolist() == pytest.approx([1 / (2 * _softplus(x)) for x in LOSSES], rel=1e-3)


def _model_losses(model, scales=(1.0, 3.0)):
    draw = torch.Generator().manual_seed(0)
    points = model(torch.randn(32, 6, 5, generator=draw))[:, :, 0]
    target = torch.randn(2, 32, 3, generator=draw)
    pairs = zip(scales, target, strict=True)
    return [scale * (points - one).square().mean() for scale, one in pairs]


@pytest.mark.parametrize("alpha", [0.0, 1.5])
@pytest.mark.parametrize("raw", [(0.0, 0.0), (0.05, -0.02)])
def test_gradnorm_has_the_gradient_of_the_paper(alpha, raw):
    model, balance = make_model(), GradNorm(2, alpha)
    balance.raw.data = torch.tensor(raw)
    first = torch.tensor([2.0, 0.7])
    balance.first.copy_(first)
    losses = _model_losses(model)
    factors, extra = balance(losses, model)
    (found,) = torch.autograd.grad(extra, balance.raw, retain_graph=True)
    assert float(factors.sum()) == pytest.approx(2.0)
    raw_again = balance.raw.detach().clone().requires_grad_()
    weights = (2 * (balance.speed * raw_again).softmax(0)).unbind()
    # the paper's losses are positive: here each is the softplus of the loss, the norm is not
    positive = [loss.detach().exp().add(1).log() for loss in losses]
    shifted = [loss - loss.detach() + p for loss, p in zip(losses, positive, strict=True)]
    shared = [model.net[-2].weight, model.net[-2].bias]
    per_weight = gradnorm_gradient(weights, shifted, first.tolist(), shared, alpha)
    (expected,) = torch.autograd.grad(weights, raw_again, per_weight)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_gradnorm_without_pull_makes_the_gradients_equally_long():
    model, balance = make_model(), GradNorm(2, alpha=0.0)
    optimizer = torch.optim.SGD(balance.parameters(), lr=3e-5)
    losses = _model_losses(model, (1.0, 20.0))
    norms = [
        torch.cat(
            [g.flatten() for g in torch.autograd.grad(one, list(model.net[-2].parameters()),
                                                      retain_graph=True)]
        ).norm()
        for one in losses
    ]  # fmt: skip
    assert float(norms[1] / norms[0]) > 5
    for _ in range(800):
        optimizer.zero_grad()
        balance(losses, model)[1].backward(retain_graph=True)
        optimizer.step()
    factors = balance(losses, model)[0]
    assert float(factors[0] * norms[0]) == pytest.approx(float(factors[1] * norms[1]), rel=0.1)


def test_gradnorm_remembers_the_first_losses():
    model, balance = make_model(), GradNorm(2)
    first = _model_losses(model)
    balance(first, model)
    balance(_model_losses(model, (0.1, 9.0)), model)
    assert balance.first.tolist() == pytest.approx([_softplus(float(x.detach())) for x in first])


def test_gradnorm_looks_at_the_last_layer_that_is_trained():
    model = MultiSessionModel([Offset5Model(n, 8, 3) for n in (6, 4)])
    last = [encoder.net[-2] for encoder in model.encoders]
    losses = [sum(layer.weight.square().sum() for layer in last) * scale for scale in (1.0, 2.0)]
    balance = GradNorm(2)
    (found,) = torch.autograd.grad(balance(losses, model)[1], balance.raw)
    assert float(found.abs().sum()) > 0
    for parameter in model.encoders[1].net[-2].parameters():
        parameter.requires_grad_(False)  # as when a session is adapted
    balance(losses, model)


@pytest.mark.parametrize("name", BALANCES)
def test_the_balance_trains_factors_and_factors_train_the_model(name):
    model, balance = make_model(), BALANCES[name](2)
    balance.raw.data = torch.tensor([0.1, -0.05])
    losses = _model_losses(model)
    factors, extra = balance(losses, model)
    assert not factors.requires_grad
    gradients = torch.autograd.grad(extra, list(model.parameters()), allow_unused=True)
    assert all(one is None or not one.any() for one in gradients)


@pytest.mark.parametrize("name", BALANCES)
def test_a_solver_learns_the_factors_and_reports_them(name):
    model, criterion, balance = make_model(), FixedCosineInfoNCE(), BALANCES[name](2)
    objectives = [Objective(criterion, "near", 2.0), Objective(criterion, "time", 3.0)]
    optimizer = torch.optim.Adam([*model.parameters(), *balance.parameters()], lr=1e-2)
    solver = SingleSessionSolver(model, objectives, optimizer, balance=balance)
    history = solver.fit(make_loader(30, hybrid=True)).history
    assert history["near/weight"][0] == pytest.approx(2.0)
    assert history["time/weight"][0] == pytest.approx(3.0)
    assert history["near/weight"][-1] != history["near/weight"][0]
    plain = 2 * history["near/loss"] + 3 * history["time/loss"]
    assert history["objectives"] == pytest.approx(plain, rel=1e-5)
    weighted = sum(history[f"{k}/weight"] * history[f"{k}/loss"] for k in ("near", "time"))
    if name == "gradnorm":
        assert history["loss"] == pytest.approx(weighted, rel=1e-5)


@pytest.mark.parametrize("name", BALANCES)
def test_a_balance_that_would_not_learn_is_refused(name):
    with pytest.raises(InvalidParameterError, match="two objectives or more; got 1"):
        BALANCES[name](1)
    with pytest.raises(InvalidParameterError, match="speed must be positive and finite; got 0"):
        BALANCES[name](2, speed=0.0)
    objectives = [Objective(FixedCosineInfoNCE(), name) for name in "ab"]
    message = r"2 factor\(s\) for 2 objective\(s\), not among the optimizer's parameters"
    with pytest.raises(InvalidParameterError, match=message):
        make_solver(criterion=objectives, balance=BALANCES[name](2))
    balance, model = BALANCES[name](3), make_model()
    optimizer = torch.optim.Adam([*model.parameters(), *balance.parameters()])
    with pytest.raises(InvalidParameterError, match=r"got 3 factor\(s\) for 2 objective\(s\)"):
        SingleSessionSolver(model, objectives, optimizer, balance=balance)


def test_alpha_out_of_range_is_refused():
    with pytest.raises(InvalidParameterError, match=r"alpha must be finite.*got -1.0"):
        GradNorm(2, alpha=-1.0)


# --------------------------------------------------------------------------------------- schedules

RAMP = {"weight": 0.1, "schedule": "linear-ramp-up"}
WEIGHTS = {
    "number": (0.5, {0: 0.5}),
    "constant": ({"weight": 2}, {0: 2.0}),
    "constant by name": ({"weight": 2, "schedule": "constant-weight"}, {0: 2.0}),
    "ramp": (RAMP, {0: 0.0, 100: 0.0, 350: 0.05, 600: 0.1, 10**6: 0.1}),
    "ramp with steps": (
        {**RAMP, "start": 0.2, "first_step": 0, "last_step": 10},
        {0: 0.2, 5: 0.15, 10: 0.1, 11: 0.1},
    ),
    "linear": ({**RAMP, "schedule": "linear-scheduler"}, {99: 0.0, 600: 0.1, 601: 0.0}),
    "function": (ConstantWeight(weight=0.3), {7: 0.3}),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_as_plain_data(name):
    given, expected = WEIGHTS[name]
    weight = resolve_weight(given, 800)
    found = {step: weight(step) if callable(weight) else weight for step in expected}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_a_ramp_fits_into_few_steps(num_steps):
    assert resolve_weight(RAMP, num_steps)(num_steps) == 0.1


BAD_WEIGHTS = {
    r"must be a number, or a mapping.*got -1": -1.0,
    r"got nan": math.nan,
    r"got \{'weight': inf": {"weight": math.inf},
    r"got \{'weight': True": {"weight": True},
    r"got \{'schedule'": {"schedule": "linear-ramp-up"},
    r"got \{'weight': 1, 'until'": {"weight": 1, "until": 3},
    "schedule must be one of constant-weight, .*got 'soon'": {"weight": 1, "schedule": "soon"},
    "a constant weight has no steps": {"weight": 1, "first_step": 3},
    "0 <= first_step < last_step": {**RAMP, "first_step": 9, "last_step": 3},
}


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("message", BAD_WEIGHTS)
def test_weights_that_are_refused(message):
    with pytest.raises(InvalidParameterError, match=message):
        resolve_weight(BAD_WEIGHTS[message], 100)
