"""Rows 5 and 29 to 38 for several sessions, and the faults 16 and 20 of `cebra`."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from cebra_ethan.errors import DataError, DataTypeError, InvalidParameterError
from cebra_ethan.types import Label
from tests.reliability.helpers import SESSION_MODES, SESSIONS, assert_same, learned, small

pytestmark = pytest.mark.usefixtures("without_type_checks")

X, PLACES, SIDES = SESSIONS["neural"], SESSIONS["place"], SESSIONS["side"]
every_mode = pytest.mark.parametrize("mode", SESSION_MODES)


def in_mode(mode, **params):
    own, labels = SESSION_MODES[mode]
    return small(**{**own, **params}), [SESSIONS[name] for name in labels]


def fitted(mode="time_delta", **params):
    estimator, labels = in_mode(mode, **params)
    return estimator.fit(X, *labels)


def changed(values, session, change):
    """The sessions with one of them changed."""
    return [change(one) if k == session else one for k, one in enumerate(values)]


def with_value(value, row=3, column=1):
    def change(neural):
        neural = neural.astype(np.float64)
        neural[row, column] = value
        return neural

    return change


@pytest.mark.parametrize("session", [0, 1, 2])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (with_value(np.nan), DataError, r"NaN \(1 .*row 3, column 1"),
        (with_value(np.inf), DataError, r"infinity \(1 .*row 3, column 1"),
        (with_value(1e300), DataError, "too large for float32"),
        (lambda x: x[:, 0], ValueError, "1D array|one-dimensional|Expected 2D"),
        (lambda x: x[:1], DataError, "got n_samples=1"),
        (lambda x: x[:0], ValueError, "0 sample"),
        (lambda x: x.astype("datetime64[s]"), DataTypeError, "datetime64"),
        (lambda x: np.ma.masked_greater(x, 0), DataError, "masked"),
    ],
)
def test_row5_to_11_the_session_is_named(session, change, error, message):
    with pytest.raises(error, match=rf"(?s)session {session}\b.*({message})"):
        small().fit(changed(X, session, change), PLACES)
    model = fitted()
    with pytest.raises(error, match=rf"(?s)session {session}\b.*({message})"):
        model.partial_fit(changed(X, session, change), PLACES)


@every_mode
@pytest.mark.parametrize("container", [list, tuple])
def test_row29_one_session_in_a_list(mode, container):
    estimator, labels = in_mode(mode)
    listed = estimator.fit(container(X[:1]), *(container(one[:1]) for one in labels))
    estimator, _ = in_mode(mode)
    plain = estimator.fit(X[0], *(one[0] for one in labels))
    assert_same(learned(listed), learned(plain))
    assert_same(listed.transform(container(X[:1]))[0], plain.transform(X[0]))


NAN = [PLACES[0], PLACES[1], np.where(np.arange(len(PLACES[2])) == 7, np.nan, PLACES[2])]
WRONG = {
    "other columns": ([*PLACES[:2], np.stack([PLACES[2]] * 2, axis=1)], "session 2"),
    "other kind": ([PLACES[0], SIDES[1], PLACES[2]], "session 1"),
    "other period": (
        [Label(place, "circular", period=9.0 - k) for k, place in enumerate(PLACES)],
        "period 9.* in session 0 .*period 8.* in session 1",
    ),
    "missing": ([PLACES[0], None, PLACES[2]], "session 1"),
    "missing first": ([None, PLACES[1], PLACES[2]], "session 0 has none, session 1"),
    "other names": ([{"a": PLACES[0]}, {"a": PLACES[1]}, {"b": PLACES[2]}], "session 2"),
    "no common class": ([SIDES[0], SIDES[1], SIDES[2] + 9], "session 2"),
    "NaN": (NAN, "session 2.*row 7"),
    "too short": ([PLACES[0], PLACES[1][1:], PLACES[2]], "session 1"),
    "too few": (PLACES[:2], "got 2 for 3 sessions"),
    "one for all": ({"place": PLACES[0]}, "got one mapping for 3 sessions"),
    "dates": ([PLACES[0], PLACES[1].astype("datetime64[s]"), PLACES[2]], "session 1.*datetime64"),
}


@pytest.mark.parametrize("what", WRONG)
def test_row30_labels_that_do_not_fit(what):
    labels, message = WRONG[what]
    with pytest.raises((ValueError, TypeError), match=message):
        small().fit(X, labels)


def test_row30_trials_that_do_not_fit():
    trials = [np.arange(len(one)) // 50 for one in X]
    with pytest.raises(DataError, match=r"trial must list .*got 2 for 3"):
        small().fit(X, PLACES, trial=trials[:2])
    with pytest.raises(DataError, match="trial has 3 and session 1 has 150"):
        small().fit(X, PLACES, trial=[trials[0], [1, 2, 3], trials[2]])
    with pytest.raises(DataError, match=r"session 2 has .* trial"):
        small(model_architecture="offset10-model").fit(
            X, PLACES, trial=[*trials[:2], np.arange(len(X[2]))]
        )


@every_mode
def test_row31_a_session_shorter_than_the_batch(mode):
    short = [one[:40] for one in X[:1]] + X[1:]
    estimator, labels = in_mode(mode, batch_size=200)
    labels = [[one[0][:40], *one[1:]] for one in labels]
    points = estimator.fit(short, *labels).transform(short)
    assert [len(one) for one in points] == [len(one) for one in short]


@pytest.mark.parametrize("use", ["transform", "score", "adapt"])
def test_row32_before_fit(use):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(small(), use)(X)


@pytest.mark.parametrize("session", [0, 1, 2])
def test_row33_other_neurons(session):
    model = fitted()
    width = X[session].shape[1]
    message = rf"session {session} was fitted with {width} neurons; got {width - 1}"
    narrow = changed(X, session, lambda x: x[:, 1:])
    for use in (
        lambda: model.transform(narrow),
        lambda: model.transform(narrow[session], session_id=session),
        lambda: model.score(narrow, PLACES),
        lambda: model.partial_fit(narrow, PLACES),
    ):
        with pytest.raises(DataError, match=message):
            use()


@pytest.mark.parametrize("session", [99, -1, 3, "0", 0.0, 0.5, True, False])
@pytest.mark.parametrize("use", ["transform", "score", "adapt"])
def test_row34_a_session_that_is_not_there(use, session):
    message = rf"session_id must be .*range 0 to 2.*got {re.escape(repr(session))}"
    with pytest.raises(InvalidParameterError, match=message):
        getattr(fitted(), use)(X[0], session_id=session)


def test_row34_a_session_that_is_not_said():
    for use in ("transform", "score"):
        with pytest.raises(InvalidParameterError, match=r"which of 3 sessions .*0 to 2; got None"):
            getattr(fitted(), use)(X[0])


@pytest.mark.parametrize("batch_size", [1, 7, 10**6])
def test_row35_batches_do_not_show(batch_size):
    model = fitted()
    for one, same in zip(model.transform(X), model.transform(X, batch_size), strict=True):
        assert_same(one, same)


def _interrupted(estimator):
    def stop(step, solver):
        raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        estimator.fit(X, SIDES, callback=stop)


def _refused(estimator):
    with pytest.raises(DataError, match="session 1"):
        estimator.fit(changed(X, 1, with_value(np.nan)), PLACES)


PASTS = {
    "fit": lambda e: e.fit(X, SIDES),
    "one session": lambda e: e.fit(X[0], PLACES[0]),
    "other sessions": lambda e: e.fit(X[1:], PLACES[1:]),
    "interrupted": _interrupted,
    "refused": _refused,
    "partial_fit": lambda e: e.partial_fit(X, SIDES),
    "adapted": lambda e: e.fit(X, PLACES).adapt(X[1], PLACES[1]),
}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("past", PASTS)
def test_row36_fit_forgets_whatever_was_before(past, shared):
    used = small(shared_trunk=shared, max_adapt_iterations=2)
    PASTS[past](used)
    fresh = small(shared_trunk=shared, max_adapt_iterations=2).fit(X, PLACES)
    used.fit(X, PLACES)
    assert_same(learned(used), learned(fresh))
    assert (used.n_features_in_, used.num_sessions) == (fresh.n_features_in_, 3)
    for one, same in zip(used.transform(X), fresh.transform(X), strict=True):
        assert_same(one, same)


@every_mode
def test_row37_partial_fit_uses_what_it_is_given(mode):
    other = [one[::-1].copy() * 2 + 1 for one in X]
    new, again, old = (fitted(mode) for _ in range(3))
    _, labels = in_mode(mode)
    new.partial_fit(other, *labels)
    again.partial_fit(other, *labels)
    old.partial_fit(X, *labels)
    assert_same(learned(new), learned(again))
    for one, another in zip(new.transform(X), old.transform(X), strict=True):
        assert not np.array_equal(one, another)
    with pytest.raises(DataError, match="fitted with 3 session"):
        new.partial_fit(X[:2], *(one[:2] for one in labels))


@pytest.mark.parametrize("shared", [False, True])
def test_row38_the_trunk_cannot_be_shared_afterwards(shared):
    model = fitted(shared_trunk=shared).set_params(shared_trunk=not shared)
    message = rf"shared_trunk must stay {shared}; got {not shared}.*Use fit"
    for use in (
        lambda: model.partial_fit(X, PLACES),
        lambda: model.adapt(X[0], PLACES[0], session_id=0),
    ):
        with pytest.raises(InvalidParameterError, match=message):
            use()


@every_mode
def test_fault16_every_mode_takes_lists_and_fit_transform_ends(mode):
    """In `cebra` it raises after training, a list is refused, and most modes are not there."""
    estimator, labels = in_mode(mode)
    points = estimator.fit_transform(X, *labels)
    assert isinstance(points, list)
    assert [one.shape for one in points] == [(len(one), 3) for one in X]
    for number, one in enumerate(estimator.transform(X)):
        assert_same(one, points[number])
        assert_same(one, estimator.transform(X[number], session_id=number))


def test_fault16_one_session_in_a_list_is_no_error():
    points = small().fit_transform([X[0]], [PLACES[0]])
    assert [one.shape for one in points] == [(len(X[0]), 3)]


@pytest.mark.parametrize("num_sessions", [1, 2, 4])
@pytest.mark.parametrize("mode", ["time_delta", "discrete", "time", "own negatives"])
def test_fault20_goodness_of_fit_does_not_grow_with_the_sessions(mode, num_sessions):
    """An untrained model tells nothing: `cebra` says log2 of the number of sessions in bits."""
    draw = np.random.default_rng(0)
    neural = [draw.normal(size=(300, 6)) for _ in range(num_sessions)]
    labels = {
        "time_delta": [draw.normal(size=300) for _ in neural],
        "discrete": [draw.integers(0, 3, 300) for _ in neural],
    }.get(mode if mode != "own negatives" else "time_delta")
    params = {"num_negatives": 64} if mode == "own negatives" else {}
    model = small(max_iterations=1, learning_rate=1e-12, batch_size=64, **params)
    model.fit(neural, labels)
    bits = model.goodness_of_fit(neural, labels, num_batches=10).bits
    assert -0.6 < bits < 0.1


HASHES = """
import sys
import torch
torch.set_num_threads(1)
from tests.reliability.test_sessions import digests
torch.manual_seed(int(sys.argv[1]))
for name, digest in digests().items():
    print(name, digest, sep="|")
"""


def digests():
    """Returns a hash of the embeddings of every mode."""
    found = {}
    for mode in SESSION_MODES:
        points = np.concatenate(fitted(mode).transform(X))
        found[mode] = hashlib.sha256(points.tobytes()).hexdigest()
    model = fitted(max_adapt_iterations=3).adapt(X[1][:, :4], PLACES[1])
    points = model.transform(X[1][:, :4], session_id=3)
    return {**found, "adapted": hashlib.sha256(points.tobytes()).hexdigest()}


@pytest.mark.slow
def test_determinism_in_two_processes_that_draw_from_global_generators():
    command = [sys.executable, "-W", "ignore", "-c", HASHES, "5"]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"},
        timeout=200,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    one = digests()
    assert dict(line.split("|") for line in run.stdout.split("\n") if line) == one
    assert len(set(one.values())) == len(SESSION_MODES) + 1


@every_mode
def test_determinism_leaves_global_generators_alone(mode):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    model = fitted(mode, max_adapt_iterations=2)
    _, labels = in_mode(mode)
    model.adapt(X[1], *(one[1] for one in labels)).transform(X[1], session_id=3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
