"""What an import costs beside torch and scikit-learn: fresh processes, in turn."""

import os
import subprocess
import sys
from typing import Any

from . import stats
from .libraries import CEBRA, OURS
from .pair import ROOT, Options
from .rows import Row

__all__ = ["compare"]

# What both need anyway does not count; `CEBRA` must be there, since imports can be put off.
_SCRIPT = """
import sys, time
sys.path[:0] = sys.argv[2:]
import torch, scipy, sklearn, sklearn.base, sklearn.utils.validation
start = time.perf_counter()
getattr(__import__(sys.argv[1]), "CEBRA")()
print(time.perf_counter() - start)
"""


def compare(row: Row, options: Options) -> dict[str, Any]:
    """Returns the times of imports; the first of each library warms the disk, uncounted."""
    results: dict[str, dict[str, Any]] = {name: {"blocks": []} for name in options.libraries}
    for repeat in range(options.repeats + 1):
        for library in list(options.libraries)[:: 1 if repeat % 2 else -1]:
            result = results[library]
            if "failed" in result:
                continue
            done = _import(library, options)
            if done.returncode:
                result["failed"] = done.stderr.strip().splitlines()[-1][:400]
            elif repeat:
                result["blocks"].append({"seconds": float(done.stdout.split()[-1]), "steps": 1})
    times = {
        library: [1_000 * block["seconds"] for block in result["blocks"]]
        for library, result in results.items()
        if result["blocks"]
    }
    for library, ms in times.items():
        results[library]["ms"] = stats.summary(ms)
    answer: dict[str, Any] = {"libraries": results}
    if {OURS, CEBRA} <= set(times):
        answer["ratio"] = stats.ratio(times[CEBRA], times[OURS])
    return answer


def _import(library: str, options: Options) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, library, *options.path(library), str(ROOT)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(options.threads)},
        capture_output=True,
        text=True,
    )
