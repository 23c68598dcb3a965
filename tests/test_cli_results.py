"""`compare`, `report` and `data`, as a user meets them."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from cebra_ethan.baselines import PCA, Budget
from cebra_ethan.baselines.protocol import Row
from cebra_ethan.cli import comparing, main
from cebra_ethan.datasets import load_dataset
from cebra_ethan.report.folders import read_run

QUICK = ["--max-iterations", "5", "--batch-size", "64", "--output-dimension", "3"]
CONTROLS = {"permuted", "shifted", "untrained", "no-embedding", "chance"}

pytestmark = pytest.mark.filterwarnings("ignore:.*neurons in X are constant")


@pytest.fixture(scope="module")
def rat(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "rat.npz"
    recording = load_dataset("rat-simulated", num_bins=600, num_neurons=12)
    np.savez(
        path,
        spikes=recording.neural.numpy(),
        position=recording.labels["position"].to_numpy(),
        direction=recording.labels["direction"].to_numpy(),
        bin_s=0.025,
    )
    return path


@pytest.fixture(scope="module")
def compared(rat, tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "run"
    words = ["--labels", "position", "direction", "--methods", "cebra,cebra-time-all", "pca"]
    assert main(["compare", str(rat), *words, "--seeds", "2", *QUICK, "--out", str(out)]) == 0
    return out


def test_every_method_stands_beside_every_control(compared):
    results = read_run(compared).results
    for label, number in [("position", "median_error"), ("direction", "accuracy")]:
        rows = {row["method"]: row for row in results["rows"] if row["group"] == label}
        assert set(rows) == {"cebra", "cebra-time-all", "pca"} | CONTROLS
        assert {m for m, row in rows.items() if row["kind"] == "control"} == CONTROLS
        assert [m for m, row in rows.items() if row["transductive"]] == ["cebra-time-all"]
        assert rows["cebra"]["values"][number]["n"] == 2
        assert rows["chance"]["values"][number]["n"] == 1
    assert len(results["figures"]) == 2
    assert len(results["embeddings"]) == 3
    assert sorted(path.name for path in compared.glob("*.*")) == [
        "config.yaml", "decoding-0.png", "decoding-1.png", "provenance.json", "results.json",
    ]  # fmt: skip


def test_methods_that_are_tuned_say_what_they_chose(rat, tmp_path, capsys):
    words = ["--labels", "position", "--methods", "pca", "--tune", *QUICK]
    assert main(["compare", str(rat), *words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    (line,) = re.findall(r"pca: window_bins = (\d+), the best of eight settings", said)
    results = read_run(tmp_path / "run").results
    assert any(f"window_bins = {line}," in note for note in results["notes"])


def test_the_setting_with_the_least_loss_is_taken(rat, monkeypatch):
    class Mine(PCA):
        def __init__(self, level=0, n_components=2, random_state=None):
            self.level = level
            super().__init__(n_components)

        def fit(self, X, y=None, *, trial=None):
            self.best_loss_ = (self.level - 2) ** 2
            return super().fit(X, y, trial=trial)

    monkeypatch.setattr(comparing, "BASELINES", {"mine": Row(Mine)})
    grid = {"level": (1, 2, 3)}
    budget = Budget(grid=grid, criterion="its loss", source="this test")
    monkeypatch.setattr(comparing, "TUNING", {"mine": budget})
    recording = load_dataset("rat-simulated", num_bins=600, num_neurons=12)
    options = SimpleNamespace(tune=True, seeds=1, test_fraction=0.2)
    params = {"output_dimension": 3, "max_iterations": 2, "random_state": 0, "device": "cpu"}
    found = comparing.compare(recording, ["mine"], params, options, lambda items, **_: items)
    assert found.settings == {"mine": {"level": 2}}


def test_a_comparison_becomes_a_page(compared, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["report", str(compared), "--out", str(page), "--title", "Mine <1>"]) == 0
    assert capsys.readouterr().out == f"Report: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert "<h1>Mine &lt;1&gt;</h1>" in text
    assert "Methods on rat.npz" in text
    assert main(["report", str(compared), "--out", str(page)]) == 2
    assert "add --overwrite" in capsys.readouterr().err


def test_info_knows_a_folder_of_results(compared, capsys):
    assert main(["info", str(compared)]) == 0
    said = capsys.readouterr().out
    assert "Methods on rat.npz" in said
    assert f"cebra-ethan report {compared} --out page.html" in said


def test_the_same_command_gives_the_same_numbers(rat, compared, tmp_path, capsys):
    config = compared / "config.yaml"
    again = tmp_path / "again"
    assert main(["compare", str(rat), "--config", str(config), "--out", str(again)]) == 0
    printed = capsys.readouterr().out
    assert "chance, the best constant guess" in printed
    assert read_run(again).results["rows"] == read_run(compared).results["rows"]
    (again / "results.json").unlink()
    words = ["compare", str(rat), "--config", str(config), "--out", str(again), "--overwrite"]
    assert main(words) == 2  # not a run folder any more
    assert "holds no results.json" in capsys.readouterr().err


def test_an_oracle_says_so_and_negative_activity_has_no_counts(tmp_path, capsys):
    rng = np.random.default_rng(0)
    path, out = tmp_path / "calcium.npz", tmp_path / "run"
    np.savez(path, neural=rng.normal(size=(300, 5)), speed=rng.normal(size=300))
    words = ["--labels", "speed", "--methods", "cebra-time", *QUICK, "--out", str(out)]
    assert main(["compare", str(path), *words]) == 0
    assert "No row no-embedding: the activity has negative values" in capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    assert "no-embedding" in results["waived_controls"]
    from cebra_ethan.cli.comparing import _info

    assert _info("pi-vae").labels_at_inference
    assert not _info("umap").labels_at_inference


def test_a_missing_extra_is_said_before_anything_is_trained(rat, tmp_path, capsys, monkeypatch):
    words = ["--labels", "position", "--methods", "cebra,umap", "--max-iterations", "100000000"]
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        code = main(["compare", str(rat), *words, "--out", str(tmp_path / "run")])
    assert code == 2
    assert 'umap is needed here and not installed; run: pip install "cebra-ethan[baselines]"' in (
        capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []


def test_data_is_listed_and_checked(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CEBRA_ETHAN_DATA", raising=False)
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("rat-simulated") and "simulated" in line for line in lines)
    assert main(["data", "list", "rat-achilles"]) == 0
    assert "licence" in capsys.readouterr().out
    assert main(["data", "check", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"No recording is in {tmp_path}.\n"
    assert main(["data", "check", "--root", str(tmp_path / "missing")]) == 2
    assert "missing does not. Correct root= (--data-root, --root)" in capsys.readouterr().err
    assert main(["data", "check", "rat-simulated"]) == 0
    assert capsys.readouterr().out == "rat-simulated: simulated, no file\n"
    (tmp_path / "rat_hippocampus").mkdir()
    (tmp_path / "rat_hippocampus" / "achilles.npz").write_bytes(b"not it")
    assert main(["data", "check", "--root", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "rat-achilles: rat_hippocampus/achilles.npz: damaged" in said.out
    assert said.err.count("\n") == 1
    assert "achilles.npz differ" in said.err


def test_fetching_says_what_cannot_be_fetched(tmp_path, capsys):
    assert main(["data", "fetch", "rat-simulated", "--root", str(tmp_path)]) == 2
    assert "only recordings are downloaded" in capsys.readouterr().err
    shutil.rmtree(tmp_path)
