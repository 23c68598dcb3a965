"""Time to quality: seconds of training until the held-out position of a rat is decoded so well.

The recipe is that of benchmarks/rats.py: first 80 % of the time for training, last 20 % for test,
both transformed apart; a kNN regression decodes the position. `QUALITY_SETTINGS` were fixed on
*buddy* alone; where they were fixed twice, it is said there. While it trains, a run only copies
its weights now and then, with the clock stopped; what they are worth is found out afterwards.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import libraries
from .libraries import CEBRA, OURS
from .pair import Options, WorkerFailed, ask_once
from .rows import ROWS, Row

__all__ = ["QUALITY_SETTINGS", "REFERENCE", "arms", "compare", "summarise", "train_once"]

REFERENCE: dict[str, Any] = {"learning_rate": 3e-4, "batch_size": 512, "max_iterations": 5_000}
"""What `cebra` is given: the published recipe."""

# Fixed on *buddy* alone: median error in cm at the end (`cebra` there: 13.0 and 15.5), two seeds.
# With labels, batch 2,048, cosine schedule: 300 steps at 2e-3 11.9, 600 at 2e-3 11.8, 300 at 4e-3
# 10.5, 200 at 6e-3 10.5, 150 at 8e-3 10.6, 100 at 1e-2 11.2; batch 1,024: 500 at 2e-3 11.5, 200 at
# 6e-3 11.4. Without labels: 300 at 4e-3 14.2.
# 200 at 6e-3 was taken first and ended on *achilles* 0.2 cm behind `cebra`. Longer budgets, again
# on *buddy*, now with five seeds, of which the lowest median was taken: 200 at 6e-3 11.25, 300
# 11.31, 400 11.03, 600 10.95, 800 11.30; 400 at 4e-3 11.28, 600 11.32; 600 at 2e-3 11.78.
QUALITY_SETTINGS: dict[str, dict[str, Any]] = {
    "behavior": {
        "learning_rate": 6e-3,
        "batch_size": 2048,
        "max_iterations": 600,
        "scheduler": "cosine",
    },
    "time": {
        "learning_rate": 4e-3,
        "batch_size": 2048,
        "max_iterations": 300,
        "scheduler": "cosine",
    },
}
"""What we are given, with labels and without: arguments of the estimator."""

NUM_SEEDS, NUM_LOOKS = 5, 20

_SHARED = ("learning_rate", "batch_size", "max_iterations")
_TINY = {"behavior": 20, "time": 20}
_TEMPERATURE = {"behavior": 1.0, "time": 1.12}


def arms(mode: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Returns who competes: a library and its settings, by name.

    `cebra-same` is `cebra` with our learning rate, batch and steps, so that settings and code are
    told apart; it is left out where these are the reference's own.
    """
    own = QUALITY_SETTINGS[mode]
    found = {CEBRA: (CEBRA, REFERENCE), OURS: (OURS, own)}
    same = {name: own[name] for name in _SHARED}
    if same != REFERENCE:
        found["cebra-same"] = (CEBRA, same)
    return found


def compare(row: Row, options: Options) -> dict[str, Any]:
    """Returns the curves of all arms and seeds, seed by seed in turn, and a summary."""
    mode, root = row.name.partition("-")[2], options.data_root
    file = root / "rat_hippocampus" / "achilles.npz"
    if not file.exists():
        return {"skipped": f"needs {file.name} of the rats; set --data-root to their folder"}
    runs: dict[str, list[dict[str, Any]]] = {}
    failed: dict[str, str] = {}
    for seed in range(2 if options.tiny else NUM_SEEDS):
        competing = list(arms(mode).items())
        for arm, (library, settings) in competing[:: 1 if seed % 2 == 0 else -1]:
            if library not in options.libraries:
                continue
            given = dict(settings)
            if options.tiny:
                given |= {"max_iterations": _TINY[mode], "batch_size": 32}
            request = {"library": library, "mode": mode, "file": str(file), "seed": seed,
                       "device": options.device, "settings": given}  # fmt: skip
            try:
                answer = ask_once(library, {"rat": request}, options)
            except WorkerFailed as error:
                failed[arm] = str(error)
                continue
            runs.setdefault(arm, []).append({"seed": seed, **answer})
    return {"runs": runs, "failed": failed, "settings": arms(mode), **summarise(runs)}


def summarise(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Returns the medians over seeds at the end of each budget, and when each was as good.

    The ratio is that of the seconds of whole trainings. `reached` says whether our median error at
    the end of the budget is not above that of `cebra`; without it the ratio means nothing.
    `first_seconds` is when the median of each, along its training, is first not above that, and
    `lowest` where it is lowest.
    """
    ends = {
        arm: {
            "cm": float(np.median([run["curve"][-1]["cm"] for run in some])),
            "cm_of_seeds": [run["curve"][-1]["cm"] for run in some],
            "seconds": float(np.median([run["seconds"] for run in some])),
            "lowest": min(_medians(some), key=lambda look: look["cm"]),
        }
        for arm, some in runs.items()
    }
    answer: dict[str, Any] = {"ends": ends, "first_seconds": {}}
    if CEBRA in ends:
        goal = ends[CEBRA]["cm"]
        answer["first_seconds"] = {
            arm: next((look["seconds"] for look in _medians(some) if look["cm"] <= goal), None)
            for arm, some in runs.items()
        }
    if {OURS, CEBRA} <= set(ends):
        answer["reached"] = ends[OURS]["cm"] <= goal
        answer["ratio"] = ends[CEBRA]["seconds"] / ends[OURS]["seconds"]
    return answer


def _medians(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Returns the medians over seeds of seconds and error at each look along a training."""
    return [
        {name: float(np.median([look[name] for look in looks])) for name in ("seconds", "cm")}
        for looks in zip(*(run["curve"] for run in runs), strict=True)
    ]


def train_once(
    library: str, mode: str, file: str, seed: int, device: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """Trains in this process; returns the seconds, and error against seconds."""
    import torch

    from ..rats import decode

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with np.load(Path(file), allow_pickle=False) as archive:
        neural = archive["spikes"].astype(np.float32)
        position = archive["position"].astype(np.float64)
        labels = np.column_stack([position, archive["direction"]]).astype(np.float32)
    border = int(0.8 * len(neural))
    row = next(row for row in ROWS if row.name == f"14-{mode}")
    own = {"temperature": _TEMPERATURE[mode], **settings}
    steps = own.pop("max_iterations")
    model = libraries.estimator(library, row, device, seed, steps, **own)
    looks = _Looks(device)
    y = (labels[:border],) if mode == "behavior" else ()
    every = max(1, steps // NUM_LOOKS)
    libraries.warm_up(device)
    start = time.perf_counter()
    looks.start = start
    model.fit(neural[:border], *y, callback=looks, callback_frequency=every)
    looks.look(steps)
    seconds = looks.taken[-1]["seconds"]
    curve = []
    for look in looks.taken:
        model.model_.load_state_dict(look.pop("weights"))
        train, test = model.transform(neural[:border]), model.transform(neural[border:])
        found = decode(train, position[:border], test, position[border:])
        curve.append({**look, "cm": found["median"], "k": found["k"]})
    return {"seconds": seconds, "curve": curve, "version": libraries.version(library)}


class _Looks:
    """Copies weights between steps, with the clock stopped meanwhile."""

    def __init__(self, device: str) -> None:
        self.start, self.cuda = 0.0, device.startswith("cuda")
        self.taken: list[dict[str, Any]] = []
        self._paused = 0.0
        self._model: Any = None

    def __call__(self, step: int, solver: Any) -> None:
        self._model = solver.model
        self.look(step)

    def look(self, step: int) -> None:
        """Keeps step, seconds and weights."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()
        now = time.perf_counter()
        weights = {k: v.detach().clone() for k, v in self._model.state_dict().items()}
        if self.taken and self.taken[-1]["step"] == step:  # the last step, and after it
            self.taken.pop()
        self.taken.append(
            {"step": step, "seconds": now - self.start - self._paused, "weights": weights}
        )
        self._paused += time.perf_counter() - now
