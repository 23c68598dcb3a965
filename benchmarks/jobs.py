"""The runs of a benchmark: one after the other, or several at once, each a program of its own.

A run is a file of its own; one that is there is not repeated. With `--jobs N` the script starts
itself once for each run, N at a time, each with one thread: sixteen cores beside one GPU need
minutes for what takes one core hours. A program that fails is told at the end and stops no other.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["Job", "add_options", "publish", "run_jobs", "write"]

_TOLD_LINES = 3  # of what a failed run has printed


@dataclass(frozen=True)
class Job:
    """One run of a script.

    Args:
        path: The file that it writes.
        arguments: Of the script, so that it does this run alone.
        here: Does it in this process.
    """

    path: Path
    arguments: Sequence[str]
    here: Callable[[], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds how many runs are done, where, and how many at once."""
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument(
        "--jobs", type=int, default=0, help="runs at once, as programs; 0: one by one, in this one"
    )
    parser.add_argument(
        "--limit-seconds", type=float, default=float("inf"), help="no run starts after these"
    )


def run_jobs(jobs: Sequence[Job], options: argparse.Namespace) -> None:
    """Does the runs whose file is not there, in order; exits with 1 if one failed.

    Args:
        jobs: All runs.
        options: Those of `add_options`.
    """
    missing = [job for job in jobs if not job.path.exists()]
    print(f"{len(jobs) - len(missing)} of {len(jobs)} runs are there", flush=True)
    start = time.monotonic()

    def done(job: Job) -> str | None:
        """Returns what went wrong, "" if it was too late to begin, `None` if all went well."""
        began = time.monotonic()
        if began - start > options.limit_seconds:
            return ""
        if options.jobs < 1:
            job.here()
        else:
            told = _as_program(job, options)
            if told is not None:
                return told
        print(f"{job.path.stem}: {time.monotonic() - began:.0f} s", flush=True)
        return None

    for job in missing:
        job.path.parent.mkdir(parents=True, exist_ok=True)
    if options.jobs < 1:
        results = [(job, done(job)) for job in missing]
    else:
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(zip(missing, pool.map(done, missing), strict=True))
    failed = [(job, told) for job, told in results if told]
    late = sum(told == "" for _, told in results)
    print(f"{len(missing) - len(failed) - late} done, {len(failed)} failed, {late} not begun")
    for job, told in failed:
        print(f"failed: {job.path.stem}\n{told}")
    if failed:
        sys.exit(1)


def write(path: Path, content: Callable[[BinaryIO], object]) -> None:
    """Writes a file that is there whole or not at all.

    Args:
        path: Where it will be.
        content: Writes into the open file.
    """
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        content(file)
    part.replace(path)


def publish(results: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Adds results to those in a file of the repository, and returns all of them by name.

    The raw files of runs stay where they were made; what a page was written from goes with it. A
    result that is there under the same name is replaced.

    Args:
        results: By name; each becomes a line.
        path: The file, JSON.
    """
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    every = dict(sorted({**known, **results}.items()))
    lines = [f"{json.dumps(name)}: {json.dumps(one)}" for name, one in every.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, lambda file: file.write(("{\n" + ",\n".join(lines) + "\n}\n").encode()))
    return every


def _as_program(job: Job, options: argparse.Namespace) -> str | None:
    """Returns the end of what a run that failed has printed, else `None`."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    common = {"--data-root": options.data_root, "--device": options.device}
    common |= {"--threads": options.threads, "--out": job.path.parent}
    command = [sys.executable, sys.argv[0], *job.arguments]
    command += [str(part) for pair in common.items() for part in pair]
    ended = subprocess.run(
        command,
        env={**os.environ, **dict.fromkeys(threads, str(options.threads))},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 0 and job.path.exists():
        return None
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    return "\n  ".join([f"  exit code {ended.returncode}", *lines[-_TOLD_LINES:]])
