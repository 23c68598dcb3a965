"""Experiment 6 runs end to end and goes on where it stopped; its numbers are what they say."""

import dataclasses
import os

import numpy as np
import pytest

from config import MultiSessionConfig
from experiments.common import Finished
from experiments.multi_session import methods, run_experiment
from experiments.multi_session.adaptation import ARMS, steps_to_look_at
from experiments.multi_session.curves import matched_values
from experiments.multi_session.methods import METHODS, encoder, training_labels
from experiments.multi_session.scores import consistency
from experiments.multi_session.sessions import columns, sessions
from utils import read_json

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in .* are constant")


@pytest.fixture(scope="module")
def config():
    return MultiSessionConfig.from_preset(
        "smoke", single_iterations=8, joint_iterations=8, checkpoint_every=4, sizes=(32,),
        pretrain_iterations=8, adapt_iterations=25, num_bins=(900, 850, 800), neighbors=(4, 25),
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("multi_session") / "run"
    return out, run_experiment.run(config, out), read_json(out / "results.json")


def test_every_row_has_its_numbers_and_controls(done):
    _, values, results = done
    by_group = {}
    for row in results["rows"]:
        by_group.setdefault(row["group"], []).append(row["method"])
        assert row["transductive"] == (row["method"] == "time-all")
        assert row["labels_at_inference"] is False
        assert 0 < row["values"]["median_cm"]["mean"] < 160
    assert by_group == {"simulated-rats": list(METHODS), "simulated-rats-unseen": list(ARMS)}
    assert results["missing_controls"] == {}
    assert results["simulated"].startswith("rats")
    assert all(entry["verdict"].startswith("not comparable") for entry in results["comparison"])
    for end in ("train", "train_position", "test", "test_position", "test_folds", "matched"):
        assert f"simulated-rats.joint.consistency_{end}" in values
    assert values["simulated-rats-unseen.scratch-input.median_25_cm"] > 0


def test_shuffled_labels_and_untrained_encoders_are_near_chance(done):
    _, values, _ = done
    for method in ("permuted", "shifted", "single-permuted", "single-shifted", "untrained"):
        assert values[f"simulated-rats.{method}.median_cm"] > 35
    assert values["simulated-rats.no-embedding.median_cm"] < 35


def test_figures_embeddings_and_tables_are_there(done):
    out, _, results = done
    names = [figure["path"].split("/")[-1] for figure in results["figures"]]
    drawn = ["consistency", "along-training", "size", "errors", "adaptation"]
    assert names == [f"{name}.png" for name in drawn]
    for entry in [*results["figures"], *results["embeddings"]]:
        assert (out / entry["path"]).stat().st_size > 100
        assert "Simulated" in entry["title"]
    assert len(results["embeddings"]) == 3
    tables = {entry["title"]: entry for entry in results["statistics"]}
    tested = next(entry for title, entry in tables.items() if "paired t test" in title)
    assert int(tested["rows"][0][2]) == 6  # ordered pairs of three rats


def test_a_finished_part_is_not_run_again(done, config, monkeypatch):
    out, values, _ = done
    (out / "parts" / "simulated-rats-untrained-0.json").unlink()
    monkeypatch.setattr(methods, "encoder", None)  # nothing may be trained
    assert run_experiment.run(config, out) == values


def test_arms_begin_alike_and_only_pretraining_tells_them_apart(done):
    _, values, _ = done
    start = {arm: values[f"simulated-rats-unseen.{arm}.median_0_cm"] for arm in list(ARMS)[:4]}
    assert start["pretrained-full"] == start["pretrained-input"]
    assert start["scratch-full"] == start["scratch-input"]


def test_the_test_part_never_reaches_training(config):
    for session in sessions(config, "simulated-rats"):
        gap = len(session.whole) - len(session.train) - len(session.test)
        assert gap == 20
        assert (session.whole.neural[-len(session.test) :] == session.test.neural).all()


def test_sides_have_one_column_in_all_sessions_and_shuffles_differ_between_them(config):
    found = sessions(config, "simulated-rats")
    for session in found:
        label = columns(session.labels("train"))
        left = session.train.labels["direction"].to_numpy() == "left"
        assert (label[:, 1] == left).all()
        assert (label[:, 1:].sum(axis=1) == 1).all()
    plain, mixed = (training_labels(found, name, 0) for name in ("", "permuted"))
    for before, after in zip(plain, mixed, strict=True):
        a, b = columns(before), columns(after)
        assert (a != b).any()
        assert np.array_equal(np.sort(a[:, 0]), np.sort(b[:, 0]))


def test_consistency_of_rotated_points_is_one_and_counts_ordered_pairs(config):
    (first, *_) = sessions(config, "simulated-rats")
    labels = first.labels("train")
    angle = 2 * np.pi * labels["position"].to_numpy() / 1.6
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    matrix = consistency(config, [circle, circle[:, ::-1]], [labels, labels])
    assert np.isnan(matrix.diagonal()).all()
    assert matrix[0, 1] == pytest.approx(1)
    assert matrix[1, 0] == pytest.approx(1)


def test_matched_values_are_read_where_both_reach_one_error(tmp_path):
    def part(method, errors, scores):
        one = Finished(
            method, {"group": "g", "method": method, "seed": 0}, 0.0, tmp_path / f"{method}.json"
        )
        square = np.array([[[np.nan, s], [s, np.nan]] for s in scores])
        np.savez(
            tmp_path / f"{method}.npz", curve_steps=np.arange(len(errors)), curve_train=square,
            curve_errors_cm=np.array(errors)[:, None], curve_test=square,
        )  # fmt: skip
        return one

    done = {
        "single": part("single", [30.0, 20.0, 12.0], [0.1, 0.2, 0.3]),
        "joint": part("joint", [28.0, 14.0, 15.0], [0.5, 0.6, 0.7]),
    }
    found = matched_values(done)
    assert found["single"]["error_matched_cm"] == 12
    assert found["joint"]["error_matched_cm"] == 14
    assert found["joint"]["consistency_matched"] == pytest.approx(0.6)
    assert found["single"]["step_matched"] == 2


def test_steps_that_are_looked_at():
    assert steps_to_look_at(50) == [0, 25, 50]
    assert steps_to_look_at(60) == [0, 25, 50, 60]
    assert steps_to_look_at(1000)[-3:] == [500, 750, 1000]


def test_estimators_are_those_of_the_configuration(config):
    wide = dataclasses.replace(config, num_hidden_units=64)
    assert encoder(wide, 3, shared_trunk=True).num_hidden_units == 64
    assert encoder(wide, 3).random_state == 3


@pytest.mark.real
def test_real_sessions_have_the_sizes_they_should():
    root = os.environ.get("CEBRA_ETHAN_DATA")
    if not root:
        pytest.skip("CEBRA_ETHAN_DATA does not name the folder of the real recordings")
    config = MultiSessionConfig.from_preset("smoke", source="real", data_root=root)
    numbers = {group: len(sessions(config, group)) for group in config.chosen_groups}
    for session in sessions(config, "mice"):
        assert float(session.train.neural.std()) == pytest.approx(1, rel=1e-3)
    assert numbers == {"rats": 2, "mice": 6, "days": 8}
