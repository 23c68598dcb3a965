"""Several objectives at once: each window embedded once, each objective judged by itself."""

import math

import numpy as np
import pytest
import torch

from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import MultiObjectiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.metrics.goodness_of_fit import goodness_of_fit_history
from cebra_ethan.models.model import Offset5Model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.evaluate import goodness_of_fit
from cebra_ethan.solver.objectives import make_objectives
from tests.solver.examples import NUM_NEURONS, assert_equal, recording, weights

SPECS = {
    "place": {"labels": "place", "dims": (0, 3), "weight": 2.0},
    "soon": {"dims": (3, 5)},
    "late": {"dims": (5, 8), "time_offset": 20, "criterion": {"temperature": 0.5}},
}
SESSIONS = {"one": 1, "two": 2}


def _loader(num_steps=20, batch_size=32, num_sessions=1, seed=0, specs=SPECS):
    sessions = [recording(), recording(slice(200))][:num_sessions]
    dataset = MultiSessionDataset(sessions)
    return MultiObjectiveLoader(
        dataset, batch_size, num_steps, objectives=specs, random_state=seed
    )


def _solver(num_sessions=1, lr=1e-2, specs=SPECS, seed=0):
    torch.manual_seed(seed)
    encoders = [Offset5Model(NUM_NEURONS, 8, 8) for _ in range(num_sessions)]
    model = MultiSessionModel(encoders) if num_sessions > 1 else encoders[0]
    objectives = make_objectives(specs, 8, temperature_mode="auto")
    parameters = [p for one in objectives for p in one.criterion.parameters()]
    optimizer = torch.optim.Adam([*model.parameters(), *parameters], lr=lr)
    return SingleSessionSolver(model, objectives, optimizer)


@pytest.mark.parametrize("num_sessions", SESSIONS.values(), ids=SESSIONS)
def test_each_window_is_embedded_once(num_sessions):
    solver, seen = _solver(num_sessions), []
    encoders = [solver.encoder(k) for k in range(num_sessions)]
    for encoder in encoders:
        encoder.net[0].register_forward_hook(lambda layer, given, _: seen.append(len(given[0])))
    solver.fit(_loader(1, 16, num_sessions))
    assert len(seen) == num_sessions  # one pass through each encoder
    # equal bins, or overlapping windows, are embedded together
    assert 0 < sum(seen) <= 16 * num_sessions * (2 + len(SPECS))


@pytest.mark.parametrize("num_sessions", SESSIONS.values(), ids=SESSIONS)
def test_each_objective_has_a_series_and_bits(num_sessions):
    solver = _solver(num_sessions, lr=0.0)
    solver.fit(_loader(20, 32, num_sessions, seed=4))
    history = solver.history
    assert history["loss"] == pytest.approx(
        2 * history["place/loss"] + history["soon/loss"] + history["late/loss"], rel=1e-5
    )
    judge = _loader(20, 32, num_sessions, seed=4)
    for place, objective in enumerate(solver.objectives):
        found = goodness_of_fit(solver.model, objective, judge, place)
        assert found.num_negatives == 32 * num_sessions
        bits = goodness_of_fit_history(history, found.num_negatives, f"{objective.name}/loss")
        assert found.bits == pytest.approx(float(bits.mean()), abs=1e-4)
        parts = history[f"{objective.name}/align"] + history[f"{objective.name}/uniform"]
        assert parts == pytest.approx(history[f"{objective.name}/loss"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("num_sessions", SESSIONS.values(), ids=SESSIONS)
def test_all_objectives_are_learned(num_sessions):
    before, after = _solver(num_sessions), _solver(num_sessions)
    after.fit(_loader(200, 64, num_sessions))
    judge = _loader(20, 64, num_sessions, seed=9)
    for place in range(len(SPECS)):
        gain = [
            goodness_of_fit(solver.model, solver.objectives[place], judge, place).bits
            for solver in (before, after)
        ]
        assert gain[1] > gain[0] + 0.2


def test_time_and_behaviour_need_no_description():
    dataset = ContrastiveDataset(recording())
    loader = MultiObjectiveLoader(dataset, 64, 150, random_state=0)
    solver = _solver(specs=loader.objectives).fit(loader)
    assert [one.name for one in solver.objectives] == ["behavior", "time"]
    assert [one.dims for one in solver.objectives] == [slice(0, 4), slice(4, 8)]
    for name in ("behavior", "time"):
        loss = solver.history[f"{name}/loss"]
        assert loss[-20:].mean() < loss[:3].mean() - 0.3


def test_objectives_on_apart_dimensions_do_not_touch_each_other():
    """Without a common norm, the last layer's rows belong to one objective each."""
    objectives = make_objectives(
        {"place": {"labels": "place"}, "time": {}}, 4, distance="euclidean"
    )
    torch.manual_seed(0)
    model = Offset5Model(NUM_NEURONS, 8, 4, normalize=False)
    solver = SingleSessionSolver(model, objectives, torch.optim.SGD(model.parameters(), lr=0.1))
    batch = _loader(specs={"place": {"labels": "place"}, "time": {}}).bind(model.offset).batch(0)
    rows = []
    for only in (0, 1):
        solver.objectives = tuple(
            type(one)(one.criterion, one.name, float(k == only), one.dims)
            for k, one in enumerate(objectives)
        )
        model.zero_grad()
        solver.loss(batch)[0].backward()
        rows.append(model.net[-1].weight.grad.flatten(1).abs().sum(1) > 0)
    assert torch.stack(rows).tolist() == [[True, True, False, False], [False, False, True, True]]


def test_temperatures_are_learned_apart():
    solver = _solver().fit(_loader(40))
    found = [float(one.criterion.temperature) for one in solver.objectives]
    assert len(set(found)) == 3
    assert abs(math.log(found[2] / 0.5)) < abs(math.log(found[2]))  # it began at 0.5


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    assert_equal(weights(_solver().fit(_loader(8))), weights(_solver().fit(_loader(8))))


DEFAULTS = {
    "apart": ({"a": {"dims": (0, 2)}, "b": {"dims": (2, 4)}}, {}, [True, True]),
    "a single dimension": ({"a": {"dims": (0, 1)}, "b": {"dims": (1, 4)}}, {}, [False, True]),
    "overlap": ({"a": {"dims": (0, 2)}, "b": {"dims": (0, 4), "overlap": True}}, {}, [False] * 2),
    "one objective": ({"a": {}}, {}, [False]),
    "euclidean": ({"a": {}, "b": {}}, {"distance": "euclidean"}, [False, False]),
    "own criterion": ({"a": {"criterion": {"distance": "euclidean"}}, "b": {}}, {}, [False, True]),
    "asked": ({"a": {"renormalize": False}, "b": {"renormalize": True}}, {}, [False, True]),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_which_subspaces_are_brought_to_unit_length(name):
    specs, criterion, expected = DEFAULTS[name]
    objectives = make_objectives(specs, 4, **criterion)
    assert [one.renormalize for one in objectives] == expected
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 4)))
    for one in objectives:
        length = one.subspace(points).norm(dim=1)
        assert bool(torch.allclose(length, torch.ones_like(length))) == one.renormalize


def test_what_an_objective_cannot_be():
    with pytest.raises(InvalidParameterError, match=r"one dimension of unit length.* 'a'"):
        make_objectives({"a": {"dims": (0, 1), "renormalize": True}, "b": {"dims": (1, 2)}}, 2)
    with pytest.raises(InvalidParameterError, match=r"of objective 'a' may say .*; got x"):
        make_objectives({"a": {"criterion": {"x": 1}}}, 2)
