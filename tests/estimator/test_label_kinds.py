"""Labels after `fit` are of the kind, width and period of those that were fitted."""

import numpy as np
import pytest

from cebra_ethan import CEBRA
from cebra_ethan.errors import DataError
from cebra_ethan.solver.checkpoint import load_state, save_state
from cebra_ethan.types import Label
from tests.estimator.examples import ANGLE, NEURAL, PLACE, SIDE, make, weights
from tests.estimator.sessions import PLACES, SIDES, X
from tests.solver.examples import assert_equal

TURN = 2 * np.pi
VERBS = {
    "partial_fit": lambda model, *labels: model.partial_fit(NEURAL, *labels),
    "adapt": lambda model, *labels: model.adapt(NEURAL[:, :4], *labels),
    "score": lambda model, *labels: model.score(NEURAL, *labels),
    "goodness_of_fit": lambda model, *labels: model.goodness_of_fit(
        NEURAL, *labels, num_batches=2
    ),
}
every_verb = pytest.mark.parametrize("verb", VERBS)
some_verbs = pytest.mark.parametrize("verb", ["partial_fit", "goodness_of_fit"])


def _fit(*labels):
    return make(max_iterations=2, max_adapt_iterations=2).fit(NEURAL, *labels)


@every_verb
def test_another_kind_is_refused_by_all(verb):
    with pytest.raises(DataError, match="fit, continuous with 1 column; got categorical with 1"):
        VERBS[verb](_fit(ANGLE), SIDE)


@some_verbs
@pytest.mark.parametrize(
    ("fitted", "given", "message"),
    [
        (SIDE, ANGLE, "fit, categorical with 1 column; got continuous with 1 column"),
        (PLACE, ANGLE, "fit, continuous with 2 columns; got continuous with 1 column"),
        (
            Label(ANGLE, "circular", period=TURN),
            Label(np.degrees(ANGLE), "circular", period=360.0),
            "circular with 1 column with period 6.28319; got .* with period 360",
        ),
        (Label(ANGLE, "circular", period=TURN), ANGLE, "got continuous with 1 column"),
        ({"a": ANGLE, "b": SIDE}, {"b": ANGLE}, "b must be like b in fit, categorical"),
        ({"a": ANGLE}, SIDE, "label 0 must be like a in fit, continuous"),
    ],
)
def test_another_kind_is_refused(verb, fitted, given, message):
    model = _fit(fitted)
    before, kinds = weights(model), dict(model.label_kinds_)
    with pytest.raises(DataError, match=message):
        VERBS[verb](model, given)
    assert_equal(weights(model), before)
    assert model.label_kinds_ == kinds


@some_verbs
def test_more_labels_are_refused(verb):
    with pytest.raises(DataError, match=r"those of fit, label 0 \(continuous .*got 2: label 0, "):
        VERBS[verb](_fit(ANGLE), ANGLE, SIDE)


@some_verbs
@pytest.mark.parametrize("given", [(PLACE + 1, SIDE), (PLACE[::-1].copy(),), ({"label 1": SIDE},)])
def test_other_values_and_fewer_labels_are_welcome(verb, given):
    model = _fit(PLACE, SIDE)
    VERBS[verb](model, *given)
    assert model.label_kinds_ == {"label 0": "continuous", "label 1": "categorical"}
    assert model.label_forms_ == {"label 0": (2, None), "label 1": (1, None)}


@every_verb
@pytest.mark.filterwarnings("ignore:the model was fitted with labels")
def test_none_is_by_time_and_a_model_by_time_takes_any(verb):
    model, by_time = _fit(PLACE), _fit()
    VERBS[verb](model)
    assert model.label_kinds_ == {"label 0": "continuous"}
    VERBS[verb](by_time, SIDE)
    assert by_time.label_kinds_ in ({}, {"label 0": "categorical"})  # known once it is learned


def test_sessions_too():
    model = make(max_iterations=2, max_adapt_iterations=2).fit(X, PLACES)
    for ask in (
        lambda: model.score(X[1], SIDES[1], session_id=1),
        lambda: model.partial_fit(X, SIDES),
        lambda: model.adapt(X[0], SIDES[0], session_id=0),
    ):
        with pytest.raises(DataError, match="label 0 must be like label 0 in fit, continuous"):
            ask()


def test_it_is_known_after_saving_and_of_an_old_file_the_kind_alone(tmp_path):
    path = tmp_path / "model.ckpt"
    _fit(PLACE).save(path)
    with pytest.raises(DataError, match="2 columns"):
        CEBRA.load(path).score(NEURAL, ANGLE)
    state = load_state(path)
    state["fitted"]["label_forms_"] = {}  # as read from a file of 0.1
    save_state(path, state)
    CEBRA.load(path).score(NEURAL, ANGLE)
    with pytest.raises(DataError, match="in fit, continuous; got categorical"):
        CEBRA.load(path).score(NEURAL, SIDE)


def test_fit_forgets():
    model = _fit(PLACE).fit(NEURAL, SIDE)
    assert model.label_forms_ == {"label 0": (1, None)}
    assert model.fit(NEURAL).label_kinds_ == {}


@pytest.mark.parametrize("kind", [tuple, list])
def test_several_labels_of_a_session_may_be_listed(kind):
    expected = make(max_iterations=2).fit(X, PLACES, SIDES)
    listed = [kind(pair) for pair in zip(PLACES, SIDES, strict=True)]
    assert_equal(weights(make(max_iterations=2).fit(X, listed)), weights(expected))
    plain = [kind((place.tolist(), side.tolist())) for place, side in listed]
    assert_equal(weights(make(max_iterations=2).fit(X, plain)), weights(expected))
    one = make(max_iterations=2).fit(X[0], kind((PLACES[0], SIDES[0])))
    assert_equal(weights(one), weights(make(max_iterations=2).fit(X[0], PLACES[0], SIDES[0])))
    recording = make(max_iterations=2).fit(X, [kind(pair) for pair in listed])
    assert recording.label_kinds_ == expected.label_kinds_


def test_rows_of_a_label_are_no_labels():
    rows = [tuple(row) for row in PLACE]
    assert make(max_iterations=2).fit(NEURAL, rows).label_forms_ == {"label 0": (2, None)}
    short = (ANGLE[:-1], SIDE[:-1])
    with pytest.raises(DataError, match="label 0 has 299 and X has 300"):
        make().fit(NEURAL, short)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([NEURAL.tolist(), NEURAL.tolist()], "several sessions must be .*nested 3 deep"),
        ([NEURAL.tolist(), NEURAL[:, :3].tolist()], "several sessions must be .*nested 3 deep"),
        ([[1.0, 2.0], [3.0]], "X must have rows of one length; got lists that differ"),
        ([NEURAL[0], NEURAL[1, :3]], "X must have rows of one length"),
    ],
)
def test_plain_lists_of_sessions_get_a_sentence(X, message):
    with pytest.raises(DataError, match=message):
        make().fit(X)


@pytest.mark.parametrize("verb", ["partial_fit", "adapt"])
def test_training_on_without_the_labels_of_fit_warns(verb):
    with pytest.warns(UserWarning, match=r"fitted with labels \(label 0\) and goes on by time"):
        VERBS[verb](_fit(ANGLE))


@pytest.mark.parametrize("verb", ["partial_fit", "adapt"])
def test_training_on_by_time_as_before_does_not_warn(verb, recwarn):
    VERBS[verb](_fit())
    assert not [one for one in recwarn if "goes on by time" in str(one.message)]
