"""Trainings that get real signals, in children of one warmed process; prints what happened.

Run as `python interrupts.py forks FOLDER COUNT`, or as `python interrupts.py KIND FOLDER` for one
training in a process of its own.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.models.criterions import InfoNCE
from cebra_ethan.models.model import Offset10Model
from cebra_ethan.solver.base import SingleSessionSolver
from tests.reliability.helpers import NEURAL, POSITION, small

NUM_STEPS = 150
MANY_STEPS = 300
"""In a process of its own, so that there is time to notice the first checkpoint."""


def of_estimator(folder, num_steps=NUM_STEPS, resume=False):
    """Trains an estimator into a folder."""
    estimator = small(max_iterations=num_steps, temperature_mode="auto")
    estimator.fit(NEURAL, POSITION, logdir=folder, save_frequency=40, resume=resume)


def of_solver(folder, num_steps=NUM_STEPS, resume=False):
    """Trains a solver into a folder."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Offset10Model(NEURAL.shape[1], 8, 3)
    solver = SingleSessionSolver(model, InfoNCE(), torch.optim.Adam(model.parameters()))
    loader = ContrastiveLoader(ContrastiveDataset(NEURAL), 32, num_steps, random_state=0)
    solver.fit(loader, logdir=folder, save_frequency=40, resume=resume)


KINDS = {"estimator": of_estimator, "solver": of_solver}


def forked(function, number, wait):
    """Runs a function in a fork that gets a signal after a while; returns its exit status."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read)
            os.write(write, b".")
            function()
            code = 0
        except KeyboardInterrupt:
            code = 130
        except SystemExit as error:
            code = error.code
        finally:
            os._exit(code)
    os.close(write)
    os.read(read, 1)
    time.sleep(wait)
    os.kill(pid, number)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(read)
    return status


def forks(folder, count):
    """Interrupts trainings at random times and resumes them; lists what came of each."""
    chance, found = random.Random(0), []
    for kind, train in KINDS.items():
        train(folder / kind)  # warms up
        start = time.perf_counter()
        train(folder / f"{kind} again")
        limit = time.perf_counter() - start
        whole = (folder / kind / "last.ckpt").read_bytes()
        for place in range(count):
            own = folder / f"{kind} {place}"
            number = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)[place % 3]
            wait = chance.uniform(0.02, 0.9) * limit
            status = forked(lambda train=train, own=own: train(own), number, wait)
            left = sorted(path.name for path in own.glob("*"))
            train(own, resume=True)
            same = (own / "last.ckpt").read_bytes() == whole
            found.append([kind, number, status, left, same])
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    verb, place = sys.argv[1], Path(sys.argv[2])
    if verb == "forks":
        print(json.dumps(forks(place, int(sys.argv[3]))))
    else:
        KINDS[verb](place, MANY_STEPS)
