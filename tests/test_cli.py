"""The command line, as a user meets it: in a process of its own."""

import inspect
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

from cebra_ethan import CEBRA, Label
from cebra_ethan.cli import main
from cebra_ethan.cli.options import COMMANDS, PARAMETERS
from cebra_ethan.datasets import load_dataset

QUICK = ["--max-iterations", "5", "--batch-size", "64", "--output-dimension", "3"]


def run(*arguments, code=0, cwd=None, **environment):
    """Runs the program; a mistake must be one line on standard error."""
    result = subprocess.run(
        [sys.executable, "-m", "cebra_ethan", *map(str, arguments)],
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    result.out, result.err = result.stdout.decode(), result.stderr.decode()
    assert result.returncode == code, result.err
    assert "Traceback" not in result.err
    if code == 2:
        assert len(result.err.splitlines()) == 1, result.err
        assert result.out == ""
    return result


@pytest.fixture
def call(capsys):
    """Runs the program in this process, which is faster, and returns what it printed."""

    def succeed(*arguments):
        assert main([*map(str, arguments)]) == 0
        return capsys.readouterr().out

    return succeed


@pytest.fixture
def mistake(capsys, monkeypatch, tmp_path):
    """Runs the program in this process, which is faster, and returns its one line of complaint."""
    monkeypatch.chdir(tmp_path)

    def complain(*arguments):
        assert main([*map(str, arguments)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert len(printed.err.splitlines()) == 1
        assert printed.err.startswith("cebra-ethan: ")
        return printed.err

    return complain


@pytest.fixture(scope="module")
def rat(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "rat.npz"
    recording = load_dataset("rat-simulated", num_bins=800, num_neurons=20)
    np.savez(
        path,
        spikes=recording.neural.numpy(),
        position=recording.labels["position"].to_numpy(),
        direction=recording.labels["direction"].to_numpy(),
        bin_s=0.025,
    )
    return path


@pytest.fixture(scope="module")
def trained(rat):
    out = rat.parent / "run"
    result = run(
        "fit", rat, "--labels", "position", "direction", "--continuous", "direction",
        "--test-fraction", "0.2", "--out", out, *QUICK,
    )  # fmt: skip
    return out, result


def test_parameters_are_those_of_the_estimator():
    signature = inspect.signature(CEBRA).parameters
    assert [option.name for option in PARAMETERS] == list(signature)
    same_in_other_words = {"verbose", "optimizer_kwargs"}
    listed = re.search(r"defaults differ.*", COMMANDS["fit"].examples, flags=re.DOTALL)[0]
    named = " ".join(listed.split())
    assert "verbose, true on a terminal (False)" in named
    for option in PARAMETERS:
        default = signature[option.name].default
        pair = f"{option.name} {option.default} ({default})"
        assert (pair in named) == (option.default != default) or option.name in same_in_other_words


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(command, call):
    printed = call(command, "--help")
    assert f"usage: cebra-ethan {command}" in printed
    assert "examples:" in printed
    assert f"  cebra-ethan {command}" in printed


def test_fit_writes_a_whole_run_folder(trained, rat):
    out, result = trained
    names = {path.name for path in out.iterdir()}
    assert names == {
        "checkpoint.ckpt", "config.yaml", "embedding.npy", "history.csv", "provenance.json",
    }  # fmt: skip
    assert np.load(out / "embedding.npy").shape == (800, 3)
    assert len((out / "history.csv").read_text().splitlines()) == 6
    assert yaml.safe_load((out / "config.yaml").read_text())["output_dimension"] == 3
    assert len(json.loads((out / "provenance.json").read_text())["recording"]["sha256"]) == 64
    assert "Goodness of fit on the held-out part" in result.out
    assert "position, median error" in result.out
    assert "direction, accuracy" in result.out
    assert "chance" in result.out
    assert [path for path in rat.parent.iterdir() if path.name.startswith(".")] == []


def test_the_written_configuration_gives_the_same_embedding(trained, rat, tmp_path):
    out, _ = trained
    run("fit", rat, "--config", out / "config.yaml", "--out", tmp_path / "again")
    again = np.load(tmp_path / "again" / "embedding.npy")
    assert np.array_equal(again, np.load(out / "embedding.npy"))


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_transform_writes_each_format(trained, rat, tmp_path, call, mistake, suffix):
    out, _ = trained
    path = tmp_path / f"points.{suffix}"
    call("transform", out, rat, "--out", path)
    if suffix == "csv":
        points = np.loadtxt(path, delimiter=",", skiprows=1)
    else:
        points = np.load(path) if suffix == "npy" else np.load(path)["embedding"]
    assert np.allclose(points, np.load(out / "embedding.npy"), atol=1e-6)
    assert "exists" in mistake("transform", out, rat, "--out", path)
    call("transform", out, rat, "--out", path, "--overwrite")


def test_evaluate_tests_against_shuffles(trained, rat, tmp_path):
    out, _ = trained
    path = tmp_path / "scores.json"
    result = run("evaluate", out, rat, "--shuffles", "9", "--out", path)
    assert "trained on this recording without the last 20 %" in result.out
    assert "9 shuffles: permute p = " in result.out
    numbers = json.loads(path.read_text())
    assert [row["label"] for row in numbers["decoding"]] == ["position", "direction"]
    assert all(0.1 <= p <= 1 for row in numbers["decoding"] for p in row["p_values"].values())


def test_info_describes_what_it_is_given(trained, rat, call):
    out, _ = trained
    assert "models: offset1-model" in call("info")
    about = call("info", rat)
    assert "800 time bins, 20 neurons" in about
    assert "label direction: categorical, 2 classes (left, right)" in about
    about = call("info", out)
    assert "20 neurons to 3 dimensions" in about
    assert "position (continuous)" in about


def test_a_circular_label_and_time_alone(rat, tmp_path, call):
    call("fit", rat, "--labels", "position", "--circular", "position=1.6", *QUICK,
        "--out", tmp_path / "a")  # fmt: skip
    assert "position (circular)" in call("info", tmp_path / "a")
    printed = call("fit", rat, *QUICK, "--out", tmp_path / "b")
    assert "Held-out numbers need --test-fraction" in printed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("output_dimension: 3\noutputdimension: 4", "line 2: unknown key 'outputdimension'; did"),
        ("max_iterations: many", "line 1: max_iterations must be int; got 'many'"),
        ("\noutput_dimension: 3.5", "line 2: output_dimension must be int"),
        ("delta: 1\ndelta: 2", "line 2: the key 'delta' comes twice"),
        ("augmentation:\n  noise: 1\n  noise: 2", "line 3: not YAML of plain data: the key"),
        ("labels: [a\ndelta: 1", "line 2: not YAML of plain data"),
        ("labels: !!python/object/apply:os.system ['touch pwned']", "line 1: not YAML of plain"),
        ("- 1", "the file must hold 'key: value' lines"),
        ("\x00", "line 1: not YAML"),
        ("distance: far", "line 1: distance must be"),
    ],
)
def test_a_wrong_configuration_is_one_line_with_its_number(rat, tmp_path, mistake, text, expected):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    complaint = mistake("fit", rat, "--config", path, "--out", tmp_path / "run")
    assert expected in complaint
    assert str(path) in complaint
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fit", "RAT", "--outpt", "x"], "unrecognized arguments: --outpt"),
        (["fit", "RAT", "--output-dimension", "x"], "--output-dimension must be int; got 'x'"),
        (["fit", "RAT", "--labels", "speed"], "Available: spikes, position, direction"),
        (["fit", "RAT", "--labels", "position", "--circular", "position"], "NAME=PERIOD"),
        (["fit", "RAT", "--continuous", "position"], "Add it to --labels"),
        (["fit", "RAT", "--weight", "position=2"], "Add it to --labels"),
        (
            ["fit", "RAT", "--labels", "position", "--weight", "position=-2"],
            "--weight must be NAME=",
        ),
        (
            ["fit", "RAT", "--labels", "direction", "--weight", "direction=2"],
            "'direction' is categ",
        ),
        (["fit", "RAT", "--over"], "unrecognized arguments: --over; did you mean --overwrite?"),
        (["fit", "RAT", "--outptu", "x"], "--outptu x; did you mean --out?"),
        (["fit", "RAT", "--overwrite", "true"], "unrecognized arguments: true"),
        (["fit", "RAT", "--model-architecture", "resnet-9000"], "offset10-model"),
        (["fit", "RAT", "--temperature", "-1"], "temperature"),
        (["fit", "RAT", "--test-fraction", "2"], "test_fraction must be between 0 and 1"),
        (["fit", "nowhere.npz"], "nowhere.npz"),
        (["fit"], "fit needs a recording"),
        (["fit", "RAT", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["transform", "RAT", "RAT", "--out", "x.npy"], "rat.npz"),
        (["transform", "RAT", "RAT"], "transform needs --out"),
        (["transform", "RAT", "RAT", "--out", "x.png"], ".npy, .npz, .csv"),
        (["info", "nowhere"], "nowhere"),
        (["compare", "RAT"], "compare decodes labels; none were named"),
        (["compare", "RAT", "--labels", "position", "--methods", "lda"], "--methods must be of"),
        (["compare", "RAT", "--labels", "position", "--seeds", "0"], "--seeds must be at least 1"),
        (["report"], "report needs runs; none was given"),
        (["report", "."], "must hold results.json"),
        (["report", ".", "--out", "x.pdf"], "--out must end in .html"),
        (["data"], "data needs an action; none was given"),
        (["data", "fly"], "action must be list or fetch or check; got 'fly'"),
        (["data", "fetch"], "data fetch needs names"),
        (["data", "list", "cat"], "name must be one of"),
        (
            ["fti"],
            "a command must be one of fit, transform, evaluate, info, compare, report, data;",
        ),
    ],
)
def test_mistakes_are_one_line(rat, tmp_path, mistake, arguments, expected):
    words = [str(rat) if word == "RAT" else word for word in arguments]
    assert expected in mistake(*words)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_ends_the_process_with_2(rat, tmp_path):
    result = run("fit", rat, "--outpt", "x", code=2, cwd=tmp_path)
    assert "unrecognized arguments: --outpt" in result.err
    assert "nowhere.npz" in run("fit", "nowhere.npz", code=2, cwd=tmp_path).err


def test_outputs_are_refused_before_training(rat, tmp_path, mistake):
    taken, full = tmp_path / "file", tmp_path / "full"
    taken.write_text("mine")
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    long = ["--max-iterations", "100000000"]  # would never end
    assert "is a file" in mistake("fit", rat, "--out", taken, *long)
    assert "must be new or empty" in mistake("fit", rat, "--out", full, *long)
    error = mistake("fit", rat, "--out", full, "--overwrite", *long)
    assert "holds no checkpoint.ckpt" in error
    assert (full / "thesis.tex").read_text() == "mine"
    assert "/proc/run" in mistake("fit", rat, "--out", "/proc/run", *long)


def test_overwrite_replaces_a_run_folder(rat, tmp_path, call):
    out = tmp_path / "run"
    call("fit", rat, *QUICK, "--out", out)
    (out / "old").write_text("")
    call("fit", rat, *QUICK, "--out", out, "--overwrite")
    assert not (out / "old").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_weights_are_those_of_the_labels(tmp_path, call):
    rng = np.random.default_rng(0)
    neural, place, speed = rng.poisson(1.0, (300, 4)), rng.random(300), 9 * rng.random(300)
    np.savez(tmp_path / "rat.npz", neural=neural, place=place, speed=speed)
    settings = {"max_iterations": 5, "batch_size": 64, "random_state": 0}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    call("fit", tmp_path / "rat.npz", "--labels", "place", "speed", "--weight", "place=81",
         "speed=0.5", *flags, "--out", tmp_path / "run")  # fmt: skip
    labels = {"place": Label(place, weight=81), "speed": Label(speed, weight=0.5)}
    model = CEBRA("offset10-model", **settings)
    expected = model.fit(neural, labels).transform(neural)
    assert np.array_equal(np.load(tmp_path / "run" / "embedding.npy"), expected)
    assert not np.array_equal(model.fit(neural, place, speed).transform(neural), expected)


def test_a_doubtful_label_is_one_line_although_its_parts_are_looked_at_apart(tmp_path):
    rng = np.random.default_rng(0)
    labels = {
        "place": rng.random(400),
        "speed": 1e4 * rng.random(400),
        "turn": rng.random(400) / 9,
    }
    np.savez(tmp_path / "rat.npz", neural=rng.poisson(1.0, (400, 4)), **labels)
    result = run("fit", tmp_path / "rat.npz", "--labels", *labels, "--circular", "turn=360",
                 "--test-fraction", "0.3", *QUICK, "--out", tmp_path / "run")  # fmt: skip
    first, second = sorted(line for line in result.err.splitlines() if "warning" in line)
    assert "of 'speed' is the largest and decides which labels are near, that of 'turn'" in first
    assert "'turn' has a period of 360" in second


def test_ctrl_c_is_one_line_and_leaves_nothing(rat, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        assert list(tmp_path.iterdir()) != []  # the folder that is being filled
        raise KeyboardInterrupt

    monkeypatch.setattr(CEBRA, "fit", interrupted)
    assert main(["fit", str(rat), *QUICK, "--out", str(tmp_path / "run")]) == 130
    assert capsys.readouterr() == ("", "cebra-ethan: interrupted; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_error(rat):
    command = f"{sys.executable} -m cebra_ethan info {rat} | head -c 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert result.returncode in (0, 141)
    assert result.stderr == b""


def test_a_terminal_without_utf8(rat, tmp_path):
    path = tmp_path / "räd.npz"
    path.write_bytes(rat.read_bytes())
    result = run("info", path, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "20 neurons" in result.out


def test_a_table_is_transformed_as_it_was_trained(tmp_path, monkeypatch, capsys):
    """The columns of labels stay labels, although `transform` is not told them again."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    counts, angle = rng.poisson(1.0, (120, 4)), np.linspace(0.0, 359.5, 120)
    table = {"delimiter": ",", "comments": "", "fmt": "%g"}
    np.savetxt("rat.csv", np.c_[counts, angle], header="n0,n1,n2,n3,angle", **table)
    fit = ["fit", "rat.csv", "--labels", "angle", "--circular", "angle=360", "--out", "run"]
    assert main([*fit, "--max-iterations", "2", "--batch-size", "16"]) == 0
    assert main(["transform", "run", "rat.csv", "--out", "points.npy"]) == 0
    assert len(np.load("points.npy")) == 120
    np.savetxt("other.csv", counts[:, :3], header="n0,n1,n2", **table)
    capsys.readouterr()
    assert main(["transform", "run", "other.csv", "--out", "other.npy", "--labels", "n0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
