"""Whole trials are held out, neighbours are right for every k, the experiment runs through."""

import dataclasses
import os

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from cebra_ethan.types import Label
from config import PrimateConfig
from experiments.common.verdicts import read_expected
from experiments.primate import run_experiment
from experiments.primate.methods import METHODS, methods_of
from experiments.primate.nearest import choose_and_predict, neighbor_predictions
from experiments.primate.parts import parts
from experiments.primate.results import NUMBERS
from experiments.primate.tasks import TASKS, folds, joined, tasks_of, thinned
from utils import read_json

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in X are constant")


@pytest.fixture(scope="module")
def config():
    return PrimateConfig.from_preset(
        "smoke", max_iterations=4, num_active=24, num_passive=12, num_units=12, dimensions=(3,),
        control_dimension=3, tasks=("position", "direction"), batch_size=32,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("primate") / "run"
    return out, run_experiment.run(config, out)


def test_it_runs_to_its_end_with_all_controls(done, config):
    out, values = done
    results = read_json(out / "results.json")
    assert results["missing_controls"] == {}
    assert {row["group"] for row in results["rows"]} == {"position", "direction"}
    assert all(entry["verdict"].startswith("not comparable") for entry in results["comparison"])
    assert {row["method"] for row in results["rows"] if row["transductive"]} == {"time-all"}
    assert abs(values["position.chance.r2"]) < 0.5
    assert values["direction.chance.accuracy"] <= 0.5
    for figure in results["figures"]:
        assert (out / figure["path"]).stat().st_size > 1000
        assert "imulated" in figure["title"] or figure["path"] == "over-time.png"
    assert len(results["figures"]) == 5
    assert all("Simulated" in entry["title"] for entry in results["embeddings"])
    assert results["statistics"][0]["title"].startswith("One-way ANOVA")


def test_a_second_run_runs_nothing(done, config):
    out, values = done
    before = {path: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}
    assert run_experiment.run(config, out) == values
    assert before == {path: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}


@pytest.mark.parametrize("name", ["position", "direction-all"])
def test_no_trial_is_in_two_parts(config, name):
    (fold,) = folds(config, TASKS[name])
    pieces = (fold.train, fold.valid, fold.test)
    starts = [
        {tuple(row) for row in part.labels["position"].to_numpy()[part.segments[:, 0]]}
        for part in pieces
    ]
    assert not starts[0] & starts[1]
    assert not starts[0] & starts[2]
    assert not starts[1] & starts[2]
    assert all(len(part) == 600 * len(part.segments) for part in pieces)
    if name == "position":
        assert all(part.labels["active"].to_numpy().all() for part in pieces)


def test_joined_parts_keep_their_trials_apart(config):
    (fold,) = folds(config, TASKS["position"])
    both = joined([fold.train, fold.valid])
    assert len(both.segments) == len(fold.train.segments) + len(fold.valid.segments)
    assert (thinned(both, 600) == both.segments[:, 0].numpy()).all()


@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_neighbours_are_those_of_scikit_learn_for_every_k(kind):
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(80, 4)), rng.normal(size=(30, 4))
    values = rng.normal(size=(80, 2)) if kind == "continuous" else rng.choice([3, 5, 8], 80)
    model = KNeighborsRegressor if kind == "continuous" else KNeighborsClassifier
    found = neighbor_predictions(train, Label(values, kind), test, (25, 1, 4, 81))
    assert list(found) == [1, 4, 25]
    for k, predicted in found.items():
        expected = model(k, metric="cosine").fit(train, values).predict(test)
        np.testing.assert_allclose(predicted, expected, atol=1e-9)


def test_k_is_chosen_on_the_validation_points():
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, np.pi, size=300)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    noisy = Label(angle + rng.normal(0, 1.0, size=300))
    cut = points[:200], points[200:250], points[250:]
    predicted, k = choose_and_predict(cut, noisy[:200], noisy[200:250], (1, 40))
    assert k == 40
    assert predicted.shape == (50,)


def test_every_expected_number_names_a_row():
    config = PrimateConfig()
    for entry in read_expected(run_experiment.EXPERIMENT.expected):
        task = TASKS[entry["group"]]
        assert entry["number"] in NUMBERS
        assert entry["method"] in methods_of(config, entry["group"], task)
        assert entry["method"] in METHODS


def test_sources_have_their_tasks(config, tmp_path):
    assert tasks_of(config) == ["position", "direction"]
    real = dataclasses.replace(config, source="real", data_root=str(tmp_path), tasks=None)
    names = tasks_of(real)
    assert len(names) == 12
    assert not {"position", "direction"} & set(names)
    assert any(part.name == "monkey-k-across-lda" for part in parts(real, tmp_path))


@pytest.mark.real
def test_real_monkeys_and_m1_in_the_smoke_preset(tmp_path):
    root = os.environ.get("CEBRA_ETHAN_DATA")
    if not root:
        pytest.skip("CEBRA_ETHAN_DATA does not name the folder of the real recordings")
    config = PrimateConfig.from_preset(
        "smoke", source="real", data_root=root,
        methods=("behavior", "linear", "lda", "chance"), dimensions=(8,),
    )  # fmt: skip
    values = run_experiment.run(config, tmp_path)
    assert values["monkey-k-active.chance.accuracy"] == pytest.approx(0.125)
    assert values["monkey-k-active.lda.trial_accuracy"] > 0.5
    assert values["m1-te-velocity.linear.r2"] == pytest.approx(0.66, abs=0.05)
    monkey = TASKS["monkey-k-active"]
    for fold in folds(config, monkey):
        assert len(fold.test.segments) == len(fold.valid.segments) == 8
        assert sorted(fold.test.labels["direction"].to_numpy()[::599]) == list(range(1, 9))
        assert len(fold.train) == 48 * 299
