"""Signals are held back between entering and leaving, and never lost."""

import signal
import threading
from pathlib import Path

import pytest

from cebra_ethan.solver.signals import EXIT_CODE, Interrupts
from cebra_ethan.solver.train import Callback, train

pytestmark = pytest.mark.usefixtures("without_type_checks")

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]


@pytest.fixture(autouse=True)
def _handlers_come_back():
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    assert [signal.getsignal(number) for number in NUMBERS] == before


def _run(signals, checkpoint=None):
    """Returns the step of the end and what ended it; `signals` come in steps, from 1."""
    done = []

    def step(batch):
        done.append(batch)
        for number in signals.get(batch, ()):
            signal.raise_signal(number)
        return {}

    try:
        with Interrupts(checkpoint) as interrupts:
            train(step, range(1, 9), [interrupts])
    except (KeyboardInterrupt, SystemExit) as error:
        return done[-1], error
    return done[-1], None


def test_it_is_a_callback():
    assert isinstance(Interrupts(), Callback)
    assert _run({}) == (8, None)


@pytest.mark.parametrize(
    ("signals", "kind"),
    [
        ((signal.SIGINT,), KeyboardInterrupt),
        ((signal.SIGTERM,), SystemExit),
        ((signal.SIGUSR1,), SystemExit),
        ((signal.SIGTERM, signal.SIGTERM, signal.SIGUSR1), SystemExit),
        ((signal.SIGINT, signal.SIGTERM), SystemExit),
        ((signal.SIGINT, signal.SIGINT), KeyboardInterrupt),
        ((signal.SIGTERM, signal.SIGINT), KeyboardInterrupt),
    ],
)
@pytest.mark.parametrize("step", [1, 5, 8])
def test_the_end_and_what_is_said(signals, kind, step, caplog):
    end, error = _run({step: signals}, Path("a") / "last.ckpt")
    assert end == step
    assert type(error) is kind
    if kind is SystemExit:
        assert error.code == EXIT_CODE == 143
        name = signal.Signals(next(s for s in signals if s != signal.SIGINT)).name
        assert f"ended by {name} after step {step}; resume=True continues from a" in caplog.text
    elif len(signals) == 1:
        assert f"ended by SIGINT after step {step}; resume=True" in str(error)
    else:
        assert str(error) == "the second Ctrl-C"


def test_without_a_checkpoint_only_ctrl_c_is_held_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler


def _fail_after_a_signal():
    signal.raise_signal(signal.SIGINT)
    raise ArithmeticError("of a callback")


def test_another_error_does_not_swallow_a_signal():
    with pytest.raises(KeyboardInterrupt, match="SIGINT") as caught, Interrupts():
        _fail_after_a_signal()
    assert isinstance(caught.value.__context__, ArithmeticError)


def test_an_error_comes_through():
    with pytest.raises(ArithmeticError, match="of a callback"), Interrupts():
        raise ArithmeticError("of a callback")


def test_nothing_happens_in_another_thread():
    before, seen = [signal.getsignal(number) for number in NUMBERS], []

    def look():
        with Interrupts(Path("last.ckpt")):
            seen.extend(signal.getsignal(number) for number in NUMBERS)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == before


def test_one_inside_another_ends_both():
    outer, inner = Interrupts(), Interrupts()
    outer.__enter__()
    with pytest.raises(KeyboardInterrupt, match=r"SIGINT$"), inner:
        signal.raise_signal(signal.SIGINT)
    assert inner.received == outer.received == signal.SIGINT
    with pytest.raises(KeyboardInterrupt, match=r"SIGINT$"):
        outer.__exit__(None, None, None)
