"""A training is resumed with what it began with, or not at all."""

import logging
import signal

import numpy as np
import pytest
import torch

from cebra_ethan.data.augment import GaussianNoise
from cebra_ethan.errors import CheckpointError
from cebra_ethan.solver.checkpoint import load_state, save_state
from cebra_ethan.types import Label
from tests.estimator.examples import ANGLE, NEURAL, PLACE, SIDE, make, weights
from tests.estimator.sessions import PLACES, X
from tests.solver.examples import assert_equal


@pytest.fixture
def begun(tmp_path):
    """A folder with three steps of a training."""
    make(max_iterations=3).fit(NEURAL, PLACE, SIDE, logdir=tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ((NEURAL + 1e-3, PLACE, SIDE), ["neural"]),
        ((NEURAL, PLACE[::-1].copy(), SIDE), ["label 'label 0'"]),
        ((NEURAL, PLACE, ~SIDE), ["label 'label 1'"]),
        ((NEURAL, PLACE, np.where(SIDE, "b", "c")), ["label 'label 1'"]),
        ((NEURAL, Label(PLACE, weight=2.0), SIDE), ["label 'label 0'"]),
        ((NEURAL, PLACE), ["label 'label 1'"]),
        ((NEURAL,), ["label 'label 0'", "label 'label 1'"]),
        ((NEURAL[:-1], PLACE[:-1], SIDE[:-1]), ["neural", "label 'label 0'", "label 'label 1'"]),
    ],
)
def test_other_data_are_refused_by_name(begun, given, names):
    with pytest.raises(CheckpointError, match="resumed with the data and settings") as caught:
        make(max_iterations=6).fit(*given, logdir=begun, resume=True)
    differs = str(caught.value).split("differ: ")[1].split(". Pass")[0]
    assert differs == ", ".join(names)


def test_other_trials_are_refused(begun):
    own = {"trial": np.arange(300) // 100, "logdir": begun, "resume": True}
    with pytest.raises(CheckpointError, match=r"differ: trial\. Pass"):
        make(max_iterations=6).fit(NEURAL, PLACE, SIDE, **own)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 16}, r"batch_size \(32 there, 16 here\)"),
        ({"random_state": 1}, r"random_state=0, got 1"),
        ({"learning_rate": 1e-3}, r"learning_rate \(0\.01 there, 0\.001 here\)"),
        ({"augmentation": GaussianNoise(0.1)}, r"augmentation \(None there, GaussianNoise"),
        ({"conditional": "time"}, r"conditional \(None there, time here\)"),
        ({"time_offsets": 2, "num_negatives": 3}, r"num_negatives \(.*\), time_offsets \("),
    ],
)
def test_other_settings_are_refused(begun, change, message):
    before = (begun / "last.ckpt").read_bytes()
    with pytest.raises(CheckpointError, match=message) as caught:
        make(max_iterations=6, **change).fit(NEURAL, PLACE, SIDE, logdir=begun, resume=True)
    assert "solver" not in str(caught.value)
    assert (begun / "last.ckpt").read_bytes() == before


@pytest.mark.parametrize("change", [{"random_state": None}, {"verbose": True}, {}])
def test_a_longer_training_with_any_output_goes_on(begun, change, caplog):
    whole = make(max_iterations=6).fit(NEURAL, PLACE, SIDE)
    with caplog.at_level(logging.WARNING, "cebra_ethan"):
        resumed = make(max_iterations=6, **change)
        resumed.fit(torch.from_numpy(NEURAL), PLACE.tolist(), SIDE, logdir=begun, resume=True)
    assert_equal(weights(resumed), weights(whole))
    assert not caplog.records


def test_one_of_several_sessions_may_not_be_another(tmp_path):
    make(max_iterations=3).fit(X, PLACES, logdir=tmp_path)
    other = [X[0], X[1][::-1].copy(), X[2]]
    with pytest.raises(CheckpointError, match=r"differ: neural of session 1\. Pass"):
        make().fit(other, PLACES, logdir=tmp_path, resume=True)


def test_held_out_data_are_looked_at_too(tmp_path):
    stop = {"every": 2, "patience": 9}
    make(max_iterations=3, early_stopping=stop).fit(NEURAL, PLACE, logdir=tmp_path)
    other = NEURAL.copy()
    other[-1] += 1
    with pytest.raises(CheckpointError, match=r"differ: held-out neural\. Pass"):
        make(early_stopping=stop).fit(other, PLACE, logdir=tmp_path, resume=True)


def test_a_checkpoint_without_a_digest_is_taken_and_it_is_said(begun, caplog):
    path = begun / "last.ckpt"
    save_state(path, {**load_state(path), "fingerprint": None})
    with caplog.at_level(logging.WARNING, "cebra_ethan"):
        make().fit(NEURAL + 1, PLACE, SIDE, logdir=begun, resume=True)
    assert "could not be checked" in caplog.text
    assert load_state(path)["fingerprint"]["data"]  # from here on it can
    state = load_state(begun / "previous.ckpt") if (begun / "previous.ckpt").exists() else None
    assert state is None or state["fingerprint"] is None


def test_a_folder_without_a_checkpoint_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "cebra_ethan"):
        fitted = make().fit(NEURAL, logdir=tmp_path / "typo", resume=True)
    assert fitted.solver_.num_steps == 5
    assert "typo holds no checkpoint to resume; training starts anew" in caplog.text


def test_advice_is_given_once(begun):
    path = begun / "last.ckpt"
    save_state(path, {**load_state(path), "fingerprint": None})
    with pytest.raises(CheckpointError, match="a checkpoint must fit the training") as caught:
        make(num_hidden_units=9).fit(NEURAL, PLACE, SIDE, logdir=begun, resume=True)
    assert str(caught.value).count("Use the model") == 1
    assert "olver" not in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_before_the_first_step_ends_with_143(tmp_path, monkeypatch, number, caplog):
    from cebra_ethan.estimator import cebra

    monkeypatch.setattr(cebra, "make_loaders", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(number)
    with pytest.raises(SystemExit, match="143"):
        make().fit(NEURAL, ANGLE, logdir=tmp_path / "run")
    assert signal.getsignal(number) == before
    assert f"ended by {number.name} before its first step" in caplog.text


def test_own_handlers_and_fits_without_a_folder_keep_their_ways(tmp_path, monkeypatch):
    from cebra_ethan.estimator import cebra

    def look(*_):
        seen.append(signal.getsignal(signal.SIGTERM))
        raise KeyError("seen")

    seen, own = [], lambda *_: None
    monkeypatch.setattr(cebra, "make_loaders", look)
    before = signal.signal(signal.SIGTERM, own)
    try:
        with pytest.raises(KeyError, match="seen"):
            make().fit(NEURAL, logdir=tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(KeyError, match="seen"):
        make().fit(NEURAL)
    assert seen == [own, before]
