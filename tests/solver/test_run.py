"""Row 55: which checkpoint a training is resumed from; and a table that a kill leaves behind."""

import os
import signal
import warnings

import pytest

from cebra_ethan.errors import CheckpointError
from cebra_ethan.solver.callbacks import EveryFewSteps
from cebra_ethan.solver.checkpoint import load_state
from tests.solver.examples import (
    assert_equal,
    make_loader,
    make_model,
    make_solver,
    make_stopping_solver,
    weights,
)

SOLVERS = {"plain": make_solver, "stopping": lambda: make_stopping_solver(patience=99)}


def _damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _train(kind, folder, num_steps=10, **options):
    solver = SOLVERS[kind]()
    options = {"valid_frequency": 2, "logdir": folder, "save_frequency": 2, **options}
    return solver.fit(make_loader(num_steps), **options)


@pytest.mark.parametrize("kind", SOLVERS)
def test_row55_the_newest_is_damaged(tmp_path, kind):
    whole = _train(kind, tmp_path / "whole")
    part = tmp_path / "part"
    _train(kind, part, num_steps=6)
    last, previous = part / "last.ckpt", part / "previous.ckpt"
    good = previous.read_bytes()
    _damage(last)
    with pytest.warns(UserWarning, match=r"(?s)last\.ckpt cannot be read.*previous\.ckpt, step 4"):
        resumed = _train(kind, part, resume=True, num_steps=4)
    assert resumed.num_steps == 4
    assert previous.read_bytes() == good  # not the damaged one
    with pytest.warns(UserWarning, match="checksum"):
        resumed = _train(kind, part, resume=True)
    assert_equal(weights(resumed), weights(whole))
    assert last.read_bytes() == (tmp_path / "whole" / "last.ckpt").read_bytes()
    assert load_state(previous)["num_steps"] == 8


@pytest.mark.parametrize("left", ["both", "last.ckpt", "previous.ckpt"])
def test_row55_all_are_damaged(tmp_path, left):
    _train("plain", tmp_path)
    for name in ("last.ckpt", "previous.ckpt"):
        if left in (name, "both"):
            _damage(tmp_path / name)
        else:
            (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match="checksum") as caught:
        _train("plain", tmp_path, resume=True)
    for name in ("last.ckpt", "previous.ckpt"):
        assert str(tmp_path / name) in str(caught.value)


def test_row55_the_newest_is_missing(tmp_path):
    """As after a crash between two renames, on a disk without second names."""
    whole = _train("plain", tmp_path)
    (tmp_path / "last.ckpt").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_equal(weights(_train("plain", tmp_path, resume=True)), weights(whole))


def test_row55_one_that_does_not_fit_is_not_damaged(tmp_path):
    _train("plain", tmp_path)
    other = make_solver(model=make_model("offset10-model"))
    with pytest.raises(CheckpointError, match=r"last\.ckpt does not"):
        other.fit(make_loader(10), logdir=tmp_path, resume=True)


def test_row55_another_training_is_no_fallback(tmp_path):
    _train("plain", tmp_path)
    _train("plain", tmp_path, num_steps=1)
    assert not (tmp_path / "previous.ckpt").exists()


def test_a_killed_training_leaves_its_history(tmp_path, caplog):
    def kill(step):
        if step == 7:
            os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        try:
            _train("plain", tmp_path, callbacks=[EveryFewSteps(kill, 1)])
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", *map(str, range(1, 7))]
    assert load_state(tmp_path / "last.ckpt")["num_steps"] == 6
    resumed = _train("plain", tmp_path, resume=True)  # the lock of the dead is no obstacle
    assert "took over" in caplog.text
    assert_equal(weights(resumed), weights(_train("plain", tmp_path / "whole")))
    whole = (tmp_path / "whole" / "history.csv").read_text()
    assert (tmp_path / "history.csv").read_text() == whole
