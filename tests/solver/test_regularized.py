"""Training with a penalty on the Jacobian."""

import pytest
import torch

from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.criterions import FixedCosineInfoNCE
from cebra_ethan.models.jacobian import JacobianRegularizer, LinearRampUp, jacobian_penalty
from cebra_ethan.models.model import Offset5Model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.solver.loss import Additions, jacobian_term, total_loss, training_loss
from cebra_ethan.solver.objectives import make_objectives, make_regularizer
from cebra_ethan.types import Objective
from tests.solver.examples import make_loader, make_model, make_solver, recording, weights

EXACT = {"weight": 0.3, "num_projections": -1}
OBJECTIVES = [Objective(FixedCosineInfoNCE())]


def _train(**options):
    regularizer = JacobianRegularizer(**options) if options else None
    model = make_model("offset5-model-mse")
    solver = make_solver(model=model, criterion=OBJECTIVES[0].criterion, regularizer=regularizer)
    return solver.fit(make_loader(60))


def test_the_penalty_is_that_of_the_references():
    model, batch = make_model(), make_loader().bind(make_model().offset).batch(0)
    additions = Additions(regularizer=JacobianRegularizer(**EXACT))
    plain, _ = total_loss(model, OBJECTIVES, batch)
    total, losses = training_loss(model, OBJECTIVES, batch, additions=additions)
    expected = 0.3 * jacobian_penalty(model, batch.reference)
    torch.testing.assert_close(total, plain + expected)
    torch.testing.assert_close(losses["penalty"], expected.detach())
    torch.testing.assert_close(losses["objectives"], plain.detach())


def test_each_session_has_its_share():
    model = MultiSessionModel([Offset5Model(6, 8, 3), Offset5Model(6, 4, 3)])
    dataset = MultiSessionDataset([recording(), recording(slice(100))])
    loader = ContrastiveLoader(dataset, batch_size=None, random_state=0)  # 296 and 96 references
    batch = loader.bind(model.offset).batch(0)
    found = jacobian_term(JacobianRegularizer(**EXACT), model, batch, step=0)
    sizes = [len(batch.session(number).reference) for number in range(2)]
    assert sizes[0] > 2 * sizes[1] > 0
    shares = [size / sum(sizes) for size in sizes]
    each = [
        jacobian_penalty(model.encoder(k), batch.session(k).reference) * shares[k] for k in (0, 1)
    ]
    torch.testing.assert_close(found, 0.3 * sum(each))


def test_projections_depend_on_the_seed_and_the_step_and_are_right_on_average():
    model, batch = make_model(), make_loader().bind(make_model().offset).batch(0)
    regularizer = JacobianRegularizer(weight=1.0, num_projections=1)
    draws = [
        [
            float(jacobian_term(regularizer, model, batch, step, seed).detach())
            for step in range(40)
        ]
        for seed in (0, 1, 0)
    ]
    assert draws[0] == draws[2] != draws[1]
    assert len({*draws[0], *draws[1]}) == 80
    exact = float(jacobian_penalty(model, batch.reference).detach())
    assert sum(draws[0] + draws[1]) / 80 == pytest.approx(exact, rel=0.1)


def test_a_penalty_flattens_the_encoder():
    batch = make_loader().bind(make_model().offset).batch(99)
    norms = [
        float(jacobian_penalty(_train(**options).model, batch.reference).detach())
        for options in ({}, {"weight": 1.0}, {"weight": 100.0})
    ]
    assert norms[0] > 1.3 * norms[1] > 2 * norms[2]


def test_a_ramp_begins_as_training_without_a_penalty():
    ramp = LinearRampUp(first_step=59, last_step=60, end=1.0)
    first, plain = _train(weight=ramp), _train()
    assert first.history["penalty"].tolist() == [0.0] * 60
    for one, other in zip(weights(first).values(), weights(plain).values(), strict=True):
        assert torch.equal(one, other)
    later = _train(weight=LinearRampUp(first_step=30, last_step=40, end=1.0)).history["penalty"]
    assert (later[:31] == 0).all()
    assert (later[31:] > 0).all()


def test_held_out_losses_are_without_it():
    solver = _train(weight=100.0)
    loader = make_loader(3, seed=5)
    plain = make_solver(model=solver.model, criterion=OBJECTIVES[0].criterion)
    assert solver.validation(loader) == plain.validation(loader)


def test_a_regularizer_as_plain_data():
    objectives = make_objectives({"place": {"labels": "x"}, "time": {}}, 5)
    given = {"weight": 0.1, "schedule": "linear-ramp-up", "num_projections": 3,
             "objectives": ["time", "place"]}  # fmt: skip
    found = make_regularizer(given, objectives, 800)
    assert (found.num_projections, found.dims) == (3, (slice(3, 5), slice(0, 3)))
    assert (found.weight(100), found.weight(600)) == (0.0, 0.1)
    assert make_regularizer({"weight": 0.2}, objectives).dims == (slice(None),)


BAD = {
    "must be a mapping, as": 0.1,
    "a weight must be a number, or a mapping": {"num_projections": 1},
    r"list some of place, time; got \['speed'\]": {"weight": 1.0, "objectives": ["speed"]},
    "list some of place, time; got 'time'": {"weight": 1.0, "objectives": "time"},
    r"list some of place, time; got \[\]": {"weight": 1.0, "objectives": []},
    r"list some of place, time; got \[\[\]\]": {"weight": 1.0, "objectives": [[]]},
    "num_projections must be a positive integer, or -1; got 1.5": {
        "weight": 1.0,
        "num_projections": 1.5,
    },
    "num_projections must be positive, or -1": {"weight": 1.0, "num_projections": 0},
}


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("message", BAD)
def test_regularizers_that_are_refused(message):
    with pytest.raises(InvalidParameterError, match=message):
        make_regularizer(BAD[message], make_objectives({"place": {"labels": "x"}, "time": {}}, 5))
