"""Training on a GPU: the graph takes the steps that plain launches take, and twice the same."""

import numpy as np
import pytest
import torch

from cebra_ethan import CEBRA
from cebra_ethan.errors import TrainingDivergedError

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

NUM_STEPS = 40
MODES = {
    "time": ({"conditional": "time"}, 0),
    "delta": ({}, 1),
    "wide": ({"batch_size": 4096}, 1),
    "full batch": ({"batch_size": None}, 1),
    "hybrid": ({"hybrid": True}, 1),
    "learned temperature": ({"temperature_mode": "auto"}, 1),
    "single bins": ({"model_architecture": "offset1-model"}, 1),
    "classes": ({"conditional": "discrete"}, "classes"),
}


def recording(seed=0, num_bins=1500, num_neurons=20):
    rng = np.random.default_rng(seed)
    angle = np.cumsum(rng.normal(0, 0.1, num_bins))
    preferred = rng.uniform(0, 2 * np.pi, num_neurons)
    rate = np.exp(np.cos(angle[:, None] - preferred))
    labels = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return rng.poisson(rate).astype(np.float32), labels.astype(np.float32)


def estimator(**changes):
    settings = {
        "model_architecture": "offset10-model",
        "batch_size": 128,
        "output_dimension": 3,
        "time_offsets": 5,
        "max_iterations": NUM_STEPS,
        "learning_rate": 1e-3,
        "random_state": 0,
        "device": "cuda",
    }
    return CEBRA(**{**settings, **changes})


def fit(mode, seed=0, **changes):
    options, kind = MODES[mode]
    X, y = recording(seed)
    labels = {0: (), 1: (y,), "classes": ((y[:, 0] > 0).astype(int),)}[kind]
    return estimator(**{**options, **changes}).fit(X, *labels), X


@pytest.mark.parametrize("mode", MODES)
def test_a_graph_takes_the_steps_of_plain_launches(mode, monkeypatch):
    graphed, X = fit(mode)
    with monkeypatch.context() as patch:
        patch.setattr("cebra_ethan.solver.base.graph_of", lambda *_: None)
        plain, _ = fit(mode)
    np.testing.assert_allclose(graphed.history_["loss"], plain.history_["loss"], rtol=1e-3)
    assert len(graphed.history_["loss"]) == NUM_STEPS
    assert np.abs(graphed.transform(X) - plain.transform(X)).mean() < 1e-2


@pytest.mark.parametrize("mode", MODES)
def test_a_graph_is_recorded(mode, caplog):
    with caplog.at_level("WARNING", logger="cebra_ethan"):
        fit(mode)
    assert not [record for record in caplog.records if "CUDA graph" in record.message]


def test_the_same_seed_gives_the_same_losses_twice():
    one, two = (fit("delta")[0].history_["loss"] for _ in range(2))
    np.testing.assert_allclose(one, two, rtol=1e-4)


def test_several_sessions_are_trained_together(caplog):
    (X1, y1), (X2, y2) = recording(0), recording(1, 1200, 31)
    with caplog.at_level("WARNING", logger="cebra_ethan"):
        model = estimator().fit([X1, X2], [y1, y2])
    assert not [record for record in caplog.records if "CUDA graph" in record.message]
    on_cpu = estimator(device="cpu").fit([X1, X2], [y1, y2])
    assert [len(points) for points in model.transform([X1, X2])] == [1500, 1200]
    late = slice(NUM_STEPS // 2, None)
    gap = model.history_["loss"][late].mean() - on_cpu.history_["loss"][late].mean()
    assert abs(gap) < 0.1


def test_the_gpu_learns_what_the_processor_learns():
    one, _ = fit("delta", max_iterations=300)
    two, _ = fit("delta", max_iterations=300, device="cpu")
    gap = one.history_["loss"][-50:].mean() - two.history_["loss"][-50:].mean()
    assert abs(gap) < 0.05


def test_divergence_is_noticed_after_the_fact():
    with pytest.raises(TrainingDivergedError, match="must stay finite"):
        fit("delta", learning_rate=1e30, max_iterations=250)


def test_a_model_is_saved_and_loaded(tmp_path):
    model, X = fit("delta")
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt")
    np.testing.assert_allclose(loaded.transform(X), model.transform(X), atol=1e-5)


def test_early_stopping_runs_between_graphed_steps():
    model, _ = fit("delta", early_stopping=True, max_iterations=200)
    assert model.solver_.validation_history
