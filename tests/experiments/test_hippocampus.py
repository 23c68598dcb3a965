"""The experiment runs end to end, goes on where it stopped, and its controls are controls."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from cebra_ethan import CEBRA
from config import HippocampusConfig
from experiments.hippocampus import methods, run_experiment
from experiments.hippocampus.methods import METHODS, columns, split
from experiments.hippocampus.parts import rats
from experiments.hippocampus.results import text_report
from utils import read_json

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in X are constant")


# the rows of test_hippocampus_structure.py
LATER = ("time-all", "hybrid", "conv-pivae", "conv-pivae-labels", "conv-pivae-mc", "pca")


@pytest.fixture(scope="module")
def config():
    methods = tuple(m for m in HippocampusConfig.PRESETS["smoke"]["methods"] if m not in LATER)
    return HippocampusConfig.from_preset(
        "smoke", max_iterations=30, num_bins=1500, num_rats=1, topology_shuffles=0, methods=methods
    )


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("hippocampus") / "run"
    values = run_experiment.run(config, out, overview=True)
    return out, values


def test_every_method_gives_its_numbers(done, config):
    out, values = done
    results = read_json(out / "results.json")
    assert [row["method"] for row in results["rows"]] == list(config.methods)
    for row in results["rows"]:
        assert row["transductive"] is False
        assert row["labels_at_inference"] is False
        assert 0 < row["values"]["median_cm"]["mean"] < 160
        assert values[f"simulated.{row['method']}.median_cm"] == row["values"]["median_cm"]["mean"]
        assert ("goodness_of_fit_test" in row["seeds"][0]) == (
            METHODS[row["method"]].encoder == "trained"
        )
    assert results["source"] == "simulated"
    assert all(entry["verdict"] for entry in results["comparison"])
    assert results["missing_controls"] == {}
    assert results["simulated"].startswith("a rat")


def test_the_run_folder_is_complete(done):
    out, _ = done
    results = read_json(out / "results.json")
    paths = [figure["path"] for figure in results["figures"] + results["embeddings"]]
    for name in [*paths, "config.yaml", "provenance.json", "overview.png"]:
        assert (out / name).stat().st_size > 100
    assert len(results["figures"]) == 6
    with (out / "simulated" / "behavior-history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 30
    assert CEBRA.load(out / "simulated" / "behavior.ckpt").output_dimension == 3
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["data"][0]["source"].startswith("simulated")
    assert not list(out.rglob("*.partial"))


def test_the_report_is_honest_about_plain_counts(done):
    out, _ = done
    text = text_report(read_json(out / "results.json"), out)
    assert "A simulated rat" in text
    assert "Better here: no embedding" in text
    assert "chance, the median position" in text
    assert "shifted in time" in text
    assert str(out) in text


def test_a_finished_part_is_not_run_again(done, config, monkeypatch):
    out, values = done
    ran = []

    def counted(config, recording, name, *arguments):
        ran.append(name)
        return original(config, recording, name, *arguments)

    original = methods.run_part
    monkeypatch.setattr(methods, "run_part", counted)
    assert run_experiment.run(config, out) == values
    assert ran == []
    (out / "parts" / "simulated-untrained-0.json").unlink()
    assert run_experiment.run(config, out) == values
    assert ran == ["untrained"]


def test_the_test_part_never_reaches_training(config):
    (rat,) = rats(config).values()
    pieces = split(rat, config)
    gap = 10 + config.time_offsets
    assert len(pieces.train) + gap + len(pieces.test) == len(rat)
    assert (pieces.test.neural == rat.neural[-len(pieces.test) :]).all()


def test_labels_become_metres_and_one_hot_columns(config):
    (rat,) = rats(config).values()
    both = columns(rat.labels, ("position", "direction"))
    assert both.shape == (len(rat), 3)
    assert np.array_equal(both[:, 1:].sum(axis=1), np.ones(len(rat)))
    assert columns(rat.labels, ()) is None


def test_two_seeds_in_two_processes(config, tmp_path):
    small = dataclasses.replace(
        config, num_seeds=2, methods=("untrained", "no-embedding"), max_iterations=5
    )
    values = run_experiment.run(small, tmp_path / "run", jobs=2)
    rows = read_json(tmp_path / "run" / "results.json")["rows"]
    decoded = [row for row in rows if row["group"] == "simulated"]
    assert [row["values"]["median_cm"]["n"] for row in decoded] == [2, 1]
    assert values == run_experiment.run(small, tmp_path / "again", jobs=1)


def test_mistakes_are_one_line(capsys, tmp_path):
    arguments = ["--preset", "smoke", "--jobs", "1"]
    assert run_experiment.main([*arguments, "--data-root", str(tmp_path / "nowhere")]) == 2
    assert "the data folder must exist" in capsys.readouterr().err
    assert run_experiment.main([*arguments, "--seeds", "0"]) == 2
    error = capsys.readouterr().err
    assert "--seeds: must be a positive number; got '0'" in error
    assert len(error.splitlines()) == 1


@pytest.mark.real
@pytest.mark.slow
def test_real_rats_in_the_smoke_preset(tmp_path):
    root = os.environ.get("CEBRA_ETHAN_DATA")
    if not root:
        pytest.skip("CEBRA_ETHAN_DATA does not name the folder of the real recordings")
    config = HippocampusConfig.from_preset(
        "smoke", source="real", data_root=root, methods=("behavior", "no-embedding", "chance"),
        topology_shuffles=0,
    )  # fmt: skip
    values = run_experiment.run(config, tmp_path)
    assert values["achilles.no-embedding.median_cm"] == pytest.approx(5.1, abs=0.3)
    assert values["achilles.chance.median_cm"] == pytest.approx(48, abs=1)
    assert values["achilles.behavior.median_cm"] < 40
    assert Path(tmp_path / "buddy" / "errors.png").exists()
