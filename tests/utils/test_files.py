"""Files are whole or not there, whatever happens to the writer."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

from cebra_ethan.utils import files
from cebra_ethan.utils.files import TEMPORARY_SUFFIX, atomic_write, sweep_temporary

# The file alone, without the package and torch: twenty writers start in a second.
LOAD = f"import runpy, sys\natomic_write = runpy.run_path({files.__file__!r})['atomic_write']"
OLD, NEW = b"old" * 100, b"new" * 100


def _leftovers(folder):
    return list(folder.glob(f".*{TEMPORARY_SUFFIX}"))


@pytest.mark.parametrize("exists", [False, True])
def test_a_file_takes_its_name_at_the_end(tmp_path, exists):
    path = tmp_path / "deep" / "er" / "note.txt"
    if exists:
        path.parent.mkdir(parents=True)
        path.write_bytes(OLD)
    with atomic_write(path) as file:
        file.write(NEW)
        file.flush()
        assert path.exists() == exists
        assert not exists or path.read_bytes() == OLD
    assert path.read_bytes() == NEW
    assert _leftovers(path.parent) == []


@pytest.mark.parametrize(
    "error",
    [
        KeyError("broken"),
        ConnectionError("broken line"),  # an OSError without a number keeps its message
        OSError("broken disk"),
        KeyboardInterrupt("broken by hand"),
    ],
)
def test_an_error_keeps_the_old_file_and_removes_the_temporary_one(tmp_path, error):
    path = tmp_path / "note.txt"
    path.write_bytes(OLD)
    with pytest.raises(type(error), match="broken") as caught:
        _write_and_fail(path, error)
    assert caught.value is error
    assert path.read_bytes() == OLD
    assert _leftovers(tmp_path) == []


def _write_and_fail(path, error, keep=None):
    with atomic_write(path, keep=keep) as file:
        file.write(NEW)
        raise error


def test_the_permissions_are_those_of_an_ordinary_file(tmp_path):
    with atomic_write(tmp_path / "ours") as file:
        file.write(NEW)
    (tmp_path / "ordinary").write_bytes(NEW)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "note.txt").mkdir()
    with pytest.raises(IsADirectoryError, match=r"note\.txt"), atomic_write(tmp_path / "note.txt"):
        pass
    assert _leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("write", "says"),
    [
        ("file.write(b'n' * 1_000_000)", "File too large"),
        ("import numpy; numpy.save(file, numpy.zeros(1_000_000))", "Is the disk full?"),
    ],
)
def test_a_full_disk_names_the_file_and_keeps_the_old_one(write, says, tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(OLD)
    script = f"{LOAD}\nwith atomic_write(sys.argv[1]) as file:\n    {write}\n"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        preexec_fn=_limit_file_size,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("OSError: ")
    assert says in last
    assert str(path) in last
    assert path.read_bytes() == OLD
    assert _leftovers(tmp_path) == []


def _limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))


def test_a_killed_writer_leaves_an_old_or_a_new_file_and_what_it_leaves_is_swept(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(_whole(0))
    script = (
        f"{LOAD}\n"
        "print('ready', flush=True)\n"
        "k = 0\n"
        "while True:\n"
        "    k += 1\n"
        "    with atomic_write(sys.argv[1]) as file:\n"
        "        for _ in range(64):\n"
        "            file.write(bytes([k % 256]) * 1024)\n"
    )
    killed_inside, changed = 0, 0
    for trial in range(20):
        before = path.read_bytes()
        writer = subprocess.Popen(
            [sys.executable, "-S", "-c", script, str(path)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(0.002 + 0.0007 * trial)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        after = path.read_bytes()
        assert after == _whole(after[0])
        changed += after != before
        left = _leftovers(tmp_path)
        killed_inside += bool(left)
        assert sorted(sweep_temporary(tmp_path)) == sorted(left)
        assert _leftovers(tmp_path) == []
    assert changed > 0
    assert killed_inside > 0  # else the kills came too late to test anything


def _whole(number):
    return bytes([number]) * 65536


def test_sweeping_spares_the_living_and_the_strangers(tmp_path):
    host = re.sub(r"\W", "-", socket.gethostname())[:40]
    living = tmp_path / f".note.txt.{host}.{os.getpid()}.abc{TEMPORARY_SUFFIX}"
    dead = tmp_path / f".note.txt.{host}.{_dead_pid()}.abc{TEMPORARY_SUFFIX}"
    elsewhere = tmp_path / f".note.txt.another-{host}.{_dead_pid()}.abc{TEMPORARY_SUFFIX}"
    stranger = tmp_path / f".their.own.file{TEMPORARY_SUFFIX}"
    short = tmp_path / f".x{TEMPORARY_SUFFIX}"
    ordinary = tmp_path / "note.txt"
    spared = [living, elsewhere, stranger, short, ordinary]
    for file in (*spared, dead):
        file.write_bytes(OLD)
    assert sweep_temporary(tmp_path) == [dead]
    assert sorted(tmp_path.iterdir()) == sorted(spared)


def _old_and_kept(path, kept):
    """Which of the names hold what, when the new file takes its place and after that."""
    found = []
    replace = os.replace

    def watch(source, target):
        replace(source, target)
        found.append({one.name: one.read_bytes() for one in (path, kept) if one.exists()})

    return found, watch


@pytest.mark.parametrize("links", [True, False])
def test_an_old_file_takes_another_name(tmp_path, monkeypatch, links):
    path, kept = tmp_path / "last", tmp_path / "previous"
    found, watch = _old_and_kept(path, kept)
    monkeypatch.setattr(os, "replace", watch)
    if not links:  # as on a disk without second names
        monkeypatch.setattr(os, "link", _no_links)
    for number in b"123":
        with atomic_write(path, keep=kept) as file:
            file.write(bytes([number]))
    moved = {"last": b"1", "previous": b"1"} if links else {"previous": b"1"}
    assert found[:3] == [{"last": b"1"}, moved, {"last": b"2", "previous": b"1"}]
    assert found[-1] == {"last": b"3", "previous": b"2"}
    assert all(found)  # at no moment is neither there
    assert _leftovers(tmp_path) == []
    with pytest.raises(OSError, match="broken disk"):
        _write_and_fail(path, OSError("broken disk"), keep=kept)
    assert (path.read_bytes(), kept.read_bytes()) == (b"3", b"2")


def _no_links(source, target):
    raise PermissionError("no second names here")


def test_sweeping_a_missing_folder_finds_nothing(tmp_path):
    assert sweep_temporary(tmp_path / "missing") == []


def _dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
