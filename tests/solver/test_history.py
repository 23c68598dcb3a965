"""History: every step's numbers, in order, whenever they are read."""

import numpy as np
import pytest
import torch

from cebra_ethan.solver.history import _FLUSH_EVERY, History


def _fill(history, numbers):
    for number in numbers:
        history.append({"loss": torch.tensor(float(number)), "half": torch.tensor(number / 2)})


@pytest.mark.parametrize(
    "count", [1, 2, _FLUSH_EVERY - 1, _FLUSH_EVERY, _FLUSH_EVERY + 1, 2 * _FLUSH_EVERY, 517]
)
def test_holds_what_was_appended(count):
    history = History()
    _fill(history, range(count))
    assert list(history) == ["loss", "half"]
    assert len(history) == 2
    np.testing.assert_array_equal(history["loss"], np.arange(count))
    np.testing.assert_array_equal(history["half"], np.arange(count) / 2)
    assert history["loss"].dtype == np.float64


def test_reading_in_between_changes_nothing():
    history = History()
    for start in range(0, 450, 45):
        _fill(history, range(start, start + 45))
        np.testing.assert_array_equal(history["loss"], np.arange(start + 45))


def test_nothing_is_read_before_it_is_asked_for_or_the_buffer_is_full():
    history = History()
    _fill(history, range(_FLUSH_EVERY - 1))
    assert (len(history._read), len(history._waiting)) == (0, _FLUSH_EVERY - 1)
    _fill(history, [0])
    assert (len(history._read), len(history._waiting)) == (2, 0)


def test_keeps_no_graph():
    history, weight = History(), torch.ones((), requires_grad=True)
    history.append({"loss": weight * 2})
    assert not history._waiting[0]["loss"].requires_grad
    assert history["loss"].tolist() == [2.0]


def test_empty_history_has_no_series():
    assert dict(History()) == {}
    with pytest.raises(KeyError, match="loss"):
        History()["loss"]


@pytest.mark.parametrize("count", [1, _FLUSH_EVERY + 3])
def test_state_restores_and_continues(count):
    before, after = History(), History()
    _fill(before, range(count))
    _fill(after, [99.0])  # forgotten
    after.load_state_dict(before.state_dict())
    _fill(after, [7.0])
    np.testing.assert_array_equal(after["loss"], [*range(count), 7.0])


def test_empty_state():
    history = History()
    history.load_state_dict(History().state_dict())
    assert dict(history) == {}


def test_a_reading_that_is_interrupted_neither_loses_nor_doubles(monkeypatch):
    history, calls = History(), []

    def stack(values, original=torch.stack):
        calls.append(1)
        if len(calls) == 2:  # one series was read, the other not yet
            raise KeyboardInterrupt("in between")
        return original(values)

    _fill(history, range(5))
    monkeypatch.setattr(torch, "stack", stack)
    with pytest.raises(KeyboardInterrupt, match="in between"):
        history.flush()
    for name in ("loss", "half"):
        assert len(history[name]) == 5


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("key", [-1, slice(None)])
def test_a_number_is_not_the_name_of_a_series(key):
    history = History()
    history.append({"loss": torch.tensor(2.0)})
    with pytest.raises(TypeError, match=r"read by the name of a series.*history\['loss'\]\[-1\]"):
        history[key]
