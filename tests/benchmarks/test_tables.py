"""The tables of the scripts that train on real recordings, from made-up results."""

import importlib
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Returns a script of the folder as a module; scripts find one another beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def rat_scores(error_cm):
    one = {"error_cm": error_cm, "direction": 0.9, "loss_nats": 5.5, "bits": 1.0}
    return {"achilles": one, "buddy": one, "steps": 10, "device": "cpu"}


def test_what_was_published_stays_and_what_is_measured_again_takes_its_place(script, tmp_path):
    publish, path = script("jobs").publish, tmp_path / "docs" / "kept.json"
    assert publish({"b": 1, "a": [2]}, path) == {"a": [2], "b": 1}
    assert publish({"b": 3}, path) == json.loads(path.read_text()) == {"a": [2], "b": 3}
    assert path.read_text().count("\n") == 4  # a line each, so that changes are read


def test_ablation_compares_the_same_seeds(script):
    runs = {"baseline-0": rat_scores(8.0), "baseline-1": rat_scores(10.0)}
    runs |= {"attention-0": rat_scores(9.0), "attention-1": rat_scores(13.0)}
    runs |= {"both_rats_together-0": rat_scores(7.0), "both_rats__shared_trunk-0": rat_scores(6.0)}
    lines = {line.split(" | ")[0]: line for line in script("ablation").table(runs).splitlines()}
    assert "| 2 | baseline | 11.00 ± 2.83 | +2.00 ± 1.00 |" in lines["| attention"]
    assert (
        "| both rats together | 6.00 ± nan | -1.00 ± nan |" in lines["| both rats, shared trunk"]
    )
    assert "| focal loss" not in lines


def test_sessions_are_told_with_their_ratio_and_number_of_seeds(script):
    def one(value):
        return {"scores": {"error 0 (cm)": value}, "steps": 10}

    runs = {f"cebra_ethan-rats-joint-{seed}": one(8.0) for seed in range(3)}
    text = script("sessions").table({**runs, "cebra-rats-joint-0": one(10.0)})
    line = next(line for line in text.splitlines() if "error 0 (cm)" in line)
    assert "8.00 ±  0.00 (3)" in line
    assert line.endswith("0.800")
