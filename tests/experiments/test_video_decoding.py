"""Experiment 5 runs end to end, simulated and real, and its controls are controls."""

import os

import pytest

from config import VideoDecodingConfig
from experiments.video_decoding import results, run_experiment
from experiments.video_decoding.parts import parts, settings
from experiments.video_decoding.results import METHODS
from utils import read_json

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in .* are constant")


@pytest.fixture(scope="module")
def config():
    return VideoDecodingConfig.from_preset(
        "smoke", max_iterations=5, num_frames=120, num_scenes=3, areas=("VISp",)
    )


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("video") / "run"
    return out, run_experiment.run(config, out)


def test_every_group_has_its_controls(done, config):
    out, values = done
    written = read_json(out / "results.json")
    assert written["missing_controls"] == {}
    assert {row["group"] for row in written["rows"]} == {
        setting.group for setting, _ in settings(config)
    }
    for row in written["rows"]:
        assert row["transductive"] is row["method"].startswith("time-all")
        assert row["labels_at_inference"] is False
    assert {row["method"] for row in written["rows"]} == set(METHODS) - {"lda"}  # of seconds
    assert all(entry["verdict"] for entry in written["comparison"])
    group = "calcium VISp, 20 neurons, 10 frames"
    assert f"{group}.joint.frame_accuracy" in values


def test_the_run_folder_is_complete_and_says_simulated(done, config):
    out, values = done
    written = read_json(out / "results.json")
    assert len(written["figures"]) == 11
    assert len(written["embeddings"]) == 2
    for entry in [*written["figures"], *written["embeddings"]]:
        assert (out / entry["path"]).stat().st_size > 100
        assert "simulated" in entry["title"].lower()
    times = {path: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}
    assert run_experiment.run(config, out) == values
    assert times == {path: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}


def test_seeds_of_the_paper_make_as_many_parts():
    names = [part.name for part in parts(VideoDecodingConfig(), None)]
    assert len(names) == len(set(names))
    assert sum("1000n-1f-128d-joint" in name for name in names) == 5
    assert sum("areas-" in name and "-joint-" in name for name in names) == 54


def test_recordings_that_resolve_frames_are_told_and_tested_beside_the_seconds(monkeypatch):
    config = VideoDecodingConfig.from_preset("smoke", source="real", num_seeds=3)
    seconds = {"title": "CEBRA", "method": "behavior", "seeds": 3 * [{"arm": "session"}]}
    most = max(config.num_neurons)

    def frames(method, shift):
        key = {"arm": "neurons", "modality": "neuropixels", "num_neurons": most}
        return [
            {
                "title": method, "method": method,
                "seeds": [key | {"window_frames": window, "frame_accuracy": shift + 0.01 * k}
                          for k in range(3)],
            }
            for window in config.windows_frames
        ]  # fmt: skip

    for there, notes in ((False, 3), (True, 8)):
        monkeypatch.setattr(results, "has_recordings", lambda root, there=there: there)
        assert len(results.protocol(config)) == notes
    assert results.tests(config, [seconds]) == []
    rows = [seconds, *frames("behavior", 0.5), *frames("no-embedding", 0.2)]
    titles = [one["title"] for one in results.tests(config, rows)]
    assert sum("Methods over all numbers of neurons" in one for one in titles) >= 1
    assert len(titles) == 2 * len(config.windows_frames)


@pytest.mark.real
@pytest.mark.slow
def test_the_second_of_the_movie_is_read_from_a_real_mouse(tmp_path):
    root = os.environ.get("CEBRA_ETHAN_DATA")
    if not root:
        pytest.skip("CEBRA_ETHAN_DATA does not name the folder of the real recordings")
    config = VideoDecodingConfig.from_preset(
        "smoke", source="real", data_root=root, session_iterations=20
    )
    values = run_experiment.run(config, tmp_path)
    written = read_json(tmp_path / "results.json")
    assert written["missing_controls"] == {}
    assert values["VISp, seconds.no-embedding.second_accuracy"] > 0.7
    assert values["CA1, seconds.no-embedding.second_accuracy"] < 0.12
    assert values["VISp, seconds.lda.second_accuracy"] > 0.85  # 95 % in the README of the data
    for control in ("permuted", "shifted", "chance"):
        assert values[f"VISp, seconds.{control}.second_accuracy"] < 0.12
    assert values["pooled averages, V1.no-embedding.second_accuracy"] == 1
