"""The loop: order of calls, reasons to stop, and an end that always comes."""

import pytest

from cebra_ethan.solver.train import Callback, train

# Batches and losses are stand-ins here; the loop looks into neither.
pytestmark = pytest.mark.usefixtures("without_type_checks")


class Spy:
    """Writes down what it is called with; returns a reason at some steps."""

    def __init__(self, name, calls, reasons=None, error_at=None):
        self.name, self.calls = name, calls
        self.reasons, self.error_at = reasons or {}, error_at

    def after_step(self, step, losses):
        self.calls.append((self.name, step, losses))
        if step == self.error_at:
            raise ArithmeticError("in a callback")
        return self.reasons.get(step)

    def finish(self):
        self.calls.append((self.name, "finish"))


def test_callbacks_are_called_in_order_after_each_step():
    calls = []

    def step(batch):
        calls.append(("step", batch))
        return {"loss": batch}

    reason = train(step, iter("xy"), [Spy("a", calls), Spy("b", calls)])
    assert reason is None
    assert calls == [
        ("step", "x"),
        ("a", 1, {"loss": "x"}),
        ("b", 1, {"loss": "x"}),
        ("step", "y"),
        ("a", 2, {"loss": "y"}),
        ("b", 2, {"loss": "y"}),
        ("a", "finish"),
        ("b", "finish"),
    ]


def test_continued_training_counts_from_its_start():
    calls = []
    train(lambda batch: {}, range(2), [Spy("a", calls)], start=40)
    assert [call[1] for call in calls] == [41, 42, "finish"]


def test_a_reason_ends_training_after_all_callbacks_saw_the_step():
    calls, batches = [], iter(range(10))
    spies = [Spy("a", calls), Spy("b", calls, {3: "enough"}), Spy("c", calls)]
    assert train(lambda batch: {}, batches, spies) == "enough"
    assert [call[:2] for call in calls[-6:]] == [
        *((name, 3) for name in "abc"),
        *((name, "finish") for name in "abc"),
    ]
    assert next(batches) == 3  # no batch was asked for beyond the last step


def test_the_first_reason_counts():
    spies = [Spy(name, [], {2: f"reason of {name}"}) for name in "ab"]
    assert train(lambda batch: {}, range(5), spies) == "reason of a"


@pytest.mark.parametrize("where", ["step", "callback", "batches"])
def test_all_callbacks_finish_once_after_an_error(where):
    calls = []

    def step(batch):
        if where == "step" and batch == 1:
            raise ArithmeticError("in a step")
        return {}

    def batches():
        yield from range(2)
        raise ArithmeticError("in batches")

    spies = [Spy("a", calls, error_at=2 if where == "callback" else None), Spy("b", calls)]
    with pytest.raises(ArithmeticError, match=f"in .*{where}"):
        train(step, batches(), spies)
    assert [call for call in calls if call[1] == "finish"] == [("a", "finish"), ("b", "finish")]
    assert calls[-2:] == [("a", "finish"), ("b", "finish")]


def test_interrupt_finishes_too():
    calls = []

    def step(batch):
        raise KeyboardInterrupt("by the user")

    with pytest.raises(KeyboardInterrupt, match="by the user"):
        train(step, range(3), [Spy("a", calls)])
    assert calls == [("a", "finish")]


def test_no_batches_is_no_step():
    calls = []
    assert train(lambda batch: 1 / 0, [], [Spy("a", calls)]) is None
    assert calls == [("a", "finish")]


def test_what_the_loop_calls_is_the_protocol():
    assert isinstance(Spy("a", []), Callback)
    assert not isinstance(object(), Callback)
