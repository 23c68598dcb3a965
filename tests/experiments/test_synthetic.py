"""The experiment runs end to end, goes on where it stopped, and its rows say what they read."""

import dataclasses
import os

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from config import SyntheticConfig
from experiments.common import Finished
from experiments.synthetic import methods, run_experiment
from experiments.synthetic.methods import METHODS, SECOND, num_training_points
from experiments.synthetic.parts import activity, methods_of, parts
from experiments.synthetic.results import NOISE_TITLES, statistics, with_second_rows
from utils import read_json

SLOW = ("umap", "autolfads")  # compiles for seconds; trains for seconds


@pytest.fixture(scope="module")
def config():
    names = SyntheticConfig.CHOICES["methods"]
    return SyntheticConfig.from_preset(
        "smoke",
        num_points=300,
        max_iterations=10,
        pivae_epochs=1,
        methods=tuple(name for name in names if name not in SLOW),
        noise_methods=("behavior", "pi-vae-gaussian", *names[-5:]),
        noises=("poisson", "t"),
    )


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "run"
    return out, run_experiment.run(config, out)


def test_every_method_gives_its_numbers(done, config):
    out, values = done
    results = read_json(out / "results.json")
    rows = {(row["group"], row["method"]): row for row in results["rows"]}
    for name in config.methods:
        assert values[f"poisson.{name}.r2"] == rows["poisson", name]["values"]["r2"]["mean"]
        assert 0 <= values[f"poisson.{name}.r2"] <= 1
    assert results["missing_controls"] == {}
    assert "no order" in results["waived_controls"]["shifted"]
    assert all(entry["verdict"] for entry in results["comparison"])
    assert rows["poisson", "t-sne"]["transductive"]
    assert rows["poisson", "pi-vae"]["labels_at_inference"]
    assert not rows["poisson", f"pi-vae{SECOND}"]["labels_at_inference"]
    assert ("t", "pi-vae") not in rows


def test_controls_are_controls(done):
    _, values = done
    assert values["poisson.chance.r2"] == pytest.approx(0, abs=1e-12)
    assert values["poisson.chance.r2_last"] < 0.01
    assert 0.85 < values["poisson.label.r2"] < 0.93  # 1 - E[var(z | c)] / var(z), averaged: 0.90
    assert values["poisson.label.r2"] == values["t.label.r2"]
    assert values["poisson.no-embedding.r2_last"] < values["poisson.no-embedding.r2"]


def test_the_run_folder_is_complete(done):
    out, _ = done
    results = read_json(out / "results.json")
    paths = [figure["path"] for figure in results["figures"] + results["embeddings"]]
    assert len(results["figures"]) == 5
    assert {"embeddings/truth.npz", "embeddings/behavior.npz"} <= set(paths)
    for name in paths:
        assert (out / name).stat().st_size > 100
    for entry in results["figures"] + results["embeddings"]:
        assert entry["title"].startswith("Simulated neurons")
    assert results["statistics"][0]["title"] == "Order of the methods"
    assert "draws of the mixing" in results["statistics"][-1]["title"]


def test_a_finished_part_is_not_run_again(done, config, monkeypatch):
    out, values = done
    monkeypatch.setattr(methods, "run_part", None)
    assert run_experiment.run(config, out) == values


def test_scores_are_those_of_least_squares(config, monkeypatch):
    recording = activity(config, "poisson")
    points = np.random.default_rng(0).normal(size=(len(recording), 2))
    points[:, 0] += recording.labels["c"].values.numpy()[:, 0]
    row = dataclasses.replace(METHODS["pca"], embed=lambda *_: points)
    monkeypatch.setattr(methods, "METHODS", {"pca": row})
    found = methods.run_part(recording, config, "pca", 0)
    latent, first = (
        recording.labels["latent"].values.numpy(),
        num_training_points(recording, config),
    )
    assert found["r2"] == pytest.approx(
        LinearRegression().fit(points, latent).score(points, latent)
    )
    apart = LinearRegression().fit(points[:first], latent[:first])
    assert found["r2_last"] == pytest.approx(apart.score(points[first:], latent[first:]))
    np.testing.assert_allclose(
        found["fitted"], LinearRegression().fit(points, latent).predict(points), atol=1e-5
    )


def test_parts_have_seeds_where_something_is_drawn():
    config = SyntheticConfig(num_seeds=7, noise_seeds=3, num_mixings=2)
    found = [part.arguments for part in parts(config, None)]
    seeds = [
        sum(part.get("method") == name and part.get("group") == noise for part in found)
        for name, noise in (("behavior", "poisson"), ("behavior", "t"), ("label", "poisson"))
    ]
    assert seeds == [7, 3, 1]
    assert sum("mixing" in part for part in found) == 2
    assert not {"pi-vae", "autolfads"} & set(methods_of(config, "t"))
    real = dataclasses.replace(config, source="real")
    assert not any("mixing" in part.arguments for part in parts(real, None))


def test_every_method_and_noise_has_its_row():
    chosen = SyntheticConfig.CHOICES
    assert [name for name in METHODS if not name.endswith(SECOND)] == list(chosen["methods"])
    assert list(NOISE_TITLES) == list(chosen["noises"])


def test_statistics_compare_methods_on_the_main_case_and_noises(tmp_path):
    rng, done = np.random.default_rng(0), {}
    for noise in ("poisson", "gaussian"):
        for name, mean in (("behavior", 0.92), ("pi-vae", 0.84), ("t-sne", 0.79)):
            for seed in range(4):
                key = f"{noise}-{name}-{seed}"
                values = {"group": noise, "method": name, "r2": mean + 0.01 * rng.normal()}
                values["r2_last"] = values["r2"]
                if name == "pi-vae":
                    values["second"] = {SECOND: {"r2": 0.5, "r2_last": 0.5}}
                done[key] = Finished(key, values, 1.0, tmp_path / f"{key}.json")
    every = list(with_second_rows(done.values()))
    assert sum(part["method"] == f"pi-vae{SECOND}" for part in every) == 8
    rows = run_experiment.rows_of(every, METHODS, run_experiment.NUMBERS)
    found = {entry["title"]: entry for entry in statistics(rows, done)}
    assert "Published, the same" in found["Order of the methods"]["text"]
    assert found["One-way ANOVA, Poisson"]["text"].startswith("F(2, 9)")
    assert len(found["Tukey's HSD, Poisson"]["rows"]) == 3
    assert len(found["Welch's t test on each noise"]["rows"]) == 2
    assert "0 of 4 runs" in found["Single runs"]["text"]


def test_a_missing_published_file_is_one_line(capsys, tmp_path):
    arguments = ["--preset", "smoke", "--jobs", "1", "--out", str(tmp_path / "run")]
    assert run_experiment.main([*arguments, "--data-root", str(tmp_path)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert "continuous_label_poisson.jl" in error[-1]


@pytest.mark.slow
def test_the_paper_settings_find_the_latent():
    config = SyntheticConfig(num_seeds=1)
    found = methods.run_part(activity(config, "poisson"), config, "behavior", 0)
    assert found["r2"] == pytest.approx(0.916, abs=0.004)


@pytest.mark.real
def test_published_activity_in_the_smoke_preset(tmp_path):
    root = os.environ.get("CEBRA_ETHAN_DATA")
    if not root or not os.path.exists(f"{root}/synthetic/continuous_label_poisson.jl"):
        pytest.skip("CEBRA_ETHAN_DATA has no folder synthetic with the published activity")
    config = SyntheticConfig.from_preset(
        "smoke", source="real", data_root=root, noises=("poisson",), methods=("label", "chance")
    )
    assert 0.85 < run_experiment.run(config, tmp_path)["poisson.label.r2"] < 0.93
