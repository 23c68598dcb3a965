"""Two processes that take turns, so that what disturbs the machine disturbs both."""

import json
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import memory, stats
from .libraries import CEBRA, LIBRARIES, OURS
from .rows import Row

__all__ = ["Options", "Worker", "WorkerFailed", "ask_once", "measure"]

ROOT = Path(__file__).parents[2]

_MIN_STEPS = 64  # of a block, where they take no longer than the next
_AFFORDABLE_S = 15.0
_PROFILED_STEPS = 32
_GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to measure.

    Args:
        repeats: Blocks of each library, at least five for a number that is reported.
        threads: Of each process.
        device: `"cpu"` or `"cuda"`.
        count: Count what a step does, and measure how fast this machine is at that.
        limit_s: An answer that takes longer counts as a failure.
        libraries: What to measure.
        ours: Folder of another state of the package, to compare two commits.
        tiny: Small sizes, for a look at whether everything runs.
    """

    repeats: int = 6
    threads: int = 2
    device: str = "cpu"
    count: bool = False
    limit_s: float = 900.0
    libraries: Sequence[str] = LIBRARIES
    ours: Path | None = None
    tiny: bool = False
    data_root: Path = field(default_factory=lambda: ROOT.parent / "shared" / "data")

    def path(self, library: str) -> list[str]:
        """Returns what a worker of a library imports first."""
        return [str(self.ours.resolve())] if self.ours and library == OURS else []


class WorkerFailed(Exception):
    """A worker ended or took too long; the message says what it said last."""


class Worker:
    """A process with one library in it.

    Args:
        library: Which one.
        request: The first line that it reads, see `worker`.
        options: Threads, limit, and where the package is.
    """

    def __init__(self, library: str, request: dict[str, Any], options: Options) -> None:
        self.limit_s = options.limit_s
        names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
        threads = {f"{name}_NUM_THREADS": str(options.threads) for name in names}
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker"],
            cwd=ROOT,
            env={**os.environ, **threads, "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.send({**request, "path": options.path(library)})

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def send(self, request: dict[str, Any]) -> None:
        """Sends a request; one to a process that has ended is noticed by `answer`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def answer(self) -> dict[str, Any]:
        """Waits for the next answer.

        Raises:
            WorkerFailed: If the process ended, or took longer than the limit.
        """
        try:
            line = self._answers.get(timeout=self.limit_s)
        except queue.Empty:
            raise WorkerFailed(f"no answer within {self.limit_s:.0f} s") from None
        if line:
            return dict(json.loads(line))
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        what = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
        raise WorkerFailed(": ".join([what, *said[-1:]])[:400])

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        self.send(request)
        return self.answer()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            file.close()


def ask_once(library: str, request: dict[str, Any], options: Options) -> dict[str, Any]:
    """Returns the one answer of a process that is there for one piece of work.

    Raises:
        WorkerFailed: If there is none.
    """
    worker = Worker(library, request, options)
    try:
        return worker.answer()
    finally:
        worker.close()


def measure(row: Row, options: Options) -> dict[str, Any]:
    """Returns times and memory of a row, with both libraries in turn, and their ratio."""
    results: dict[str, dict[str, Any]] = {name: {"blocks": []} for name in options.libraries}
    workers: dict[str, Worker] = {}
    try:
        for library in options.libraries:
            _try(library, results, workers, lambda name: _start(name, row, options, workers))
        for repeat in range(options.repeats):
            order = list(workers) if repeat % 2 == 0 else list(workers)[::-1]
            for library in order:
                _try(library, results, workers, lambda name: _block(name, results, workers))
        for library in list(workers):
            _try(library, results, workers, lambda name: _profile(name, results, workers))
            if options.count:
                _try(library, results, workers, lambda name: _count(name, results, workers))
    finally:
        for worker in workers.values():
            worker.close()
    times = {}
    for library, result in results.items():
        if result["blocks"]:
            times[library] = [1_000 * b["seconds"] / b["steps"] for b in result["blocks"]]
            result["ms"] = stats.summary(times[library])
            result["cores_used"] = _cores(result["blocks"])
            for name in ("peak_bytes", "gpu_peak_bytes"):
                result[name] = result["blocks"][-1][name]
    answer: dict[str, Any] = {"libraries": results}
    if {OURS, CEBRA} <= set(times):
        cpu = [results[name]["cores_used"] * np.mean(times[name]) for name in (CEBRA, OURS)]
        answer["ratio"] = {**stats.ratio(times[CEBRA], times[OURS]), "cpu": cpu[0] / cpu[1]}
    return answer


def _try(library: str, results: Any, workers: dict[str, Worker], work: Any) -> None:
    """Does one thing with a library, unless it failed before, and keeps what it said."""
    if "failed" in results[library]:
        return
    try:
        results[library] |= work(library)
    except WorkerFailed as error:
        results[library]["failed"] = str(error)
        if library in workers:
            workers.pop(library).close()


def _start(library: str, row: Row, options: Options, workers: dict[str, Worker]) -> dict[str, Any]:
    """Starts a worker, lets it run warm, and finds how many steps make a block."""
    available = memory.available_bytes()
    needed = row.cebra_gb if library == CEBRA else 0.0
    if options.device == "cpu" and available is not None and needed > 0.9 * available / _GB:
        there = f"{available / _GB:.0f} GB are available"
        raise WorkerFailed(f"not tried: would need about {needed:.0f} GB where {there}")
    request = {"library": library, "row": asdict(row), "device": options.device}
    workers[library] = worker = Worker(library, {"measure": request}, options)
    about = worker.answer()
    granule = row.granule if library == OURS and row.kind == "train" else 1
    first = worker.ask(run=granule)
    second = worker.ask(run=_steps(first, granule, row.seconds / 4))
    steps = _steps(second, granule, row.seconds)
    many = row.kind == "train" and not options.tiny
    if many and second["seconds"] / second["steps"] * _MIN_STEPS <= _AFFORDABLE_S:
        steps = max(steps, _MIN_STEPS)
    return {**about, "granule": granule, "block_steps": steps, "warm_up": [first, second]}


def _steps(answer: dict[str, Any], granule: int, seconds: float) -> int:
    """Returns a number of whole granules that should take so long."""
    each = answer["seconds"] / answer["steps"] * granule
    return granule * max(1, math.ceil(seconds / max(each, 1e-9)))


def _block(library: str, results: Any, workers: dict[str, Worker]) -> dict[str, Any]:
    result = results[library]
    answer = workers[library].ask(run=result["block_steps"])
    return {"blocks": [*result["blocks"], answer]}


def _profile(library: str, results: Any, workers: dict[str, Worker]) -> dict[str, Any]:
    """Returns what steps are spent on; beside the unprofiled time, since looking takes time."""
    result = results[library]
    steps = min(result["block_steps"], max(_PROFILED_STEPS, result["granule"]))
    found = workers[library].ask(profile=steps)
    if "kernel_ms" in found:
        times = [1_000 * b["seconds"] / b["steps"] for b in result["blocks"]]
        found["arithmetic_share"] = found["kernel_ms"] / stats.summary(times)["median"]
    return {"profile": found}


def _count(library: str, results: Any, workers: dict[str, Worker]) -> dict[str, Any]:
    """Returns what a step does, and how fast this machine is at that."""
    result = results[library]
    found = workers[library].ask(count=min(result["block_steps"], result["granule"]))
    return {name: found[name] for name in ("count", "rates")}


def _cores(blocks: list[dict[str, Any]]) -> float:
    """Returns how many cores were busy on average; fewer than threads if others took them."""
    return sum(b["cpu_seconds"] for b in blocks) / sum(b["seconds"] for b in blocks)
