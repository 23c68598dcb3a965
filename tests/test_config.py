"""Configurations check themselves, are frozen, and every preset is valid."""

import dataclasses

import pytest

from config import EXPERIMENTS, HippocampusConfig
from experiments.hippocampus.methods import METHODS
from utils import open_run_folder, spread, table, write_json

PRESETS = [(name, preset) for name, config in EXPERIMENTS.items() for preset in config.PRESETS]


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_presets_are_valid_and_name_themselves(name, preset):
    config = EXPERIMENTS[name].from_preset(preset)
    assert config.preset == preset
    assert config.source == "simulated"


@pytest.mark.parametrize("config", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_every_experiment_has_the_three_presets_and_both_sources(config):
    assert {"smoke", "quick", "paper"} <= set(config.PRESETS)
    assert {"simulated", "real"} <= set(config.SOURCES)
    assert config.__doc__


def test_methods_of_the_configuration_are_those_of_the_experiment():
    assert HippocampusConfig.CHOICES["methods"] == tuple(METHODS)


def test_the_demo_preset_is_the_recipe():
    config = HippocampusConfig.from_preset("demo")
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
        ({"methods": ("dream",)}, ValueError, "methods must be one of"),
        ({"num_seeds": 0}, ValueError, "num_seeds must be positive"),
        ({"num_seeds": 1.5}, TypeError, "num_seeds must be int; got 1.5"),
        ({"batch_size": True}, TypeError, "batch_size must be int"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be positive"),
        ({"test_fraction": 1.0}, ValueError, "test_fraction must be between 0 and 1"),
        ({"neighbors": ()}, ValueError, "neighbors must hold at least one"),
        ({"num_shuffles": -1}, ValueError, "num_shuffles must be positive"),
        ({"neighbors": (4, 0)}, ValueError, "neighbors must be positive"),
        ({"sede": 1}, TypeError, "got sede"),
    ],
)
def test_wrong_settings_are_refused(changes, error, match):
    with pytest.raises(error, match=match):
        HippocampusConfig.from_preset("smoke", **changes)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="preset must be one of smoke, run, quick, demo, paper"):
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
    with pytest.raises(FileExistsError, match=r"new, empty, or hold a run; .* holds other files"):
        open_run_folder("hippocampus", config, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]


def test_tables_align_and_json_has_no_nan(tmp_path):
    lines = table(["a", "b"], [["long name", 1], ["x", 22]]).splitlines()
    assert {len(line) for line in lines} == {13}
    write_json(tmp_path / "x.json", spread([1.0]))
    assert '"sd": null' in (tmp_path / "x.json").read_text()
