"""What a step minimises, term by term."""

import numpy as np
import pytest
import torch

from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.base import has_dropout
from cebra_ethan.models.criterions import FixedCosineInfoNCE, LearnableCosineInfoNCE
from cebra_ethan.models.jacobian import LinearRampUp
from cebra_ethan.models.model import MODELS, resolve_model
from cebra_ethan.solver.embed import embed
from cebra_ethan.solver.loss import objective_losses, total_loss, training_loss
from cebra_ethan.types import Objective
from tests.reference.infonce import infonce
from tests.solver.examples import assert_equal, make_loader, make_model, make_solver


def _batch(step=0, **options):
    return make_loader(hybrid=True, **options).bind(make_model().offset).batch(step)


def _objectives(*weights, **options):
    names = ("behavior", "time")
    return [
        Objective(FixedCosineInfoNCE(0.5), name, weight, **options)
        for name, weight in zip(names, weights, strict=True)
    ]


def test_training_adds_nothing_unasked():
    objectives, model, batch = _objectives(1.0, 2.0), make_model(), _batch()
    plain, trained = (f(model, objectives, batch) for f in (total_loss, training_loss))
    assert_equal(trained[1], plain[1])
    assert float(trained[0].detach()) == float(plain[0].detach())


def test_a_scheduled_weight_counts_at_its_step_in_training_alone():
    ramp = LinearRampUp(first_step=0, last_step=10, end=4.0)
    objectives, model, batch = _objectives(ramp, 2.0), make_model(), _batch()
    total, losses = total_loss(model, objectives, batch)
    behavior, time = losses["behavior/loss"], losses["time/loss"]
    torch.testing.assert_close(total, behavior + 2 * time)
    for step, weight in ((0, 0.0), (5, 2.0), (10, 4.0), (99, 4.0)):
        now, parts = training_loss(model, objectives, batch, step)
        torch.testing.assert_close(now, weight * behavior + 2 * time)
        assert (float(parts["behavior/weight"]), float(parts["time/weight"])) == (weight, 2.0)
        torch.testing.assert_close(parts["objectives"], total.detach())


def test_a_solver_moves_along_the_schedule():
    ramp = LinearRampUp(first_step=0, last_step=5, end=1.0)
    solver = make_solver(criterion=_objectives(ramp, 1.0)).fit(make_loader(8, hybrid=True))
    expected = [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1]
    assert solver.history["behavior/weight"].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("renormalize", [False, True])
@pytest.mark.parametrize("dims", [slice(0, 2), slice(1, 3), slice(None)])
def test_a_subspace_is_compared_by_itself(dims, renormalize):
    model, batch = make_model(), _batch()
    objectives = _objectives(1.0, 1.0, dims=dims, renormalize=renormalize)
    losses = total_loss(model, objectives, batch)[1]
    points = embed(model, batch)
    for name, positive in zip(("behavior", "time"), points.positive, strict=True):
        parts = [one.detach().double().numpy()[:, dims]
                 for one in (points.reference, positive, points.negative)]  # fmt: skip
        if renormalize:
            parts = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in parts]
        x, p, n = parts
        expected = np.mean([infonce(a, b, n, 0.5, "dot") for a, b in zip(x, p, strict=True)])
        assert float(losses[f"{name}/loss"]) == pytest.approx(expected, rel=1e-5)


def test_one_objective_keeps_short_names():
    _, losses = objective_losses([Objective(FixedCosineInfoNCE())], _one_positive())
    assert set(losses) == {"align", "uniform", "temperature"}


def _one_positive():
    points = embed(make_model(), _batch())
    return points._replace(positive=points.positive[:1])


def test_a_criterion_without_parts_still_has_a_series():
    class Distance(torch.nn.Module):
        def forward(self, reference, positive, negative):
            return (reference - positive).square().sum(dim=1).mean()

    objectives = [Objective(Distance(), "near"), Objective(LearnableCosineInfoNCE(), "time")]
    losses = total_loss(make_model(), objectives, _batch())[1]
    assert {"near/loss", "time/loss", "time/align"} <= set(losses)
    assert "near/align" not in losses


def test_losses_must_have_names_of_their_own():
    objectives = [Objective(FixedCosineInfoNCE()), Objective(FixedCosineInfoNCE())]
    with pytest.raises(InvalidParameterError, match=r"2 are called 'loss'\. Rename one"):
        make_solver(criterion=objectives)


def test_a_loader_draws_one_positive_for_each():
    with pytest.raises(DataError, match=r"got 2 for 1\. .* or use MultiObjectiveLoader"):
        total_loss(make_model(), _objectives(1.0, 1.0)[:1], _batch())


@pytest.mark.parametrize("name", MODELS)
def test_dropout_is_found(name):
    model = resolve_model(name)(4, 8, 3)
    layers = {type(one).__name__ for one in model.modules()}
    assert has_dropout(model) == any("Dropout" in layer for layer in layers)
    assert has_dropout(resolve_model("attention-offset10-model")(4, 8, 3, dropout=0.2))
