"""What TensorBoard shows is what the history holds."""

import sys

import numpy as np
import pytest

from cebra_ethan.errors import MissingDependencyError
from cebra_ethan.solver.tensorboard import TensorBoardLog
from tests.reliability.helpers import TRAININGS, in_training
from tests.solver.examples import make_loader, make_solver

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _curves(folder):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="an optional library"
    )
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", ["time_delta", "hybrid", "sessions", "early stopping"])
def test_curves_of_an_estimator(tmp_path, name, every):
    pytest.importorskip("tensorboard", reason="an optional library")
    assert name in TRAININGS
    estimator, data = in_training(name, max_iterations=8)
    estimator.fit(*data, callback=TensorBoardLog(tmp_path, every))
    curves, history = _curves(tmp_path), estimator.history_
    steps = list(range(every, 9, every))
    for key in history:
        assert [step for step, _ in curves[f"training/{key}"]] == steps
        values = [value for _, value in curves[f"training/{key}"]]
        np.testing.assert_allclose(values, history[key][every - 1 :: every], rtol=1e-6)
    assert curves["training/learning_rate"] == [(step, pytest.approx(3e-4)) for step in steps]
    validated = estimator.solver_.validation_history
    assert len(validated) == (4 if name == "early stopping" else 0)
    assert curves.get("validation/loss", []) == [(k, pytest.approx(v)) for k, v in validated]


def test_a_resumed_training_continues_its_curves(tmp_path):
    pytest.importorskip("tensorboard", reason="an optional library")
    valid = make_loader(1, part=slice(200, 300))
    options = {"valid_frequency": 2, "logdir": tmp_path / "run"}
    log = TensorBoardLog(tmp_path / "board", every=1)
    make_solver().fit(make_loader(5), valid, callbacks=[log], **options)
    log = TensorBoardLog(tmp_path / "board", every=1)
    solver = make_solver()
    solver.fit(make_loader(9), valid, callbacks=[log], resume=True, **options)
    curves = _curves(tmp_path / "board")
    assert [step for step, _ in curves["training/loss"]] == list(range(1, 10))
    assert [step for step, _ in curves["validation/loss"]] == [2, 4, 6, 8]
    losses = [value for _, value in curves["training/loss"]]
    np.testing.assert_allclose(losses, solver.history["loss"], rtol=1e-6)


def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"cebra-ethan\[tracking\]"):
        TensorBoardLog(tmp_path)
