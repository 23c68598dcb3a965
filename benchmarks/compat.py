"""Ten scripts written for `cebra`, run with `cebra` 0.6.1 and unchanged with CEBRA-Ethan.

Run it in the environment of CEBRA-Ethan and name an interpreter that has `cebra` (and pandas, for
the grid search)::

    python benchmarks/compat.py --cebra-python ../cebra/bin/python --runs 3

Each script of `tests/scripts_for_cebra` is a process of its own; its last line holds its numbers.
Printed are their means over runs, the ranges, and the time on the wall with imports; one thread.
`cebra` has no seed, so runs differ. The losses of `grid_search` differ in meaning: those of
`cebra` are of the last training batch, ours of held-out data with 512 negatives.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

SCRIPTS = Path(__file__).parents[1] / "tests" / "scripts_for_cebra"


def main() -> None:
    """Runs all scripts with both libraries and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cebra-python", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    commands = {
        "cebra": [str(options.cebra_python.absolute())],
        "CEBRA-Ethan": [sys.executable, "-m", "cebra_ethan.compat"],
    }
    print("| script | number | cebra | CEBRA-Ethan |\n|---|---|---|---|")
    for script in sorted(SCRIPTS.glob("*.py")):
        if script.name == "conftest.py":
            continue
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
        for _ in range(options.runs):  # in turn, since machines are shared
            for name, command in commands.items():
                runs[name].append(run([*command, str(script.absolute())]))
        keys = dict.fromkeys(key for rows in runs.values() for row in rows for key in row)
        for key in keys:
            cells = [summary([row.get(key) for row in rows]) for rows in runs.values()]
            print(f"| {script.stem} | {key} | {' | '.join(cells)} |", flush=True)


def run(command: Sequence[str]) -> dict[str, Any]:
    """Returns the numbers of one script and its time, or what it said when it failed."""
    with TemporaryDirectory() as folder:
        extra = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "TMPDIR": folder}
        start = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **extra}, capture_output=True, text=True
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    numbers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**numbers, "seconds": seconds}


def summary(values: Sequence[Any]) -> str:
    """Returns the mean and the range of numbers, and everything else as it is, once."""
    if all(isinstance(value, float) for value in values):
        ends = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
        return f"{np.mean(values):.3f}{ends}"
    kinds = dict.fromkeys(json.dumps(value) for value in values)
    return "; ".join("–" if kind == "null" else kind for kind in kinds)


if __name__ == "__main__":
    main()
