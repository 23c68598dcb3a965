"""Configurations check themselves, are frozen, and every preset is valid."""

import dataclasses

import pytest

from config import EXPERIMENTS, HIPPOCAMPUS_PRESETS, HippocampusConfig
from experiments.hippocampus.methods import METHODS
from experiments.hippocampus.results import EXPECTED, compare
from utils import open_run_folder, spread, table, write_json


@pytest.mark.parametrize("preset", HIPPOCAMPUS_PRESETS)
def test_presets_are_valid_and_name_themselves(preset):
    config = HippocampusConfig.from_preset(preset)
    assert config.preset == preset
    assert set(config.methods) <= set(METHODS)


def test_the_paper_preset_is_the_recipe():
    config = HippocampusConfig.from_preset("paper")
    assert (config.max_iterations, config.batch_size, config.learning_rate) == (5000, 512, 3e-4)
    assert (config.temperature, config.temperature_time, config.time_offsets) == (1.0, 1.12, 10)
    assert config.neighbors == (1, 4, 9, 16, 25, 36, 49)


@pytest.mark.parametrize("config", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_configurations_are_frozen_and_keyword_only(config):
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        config().num_seeds = 2
    with pytest.raises(TypeError, match="positional"):
        config("simulated")


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"source": "dream"}, ValueError, "source must be one of simulated, real; got 'dream'"),
        ({"methods": ("umap",)}, ValueError, "methods must be one of"),
        ({"num_seeds": 0}, ValueError, "num_seeds must be positive"),
        ({"num_seeds": 1.5}, TypeError, "num_seeds must be int; got 1.5"),
        ({"batch_size": True}, TypeError, "batch_size must be int"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be positive"),
        ({"test_fraction": 1.0}, ValueError, "test_fraction must be between 0 and 1"),
        ({"neighbors": ()}, ValueError, "neighbors must be positive"),
        ({"num_shuffles": -1}, ValueError, "num_shuffles must be positive"),
        ({"sede": 1}, TypeError, "got sede"),
    ],
)
def test_wrong_settings_are_refused(changes, error, match):
    with pytest.raises(error, match=match):
        HippocampusConfig.from_preset("smoke", **changes)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="preset must be one of smoke, run, quick, paper"):
        HippocampusConfig.from_preset("huge")


def test_a_run_folder_is_only_finished_with_its_own_settings(tmp_path):
    config = HippocampusConfig.from_preset("smoke")
    assert open_run_folder("hippocampus", config, tmp_path / "run").is_dir()
    assert open_run_folder("hippocampus", config, tmp_path / "run").is_dir()
    with pytest.raises(FileExistsError, match="differs in num_seeds"):
        open_run_folder("x", dataclasses.replace(config, num_seeds=3), tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is a file"):
        open_run_folder("hippocampus", config, tmp_path / "file")


def test_tables_align_and_json_has_no_nan(tmp_path):
    lines = table(["a", "b"], [["long name", 1], ["x", 22]]).splitlines()
    assert {len(line) for line in lines} == {13}
    write_json(tmp_path / "x.json", spread([1.0]))
    assert '"sd": null' in (tmp_path / "x.json").read_text()


def test_verdicts_follow_tolerance_source_and_preset():
    def verdict(error, **changes):
        row = {"rat": "achilles", "method": "behavior", "values": {"median_cm": {"mean": error}}}
        (found,) = compare([row], HippocampusConfig(**{"source": "real", **changes}))
        return found["verdict"]

    assert EXPECTED.exists()
    assert verdict(7.5) == "reproduced"
    assert verdict(5.0) == "better"
    assert verdict(9.0) == "worse"
    assert verdict(7.2, preset="quick").startswith("not comparable (preset quick")
    assert verdict(7.2, source="simulated") == "not comparable (simulated data)"
