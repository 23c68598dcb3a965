"""The estimator's training modes beyond one loss: objectives, balance, penalty, queue."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone

from cebra_ethan import CEBRA
from cebra_ethan.data.dataset import as_recording
from cebra_ethan.data.objectives import ObjectiveSpec
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.estimator.build import make_loaders, make_solver
from cebra_ethan.metrics.goodness_of_fit import goodness_of_fit_history
from cebra_ethan.solver.checkpoint import load_state
from cebra_ethan.solver.momentum import MomentumQueue
from cebra_ethan.solver.weighting import GradNorm
from tests.estimator.examples import NEURAL, PLACE, SIDE, make, weights
from tests.solver.examples import assert_equal

LABELS = {"place": PLACE, "side": SIDE}
OBJECTIVES = {
    "place": {"labels": "place", "dims": (0, 2)},
    "side": {"labels": "side", "dims": (2, 4), "weight": 0.5},
    "time": {"dims": (4, 6), "time_offset": 5},
}
MODES = {
    "objectives": {"objectives": OBJECTIVES},
    "specs": {
        "objectives": [
            ObjectiveSpec(name="place", labels="place", dims=slice(0, 3)),
            ObjectiveSpec(name="time", dims=slice(0, 6), overlap=True),
        ]
    },
    "balance": {"objectives": OBJECTIVES, "balance": "gradnorm"},
    "penalty": {"regularizer": {"weight": 0.1, "schedule": "linear-ramp-up"}},
    "queue": {"num_queued_negatives": 40, "momentum": 0.9},
    "keys alone": {"num_queued_negatives": 0},
    "all": {
        "objectives": OBJECTIVES,
        "balance": "uncertainty",
        "regularizer": {"weight": 0.1, "objectives": ["place"]},
        "num_queued_negatives": 40,
        "early_stopping": {"every": 2, "fraction": 0.5},
    },
}
every_mode = pytest.mark.parametrize("mode", MODES)


def _make(mode="objectives", **options):
    return make(**{"output_dimension": 6, **copy.deepcopy(MODES[mode]), **options})


@every_mode
def test_parameters_are_kept_as_they_were_given(mode):
    params = MODES[mode]
    estimator = CEBRA(**params)
    for name, value in params.items():
        assert estimator.get_params()[name] is value
    assert clone(estimator).get_params() == estimator.get_params()
    fitted = _make(mode).fit(NEURAL, LABELS)
    assert fitted.get_params() == _make(mode).get_params()


@every_mode
@pytest.mark.parametrize("num_sessions", [1, 2])
def test_a_loaded_estimator_goes_on_as_the_saved_one(mode, num_sessions, tmp_path):
    data = (NEURAL, LABELS)
    if num_sessions > 1:
        data = ([NEURAL, NEURAL[:200]], [LABELS, {k: v[:200] for k, v in LABELS.items()}])
    fitted = _make(mode).fit(*data)
    fitted.save(tmp_path / "a.ckpt")
    loaded = CEBRA.load(tmp_path / "a.ckpt")
    loaded.save(tmp_path / "b.ckpt")
    assert (tmp_path / "b.ckpt").read_bytes() == (tmp_path / "a.ckpt").read_bytes()
    for one in (fitted, loaded):
        one.partial_fit(*data)
    assert_equal(loaded.solver_.state_dict(), fitted.solver_.state_dict())


@every_mode
def test_adaptation_keeps_the_mode(mode):
    fitted = _make(mode, max_adapt_iterations=5).fit(NEURAL, LABELS)
    fitted.adapt(NEURAL[:, :4], LABELS)
    assert fitted.transform(NEURAL[:, :4]).shape == (300, 6)
    assert (fitted.solver_.queue is None) == (fitted.num_queued_negatives is None)


def test_a_file_holds_specs_as_plain_data(tmp_path):
    _make("specs").fit(NEURAL, LABELS).save(tmp_path / "a.ckpt")
    place, time = load_state(tmp_path / "a.ckpt")["params"]["objectives"]
    assert type(place) is type(time) is dict
    assert (place["labels"], place["dims"]) == (("place",), (0, 3))
    assert CEBRA.load(tmp_path / "a.ckpt").solver_.objectives[1].dims == slice(0, 6)


def test_objectives_reach_sampler_and_solver():
    fitted = _make().fit(NEURAL, LABELS)
    assert [one.name for one in fitted.solver_.objectives] == ["place", "side", "time"]
    assert [one.dims for one in fitted.solver_.objectives] == [slice(k, k + 2) for k in (0, 2, 4)]
    history = fitted.history_
    total = history["place/loss"] + 0.5 * history["side/loss"] + history["time/loss"]
    assert history["loss"] == pytest.approx(total, rel=1e-5)


def test_each_objective_is_judged_by_name():
    fitted = _make(max_iterations=200, batch_size=64).fit(NEURAL, LABELS)
    scores = {
        name: fitted.goodness_of_fit(NEURAL, LABELS, objective=name).bits for name in OBJECTIVES
    }
    assert min(scores.values()) > 0.2
    assert len(set(scores.values())) == 3
    assert fitted.score(NEURAL, LABELS) == scores["place"]
    for name, bits in scores.items():
        history = goodness_of_fit_history(fitted.history_, 64, f"{name}/loss")
        assert bits == pytest.approx(history[-50:].mean(), abs=0.15)
    with pytest.raises(InvalidParameterError, match="those that were trained, place, side, time"):
        fitted.goodness_of_fit(NEURAL, LABELS, objective="speed")
    with pytest.raises(DataError, match=r"labels of objective 'place'.* not 'place'"):
        fitted.goodness_of_fit(NEURAL)


def test_parameters_reach_the_solver():
    solver = _make("all", momentum=0.5, learning_rate=0.02).fit(NEURAL, LABELS).solver_
    balance, regularizer, queue = solver.additions
    assert balance in list(solver.criterions)
    assert regularizer.dims == (slice(0, 2),)
    assert isinstance(queue, MomentumQueue)
    assert (queue.rows.shape, queue.momentum) == ((1, 40, 6), 0.5)
    assert isinstance(_make("balance").fit(NEURAL, LABELS).solver_.additions.balance, GradNorm)
    plain = make().fit(NEURAL, PLACE).solver_
    assert plain.additions == (None, None, None)


def test_a_fitted_model_cannot_change_its_balance():
    fitted = _make().fit(NEURAL, LABELS)
    with pytest.raises(InvalidParameterError, match=r"balance must stay None; got 'gradnorm'"):
        fitted.set_params(balance="gradnorm").partial_fit(NEURAL, LABELS)


def test_learned_temperatures_and_criteria_of_objectives():
    objectives = {
        "place": {"labels": "place", "criterion": {"criterion": "focal", "temperature": 0.3}},
        "time": {"criterion": {"temperature_mode": "auto"}},
    }
    place, time = _make(objectives=objectives).fit(NEURAL, LABELS).solver_.objectives
    assert type(place.criterion).__name__ == "FocalInfoNCE"
    assert place.criterion.temperature == 0.3
    assert float(time.criterion.temperature) != 1.0


@pytest.mark.parametrize("options", [{}, {"conditional": "delta", "delta": 0.3}])
def test_fault14_hybrid_training_is_whole(options):
    """Too few dimensions are explained, the log is filled, all is judged, one pass suffices."""
    with pytest.raises(InvalidParameterError, match="output_dimension must be at least 3; got 2"):
        make(hybrid=True, output_dimension=2).fit(NEURAL, PLACE)
    passes = []

    def watch(step, solver):
        if not passes:
            layer = solver.model.net[0]
            layer.register_forward_hook(lambda _, given, __: passes.append(len(given[0])))

    fitted = make(hybrid=True, output_dimension=4, **options)
    fitted.fit(NEURAL, PLACE, callback=watch)
    # the callback comes after the first of five steps; each embeds four sets of 32 at once
    assert len(passes) == 4  # one for each step, whatever it embeds
    for name in ("behavior", "time"):
        bits = goodness_of_fit_history(fitted.history_, 32, f"{name}/loss")
        assert np.isfinite(bits).all()
        assert len(bits) == 5
        judged = fitted.goodness_of_fit(NEURAL, PLACE, objective=name, num_batches=5)
        assert judged.num_negatives == 32
        assert np.isfinite(judged.bits)


def test_hybrid_is_two_described_objectives_that_share_dimensions():
    both = {
        "behavior": {"labels": "label 0", "dims": (0, 3), "renormalize": False},
        "time": {"dims": (0, 4), "overlap": True, "renormalize": False},
    }
    hybrid = make(hybrid=True, output_dimension=4).fit(NEURAL, PLACE)
    described = make(objectives=both, output_dimension=4).fit(NEURAL, PLACE)
    assert_equal(weights(described), weights(hybrid))
    assert_equal(described.history_.state_dict(), hybrid.history_.state_dict())


TWO = {"a": {"labels": "place"}, "b": {}}
BAD = {
    r"says itself .*; got hybrid=True, conditional='time'": {
        "objectives": TWO, "hybrid": True, "conditional": "time"},
    r"says itself .*; got delta=0.5": {
        "objectives": TWO, "conditional": None, "delta": 0.5},
    r"says itself .*; got prior='uniform'": {"objectives": TWO, "prior": "uniform"},
    r"'objectives' parameter of CEBRA must be": {"objectives": "time"},
    r"must be a mapping of names to mappings.*got \[\]": {"objectives": []},
    r"2 objectives need at least as many dimensions": {"objectives": TWO, "output_dimension": 1},
    r"inside the embedding, 0 to 6; a has \(0, 7\)": {"objectives": {"a": {"dims": (0, 7)}}},
    r"criterion of objective 'a' may say": {"objectives": {"a": {"criterion": {"gamma": 1}}}},
    r"a weight must be a number": {"objectives": {"a": {"weight": "high"}}},
    r"two objectives or more; got 1": {"balance": "gradnorm"},
    r"'balance' parameter of CEBRA must be": {"balance": "fair"},
    r"a weight must be a number, or a mapping": {"regularizer": {}},
    r"must list some of loss; got \['a'\]": {"regularizer": {"weight": 1, "objectives": ["a"]}},
    r"got num_negatives=3 and num_queued_negatives=8": {
        "num_negatives": 3, "num_queued_negatives": 8},
    r"'num_queued_negatives' parameter .*range \[0, 1048576\]": {"num_queued_negatives": 1 << 21},
    r"'num_queued_negatives' parameter .*must be a number": {"num_queued_negatives": True},
    r"'momentum' parameter of CEBRA must be": {"momentum": 1.0},
}  # fmt: skip


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("message", BAD)
def test_what_is_refused_before_anything_is_trained(message):
    estimator = make(**{"output_dimension": 6, **BAD[message]})
    with pytest.raises(InvalidParameterError, match=message):
        estimator.fit(NEURAL, LABELS)
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize("offset", [1, 40])
def test_held_out_time_is_as_far_away_as_the_longest_offset(offset):
    objectives = {"place": {"labels": "place"}, "late": {"time_offset": offset}}
    estimator = _make(objectives=objectives, early_stopping={"fraction": 0.3})
    solver = make_solver(estimator, [6], 0, torch.device("cpu"))
    recording = as_recording(NEURAL, labels=LABELS)
    train, valid = make_loaders(estimator, [recording], solver, 0, 5)
    held_out, gap = len(valid.dataset[0]), solver.model.offset.span + offset
    assert len(train.dataset[0]) == len(NEURAL) - held_out - gap


def test_torch_is_left_alone():
    before = torch.get_rng_state()
    _make("all").fit(NEURAL, LABELS)
    assert torch.equal(torch.get_rng_state(), before)
