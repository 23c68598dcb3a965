"""Parts of an experiment: run once, kept as files, in this process or in several.

What a part returns is written whole or not at all, so that a run that was killed goes on where it
stopped: a part whose file is there is not run again.
"""

from __future__ import annotations

import functools
import os
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed

from cebra_ethan.utils.files import atomic_write, sweep_temporary
from utils import read_json, write_json

__all__ = ["Finished", "Outcome", "Part", "num_cores", "run_parts", "silent"]

QUIET = (".*neurons in X are constant",)
"""Warnings that say what an experiment's recordings are known to be."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+=-]*")


@dataclass(frozen=True)
class Part:
    """One piece of work that can be done alone.

    Args:
        name: Unique in the experiment, and a file name: `"achilles-behavior-0"`.
        function: Of a module that other processes can import, so not of `run_experiment.py`.
            Returns a mapping: arrays go to `parts/NAME.npz`, everything else, which must be what
            JSON knows, to `parts/NAME.json`.
        arguments: Its keyword arguments. Those that are words, numbers or truth values are
            stored with the result under their names.
    """

    name: str
    function: Callable[..., Mapping[str, Any]]
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """What a part left.

    Args:
        name: Of the part.
        values: Its plain arguments and what it returned, but for arrays.
        seconds: How long it took.
        path: Its JSON file.
    """

    name: str
    values: Mapping[str, Any]
    seconds: float
    path: Path

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @functools.cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The arrays that the part returned, by name; read when first asked for."""
        place = self.path.with_suffix(".npz")
        if not place.exists():
            return {}
        with np.load(place, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}


@dataclass(frozen=True)
class Outcome:
    """What became of the parts.

    Args:
        done: Finished parts by name, in the order they were given.
        failed: Names of the others with one line about the error.
        num_run: How many were run now, and not found finished.
    """

    done: Mapping[str, Finished]
    failed: Mapping[str, str]
    num_run: int


def silent(parts: Any, **_: Any) -> Any:
    """Shows no progress; stands where `tqdm` may stand."""
    return parts


def run_parts(
    parts: Sequence[Part],
    folder: str | os.PathLike[str],
    jobs: int = 1,
    *,
    progress: Callable[..., Any] = silent,
    name: str = "parts",
    quiet: Sequence[str] = (),
) -> Outcome:
    """Runs the parts that are not finished, several at once, and reads the results of all.

    A part that fails does not stop the others. Its traceback stands in `parts/NAME.error.txt`, and
    the next call runs it again. With several jobs each part has a process and one thread of torch,
    so that numbers do not depend on how many jobs there are beyond one.

    Args:
        parts: What to do.
        folder: The run folder; files stand under `parts/`.
        jobs: Parts that run at once.
        progress: Wraps the parts as they end, `tqdm` for example.
        name: What the progress is called.
        quiet: Regular expressions of warnings that are expected and not shown.

    Raises:
        ValueError: If names repeat or cannot be file names, or `jobs` is not positive.
        KeyboardInterrupt: On Ctrl-C; what is finished stays.
    """
    _check(parts, jobs)
    place = Path(folder) / "parts"
    place.mkdir(parents=True, exist_ok=True)
    sweep_temporary(place)
    left = [part for part in parts if not _file(place, part.name).exists()]
    ends = _each(left, place, jobs, (*QUIET, *quiet))
    failed = {}
    for part_name, error in progress(ends, total=len(left), desc=name, unit="part"):
        if error:
            failed[part_name] = error
    done = {part.name: _read(place, part.name) for part in parts if part.name not in failed}
    return Outcome(done, {p.name: failed[p.name] for p in left if p.name in failed}, len(left))


def num_cores() -> int:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _each(
    parts: Sequence[Part], place: Path, jobs: int, quiet: Sequence[str]
) -> Iterator[tuple[str, str | None]]:
    if jobs == 1 or len(parts) < 2:
        for part in parts:
            yield _run_and_store(part, place, quiet)
        return
    work = (delayed(_run_alone)(part, place, quiet) for part in parts)
    # batch_size=1: parts are long, and each must be stored when it ends
    yield from Parallel(
        n_jobs=min(jobs, len(parts)), batch_size=1, return_as="generator_unordered"
    )(work)


def _run_alone(part: Part, place: Path, quiet: Sequence[str]) -> tuple[str, str | None]:
    torch.set_num_threads(1)
    return _run_and_store(part, place, quiet)


def _run_and_store(part: Part, place: Path, quiet: Sequence[str]) -> tuple[str, str | None]:
    """Runs a part and writes its files; the JSON file, written last, says that it is done."""
    start, trace = time.perf_counter(), place / f"{part.name}.error.txt"
    try:
        with warnings.catch_warnings():
            for message in quiet:
                warnings.filterwarnings("ignore", message=message)
            found = part.function(**part.arguments)
        arrays = {key: value for key, value in found.items() if isinstance(value, np.ndarray)}
        plain = {k: v for k, v in part.arguments.items() if isinstance(v, str | int | float)}
        plain |= {key: value for key, value in found.items() if key not in arrays}
        if arrays:
            with atomic_write(_file(place, part.name).with_suffix(".npz")) as file:
                np.savez_compressed(file, **arrays)
        seconds = round(time.perf_counter() - start, 2)
        write_json(_file(place, part.name), {"seconds": seconds, "values": plain})
    except Exception as error:  # reported by name when the others are done
        with atomic_write(trace) as file:
            file.write(traceback.format_exc().encode())
        return part.name, f"{type(error).__name__}: {' '.join(str(error).split())}"
    trace.unlink(missing_ok=True)
    return part.name, None


def _read(place: Path, name: str) -> Finished:
    path = _file(place, name)
    stored = read_json(path)
    return Finished(name, stored["values"], stored["seconds"], path)


def _file(place: Path, name: str) -> Path:
    return place / f"{name}.json"


def _check(parts: Sequence[Part], jobs: int) -> None:
    names = [part.name for part in parts]
    wrong = [name for name in names if not _NAME.fullmatch(name) or names.count(name) > 1]
    if wrong:
        raise ValueError(
            f"a part's name must be a file name that no other part has; got {wrong[0]!r}. "
            "Use letters, digits and - . _ + =."
        )
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1; got {jobs}. 1 runs one part after the other.")
