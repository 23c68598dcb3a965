"""Adaptation: new neurons behind the old trunk, and nothing else changes unless it is said."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsRegressor

from cebra_ethan import CEBRA
from cebra_ethan.datasets.hippocampus import simulate_rat
from cebra_ethan.errors import DataError, InvalidParameterError, TrainingDivergedError
from cebra_ethan.models.model import MODELS, SUBSAMPLED
from cebra_ethan.models.multisession import input_parameters
from tests.estimator.examples import make, weights
from tests.estimator.sessions import ANGLES, KINDS, LENGTHS, NEURONS, PLACES, SIDES, TRIALS, X
from tests.solver.examples import assert_equal

NEW, PLACE, SIDE = X[1], PLACES[1], SIDES[1]
"""A recording with nine neurons; those of session 0 are six."""

FREEZE = ("all but the first layer", "none")
every_freeze = pytest.mark.parametrize("freeze", FREEZE)


def one(**params):
    return make(**{"max_adapt_iterations": 4, **params}).fit(X[0], PLACES[0])


def several(**params):
    return make(**{"max_adapt_iterations": 4, **params}).fit(X, PLACES)


def encoder_weights(model, session=0):
    return {k: v.clone() for k, v in model.solver_.encoder(session).state_dict().items()}


@every_freeze
@pytest.mark.parametrize("name", [*MODELS, *SUBSAMPLED])
def test_the_trunk_stays_bit_for_bit_or_is_trained(name, freeze):
    """Also where the neurons come in twice, as in models that subsample."""
    model = one(model_architecture=name, learning_rate=1e-2)
    before, own = encoder_weights(model), input_parameters(model.model_)
    model.adapt(NEW, PLACE, freeze=freeze)
    after = encoder_weights(model)
    assert input_parameters(model.model_) == own
    trunk = [key for key in after if key not in own]
    if freeze == "none":
        assert not all(torch.equal(before[key], after[key]) for key in trunk)
    else:
        assert all(torch.equal(before[key], after[key]) for key in trunk)
    assert model.model_.num_neurons == model.n_features_in_ == 9
    factor = model.model_.resample_factor
    assert len(model.transform(NEW)) == pytest.approx(LENGTHS[1] / factor, abs=1)
    assert all(parameter.requires_grad for parameter in model.model_.parameters())


@every_freeze
def test_the_input_layer_is_trained(freeze):
    still, moved = (
        one(learning_rate=rate).adapt(NEW, PLACE, freeze=freeze) for rate in (1e-12, 1e-2)
    )
    for key in ("net.0.weight", "net.0.bias"):
        assert not torch.allclose(weights(still)[key], weights(moved)[key], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@every_freeze
def test_every_mode_adapts_and_the_seed_alone_decides(kind, freeze):
    params, labels = KINDS[kind]
    first, again, other = (
        make(max_adapt_iterations=3, random_state=seed, **params)
        .fit(X[0], *(label[0] for label in labels), trial=TRIALS[0])
        .adapt(NEW, *(label[1] for label in labels), trial=TRIALS[1], freeze=freeze)
        for seed in (0, 0, 1)
    )
    assert_equal(weights(first), weights(again))
    assert not torch.equal(weights(first)["net.0.weight"], weights(other)["net.0.weight"])
    assert first.solver_.num_steps == len(first.history_["loss"]) == 3


@pytest.mark.parametrize(
    ("shared", "freeze"), [(False, FREEZE[0]), (False, FREEZE[1]), (True, FREEZE[0])]
)
@pytest.mark.parametrize("session_id", [None, 0, 1, 2])
def test_other_sessions_stay_bit_for_bit(session_id, shared, freeze):
    model = several(shared_trunk=shared)
    before = model.transform(X)
    new = np.concatenate([NEW, NEW[:, :2]], axis=1)  # eleven neurons
    model.adapt(new, PLACE, session_id=session_id, freeze=freeze)
    place = 3 if session_id is None else session_id
    assert model.num_sessions == (4 if session_id is None else 3)
    expected = [*NEURONS, 11] if session_id is None else list(NEURONS)
    expected[place] = 11
    assert model.n_features_in_ == expected
    for number in range(3):
        if number != session_id:
            same = model.transform(X[number], session_id=number)
            np.testing.assert_array_equal(same, before[number])
    assert model.transform(new, session_id=place).shape == (LENGTHS[1], 3)
    source = several(shared_trunk=shared).model_.encoder(session_id or 0)
    own = input_parameters(source)
    trunks = [
        torch.equal(value, encoder_weights(model, place)[key])
        for key, value in source.state_dict().items()
        if key not in own
    ]
    assert all(trunks) == (freeze != "none")


@pytest.mark.parametrize("session_id", [None, 0, 2])
def test_a_shared_trunk_is_shared_by_the_new_session_too(tmp_path, session_id):
    model = several(shared_trunk=True).adapt(NEW, PLACE, session_id=session_id)
    model.save(tmp_path / "model.ckpt")
    for one_ in (model, copy.deepcopy(model), CEBRA.load(tmp_path / "model.ckpt")):
        first, *rest = (dict(e.named_parameters()) for e in one_.model_.encoders)
        own = input_parameters(one_.model_.encoder(0))
        for other in rest:
            assert {name for name in other if other[name] is not first[name]} == own


def test_a_shared_trunk_is_not_freed_for_one_session():
    with pytest.raises(InvalidParameterError, match="would change the trunk that all sessions"):
        several(shared_trunk=True).adapt(NEW, PLACE, freeze="none")
    one(shared_trunk=True).adapt(NEW, PLACE, freeze="none")  # there is no other session


@every_freeze
@pytest.mark.parametrize("start", [one, several])
def test_a_learned_temperature_belongs_to_the_trunk(start, freeze):
    model = start(temperature_mode="auto", temperature=0.7, learning_rate=1e-2)
    before = copy.deepcopy(model.solver_.criterions.state_dict())
    model.adapt(NEW, PLACE, freeze=freeze)
    after = model.solver_.criterions.state_dict()
    assert before
    assert all(torch.equal(before[k], after[k]) for k in before) == (freeze != "none")
    assert all(p.requires_grad for p in model.solver_.criterions.parameters())


@pytest.mark.parametrize("scheduler", ["one-cycle", "cosine", "linear"])
@pytest.mark.parametrize("steps", [3, 9])
def test_a_schedule_lasts_as_long_as_the_adaptation(tmp_path, scheduler, steps):
    rates = []

    def note(step, solver):
        rates.append(solver.optimizer.param_groups[0]["lr"])

    model = one(scheduler=scheduler, max_iterations=5, max_adapt_iterations=steps)
    model.adapt(NEW, PLACE, callback=note)
    assert len(rates) == steps
    assert rates[-1] < rates[0]
    assert model.max_iterations == 5
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt").partial_fit(NEW, PLACE)
    assert_equal(weights(loaded), weights(model.partial_fit(NEW, PLACE)))


class _StopError(Exception):
    """Ends an adaptation from inside."""


def _fail(error):
    def callback(step, solver):
        if step == 2:
            raise error

    return callback


def _spoil(windows, scale, generator):
    return windows * float("nan")


FAILURES = {
    "interrupted": (KeyboardInterrupt, {"callback": _fail(KeyboardInterrupt("stop"))}, {}, "stop"),
    "callback": (_StopError, {"callback": _fail(_StopError("stop"))}, {}, "stop"),
    "diverged": (TrainingDivergedError, {}, {"augmentation": _spoil}, "must stay finite"),
    "labels": (DataError, {"trial": [1, 2]}, {}, "span the same time bins"),
    "freeze": (InvalidParameterError, {"freeze": "some"}, {}, "freeze must be one of 'all but"),
    "session": (InvalidParameterError, {"session_id": 7}, {}, "session_id must be None or"),
}


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("start", [one, several])
@pytest.mark.parametrize("shared", [False, True])
def test_what_fails_leaves_the_estimator_as_it_was(what, start, shared):
    error, arguments, params, message = FAILURES[what]
    model = start(shared_trunk=shared, max_adapt_iterations=20)
    kept = start(shared_trunk=shared, max_adapt_iterations=20)
    with pytest.raises(error, match=message):
        model.set_params(**params).adapt(NEW, PLACE, **arguments)
    model.set_params(augmentation=None)
    assert (model.n_features_in_, model.num_sessions) == (kept.n_features_in_, kept.num_sessions)
    assert_equal(model.solver_.state_dict(), kept.solver_.state_dict())
    given = (X, PLACES) if start is several else (X[0], PLACES[0])
    assert_equal(weights(model.partial_fit(*given)), weights(kept.partial_fit(*given)))


def test_before_fit():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        make().adapt(NEW, PLACE)


def test_parameters_that_shape_the_model_must_stay():
    with pytest.raises(InvalidParameterError, match="num_hidden_units must stay 8; got 9"):
        one().set_params(num_hidden_units=9).adapt(NEW, PLACE)


def test_too_few_bins_are_refused():
    with pytest.raises(DataError, match="needs at least 6 time bins; got n_samples=5"):
        one().adapt(NEW[:5], PLACE[:5])


def test_names_of_the_new_neurons_are_remembered():
    table = pd.DataFrame(NEW, columns=[f"new {k}" for k in range(9)])
    model = one().adapt(table, PLACE)
    assert model.feature_names_in_.tolist() == list(table.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(table.rename(columns={"new 0": "another"}))
    listed = one().adapt([NEW], [PLACE])
    assert_equal(weights(listed), weights(one().adapt(NEW, PLACE)))


@pytest.mark.filterwarnings("ignore:the model was fitted with labels")
def test_no_label_is_needed_and_those_of_fit_are_remembered():
    assert one().adapt(NEW).label_kinds_ == {"label 0": "continuous"}
    by_time = make().fit(X[0])
    assert by_time.adapt(NEW, SIDE).label_kinds_ == {"label 0": "categorical"}


@every_freeze
@pytest.mark.parametrize("start", [one, several])
@pytest.mark.parametrize("way", [{}, {"early_stopping": {"every": 2, "fraction": 0.3}}])
def test_what_was_adapted_is_saved_copied_and_goes_on(tmp_path, start, freeze, way):
    model = start(**way).adapt(NEW, PLACE, freeze=freeze)
    model.save(tmp_path / "model.ckpt")
    others = [CEBRA.load(tmp_path / "model.ckpt"), pickle.loads(pickle.dumps(model))]
    given = ([*X, NEW], [*PLACES, PLACE]) if start is several else (NEW, PLACE)
    points = _listed(model.transform(given[0]))
    model.partial_fit(*given)
    for other in others:
        for found, expected in zip(_listed(other.transform(given[0])), points, strict=True):
            np.testing.assert_array_equal(found, expected)
        assert_equal(weights(other.partial_fit(*given)), weights(model))


def _listed(points):
    return points if isinstance(points, list) else [points]


def test_sessions_are_added_one_after_the_other():
    model = several()
    for _ in range(2):
        model.adapt(NEW, PLACE)
    assert model.n_features_in_ == [*NEURONS, 9, 9]
    assert len(model.transform([*X, NEW, NEW])) == 5


# ---------------------------------------------------------------------------------- what it is for

RATS = {
    "model_architecture": "offset10-model",
    "max_iterations": 400,
    "batch_size": 256,
    "num_hidden_units": 16,
    "learning_rate": 3e-3,
    "temperature": 0.5,
    "time_offsets": 10,
}
STEPS = 20


def _rat(seed):
    rat = simulate_rat(3000, 60, seed=seed)
    neural = rat.neural.numpy()
    labels = [rat.labels[name].to_numpy() for name in ("position", "direction")]
    return neural[:, neural.std(axis=0) > 0], *labels


def _error_m(model, neural, position):
    """Median error of the position in the last fifth, decoded by neighbours in the rest."""
    points, border = model.transform(neural), int(0.8 * len(neural))
    decoder = KNeighborsRegressor(25, metric="cosine").fit(points[:border], position[:border])
    return float(np.median(abs(decoder.predict(points[border:]) - position[border:])))


@pytest.mark.slow
def test_it_needs_fewer_steps_than_training_from_scratch(record_property):
    first, second = _rat(1), _rat(4)
    trained = make(**RATS, max_adapt_iterations=STEPS).fit(*first)
    adapted = trained.adapt(*second)
    scratch = make(**{**RATS, "max_iterations": STEPS}).fit(*second)
    scores = [model.goodness_of_fit(*second, num_batches=20).bits for model in (adapted, scratch)]
    errors = [_error_m(model, *second[:2]) for model in (adapted, scratch)]
    record_property("bits_adapted_scratch", scores)
    record_property("error_m_adapted_scratch", errors)
    assert scores[0] > scores[1] + 0.2


def test_zero_steps_is_not_a_choice():
    with pytest.raises(InvalidParameterError, match="max_adapt_iterations"):
        one().set_params(max_adapt_iterations=0).adapt(NEW, PLACE)


@pytest.mark.slow
def test_angles_of_the_new_session_are_where_those_of_the_old_are():
    """The frozen trunk keeps the space: bins of one angle lie together across animals."""
    model = make(max_iterations=300, batch_size=128, temperature=0.5, max_adapt_iterations=300)
    model.fit(X[0], PLACES[0])
    old = model.transform(X[0])
    new = model.adapt(NEW, PLACE).transform(NEW)
    angle = ANGLES[0][(new @ old.T).argmax(axis=1)]
    off = abs((angle - ANGLES[1] + np.pi) % (2 * np.pi) - np.pi)
    assert np.median(off) < 1.0  # a quarter of the circle, pi / 2, by chance
