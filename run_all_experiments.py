"""Runs the experiments of the paper, compares them with published numbers, and builds a report.

    python run_all_experiments.py
    python run_all_experiments.py --preset smoke --jobs 2
    python run_all_experiments.py --data-root ../shared/data --preset paper --out runs/paper

Each experiment is a program of its own, so that the failure of one leaves the others alone. The
same command with the same --out finishes an interrupted run. Exit code 1 if an experiment failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cebra_ethan.datasets.files import data_root
from cebra_ethan.errors import CebraError
from cebra_ethan.report import build_report
from cebra_ethan.report.numbers import duration_text
from cebra_ethan.utils.optional import require_installed
from config import EXPERIMENTS
from experiments.common.command import (
    CommandParser,
    UsageError,
    add_options,
    changes,
    end_as_if_interrupted,
    expected_time,
)
from experiments.common.verdicts import VERDICTS
from utils import table

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent
FAILED, WRONG, INTERRUPTED = 1, 2, 130


@dataclass(frozen=True)
class Ended:
    """An experiment that came to its end.

    Args:
        name: Of the experiment.
        folder: Its run folder.
        code: Exit code, 0 where all went well.
        seconds: How long it took.
        reason: The last line it said, if it failed.
    """

    name: str
    folder: Path
    code: int
    seconds: float
    reason: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from the command line.

    Returns:
        0; 1 if an experiment or the report failed; 2 for a mistake of the user; 130 when
        interrupted.
    """
    if arguments is None:
        end_as_if_interrupted()
    try:
        options = _parser().parse_args(arguments)
        for library in ("jinja2", "plotly"):  # of the page, at the end
            require_installed(library, "report")
        if options.data_root is not None or options.source == "real":
            data_root(options.data_root)  # which must be there
        out = Path(options.out or ROOT / "runs" / f"all-{time.strftime('%Y%m%d-%H%M%S')}")
        out.mkdir(parents=True, exist_ok=True)
    except (UsageError, CebraError, OSError) as error:
        print(f"run_all_experiments: {' '.join(str(error).split())}", file=sys.stderr)
        return WRONG
    names = list(dict.fromkeys(options.only or EXPERIMENTS))
    print(f"{len(names)} experiments, preset {options.preset}; logs and results: {out}",
          file=sys.stderr)  # fmt: skip
    for name in names:
        print(_beforehand(name, options, out / name), file=sys.stderr)
    try:
        ended = {one.name: one for one in _run_all(names, options, out)}
    except KeyboardInterrupt:
        print(f"run_all_experiments: interrupted; the same command with --out {out} goes on",
              file=sys.stderr)  # fmt: skip
        return INTERRUPTED
    return _conclude([ended[name] for name in names], out)


def _beforehand(name: str, options: argparse.Namespace, folder: Path) -> str:
    """Returns what is left to do of an experiment and how long it takes, or what is wrong."""
    try:
        experiment = importlib.import_module(f"experiments.{name}.run_experiment").EXPERIMENT
        config = experiment.config.from_preset(options.preset, **changes(options))
        told: str = expected_time(experiment, config, folder, options.jobs)
        return told
    except (CebraError, ImportError, OSError, ValueError) as error:
        return f"{name}: {' '.join(str(error).split())}"


def _conclude(ended: Sequence[Ended], out: Path) -> int:
    """Prints what came out, builds the report, and returns the exit code."""
    results = {one.name: _results(one.folder) for one in ended}
    shown = [
        one for one in ended if results[one.name].get("status") == _status(one)
    ]  # else what is there is from an earlier run
    failures = {one.name: one.reason for one in ended if one not in shown}
    print(_summary(ended, results))
    failed = [one for one in ended if one.code]
    for one in failed:
        print(f"{one.name} failed: {one.reason}\n  log: {one.folder}.log", file=sys.stderr)
    try:
        page = build_report(
            [one.folder for one in shown],
            out / "report.html",
            title="CEBRA-Ethan: the experiments of the paper",
            failures=failures,
        )
    except (CebraError, OSError) as error:
        print(f"report failed: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    print(f"\nReport: {page}")
    return FAILED if failed else 0


def _run_all(names: Sequence[str], options: argparse.Namespace, out: Path) -> Iterator[Ended]:
    """Yields the experiments as they end; several run at once, sharing the jobs."""
    at_once = min(options.jobs, len(names))
    words = ["--preset", options.preset, "--jobs", str(max(1, options.jobs // at_once))]
    for flag in ("source", "data_root", "seeds"):
        if getattr(options, flag) is not None:
            words += [f"--{flag.replace('_', '-')}", str(getattr(options, flag))]
    running: set[subprocess.Popen[bytes]] = set()
    stop = threading.Event()
    with ThreadPoolExecutor(at_once) as pool:
        futures = [
            pool.submit(_run_one, name, words, out / name, at_once, running, stop)
            for name in names
        ]
        bar = tqdm(as_completed(futures), total=len(names), file=sys.stderr, unit="experiment")
        try:
            for future in bar:
                one = future.result()
                said = "failed" if one.code else "done"
                bar.write(f"{one.name}: {said} in {duration_text(one.seconds)}", file=sys.stderr)
                yield one
        finally:  # on Ctrl-C
            stop.set()
            for process in tuple(running):
                process.terminate()


def _run_one(
    name: str,
    words: Sequence[str],
    folder: Path,
    at_once: int,
    running: set[subprocess.Popen[bytes]],
    stop: threading.Event,
) -> Ended:
    start, log = time.perf_counter(), folder.with_name(f"{folder.name}.log")
    command = [sys.executable, "-m", f"experiments.{name}.run_experiment", *words]
    # one thread each where several run: more would wait for each other
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} if at_once > 1 else {}
    if stop.is_set():
        return Ended(name, folder, INTERRUPTED, 0.0, "not started")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--out", str(folder.resolve())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **threads},
        )
        running.add(process)
        code = process.wait()
        running.discard(process)
    reason = f"{_last_line(log)} ({_ending(code)})" if code else ""
    return Ended(name, folder, code, time.perf_counter() - start, reason)


def _ending(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"ended by signal {-code}"


def _last_line(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _results(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it did not come so far
        return {}
    return found if isinstance(found, dict) else {}


def _status(one: Ended) -> str:
    return "failed" if one.code else "complete"


def _summary(ended: Sequence[Ended], results: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for one in ended:
        found = results[one.name] if one.code == 0 else {}
        verdicts = [entry["verdict"] for entry in found.get("comparison", [])]
        counts = [sum(v.startswith(kind) for v in verdicts) for kind in VERDICTS]
        shown = counts if one.code == 0 else ["-"] * len(VERDICTS)
        time_taken = duration_text(one.seconds)
        rows.append([one.name, found.get("source", "-"), *shown, time_taken, _status(one)])
    return table(["experiment", "data", *VERDICTS, "time", "status"], rows)


def _parser() -> CommandParser:
    presets = [
        name for name in EXPERIMENTS["hippocampus"].PRESETS
        if all(name in config.PRESETS for config in EXPERIMENTS.values())
    ]  # fmt: skip
    parser = CommandParser("python run_all_experiments.py", __doc__ or "")
    add_options(parser, presets, ("simulated", "real"), "folder for all; runs there are finished")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=tuple(EXPERIMENTS), help="some experiments"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
