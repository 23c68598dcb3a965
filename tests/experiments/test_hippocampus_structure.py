"""All methods, consistency across rats and runs, hypotheses and topology, in small."""

import numpy as np
import pytest

from config import HippocampusConfig
from experiments.hippocampus import run_experiment
from experiments.hippocampus.homology import agreement
from experiments.hippocampus.parts import parts, rats
from experiments.hippocampus.results import text_report
from experiments.hippocampus.splits import split
from utils import read_json

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in X are constant")

METHODS = (
    "behavior", "time-all", "conv-pivae", "conv-pivae-labels", "conv-pivae-mc", "pca", "permuted",
    "shifted", "untrained", "no-embedding", "chance",
)  # fmt: skip
SMALL = {
    "max_iterations": 20, "topology_iterations": 20, "num_bins": 1200, "num_neurons": 20,
    "topology_points": 60, "pivae_epochs": 1, "num_shuffles": 0, "topology_shuffles": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("structure") / "run"
    config = HippocampusConfig.from_preset("smoke", num_seeds=2, methods=METHODS, **SMALL)
    values = run_experiment.run(config, out)
    return config, out, values, read_json(out / "results.json")


@pytest.mark.slow
def test_every_group_has_its_controls_and_every_number_its_verdict(done):
    _, out, _, results = done
    assert results["missing_controls"] == {}
    assert all(entry["verdict"] for entry in results["comparison"])
    groups = {row["group"] for row in results["rows"]}
    assert groups == {
        "simulated", "simulated-2", "between rats", "between runs, simulated",
        "between runs, simulated-2", "simulated, topology 3-D", "simulated-2, topology 3-D",
    }  # fmt: skip
    for figure in results["figures"]:
        assert (out / figure["path"]).stat().st_size > 1000
        assert "imulated" in figure["title"]
    text = text_report(results, out)
    for word in ("Hypotheses, simulated", "Persistent homology", "A simulated rat, number 2"):
        assert word in text


@pytest.mark.slow
def test_rows_say_what_they_know(done):
    rows = {(row["group"], row["method"]): row for row in done[3]["rows"]}
    assert rows["simulated", "conv-pivae-labels"]["labels_at_inference"]
    assert not rows["simulated", "conv-pivae"]["labels_at_inference"]
    assert not rows["simulated", "conv-pivae-mc"]["labels_at_inference"]
    assert rows["simulated", "time-all"]["transductive"]
    assert not rows["simulated", "behavior"]["transductive"]
    assert ("between rats", "conv-pivae-mc") not in rows


@pytest.mark.slow
def test_consistency_has_both_binnings_and_both_parts(done):
    values = done[2]
    for name in ("rats_train", "rats_test", "rats_train_position", "rats_test_position"):
        assert values[f"between rats.behavior.{name}"] <= 1
        assert abs(values[f"between rats.chance.{name}"]) < 0.25
    assert values["between runs, simulated.behavior.runs_train"] <= 1
    assert values["between runs, simulated.chance.runs_train"] < 0.05
    assert "between runs, simulated.pca.runs_train" not in values


@pytest.mark.slow
def test_a_shared_part_gives_a_row_for_each_reading(done):
    config, out, _, _ = done
    names = [part.name for part in parts(config, out)]
    assert "simulated-conv-pivae-0" in names
    assert not [name for name in names if "conv-pivae-" in name and name[-3:] == "-mc"]
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_betti_numbers_count_beyond_the_shuffled_models(done):
    rows = [row for row in done[3]["rows"] if "topology" in row["group"]]
    for row in rows:
        assert row["values"]["betti_0"]["mean"] >= 1
        assert 0 <= row["values"]["agreement"]["mean"] <= 1


def test_agreement_ignores_where_and_which_way_the_angle_runs():
    position = np.tile(np.linspace(0, 1.6, 50), 2)
    right = np.repeat([True, False], 50)
    there = np.pi * position / 1.6
    phase = np.where(right, there, -there)
    for angle in (phase, 1.0 - phase):
        assert agreement(angle, position, right) == pytest.approx(1)
    assert agreement(np.full(100, np.nan), position, right) == 0
    assert agreement(np.random.default_rng(0).uniform(0, 6.28, 100), position, right) < 0.3


def test_the_folds_of_trials_are_apart_and_cross_no_border():
    config = HippocampusConfig.from_preset("smoke", num_bins=6000, split="trials", num_rats=1)
    (rat,) = rats(config).values()
    tested = []
    for fold in range(3):
        pieces = split(rat, config, fold)
        bins = [set(rows.tolist()) for rows in pieces.bins.values()]
        assert sum(map(len, bins)) == len(set.union(*bins)) == len(rat)
        for name, rows in pieces.bins.items():
            part = getattr(pieces, name)
            assert (part.neural == rat.neural[rows]).all()
            if name != "whole":
                cuts = np.flatnonzero(np.diff(rows) != 1) + 1
                assert np.array_equal(part.segments[1:, 0].numpy(), cuts)
        tested += pieces.bins["test"].tolist()
    assert len(tested) == len(set(tested))


@pytest.mark.slow
def test_the_paper_split_runs(tmp_path):
    config = HippocampusConfig.from_preset(
        "smoke", split="trials", num_rats=1,
        methods=("time-all", "pca", "untrained", "no-embedding", "chance"),
        **SMALL | {"num_bins": 6000, "topology_shuffles": 0},
    )  # fmt: skip
    values = run_experiment.run(config, tmp_path / "run")
    rows = {(r["group"], r["method"]): r for r in read_json(tmp_path / "run/results.json")["rows"]}
    assert len(rows["simulated", "untrained"]["seeds"]) == 3
    assert rows["simulated", "time-all"]["transductive"]
    assert 0 < values["simulated.no-embedding.median_cm"] < 30


def test_a_paper_setting_is_the_papers():
    config = HippocampusConfig.from_preset("paper")
    assert (config.batch_size, config.num_hidden_units, config.num_seeds) == (20_000, 64, 10)
    assert (config.temperature, config.temperature_time) == (1.26596, 3.21299)
    assert config.topology_dims == (3, 8, 16, 32, 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", ["umap", "umap-all", "tsne", "tsne-all", "pivae", "lfads", "autolfads"]
)
def test_further_baselines_run(method, tmp_path):
    config = HippocampusConfig.from_preset(
        "smoke", num_rats=1, methods=(method,), lfads_epochs=1, lfads_trials=1,
        **SMALL | {"topology_shuffles": 0},
    )  # fmt: skip
    values = run_experiment.run(config, tmp_path / "run")
    assert 0 < values[f"simulated.{method}.median_cm"] < 160
