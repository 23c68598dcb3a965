"""Saves checkpoints in children that are killed, or whose disk is full; prints what happened.

Run as `python crash.py kill FOLDER COUNT` or `python crash.py full FOLDER`. Children are forked
from this warmed process, since an import takes seconds and a save takes milliseconds.
"""

import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import torch

from cebra_ethan.solver.checkpoint import load_state, save_state

NUM_FLOATS = 500_000  # two megabytes


def state(number):
    """Returns a state that says in every value which one it is."""
    return {"number": number, "weights": torch.full((NUM_FLOATS,), float(number))}


def loaded(path):
    """Returns the number of the state in a file, whole or not at all."""
    found = load_state(path)
    assert bool((found["weights"] == found["number"]).all())
    return found["number"]


def child(function):
    """Runs a function in a fork that says when it begins; returns its pid and the pipe."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    code = 1
    try:
        os.close(read)
        os.write(write, b".")
        function()
        code = 0
    finally:
        os._exit(code)


def kills(folder, count):
    """Kills a save at a random time, again and again; counts what was left behind."""
    path = folder / "last.ckpt"
    seconds = []
    for number in range(5):
        start = time.perf_counter()
        save_state(path, state(number))
        seconds.append(time.perf_counter() - start)
    chance, limit = random.Random(0), 1.5 * max(seconds)
    found = {"old": 0, "new": 0, "lost": 0, "inside": 0, "left_after_sweep": 0, "limit_s": limit}
    for number in range(100, 100 + count):
        new = state(number)
        before, stale = loaded(path), set(folder.glob(".*.partial"))
        pid, pipe = child(lambda new=new: save_state(path, new))
        os.read(pipe, 1)
        time.sleep(chance.uniform(0, limit))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(pipe)
        found["inside"] += bool(set(folder.glob(".*.partial")) - stale)
        try:
            after = loaded(path)
            found["new" if after == number else "old"] += 1
            found["lost"] += after not in (before, number)
        except Exception:
            found["lost"] += 1
        if number % 10 == 0:  # sweep now and then, so that several files are left at once
            save_state(path, state(number))
            found["left_after_sweep"] += len(list(folder.glob(".*.partial")))
    save_state(path, state(1))
    found["left_after_sweep"] += len(list(folder.glob(".*.partial")))
    return found


def full(folder):
    """Saves under a limit on the size of a file, at many sizes; counts what was left behind."""
    path, old = folder / "last.ckpt", state(1)
    save_state(path, old)
    size = path.stat().st_size
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    found = {"messages": [], "kept": 0, "temporary": 0}
    for limit in (0, 1, 20, 48, 4096, size // 2, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            save_state(path, state(2))
            message = "no error"
        except OSError as error:
            message = f"{type(error).__name__}: {error}"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        found["messages"].append(message)
        found["kept"] += loaded(path) == 1
        found["temporary"] += len(list(folder.glob(".*")))
    save_state(path, state(2))
    found["after"] = loaded(path)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    verb, place = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(kills(place, int(sys.argv[3])) if verb == "kill" else full(place)))
