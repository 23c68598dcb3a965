"""Rows 64 to 66: what the command line is given may be wrong, and where it runs may be odd."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cebra_ethan.cli import main
from cebra_ethan.cli.options import COMMANDS

WITH_CONFIG = {
    "fit": ["RAT"],
    "transform": ["RUN", "RAT", "--out", "points.npy"],
    "evaluate": ["RUN", "RAT"],
    "info": ["RAT"],
    "compare": ["RAT"],
    "report": ["RUN"],
    "data": ["list"],
}
BAD_CONFIG = {
    "unknown key": ("\nno_such_key: 1", "line 2: unknown key 'no_such_key'"),
    "wrong type": ("KEY: {a: [1]}", "line 1: KEY must be"),
    "duplicate": ("KEY: null\n\nKEY: null", "line 3: the key 'KEY' comes twice"),
    "unreadable": ("KEY: [1", "line 1: not YAML"),
    "runs code": ("KEY: !!python/object/apply:os.system ['touch pwned']", "line 1: not YAML"),
    "binary": ("\x00\x01", "line 1: not YAML"),
}
KEYS = {"report": "title", "data": "root", "info": "neural", "transform": "neural"}


@pytest.fixture
def rat(tmp_path):
    path = tmp_path / "given" / "rat.npz"
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    np.savez(path, spikes=rng.poisson(1.0, (200, 4)), position=np.linspace(0.0, 1.0, 200))
    return path


@pytest.fixture
def complain(rat, capsys, monkeypatch, tmp_path):
    """Runs the program, which must end with 2 and one line, and returns that line."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(*words):
        given = {"RAT": str(rat), "RUN": str(rat.parent)}
        assert main([given.get(word, str(word)) for word in words]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("cebra-ethan: ")
        assert said.err.count("\n") == 1
        assert "Traceback" not in said.err
        return said.err

    return run


def test_every_command_is_tried():
    assert set(WITH_CONFIG) == set(COMMANDS)


@pytest.mark.parametrize("fault", BAD_CONFIG)
@pytest.mark.parametrize("command", WITH_CONFIG)
def test_row64_a_wrong_configuration(complain, tmp_path, command, fault):
    text, expected = BAD_CONFIG[fault]
    key = KEYS.get(command, "device")
    path = tmp_path / "given" / "c.yaml"
    path.write_text(text.replace("KEY", key))
    said = complain(command, *WITH_CONFIG[command], "--config", path)
    assert expected.replace("KEY", key) in said
    assert str(path) in said
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("command", WITH_CONFIG)
def test_row64_a_configuration_that_is_no_file(complain, tmp_path, command):
    words = [command, *WITH_CONFIG[command], "--config"]
    assert "nowhere.yaml" in complain(*words, "nowhere.yaml")
    assert str(tmp_path) in complain(*words, tmp_path)


FOLDERS = {
    "fit": ["RAT", "--max-iterations", "100000000"],
    "compare": ["RAT", "--labels", "position", "--max-iterations", "100000000"],
}
FILES = {"report": "x.html", "transform": "x.npy", "evaluate": "x.json"}


@pytest.mark.parametrize("command", FOLDERS)
def test_row65_a_run_folder_that_cannot_be(complain, tmp_path, command):
    """Said before the work, which would never end here."""
    taken, full = tmp_path / "file", tmp_path / "full"
    taken.write_text("mine")
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    words = [command, *FOLDERS[command], "--out"]
    assert f"{taken} is a file" in complain(*words, taken)
    assert f"{full} holds 1 files" in complain(*words, full)
    assert f"{full} holds no" in complain(*words, full, "--overwrite")
    assert "/proc/run" in complain(*words, "/proc/run")
    assert (full / "thesis.tex").read_text() == taken.read_text() == "mine"


@pytest.mark.parametrize("command", FILES)
def test_row65_a_file_that_cannot_be(complain, tmp_path, command):
    name = FILES[command]
    words = [command, *(w for w in WITH_CONFIG[command] if w in ("RUN", "RAT")), "--out"]
    taken, folder = tmp_path / name, tmp_path / f"folder-{name}"
    taken.write_text("mine")
    folder.mkdir()
    assert f"{taken} exists" in complain(*words, taken)
    assert f"{folder} is a folder" in complain(*words, folder)
    assert f"/proc/{name}" in complain(*words, f"/proc/{name}")
    assert taken.read_text() == "mine"


def run_program(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "cebra_ethan", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_row66_no_terminal_and_a_locale_without_utf8(rat):
    """Nothing here is a terminal."""
    odd = rat.with_name("räd.npz")
    odd.write_bytes(rat.read_bytes())
    done = run_program("info", str(odd), LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"4 neurons" in done.stdout


def test_row66_a_reader_that_goes_away():
    command = f"{sys.executable} -m cebra_ethan data list | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.returncode in (0, 141)
    assert done.stderr == b""
