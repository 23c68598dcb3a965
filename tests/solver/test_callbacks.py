"""Callbacks: when they act, what they write, and when they end training."""

import csv
import logging

import numpy as np
import pytest
import torch

from cebra_ethan.solver.callbacks import (
    Checkpoints,
    CsvLog,
    EarlyStopping,
    EveryFewSteps,
    ProgressBar,
    Record,
)
from cebra_ethan.solver.history import History
from cebra_ethan.utils.files import atomic_write
from tests.solver.examples import make_loader, make_solver


def _loss(value):
    return {"loss": torch.tensor(float(value))}


def _run(callback, losses, start=1):
    """The reasons of all steps, and their number where one ended training."""
    for step, value in enumerate(losses, start=start):
        reason = callback.after_step(step, _loss(value))
        if reason is not None:
            return step, reason
    return None, None


def _stopping(validation=None, patience=2, min_delta=0.0, every=1):
    """Early stopping whose weights are the number of the evaluation, counted from one."""
    evaluations = iter([]) if validation is None else iter(validation)
    place = {"at": torch.zeros(())}

    def validate(step):
        place["at"] += 1
        return next(evaluations)

    return EarlyStopping(
        lambda: dict(place),
        None if validation is None else validate,
        patience=patience,
        min_delta=min_delta,
        every=every,
    )


def test_record_keeps_every_loss():
    history = History()
    record = Record(history)
    _run(record, range(5))
    record.finish()
    assert history._waiting == []
    assert history["loss"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (8, [])])
def test_every_few_steps(every, expected):
    called = []
    callback = EveryFewSteps(called.append, every)
    assert _run(callback, range(7)) == (None, None)
    callback.finish()
    assert called == expected


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience_counts_evaluations_without_improvement(patience):
    validation = [3.0, 2.0, 1.0, *[1.0] * 20]
    stopping = _stopping(validation, patience)
    step, reason = _run(stopping, [0.0] * 23)
    assert step == 3 + patience
    assert reason == f"no improvement over 1.0000 (step 3) by step {step}"


def test_an_improvement_starts_patience_anew():
    stopping = _stopping([3.0, 4.0, 2.0, 4.0, 1.0, 4.0, 4.0])
    assert _run(stopping, [0.0] * 7)[0] == 7
    assert (stopping.best_loss, stopping.best_step) == (1.0, 5)


@pytest.mark.parametrize(("min_delta", "best_step"), [(0.0, 4), (0.15, 3), (0.35, 1)])
def test_min_delta_is_what_an_improvement_must_exceed(min_delta, best_step):
    stopping = _stopping([3.0, 2.9, 2.8, 2.7], patience=9, min_delta=min_delta)
    assert _run(stopping, [0.0] * 4) == (None, None)
    assert stopping.best_step == best_step


def test_best_weights_are_a_copy_of_those_at_the_best_step():
    stopping = _stopping([3.0, 1.0, 2.0], patience=9)
    _run(stopping, [0.0] * 3)
    assert stopping.best_weights == {"at": torch.tensor(2.0)}


@pytest.mark.parametrize("every", [1, 4])
def test_evaluates_every_few_steps(every):
    asked = []

    def validate(step):
        asked.append(step)
        return 0.0

    stopping = EarlyStopping(dict, validate, patience=99, min_delta=0.0, every=every)
    _run(stopping, [0.0] * 12)
    assert asked == list(range(every, 13, every))


def test_without_held_out_data_the_mean_training_loss_is_watched(caplog):
    with caplog.at_level(logging.INFO, "cebra_ethan"):
        stopping = _stopping(None, patience=1, every=2)
    assert "no held-out data: early stopping watches the smoothed training loss" in caplog.text
    # means 3, 2.5 and 2.75, though the last loss of each pair keeps falling
    step, reason = _run(stopping, [2.0, 4.0, 1.5, 3.5, 2.6, 2.9])
    assert (step, stopping.best_loss, stopping.best_step) == (6, 2.5, 4)
    assert reason == "no improvement over 2.5000 (step 4) by step 6"


def test_with_held_out_data_nothing_is_logged(caplog):
    with caplog.at_level(logging.INFO, "cebra_ethan"):
        _stopping([1.0])
    assert caplog.text == ""


@pytest.mark.parametrize("cut", range(1, 8))
def test_early_stopping_continues_from_its_state(cut):
    losses = [3.0, 1.0, 2.5, 2.0, 2.5, 1.0, *[3.0] * 9]
    whole, before, after = (_stopping(None, patience=3, every=2) for _ in range(3))
    expected = _run(whole, losses)
    _run(before, losses[:cut])
    after.load_state_dict(before.state_dict())
    assert _run(after, losses[cut:], start=cut + 1) == expected
    assert (expected[0], whole.best_step) == (12, 6)
    assert after.best_loss == whole.best_loss
    assert after.best_step == whole.best_step


def test_a_state_at_the_end_of_patience_knows_its_reason():
    before, after = _stopping([1.0, 2.0, 2.0]), _stopping([])
    _, reason = _run(before, [0.0] * 3)
    assert after.reason is None
    after.load_state_dict(before.state_dict())
    assert after.reason == reason


@pytest.mark.parametrize(
    ("every", "steps", "saved_after"),
    [(3, 6, [3, 6]), (3, 7, [3, 6, 7]), (None, 7, [7]), (100, 7, [7]), (None, 0, [])],
)
def test_checkpoints_every_few_steps_and_once_at_the_end(tmp_path, every, steps, saved_after):
    done, saved = [0], []
    checkpoints = Checkpoints(lambda path, keep: saved.append((done[0], path)), tmp_path, every)
    for step in range(1, steps + 1):
        done[0] = step
        checkpoints.after_step(step, _loss(0))
    checkpoints.finish()
    checkpoints.finish()
    assert saved == [(step, tmp_path / "last.ckpt") for step in saved_after]


@pytest.mark.parametrize("count", [1, 250])
def test_csv_log_is_the_history(tmp_path, count):
    history, path = History(), tmp_path / "history.csv"
    values = np.random.default_rng(0).normal(size=(count, 2))
    for loss, align in values:
        history.append({"loss": torch.tensor(loss), "align": torch.tensor(align)})
    log = CsvLog(history, path)
    log.after_step(1, _loss(0))
    assert not path.exists()
    log.finish()
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["step", "loss", "align"]
    table = np.array(rows, dtype=float)
    np.testing.assert_array_equal(table[:, 0], np.arange(1, count + 1))
    np.testing.assert_allclose(table[:, 1:], values, rtol=1e-5)


@pytest.mark.parametrize("every", [1, 3])
def test_csv_log_is_written_now_and_then(tmp_path, every):
    history, path = History(), tmp_path / "history.csv"
    log = CsvLog(history, path, every)
    for step in range(1, 8):
        history.append(_loss(step / 7))
        log.after_step(step, _loss(0))
        rows = path.read_text().splitlines() if path.exists() else ["step,loss"]
        assert rows[1:] == [f"{k},{k / 7:.6g}" for k in range(1, step // every * every + 1)]
    history.truncate(5)  # as after a loss that was not finite
    log.finish()
    assert path.read_text().splitlines() == [
        "step,loss",
        *(f"{k},{k / 7:.6g}" for k in range(1, 6)),
    ]


def _save(path, keep, text):
    with atomic_write(path, keep) as file:
        file.write(text.encode())


@pytest.mark.parametrize(
    ("resumed", "first", "second"),
    [
        (None, {"last.ckpt": "1"}, {"last.ckpt": "2", "previous.ckpt": "1"}),
        (
            "last.ckpt",
            {"last.ckpt": "1", "previous.ckpt": "old last"},
            {"last.ckpt": "2", "previous.ckpt": "1"},
        ),
        (
            "previous.ckpt",
            {"last.ckpt": "1", "previous.ckpt": "old previous"},
            {"last.ckpt": "2", "previous.ckpt": "1"},
        ),
    ],
)
def test_checkpoints_keep_two_of_one_training(tmp_path, resumed, first, second):
    for name in ("last", "previous"):
        (tmp_path / f"{name}.ckpt").write_text(f"old {name}")
    step = [0]
    checkpoints = Checkpoints(
        lambda path, keep: _save(path, keep, str(step[0])),
        *(tmp_path, 1),
        resumed=None if resumed is None else tmp_path / resumed,
    )
    for expected in (first, second):
        step[0] += 1
        checkpoints.after_step(step[0], _loss(0))
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == expected


def test_checkpoints_are_not_of_half_a_step(tmp_path, caplog):
    saved = []
    checkpoints = Checkpoints(
        lambda path, keep: saved.append(path), tmp_path, None, is_whole=lambda: False
    )
    checkpoints.after_step(1, _loss(0))
    checkpoints.finish()
    assert saved == []
    assert "ended inside a step" in caplog.text


def test_csv_log_of_no_step_has_a_header_only(tmp_path):
    CsvLog(History(), tmp_path / "history.csv").finish()
    assert (tmp_path / "history.csv").read_text().split() == ["step"]


@pytest.mark.parametrize(("loss", "weight", "bits"), [(3.0, 1.0, "1.67"), (6.0, 2.0, "1.67")])
def test_progress_bar_shows_loss_and_bits(capsys, loss, weight, bits):
    bar = ProgressBar(40, num_negatives=64, start=10, weight=weight)
    _run(bar, [loss] * 30, start=11)
    bar.finish()
    shown = capsys.readouterr().err
    assert f"loss {loss:.3f}, {bits} bits" in shown  # log2 64 - 3 / log 2
    assert "40/40" in shown


@pytest.mark.parametrize("resume", [False, True])
def test_an_earlier_training_is_not_replaced_without_a_word(tmp_path, caplog, resume):
    make_solver().fit(make_loader(3), logdir=tmp_path)
    with caplog.at_level(logging.WARNING, "cebra_ethan"):
        make_solver().fit(make_loader(4), logdir=tmp_path, resume=resume)
    assert ("holds an earlier training" in caplog.text) is not resume
