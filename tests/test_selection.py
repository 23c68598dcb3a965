"""Choosing parameters on held-out data."""

import json
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from cebra_ethan import CEBRA, selection
from cebra_ethan.data.dataset import as_recording
from cebra_ethan.data.split import time_split
from cebra_ethan.errors import CheckpointError, InvalidParameterError, MissingDependencyError
from cebra_ethan.selection import Judge, grid_search, tune

DRAW = np.random.default_rng(0)
LABEL = np.sin(np.arange(500) / 7)
NEURAL = np.tanh(2 * LABEL[:, None] + DRAW.normal(size=8)) + DRAW.normal(size=(500, 8)) / 5
BASE = CEBRA(
    device="cpu", batch_size=32, max_iterations=30, learning_rate=0.01, output_dimension=3
)
QUICK = Judge(seeds=[0, 1], num_negatives=64, num_batches=5)


def search(grid, judge=QUICK, base=BASE, **options):
    return grid_search(base, grid, NEURAL, LABEL, judge=judge, **{"refit": False, **options})


@pytest.fixture
def trained(monkeypatch):
    """The bins that each training saw."""
    seen, fit = [], CEBRA.fit

    def counted(self, X, *rest, **options):
        seen.append(X)
        return fit(self, X, *rest, **options)

    monkeypatch.setattr(CEBRA, "fit", counted)
    return seen


def test_score_is_the_goodness_of_fit_of_the_held_out_part():
    found = search({"max_iterations": [30]}, Judge(seeds=[3], num_negatives=64, num_batches=200))
    train, test = time_split(as_recording(NEURAL, labels={"label 0": LABEL}), 0.2, gap=2)
    fitted = clone(BASE).set_params(random_state=3).fit(train)
    fitted.batch_size = 64
    other_draws = fitted.goodness_of_fit(test, num_batches=200).bits
    assert found.best_score == pytest.approx(other_draws, abs=0.05)
    assert found.num_negatives == 64


def test_more_training_is_found_to_be_better():
    found = search({"max_iterations": [1, 60]}, refit=True)
    assert found.best_params == {"max_iterations": 60}
    assert found.best_score == found.rows[1]["mean"] > found.rows[0]["mean"] + 0.3
    assert found.rows[1]["sd"] == pytest.approx(np.std(found.rows[1]["bits"], ddof=1))
    assert found.best_estimator.history_["loss"].shape == (60,)
    assert found.columns()["max_iterations"] == [1, 60]
    assert str(found).splitlines()[0].endswith("max_iterations=60")


@pytest.mark.parametrize("batch_size", [16, 200, None])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_fault21_a_model_that_knows_nothing_has_no_bits_at_any_batch_size(batch_size, temperature):
    noise = np.random.default_rng(1).normal(size=(500, 8))
    base = clone(BASE).set_params(max_iterations=1, learning_rate=1e-9)
    grid = {"batch_size": [batch_size], "temperature": [temperature]}
    found = grid_search(base, grid, noise, LABEL, judge=QUICK, refit=False)
    # an untrained encoder of noise: similarities are independent of who is the positive, and only
    # their spread, which the temperature divides, costs bits
    assert -0.5 / temperature**2 < found.best_score < 0.15


def test_settings_of_the_task_are_judged_by_the_task_of_the_search(monkeypatch):
    judged = []
    original = selection.goodness_of_fit

    def watched(model, objective, loader):
        judged.append(loader)
        return original(model, objective, loader)

    monkeypatch.setattr(selection, "goodness_of_fit", watched)
    grid = {"time_offsets": [1, 7], "conditional": ["time", "time_delta"], "num_negatives": [None]}
    search(grid, Judge(seeds=[0], num_negatives=32, num_batches=2))
    options = {
        (one.dataset.options, one.batch_size, one.seed, one.num_negatives) for one in judged
    }
    assert len(judged) == 4
    assert len(options) == 1
    ((task, size, _, num_negatives),) = options
    assert (task.time_offset, task.conditional) == (1, None)
    assert size == num_negatives == 32


def test_parts_are_split_by_time_with_the_largest_gap_of_the_grid(trained):
    search(
        {"model_architecture": ["offset1-model", "offset10-model"], "time_offsets": [1, 5]},
        Judge(seeds=[0], num_negatives=32, num_batches=2),
    )
    assert {len(part) for part in trained} == {400 - 10 - 5}
    assert all(np.allclose(part.neural, NEURAL[: len(part)]) for part in trained)


def test_sessions_are_judged_together():
    sessions, labels = [NEURAL, NEURAL[:, :5]], [LABEL, LABEL]
    found = grid_search(BASE, {"temperature": [1.0]}, sessions, labels, judge=QUICK)
    assert found.num_negatives == 2 * 64
    assert found.best_score > 0.3
    assert found.best_estimator.num_sessions_ == 2


def test_a_finished_training_is_not_done_again(tmp_path, trained):
    first = search({"temperature": [1.0, 2.0]}, folder=tmp_path)
    assert len(trained) == 4
    again = search({"temperature": [2.0, 1.0, 3.0]}, folder=tmp_path)
    assert len(trained) == 6
    assert again.rows[:2] == first.rows[::-1]
    checkpoints = sorted(tmp_path.glob("*.ckpt"))
    assert len(checkpoints) == len(list(tmp_path.glob("*.json"))) == 6
    assert {CEBRA.load(path).temperature for path in checkpoints} == {1.0, 2.0, 3.0}


@pytest.mark.parametrize("change", ["data", "labels", "judge", "parameter"])
def test_other_searches_in_the_folder_do_not_answer_for_this_one(tmp_path, trained, change):
    judge = Judge(seeds=[0], num_negatives=32, num_batches=2)
    found = search({"temperature": [1.0]}, judge, folder=tmp_path)
    X, y, base = NEURAL.copy(), LABEL.copy(), BASE
    if change == "data":
        X[-1, -1] += 1
    elif change == "labels":
        y[-50:] += 1
    elif change == "judge":
        judge = Judge(seeds=[0], num_negatives=32, num_batches=3)
    else:
        base = clone(BASE).set_params(max_iterations=31)
    grid = {"temperature": [1.0]}
    other = grid_search(base, grid, X, y, judge=judge, folder=tmp_path, refit=False)
    assert len(trained) == 2
    assert other.best_score != found.best_score


def test_a_damaged_score_is_refused(tmp_path):
    judge = Judge(seeds=[0], num_negatives=32, num_batches=2)
    search({"temperature": [1.0]}, judge, folder=tmp_path)
    (kept,) = tmp_path.glob("*.json")
    kept.write_text(json.dumps({"bits": 99.0}))
    with pytest.raises(CheckpointError, match="must be the score of a training"):
        search({"temperature": [1.0]}, judge, folder=tmp_path)


def test_a_setting_that_diverges_is_recorded_and_never_best(tmp_path):
    for _ in range(2):  # computed, then read
        found = search(
            {"learning_rate": [1e20, 0.01]}, Judge(seeds=[0], num_batches=2), folder=tmp_path
        )
        assert found.best_params == {"learning_rate": 0.01}
        assert np.isnan(found.rows[0]["mean"])
        assert "finite" in found.rows[0]["errors"][0]
    with pytest.raises(InvalidParameterError, match="do not diverge"):
        search({"learning_rate": [1e20]}, Judge(seeds=[0], num_batches=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": {"temprature": [1.0]}}, "got temprature"),
        ({"grid": {"temperature": [-1.0]}}, "temperature"),
        ({"grid": {"time_offsets": [30]}, "judge": Judge(gap=5)}, "needs 31 bins, got 5"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(options, message):
    with pytest.raises(InvalidParameterError, match=message):
        search(**options)


@pytest.mark.parametrize("bad", [{"seeds": []}, {"num_batches": 0}, {"num_negatives": 0}])
def test_judge_checks_itself(bad):
    with pytest.raises(InvalidParameterError, match="one seed or more"):
        Judge(**bad)


def test_objects_cannot_be_kept_in_a_folder(tmp_path):
    base = clone(BASE).set_params(augmentation=lambda windows, scale, generator: windows)
    with pytest.raises(InvalidParameterError, match="by their values"):
        search({"temperature": [1.0]}, base=base, folder=tmp_path)


def test_tune_proposes_settings_and_resumes(tmp_path, trained):
    optuna = pytest.importorskip("optuna", reason="the tune extra is not installed")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    options = {"judge": Judge(seeds=[0], num_negatives=32, num_batches=2), "refit": False}

    def space(trial):
        return {"max_iterations": trial.suggest_int("max_iterations", 1, 60)}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what another library says about itself
        found = tune(BASE, space, NEURAL, LABEL, num_trials=3, folder=tmp_path, **options)
        again = tune(BASE, space, NEURAL, LABEL, num_trials=4, folder=tmp_path, **options)
    assert len(found.rows) == 3
    assert again.rows[:3] == found.rows
    assert len(trained) == len({row["params"]["max_iterations"] for row in again.rows})
    assert found.best_score == max(row["mean"] for row in found.rows)


def test_tune_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match=r"cebra-ethan\[tune\]"):
        tune(BASE, dict, NEURAL, LABEL)


@pytest.mark.slow
def test_trainings_at_the_same_time_give_the_same():
    grid, seeds = {"temperature": [1.0, 2.0]}, [0]
    alone = search(grid, Judge(seeds=seeds, num_batches=2))
    beside = search(grid, Judge(seeds=seeds, num_batches=2, n_jobs=2))
    assert [row["bits"] for row in beside.rows] == [row["bits"] for row in alone.rows]
