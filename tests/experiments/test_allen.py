"""Experiment 4 runs end to end, and what is shared is told from what was memorised."""

import numpy as np
import pytest

from cebra_ethan.errors import DataError
from config import AllenConfig
from experiments.allen import methods, run_experiment
from experiments.allen.parts import parts
from experiments.common.movie import MODALITIES, drawn_mouse, has_recordings, pool
from tests.datasets.drift_files import AREAS, write_movie
from utils import read_json

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in .* are constant")


@pytest.fixture(scope="module")
def config():
    return AllenConfig.from_preset("smoke", max_iterations=5, num_frames=90, num_scenes=3)


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("allen") / "run"
    return out, run_experiment.run(config, out)


def test_every_row_stands_beside_its_controls(done):
    out, values = done
    results = read_json(out / "results.json")
    assert results["missing_controls"] == {}
    assert {row["group"] for row in results["rows"]} == {"30 neurons", "areas", "mouse 1"}
    assert all(entry["verdict"] for entry in results["comparison"])
    seen = {row["method"] for row in results["rows"] if row["transductive"]}
    assert seen == {f"{m}-time-all-{w}" for m in MODALITIES for w in ("within", "between")}
    assert {"30 neurons.joint-8d.r2", "areas.joint-VISp-VISrl.r2_frames"} <= values.keys()
    for name in ("permuted", "untrained"):
        assert values[f"30 neurons.{name}.r2_held_out"] < 0.1
    assert values["30 neurons.chance.r2_held_out"] <= 0


def test_the_run_folder_is_complete_and_says_simulated(done, config):
    out, values = done
    results = read_json(out / "results.json")
    assert len(results["figures"]) == 9
    assert len(results["embeddings"]) == 4
    for entry in [*results["figures"], *results["embeddings"]]:
        assert (out / entry["path"]).stat().st_size > 100
        assert "simulated" in entry["title"].lower()
    times = {path: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}
    assert run_experiment.run(config, out) == values
    assert times == {path: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}


def test_the_test_repeat_is_the_last_and_both_methods_show_the_same(config):
    mice = [drawn_mouse(config, name, "VISp", 12, 0) for name in MODALITIES]
    for mouse in mice:
        assert len(mouse.test) == config.num_frames
        assert len(mouse.train) == 3 * config.num_frames
        assert mouse.last_repeat.sum() == config.num_frames
        assert np.array_equal(mouse.classes("frame")[1], np.arange(config.num_frames))
    assert not np.allclose(mice[0].test.neural, mice[1].test.neural)


def test_consistency_is_one_for_a_linear_map_and_nothing_for_noise():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(300, 4)), rng.normal(size=(100, 4))
    turn = rng.normal(size=(4, 3))
    same = methods.consistency((train, test), (train @ turn + 1, test @ turn + 1), 100)
    assert same["r2_held_out"] > 0.7  # back from three to four dimensions something is lost
    noise = methods.consistency((train, test), (rng.normal(size=(300, 4)), train[:100]), 100)
    assert noise["r2"] < 0.1
    assert noise["r2_held_out"] < 0.05


def test_seeds_of_the_paper_make_as_many_parts():
    config = AllenConfig()
    names = [part.name for part in parts(config, None)]
    assert len(names) == len(set(names))
    assert sum(name.startswith("pair-1000n-64d") for name in names) == 5
    assert sum(name.startswith("areas-joint") for name in names) == 18


@pytest.mark.slow
def test_files_of_the_real_form_run_from_end_to_end(tmp_path):
    write_movie(tmp_path)
    config = AllenConfig.from_preset(
        "smoke", source="real", data_root=str(tmp_path), max_iterations=60, num_frames=60,
        areas=AREAS, num_neurons=(24,), area_neurons=10, mouse_neurons=(24,),
    )  # fmt: skip
    values = run_experiment.run(config, tmp_path / "run")
    results = read_json(tmp_path / "run" / "results.json")
    assert results["missing_controls"] == {}
    assert not any("simulated" in entry["title"].lower() for entry in results["figures"])
    assert values["24 neurons.joint-8d.r2_held_out"] > 0.3
    assert values["24 neurons.permuted.r2_held_out"] < 0.1


def test_the_first_frames_of_a_real_movie_are_taken(tmp_path):
    write_movie(tmp_path)
    config = AllenConfig.from_preset(
        "smoke", source="real", data_root=str(tmp_path), num_frames=50
    )
    mouse = drawn_mouse(config, "neuropixels", "VISp", 12, 0)
    assert len(mouse.test) == 50
    assert len(mouse.train) == 150
    assert np.array_equal(mouse.classes("frame")[0], np.tile(np.arange(50), 3))
    more = AllenConfig.from_preset("smoke", source="real", data_root=str(tmp_path), num_frames=90)
    with pytest.raises(DataError, match=r"must have 90 frames; .* has 60"):
        drawn_mouse(more, "neuropixels", "VISp", 12, 0)


def test_missing_recordings_are_one_sentence(tmp_path):
    config = AllenConfig.from_preset("smoke", source="real", data_root=str(tmp_path))
    assert not has_recordings(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="allen_movie_one"):
        pool(config, "calcium", "VISp")
