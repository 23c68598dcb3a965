"""Row 54: two processes, one folder."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cebra_ethan.errors import CebraError, FolderInUseError
from cebra_ethan.utils.files import TEMPORARY_SUFFIX
from cebra_ethan.utils.locks import LOCK_NAME, FolderLock
from tests.reliability import lock_race
from tests.reliability.helpers import NEURAL, small

pytestmark = pytest.mark.usefixtures("without_type_checks")


@pytest.fixture
def other():
    """A process that lives as long as the test."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


def _started(pid):
    """The twenty-second field of the process table, proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]


def _lock(folder, pid, **changes):
    owner = {
        "pid": pid,
        "host": socket.gethostname(),
        "since": "2026-01-01T00:00:00+00:00",
        "started": _started(pid) if Path(f"/proc/{pid}").exists() else "1",
        "number": 1,
        **changes,
    }
    folder.mkdir(exist_ok=True)
    (folder / LOCK_NAME).write_text(json.dumps(owner))
    return folder / LOCK_NAME


def _dead_pid():
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def _refused(folder):
    start = time.perf_counter()
    with pytest.raises(FolderInUseError, match="one training at a time") as caught:
        FolderLock(folder).__enter__()
    assert time.perf_counter() - start < 1
    return str(caught.value)


def test_row54_the_second_training_is_refused(tmp_path, other):
    path = _lock(tmp_path, other)
    text, start = path.read_text(), time.perf_counter()
    with pytest.raises(CebraError) as caught:
        small().fit(NEURAL, logdir=tmp_path)
    assert time.perf_counter() - start < 1
    message = str(caught.value)
    for part in (f"process {other}", socket.gethostname(), "since 2026", str(path)):
        assert part in message
    assert [one.name for one in tmp_path.iterdir()] == [LOCK_NAME]  # nothing was touched
    assert path.read_text() == text


def test_row54_a_training_locks_its_folder_and_unlocks_it(tmp_path):
    seen = []

    def second(step, solver):
        seen.append(json.loads((tmp_path / LOCK_NAME).read_text()))
        assert f"process {os.getpid()} on {socket.gethostname()}" in _refused(tmp_path)

    small().fit(NEURAL, logdir=tmp_path, callback=second)
    assert [one["pid"] for one in seen] == [os.getpid()] * 3
    assert sorted(one.name for one in tmp_path.iterdir()) == ["history.csv", "last.ckpt"]


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt, SystemExit])
def test_row54_an_error_unlocks(tmp_path, error):
    def callback(step, solver):
        raise error("by the user")

    with pytest.raises(error, match="by the user"):
        small().fit(NEURAL, logdir=tmp_path, callback=callback)
    assert not (tmp_path / LOCK_NAME).exists()


@pytest.mark.parametrize("kind", ["dead", "number given anew", "left by this process"])
def test_row54_the_lock_of_the_dead_is_taken_over(tmp_path, other, caplog, kind):
    pid = {"dead": _dead_pid(), "number given anew": other}.get(kind, os.getpid())
    changes = {"started": "1"} if kind == "number given anew" else {}
    path = _lock(tmp_path, pid, **changes)
    with FolderLock(tmp_path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
        _refused(tmp_path)
        assert [one.name for one in tmp_path.iterdir()] == [LOCK_NAME]
    assert f"process {pid}" in caplog.text
    assert str(path) in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_row54_a_taker_that_died_is_no_obstacle(tmp_path):
    """It had locked the dead lock, but not replaced it."""
    path = _lock(tmp_path, _dead_pid())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", _die)
        with pytest.raises(MemoryError, match="killed"):
            FolderLock(tmp_path).__enter__()
    assert [one.name for one in tmp_path.iterdir()] == [LOCK_NAME]
    second = f"{LOCK_NAME}.{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    (tmp_path / second).write_text(path.read_text().replace('"number": 1', '"number": 2'))
    with FolderLock(tmp_path):
        assert [one.name for one in tmp_path.iterdir()] == [LOCK_NAME]
    assert list(tmp_path.iterdir()) == []


def _die(source, target):
    raise MemoryError("killed")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"pid": "1"}', '{"pid": 0}', '{"pid": true}', "\x00\xff"]
)
def test_row54_a_lock_that_says_nothing_is_left_alone(tmp_path, text):
    (tmp_path / LOCK_NAME).write_text(text)
    assert re.search(rf"delete {re.escape(str(tmp_path / LOCK_NAME))}", _refused(tmp_path))
    assert (tmp_path / LOCK_NAME).read_text() == text


def test_row54_nothing_is_known_about_processes_of_other_hosts(tmp_path):
    path = _lock(tmp_path, _dead_pid(), host="another.example")
    assert "on another.example" in _refused(tmp_path)
    assert path.exists()


def test_row54_a_lock_that_was_replaced_is_not_removed(tmp_path, other):
    with FolderLock(tmp_path):
        (tmp_path / LOCK_NAME).unlink()  # somebody thought it was dead
        path = _lock(tmp_path, other)
    assert json.loads(path.read_text())["pid"] == other


def test_row54_a_fork_does_not_unlock(tmp_path):
    lock = FolderLock(tmp_path).__enter__()
    pid = os.fork()
    if pid == 0:
        lock.__exit__(None, None, None)
        os._exit(0)
    os.waitpid(pid, 0)
    assert (tmp_path / LOCK_NAME).exists()
    lock.__exit__(None, None, None)
    assert not (tmp_path / LOCK_NAME).exists()


@pytest.mark.parametrize("links", [True, False])
def test_row54_nobody_reads_half_a_lock(tmp_path, monkeypatch, links):
    """Somebody who looks all the time sees the whole text or none.

    On a disk without second names an empty file can be seen, which `_read` waits for.
    """
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    found, end = set(), threading.Event()

    def read():
        while not end.is_set():
            try:
                found.add(len((tmp_path / LOCK_NAME).read_text()))
            except FileNotFoundError:
                found.add("no lock")

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(200):
        with FolderLock(tmp_path):
            time.sleep(0)
    end.set()
    reader.join()
    sizes = found - {"no lock"} - (set() if links else {0})
    assert len(sizes) > 0
    assert min(sizes) > 50
    assert [one for one in tmp_path.iterdir() if one.name.endswith(TEMPORARY_SUFFIX)] == []


def _no_links(source, target):
    raise PermissionError("no second names here")


def test_row54_many_takers_of_one_dead_lock(tmp_path):
    command = [sys.executable, "-W", "ignore", lock_race.__file__, tmp_path, "25", "6"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rounds = json.loads(done.stdout)
    assert len(rounds) == 25
    for answers, codes, left in rounds:
        assert sorted(answers) == ["got", *["refused"] * 5]
        assert codes == [0] * 6
        assert left == []
