"""Processes that want one folder at the same moment; prints how many got it, round by round.

Run as `python lock_race.py FOLDER ROUNDS TAKERS`.
"""

import json
import os
import sys
from pathlib import Path

from cebra_ethan.errors import FolderInUseError
from cebra_ethan.utils.locks import FolderLock


def child(function):
    """Runs a function in a fork that waits for a word; returns its pid and the pipes."""
    (go, started), (told, answer) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid:
        os.close(go)
        os.close(answer)
        return pid, started, told
    try:
        os.close(started)
        os.close(told)
        os.read(go, 1)
        function(answer, go)
    finally:
        os._exit(1)


def die_with_lock(folder):
    """Leaves the lock of a dead process."""
    pid = os.fork()
    if pid == 0:
        FolderLock(folder).__enter__()
        os._exit(0)
    os.waitpid(pid, 0)


def take(folder, answer, go):
    """Says whether the lock was taken, and keeps it until told to end."""
    try:
        with FolderLock(folder):
            os.write(answer, b"got")
            os.read(go, 1)
    except FolderInUseError:
        os.write(answer, b"refused")
        os.read(go, 1)
    os._exit(0)


def race(folder, takers):
    """Returns what each of the takers of a dead lock said, and what was left."""
    die_with_lock(folder)
    children = [child(lambda answer, go: take(folder, answer, go)) for _ in range(takers)]
    for _, started, _ in children:
        os.write(started, b".")
    answers = [os.read(told, 10).decode() for _, _, told in children]
    for _, started, _ in children:
        os.write(started, b".")
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, _, _ in children]
    for _, started, told in children:
        os.close(started)
        os.close(told)
    return answers, codes, sorted(path.name for path in folder.iterdir())


if __name__ == "__main__":
    place, rounds, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps([race(place, number) for _ in range(rounds)]))
