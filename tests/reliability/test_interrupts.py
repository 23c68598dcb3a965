"""Rows 40 to 42: signals and errors in the middle of a training."""

import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cebra_ethan import CEBRA
from cebra_ethan.solver.checkpoint import load_state
from cebra_ethan.solver.signals import EXIT_CODE
from tests.reliability import interrupts
from tests.reliability.helpers import (
    NEURAL,
    POSITION,
    TRAININGS,
    assert_same,
    assert_same_estimator,
    in_training,
    learned,
    small,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")

LAST = 6
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
TRACED = ("/cebra_ethan/solver/", "/cebra_ethan/utils/files.py", "/torch/optim/adam.py")


class SignalAt:
    """Sends signals while code of a training runs, before the n-th of its lines.

    Args:
        lines: Where to send one, counted from 1.
        number: Which signal.
    """

    def __init__(self, lines=(), number=signal.SIGINT):
        self.lines, self.number, self.count = set(lines), number, 0

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)

    def _call(self, frame, event, argument):
        return self._line if any(p in frame.f_code.co_filename for p in TRACED) else None

    def _line(self, frame, event, argument):
        if event == "line":
            self.count += 1
            if self.count in self.lines:
                signal.raise_signal(self.number)
        return self._line


def _ended(function, *args, **options):
    """Returns what ended a training: an error that ends programs, or nothing."""
    try:
        function(*args, **options)
    except (KeyboardInterrupt, SystemExit) as error:
        return error
    return None


def _history_of(name):
    """Returns the state of an uninterrupted training after each step, and its estimator."""
    estimator, data = in_training(name, max_iterations=LAST)
    states = {}

    def keep(step, solver):
        states[step] = _without_fingerprint(copy.deepcopy(solver.state_dict()))

    return states, estimator.fit(*data, callback=keep)


def _lines_of(name, folder):
    estimator, data = in_training(name, max_iterations=LAST)
    with SignalAt() as counted:
        estimator.fit(*data, logdir=folder, save_frequency=2)
    return counted.count


def _saved(folder):
    state = load_state(folder / "last.ckpt")
    assert state.pop("kind") == "solver"
    return _without_fingerprint(state)


def _without_fingerprint(state):
    """What data a training began with is kept in its folder alone, see `solver.fingerprint`."""
    return {name: value for name, value in state.items() if name != "fingerprint"}


@pytest.mark.parametrize("name", TRAININGS)
def test_row40_an_interrupt_at_any_line(name, tmp_path):
    states, whole = _history_of(name)
    last = _lines_of(name, tmp_path / "count")
    handlers = [signal.getsignal(number) for number in NUMBERS]
    for line in np.random.default_rng(len(name)).integers(1, last, 3).tolist():
        estimator, data = in_training(name, max_iterations=LAST)
        folder = tmp_path / str(line)
        with SignalAt([line]):
            error = _ended(estimator.fit, *data, logdir=folder, save_frequency=2)
        assert isinstance(error, KeyboardInterrupt), line
        assert [signal.getsignal(number) for number in NUMBERS] == handlers
        assert estimator.interrupted_ or estimator.solver_.num_steps in (0, LAST)
        step = estimator.solver_.num_steps
        if step:
            assert_same(_saved(folder), states[step])
            assert_same(estimator.history_["loss"], states[step]["history"]["loss"].numpy())
        assert not (folder / "training.lock").exists()
        points = estimator.transform(data[0])
        assert np.isfinite(np.concatenate(points)).all()
        resumed = in_training(name, max_iterations=LAST)[0]
        resumed.fit(*data, logdir=folder, save_frequency=2, resume=True)
        assert_same(learned(resumed), learned(whole))
        assert not resumed.interrupted_


@pytest.mark.parametrize("name", ["time_delta", "sessions", "early stopping"])
def test_row40_an_interrupt_waits_for_one_step_at_most(name, tmp_path):
    for stop in range(1, LAST + 1):
        estimator, data = in_training(name, max_iterations=LAST)

        def interrupt(number, solver, stop=stop):
            if number == stop:
                signal.raise_signal(signal.SIGINT)

        folder = tmp_path / str(stop)
        error = _ended(estimator.fit, *data, logdir=folder, callback=interrupt)
        assert str(folder / "last.ckpt") in str(error)
        assert estimator.solver_.num_steps == stop
        assert estimator.solver_.stop_reason == f"SIGINT came by step {stop}"
        assert estimator.interrupted_


@pytest.mark.parametrize("gap", [1, 2, 5, 40])
def test_row40_a_second_interrupt_does_not_wait(gap, tmp_path):
    """What is on disk is then of an earlier step, or of this one, but never of half a step."""
    states, _ = _history_of("hybrid")
    last = _lines_of("hybrid", tmp_path / "count")
    moved = 0
    for line in np.random.default_rng(gap).integers(1, last - gap, 12).tolist():
        estimator, data = in_training("hybrid", max_iterations=LAST)
        folder = tmp_path / str(line)
        with SignalAt([line, line + gap]):
            error = _ended(estimator.fit, *data, logdir=folder, save_frequency=2)
        assert isinstance(error, KeyboardInterrupt)
        moved += "second" in str(error)
        assert estimator.interrupted_ or estimator.solver_.num_steps in (0, LAST)
        if (folder / "last.ckpt").exists():
            saved = _saved(folder)
            assert_same(saved, states[saved["num_steps"]])
        estimator.transform(NEURAL)
        resumed = in_training("hybrid", max_iterations=LAST)[0]
        resumed.fit(*data, logdir=folder, resume=True)  # a lock that was left is ours
        assert_same(_without_fingerprint(resumed.solver_.state_dict()), states[LAST])
    assert moved > 3


def test_row40_without_a_folder():
    estimator = small(max_iterations=LAST)
    before = signal.getsignal(signal.SIGTERM)

    def interrupt(step, solver):
        assert signal.getsignal(signal.SIGTERM) == before  # nothing could be saved
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"ended by SIGINT after step 2$"):
        estimator.fit(NEURAL, callback=interrupt)
    assert (estimator.interrupted_, estimator.solver_.num_steps) == (True, 2)
    fresh = small(max_iterations=LAST).fit(NEURAL)
    assert not fresh.interrupted_
    assert_same_estimator(estimator.fit(NEURAL), fresh)
    assert not estimator.interrupted_


def test_row40_partial_fit_and_adapt(tmp_path):
    def interrupt(step, solver):
        signal.raise_signal(signal.SIGINT)

    estimator = small().fit(NEURAL, POSITION)
    with pytest.raises(KeyboardInterrupt, match="SIGINT after step 4"):
        estimator.partial_fit(NEURAL, POSITION, callback=interrupt)
    assert estimator.interrupted_
    estimator.partial_fit(NEURAL, POSITION)
    assert not estimator.interrupted_
    before = estimator.transform(NEURAL)
    with pytest.raises(KeyboardInterrupt, match="SIGINT after step 1"):
        estimator.adapt(NEURAL[:, :4], POSITION, callback=interrupt)
    assert not estimator.interrupted_  # it is what it was
    assert_same(estimator.transform(NEURAL), before)
    assert not estimator.adapt(NEURAL[:, :4], POSITION).interrupted_
    estimator.save(tmp_path / "a.ckpt")
    assert not CEBRA.load(tmp_path / "a.ckpt").interrupted_


def test_row40_a_training_inside_another(tmp_path):
    def inner(step, solver):
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    def outer(step, solver):
        if step == 3:
            inside.fit(NEURAL, logdir=tmp_path / "inside", callback=inner)

    inside, outside = small(max_iterations=LAST), small(max_iterations=LAST)
    before = signal.getsignal(signal.SIGINT)
    error = _ended(outside.fit, NEURAL, logdir=tmp_path / "outside", callback=outer)
    assert isinstance(error, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert (inside.solver_.num_steps, outside.solver_.num_steps) == (2, 3)
    assert _saved(tmp_path / "outside")["num_steps"] == 3
    assert _saved(tmp_path / "inside")["num_steps"] == 2


def test_row40_a_training_around_ends_even_if_the_inner_end_is_swallowed(tmp_path):
    def outer(step, solver):
        inner = lambda *_: signal.raise_signal(signal.SIGTERM)  # noqa: E731
        if step == 2:
            _ended(small().fit, NEURAL, callback=inner)

    outside = small(max_iterations=LAST)
    error = _ended(outside.fit, NEURAL, logdir=tmp_path, callback=outer)
    assert (error.code, outside.solver_.num_steps) == (EXIT_CODE, 2)


@pytest.mark.parametrize("number", NUMBERS)
def test_row40_handlers_of_the_program_stay(number, tmp_path):
    seen = []
    before = signal.signal(number, lambda *_: seen.append("mine"))

    def callback(step, solver):
        if step == 2:
            signal.raise_signal(number)

    try:
        small().fit(NEURAL, logdir=tmp_path, callback=callback)
        signal.signal(number, signal.SIG_IGN)
        small().fit(NEURAL, logdir=tmp_path, callback=callback)
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert seen == ["mine"]


def test_row40_nothing_is_installed_in_another_thread(tmp_path):
    before, seen = [signal.getsignal(number) for number in NUMBERS], []

    def look(step, solver):
        seen.append([signal.getsignal(number) for number in NUMBERS])

    target = small().fit
    thread = threading.Thread(
        target=target, args=(NEURAL,), kwargs={"logdir": tmp_path, "callback": look}
    )
    thread.start()
    thread.join()
    assert seen == [before] * 3


@pytest.mark.parametrize("number", NUMBERS[1:])
@pytest.mark.parametrize("name", TRAININGS)
def test_row41_pre_emption(name, number, tmp_path, caplog):
    states, whole = _history_of(name)
    estimator, data = in_training(name, max_iterations=LAST)

    def callback(step, solver):
        if step == 3:
            signal.raise_signal(number)
            signal.raise_signal(signal.SIGTERM)  # schedulers repeat themselves

    error = _ended(estimator.fit, *data, logdir=tmp_path, callback=callback)
    assert error.code == 143
    assert str(tmp_path / "last.ckpt") in caplog.text
    assert estimator.interrupted_
    assert_same(_saved(tmp_path), states[3])
    resumed = in_training(name, max_iterations=LAST)[0]
    resumed.fit(*data, logdir=tmp_path, resume=True)
    assert_same_estimator(resumed, whole, data[0])


def _environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.slow
def test_row41_a_process_that_is_told_to_end(tmp_path):
    started = {}
    for kind, number in (("estimator", signal.SIGTERM), ("solver", signal.SIGUSR1)):
        command = [sys.executable, "-W", "ignore", interrupts.__file__, kind, tmp_path / kind]
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=_environment(), cwd=tmp_path
        )
        started[kind] = (process, number)
    waiting = set(started)
    while waiting:
        for kind in sorted(waiting):
            process, number = started[kind]
            if (tmp_path / kind / "last.ckpt").exists() or process.poll() is not None:
                process.send_signal(number)
                waiting.remove(kind)
        time.sleep(0.001)
    start = time.perf_counter()
    for kind, (process, _) in started.items():
        _, text = process.communicate(timeout=60)
        assert process.returncode == 143, text
        assert str(tmp_path / kind / "last.ckpt") in text
        assert "Traceback" not in text
    assert time.perf_counter() - start < 5
    many = interrupts.MANY_STEPS
    for kind in started:
        assert 40 <= _saved(tmp_path / kind)["num_steps"] < many
        interrupts.KINDS[kind](tmp_path / kind, many, resume=True)
        interrupts.KINDS[kind](tmp_path / f"{kind} whole", many)
        whole = (tmp_path / f"{kind} whole" / "last.ckpt").read_bytes()
        assert (tmp_path / kind / "last.ckpt").read_bytes() == whole


@pytest.mark.slow
def test_rows_40_and_41_signals_at_random_times(tmp_path):
    command = [sys.executable, "-W", "ignore", interrupts.__file__, "forks", tmp_path, "15"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=_environment(), timeout=250, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ended = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 143}
    late = [one for one in found if one[2] == 0]
    for kind, number, status, left, same in found:
        assert same, (kind, number, status)
        assert status in (0, ended[number], -number), (kind, number, status)
        assert "training.lock" not in left or status == -number
        assert "last.ckpt" in left or status == -number  # it came before training had begun
    assert len(late) < len(found) / 2  # else most came too late to test anything


class _FaultError(Exception):
    """What the user's code raises."""


@pytest.mark.parametrize("name", TRAININGS)
def test_row42_a_callback_raises(name, tmp_path):
    states, whole = _history_of(name)
    estimator, data = in_training(name, max_iterations=LAST)

    def callback(step, solver):
        if step == 4:
            raise _FaultError("of the user")

    with pytest.raises(_FaultError, match=r"^of the user$"):
        estimator.fit(*data, logdir=tmp_path, save_frequency=3, callback=callback)
    assert not estimator.interrupted_
    assert_same(_saved(tmp_path), states[4])
    assert load_state(tmp_path / "previous.ckpt")["num_steps"] == 3
    assert not (tmp_path / "training.lock").exists()
    estimator.transform(data[0])
    assert_same_estimator(estimator.fit(*data), whole, data[0])
