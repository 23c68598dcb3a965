"""Parts are done once whatever happens, rows say what they are, verdicts follow the tolerance."""

import collections
import dataclasses
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from cebra_ethan.report.record import Number, make_row
from cebra_ethan.types import Label, Recording
from experiments.common import Part, PartsFailed, RowInfo, command, run_parts, save_embedding
from experiments.common.controls import (
    CONTROLS,
    chance_scores,
    missing_controls,
    plain_points,
    shuffled,
    untrained_points,
)
from experiments.common.parts import Outcome
from experiments.common.statistics import anova, holm, pairwise_tests, stats_table, tukey
from experiments.common.verdicts import compare, read_expected, verdict
from tests.experiments import toy
from tests.experiments.toy import EXPECTED, EXPERIMENT, METHODS, ToyConfig
from utils import read_json

ROOT = Path(__file__).parents[2]
NUM_PARTS = 2 * len(METHODS) * 2


@pytest.fixture(scope="module")
def config():
    return ToyConfig.from_preset("smoke")


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("toy") / "run"
    return out, EXPERIMENT.run(config, out)


def ran(out):
    return collections.Counter((out / "ran.txt").read_text().split("\n")[:-1])


def test_a_finished_part_is_not_run_again(done, config):
    out, values = done
    before = ran(out)
    assert len(before) == NUM_PARTS
    assert EXPERIMENT.run(config, out) == values
    assert ran(out) == before
    (out / "parts" / "rat_two-chance-1.json").unlink()
    assert EXPERIMENT.run(config, out) == values
    assert ran(out) - before == {"rat two-chance-1": 1}


def test_several_jobs_give_the_same_numbers(done, config, tmp_path):
    assert EXPERIMENT.run(config, tmp_path / "run", jobs=2) == done[1]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path, done):
    out = tmp_path / "run"
    command_line = [sys.executable, "-m", "tests.experiments.toy", str(out), "0.05"]
    process = subprocess.Popen(command_line, cwd=ROOT)
    while len(list(out.glob("parts/*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path.stem for path in out.glob("parts/*.json")}
    assert 3 <= len(finished) < NUM_PARTS
    assert not (out / "results.json").exists()
    assert EXPERIMENT.run(ToyConfig.from_preset("smoke", seconds=0.05), out) == done[1]
    twice = {name.replace(" ", "_") for name, count in ran(out).items() if count > 1}
    assert not twice & finished
    assert len(twice) <= 1  # the one that was killed
    assert not list(out.rglob("*.partial"))


SLEEPING = (
    "import sys; from experiments.common import command; import tests.experiments.toy as toy;"
    "toy.ToyConfig.PRESETS['smoke']['seconds'] = 60; sys.exit(command.main(toy.EXPERIMENT, ''))"
)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_a_run_ends_its_processes(sent, tmp_path):
    words = ["--preset", "smoke", "--jobs", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPING, *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_notice_interrupts,
    )
    while not (tmp_path / "ran.txt").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    said = process.communicate(timeout=40)[1]
    assert process.returncode == 130
    assert "toy: interrupted; the same command with the same --out goes on" in said
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _is_alive(process.pid):
        time.sleep(0.1)
    assert not _is_alive(process.pid)


def _notice_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell in the background ignores


def _is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_failing_part_leaves_the_others_and_is_named(tmp_path, config):
    out = tmp_path / "run"
    broken = dataclasses.replace(config, broken="rat one-behavior-1")
    with pytest.raises(PartsFailed, match=r"1 of 28 parts failed: rat_one-behavior-1 \(Arithm"):
        EXPERIMENT.run(broken, out, jobs=2)
    assert len(ran(out)) == NUM_PARTS
    results = read_json(out / "results.json")
    assert results["status"] == "failed"
    assert results["failed"] == {"rat_one-behavior-1": "ArithmeticError: this part is broken"}
    trace = out / "parts" / "rat_one-behavior-1.error.txt"
    assert "run_part" in trace.read_text()
    (out / "config.yaml").unlink()  # the part is mended
    EXPERIMENT.run(config, out)
    assert read_json(out / "results.json")["status"] == "complete"
    assert not trace.exists()
    assert ran(out).total() == NUM_PARTS + 1


def test_a_library_that_is_missing_is_named_before_anything_runs(tmp_path, capsys):
    lacking = dataclasses.replace(
        EXPERIMENT, needs=lambda config: {"no_such_library": "baselines"}
    )
    out = tmp_path / "run"
    assert command.main(lacking, "A toy.", ["--preset", "smoke", "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert 'no_such_library is needed here and not installed; run: pip install "cebra' in said
    assert not list(out.glob("parts/*"))


@pytest.mark.parametrize("name", ["hippocampus", "synthetic"])
def test_experiments_name_the_libraries_of_their_methods(name):
    module = importlib.import_module(f"experiments.{name}.run_experiment")
    config = module.EXPERIMENT.config.from_preset("paper")
    needed = module.EXPERIMENT.needs(config)
    assert {"umap": "baselines", "openTSNE": "baselines"}.items() <= needed.items()
    alone = dataclasses.replace(config, methods=("behavior", "chance"))
    assert set(module.EXPERIMENT.needs(alone)) <= {"ripser"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_loses_no_finished_part(tmp_path, capsys):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        words = ["--preset", "smoke", "--jobs", "1", "--out", str(tmp_path / "run")]
        assert command.main(EXPERIMENT, "A toy.", words) != 0
        assert "No space left on device" in capsys.readouterr().err
        kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("run/parts/*.json")}
        assert kept
        remount = ["mount", "-o", "remount,size=64m", str(tmp_path)]
        subprocess.run(remount, check=True)
        assert command.main(EXPERIMENT, "A toy.", words) == 0
        assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def stop(config, folder):
    raise KeyboardInterrupt


def test_the_command_ends_with_its_codes(tmp_path, capsys, monkeypatch):
    def call(experiment, *words):
        code = command.main(experiment, "A toy.", ["--out", str(tmp_path / "run"), *words])
        return code, capsys.readouterr()

    code, said = call(EXPERIMENT, "--preset", "smoke", "--jobs", "1")
    assert code == 0
    assert "28 of 28 parts to run, about" in said.err
    assert "Simulated: random numbers" in said.out
    assert "reproduced" in said.out
    assert "[t] transductive" in said.out
    failing = dataclasses.replace(
        EXPERIMENT, parts=lambda *_: [Part("a", run_wrongly), Part("b", stop_nothing)]
    )
    code, said = call(failing, "--preset", "smoke", "--jobs", "1")
    assert code == 1
    assert "toy: 1 of 2 parts failed: a (ZeroDivisionError" in said.err
    interrupted = dataclasses.replace(EXPERIMENT, summarise=lambda *_: stop(None, None))
    assert call(interrupted, "--preset", "smoke", "--jobs", "1")[0] == 130
    for words, what in [
        (["--preset", "huge"], "invalid choice: 'huge'"),
        (["--jobs", "0"], "--jobs: must be a positive number; got '0'"),
        (["--sedes", "1"], "unrecognized arguments: --sedes 1"),
        (["--preset", "quick"], "differs in num_seeds, preset"),
    ]:
        code, said = call(EXPERIMENT, *words)
        assert code == 2
        assert what in said.err
        assert len(said.err.splitlines()) == 1


def run_wrongly():
    return {"x": 1 / 0}


def stop_nothing():
    return {"x": 1}


def test_the_paper_preset_says_its_time_before_it_starts(tmp_path):
    config = ToyConfig.from_preset("paper")
    line = command.expected_time(EXPERIMENT, config, tmp_path, jobs=1)
    assert "70 of 70 parts to run, about 8.3 h with 1 core;" in line


@pytest.mark.parametrize(
    ("names", "jobs", "match"),
    [
        (["a", "a"], 1, "got 'a'"),
        (["../a"], 1, "got '../a'"),
        (["a b"], 1, "must be a file name"),
        (["a"], 0, "jobs must be at least 1"),
    ],
)
def test_names_of_parts_are_file_names(names, jobs, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        run_parts([Part(name, stop_nothing) for name in names], tmp_path, jobs)


def test_arrays_and_numbers_come_back(tmp_path):
    part = Part("a", returns_arrays, {"seed": 3, "config": object()})
    outcome = run_parts([part], tmp_path)
    assert isinstance(outcome, Outcome)
    found = outcome.done["a"]
    assert found.values == {"seed": 3, "nothing": None, "number": 0.5}
    assert np.array_equal(found.arrays["points"], np.arange(3))


def returns_arrays(seed, config):
    return {"points": np.arange(3), "nothing": float("nan"), "number": np.float32(0.5)}


def test_results_say_everything(done):
    out, values = done
    results = read_json(out / "results.json")
    assert results["missing_controls"] == {}
    assert results["simulated"] == "random numbers"
    rows = {(row["group"], row["method"]): row for row in results["rows"]}
    assert len(rows) == 2 * len(METHODS)
    assert rows["rat one", "time-all"]["transductive"] is True
    assert rows["rat one", "chance"]["kind"] == "control"
    value = rows["rat two", "behavior"]["values"]["error_cm"]
    per_seed = [seed["error_cm"] for seed in rows["rat two", "behavior"]["seeds"]]
    assert value["n"] == 2
    assert value["mean"] == pytest.approx(np.mean(per_seed))
    assert value["sd"] == pytest.approx(np.std(per_seed, ddof=1))
    assert values["rat two.behavior.error_cm"] == value["mean"]
    assert [entry["verdict"] for entry in results["comparison"]] == [
        "reproduced",
        "better",
        "worse",
        "not comparable (simulated data)",
    ]
    for entry in results["figures"] + results["embeddings"]:
        assert (out / entry["path"]).is_file()


@pytest.mark.parametrize(
    ("changes", "mean", "expected"),
    [
        ({}, 10.9, "reproduced"),
        ({}, 8.9, "better"),
        ({}, 11.1, "worse"),
        ({"better": "higher"}, 11.1, "better"),
        ({"better": "higher"}, 8.9, "worse"),
        ({"absolute_tolerance": 2.0}, 11.9, "reproduced"),
        ({"value": -10.0}, -10.9, "reproduced"),
        ({"requires": {"preset": ["paper", "quick"]}}, 10.0, "reproduced"),
        ({"requires": {"steps": 5}}, 10.0, "not comparable (steps 4, not 5)"),
        ({"requires": {"rats": ["a", "b"]}}, 10.0, "reproduced"),
        ({"not_comparable": "another split"}, 10.0, "not comparable (another split)"),
        ({}, None, "not comparable (not run)"),
    ],
)
def test_verdicts(changes, mean, expected):
    entry = {"value": 10.0, "tolerance": 0.1, "better": "lower", **changes}
    settings = {"preset": "paper", "steps": 4, "rats": ("a", "b")}
    assert verdict(entry, {"mean": mean}, settings) == expected


def test_expected_numbers_are_checked(tmp_path):
    path = tmp_path / "toy" / "expected.toml"
    path.parent.mkdir()
    assert compare([], {}, path) == []
    whole = EXPECTED.read_text().split("\n\n")[0]
    for before, after, match in [
        ('number = "error_cm"\n', "", "lacks number"),
        ("spread", "spred", r"has \['spred'\]"),
        ("absolute_tolerance = 3.0\n", "", "what counts as reproduced"),
        ('"lower"', '"less"', "must be higher or lower"),
    ]:
        path.write_text(whole.replace(before, after))
        with pytest.raises(ValueError, match=match):
            read_expected(path)


def test_controls_that_lack_are_named():
    numbers = {"x": Number("x")}
    rows = [
        make_row("g", name, info, [{"x": 1.0}], numbers)
        for name, info in [("a", RowInfo("A")), *CONTROLS.items()]
        if name != "shifted"
    ]
    assert missing_controls(rows, {}) == {"g": ["shifted"]}
    assert missing_controls(rows, {"shifted": "no order"}) == {}
    assert missing_controls(rows[1:], {}) == {}  # nothing to control


def test_controls_are_what_they_say():
    counts = np.random.default_rng(0).poisson(1.0, size=(300, 8)).astype(np.float32)
    part = Recording(neural=torch.from_numpy(counts))
    labels = np.arange(300.0)
    assert shuffled(labels, "behavior", 0) is labels
    permuted, shifted = (shuffled(labels, name, 0) for name in ("permuted", "shifted"))
    assert sorted(permuted) == sorted(shifted) == sorted(labels)
    assert (np.diff(shifted) == 1).sum() == 298
    assert (np.diff(permuted) == 1).sum() < 20
    one, same = untrained_points([part, part], "offset10-model", 8, 3, seed=1)
    assert one.shape == (300, 3)
    assert np.array_equal(one, same)
    assert plain_points([part], 10)[0].shape == (300, 8)
    chance = chance_scores(labels[:200], labels[200:])
    assert chance.median_error == np.median(np.abs(labels[200:] - np.median(labels[:200])))
    assert chance_scores(Label(["a", "a", "b"]), Label(["a", "b"])).accuracy == 0.5


def test_statistics_are_those_of_scipy():
    rng = np.random.default_rng(0)
    groups = {name: rng.normal(mean, size=6) for name, mean in [("a", 0), ("b", 1), ("c", 4)]}
    f = stats.f_oneway(*groups.values())
    assert anova(groups)["text"].startswith(f"F(2, 15) = {f.statistic:.2f}, p = ")
    rows = tukey(groups)["rows"]
    assert [row[:2] for row in rows] == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert rows[1][5] == pytest.approx(stats.tukey_hsd(*groups.values()).pvalue[0, 2])
    pairs = [("a", "b"), ("a", "c")]
    paired = pairwise_tests(groups, pairs, "paired t", "less")["rows"]
    assert paired[0][5] == stats.ttest_rel(groups["a"], groups["b"], alternative="less").pvalue
    assert [row[6] for row in paired] == holm([row[5] for row in paired])
    assert pairwise_tests(groups, pairs, "Wilcoxon")["rows"][0][2] == "6"
    assert pairwise_tests(groups, pairs)["rows"][0][2] == "6, 6"
    with pytest.raises(ValueError, match="Run more seeds"):
        anova({"a": [1.0], "b": [2.0]})
    with pytest.raises(ValueError, match="a cell for each of 2 columns"):
        stats_table("t", ["a", "b"], [[1]])


def test_embeddings_to_show_are_thinned_and_checked(tmp_path):
    points = np.random.default_rng(0).normal(size=(7000, 5))
    angle = Label(np.linspace(0, 6, 7000), "circular", period=2 * np.pi)
    entry = save_embedding(tmp_path, "x", points, {"Angle": angle}, "X")
    assert entry["labels"][0]["period"] == 2 * np.pi
    with np.load(tmp_path / entry["path"]) as archive:
        assert archive["points"].shape == (2334, 3)
        assert archive["label_0"].shape == (2334,)
    for labels, match in [
        ({}, "have a label"),
        ({"x": points[:5, 0]}, "a value for each of 7000"),
        ({"x": points}, "one column"),
    ]:
        with pytest.raises(ValueError, match=match):
            save_embedding(tmp_path, "x", points, labels, "X")


def test_all_run_together(tmp_path, monkeypatch, capsys):
    """One experiment runs, another one does not exist: the report has both, the exit code is 1."""
    import run_all_experiments

    script = (
        "import sys; from experiments.common import command; import tests.experiments.toy as t;"
        "sys.exit(command.main(t.EXPERIMENT, '', sys.argv[1:]))"
    )
    real = subprocess.Popen

    def popen(words, **options):
        if "experiments.toy.run_experiment" in words:
            words = [sys.executable, "-c", script, *words[3:]]
        return real(words, **options)

    monkeypatch.setattr(run_all_experiments.subprocess, "Popen", popen)
    monkeypatch.setitem(sys.modules, "experiments.toy", toy)
    monkeypatch.setitem(sys.modules, "experiments.toy.run_experiment", toy)
    both = {"toy": ToyConfig, "hippocampus": ToyConfig, "nowhere": ToyConfig}
    monkeypatch.setattr(run_all_experiments, "EXPERIMENTS", both)
    words = ["--preset", "smoke", "--jobs", "2", "--only", "toy", "nowhere"]
    assert run_all_experiments.main([*words, "--out", str(tmp_path / "all")]) == 1
    said = capsys.readouterr()
    assert "complete" in said.out
    assert re.search(r"toy, preset smoke: \d+ of \d+ parts to run", said.err)
    assert "nowhere: No module named 'experiments.nowhere'" in said.err
    assert "nowhere failed:" in said.err
    assert "No module named 'experiments.nowhere') (exit code 1)" in said.err
    page = (tmp_path / "all" / "report.html").read_text(encoding="utf-8")
    assert "A toy" in page
    assert "No module named &#39;experiments.nowhere&#39;" in page
    assert run_all_experiments.main(["--only", "mars"]) == 2
    assert "invalid choice: 'mars'" in capsys.readouterr().err
    assert run_all_experiments.main(["--data-root", str(tmp_path / "nowhere")]) == 2
    assert "nowhere does not. Correct root= (--data-root" in capsys.readouterr().err
    assert os.environ.get("OMP_NUM_THREADS") == "1"
