"""All methods, consistency across rats and runs, hypotheses and topology, in small."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from cebra_ethan.types import Label
from config import HippocampusConfig
from experiments.common import Finished
from experiments.hippocampus import run_experiment
from experiments.hippocampus import table as rows_of_table
from experiments.hippocampus.homology import agreement
from experiments.hippocampus.methods import _chooser
from experiments.hippocampus.nearest import choose_neighbors
from experiments.hippocampus.parts import expanded, parts, rats
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


def test_a_seed_is_the_mean_of_its_folds(tmp_path):
    def part(fold, error):
        values = {"group": "rat", "method": "behavior", "seed": 0, "fold": fold, "p_shift": fold}
        values |= {"median_cm": error, "readings": {"chance": {"median_cm": 2 * error}}}
        return Finished(f"rat-behavior-0-{fold}", values, 2.0, tmp_path / "part.json")

    done = {str(fold): part(fold, error) for fold, error in enumerate([3.0, 4.0, 8.0])}
    own, read = expanded(done)
    assert (own["median_cm"], own["p_shift"], own.seconds) == (5.0, 0, 6.0)
    assert (read["method"], read["median_cm"]) == ("chance", 10.0)


def test_one_k_is_chosen_by_position_and_direction_together():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 3))
    where = Label(points[:, 0] + 0.5 * rng.normal(size=300))
    right = points[:, 1] + rng.normal(size=300) > 0
    labels = {"position": where, "direction": Label(np.where(right, "right", "left"))}
    cut = [
        {key: label[rows] for key, label in labels.items()}
        for rows in (slice(200), slice(200, None))
    ]

    def quality(k):
        setting = {"n_neighbors": k, "metric": "euclidean"}
        place = KNeighborsRegressor(**setting).fit(points[:200], where.to_numpy()[:200])
        side = KNeighborsClassifier(**setting).fit(points[:200], right[:200])
        guess = np.stack([place.predict(points[200:]), side.predict(points[200:])], axis=1)
        return r2_score(np.stack([where.to_numpy()[200:], right[200:]], axis=1), guess)

    tried = (1, 5, 9, 25)
    chosen = choose_neighbors(points[:200], cut[0], points[200:], cut[1], tried, "euclidean")
    assert chosen == max(tried, key=quality)
    assert quality(chosen) > quality(1)


def test_the_trips_that_choose_k_have_shuffled_labels_where_the_decoder_has():
    config = HippocampusConfig.from_preset("smoke", num_bins=6000, split="trials", num_rats=1)
    (rat,) = rats(config).values()
    parts = split(rat, config)
    true = parts.valid.labels["position"].to_numpy()
    for name, moved in (("permuted", True), ("encoder-permuted", False), ("behavior", False)):
        chooser = _chooser(parts, rows_of_table.METHODS[name], 0)["position"].to_numpy()
        assert (chooser != true).any() == moved
        assert np.array_equal(np.sort(chooser), np.sort(true))
    in_time = split(rat, replace(config, split="time"))
    assert _chooser(in_time, rows_of_table.METHODS["permuted"], 0) is None


@pytest.mark.slow
def test_the_paper_split_runs(tmp_path):
    config = HippocampusConfig.from_preset(
        "smoke", split="trials", num_rats=1,
        methods=("time-all", "pca", "untrained", "no-embedding", "chance"),
        **SMALL | {"num_bins": 6000, "topology_shuffles": 0},
    )  # fmt: skip
    values = run_experiment.run(config, tmp_path / "run")
    rows = {(r["group"], r["method"]): r for r in read_json(tmp_path / "run/results.json")["rows"]}
    assert len(rows["simulated", "untrained"]["seeds"]) == 1  # three folds are no three runs
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
