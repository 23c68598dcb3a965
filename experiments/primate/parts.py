"""The parts of the experiment: a task, a method and a seed each; and monkeys across conditions.

Other processes import this module by its name, which they could not do with `run_experiment`: as a
program that is called `__main__`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cebra_ethan.datasets.macaque import CONDITIONS, MONKEYS
from cebra_ethan.types import Recording
from config import PrimateConfig
from experiments.common import Part
from experiments.primate import tasks
from experiments.primate.methods import methods_of, run_folds
from experiments.primate.tasks import TASKS, tasks_of

__all__ = ["TRANSFERRED", "parts", "recordings"]

TRANSFERRED = ("behavior", "permuted", "lda")
"""What is tried across conditions."""

_WITHOUT_DRAWS = ("linear", "lda", "no-embedding", "chance")


def recordings(config: PrimateConfig) -> list[Recording]:
    """Returns the recordings that are used, or raises if one is not on disk."""
    found = {}
    for name in tasks_of(config):
        task = TASKS[name]
        if task.recording == "area2":
            found["area2"] = tasks.area2(config)
        else:
            fold = tasks.folds(config, task)[0]
            found[fold.test.name + task.only[0]] = fold.test
    return list(found.values())


def parts(config: PrimateConfig, folder: Path) -> list[Part]:
    """Returns the parts of a configuration; a method that draws nothing has one seed."""
    found = []
    for group in tasks_of(config):
        for method in methods_of(config, group, TASKS[group]):
            for seed in range(1 if method in _WITHOUT_DRAWS else config.num_seeds):
                arguments = {"config": config, "group": group, "method": method, "seed": seed}
                found.append(Part(f"{group}-{method}-{seed}", _run, arguments))
    for monkey in MONKEYS:
        if f"monkey-{monkey}-all" in tasks_of(config):
            for kind in TRANSFERRED:
                arguments = {"config": config, "monkey": monkey, "kind": kind}
                found.append(Part(f"monkey-{monkey}-across-{kind}", _across, arguments))
    return found


def _run(config: PrimateConfig, group: str, method: str, seed: int) -> dict[str, Any]:
    folds = tasks.folds(config, TASKS[group], method != "lda")
    return run_folds(config, TASKS[group], folds, method, seed)


def _across(config: PrimateConfig, monkey: str, kind: str) -> dict[str, Any]:
    """Returns the share of trials whose direction is found by what learned from another condition.

    The first seed; entries are named `source>target`.
    """
    task = TASKS[f"monkey-{monkey}-all"]
    method = f"behavior-{config.control_dimension}" if kind == "behavior" else kind
    found = {}
    for source in CONDITIONS:
        for target in CONDITIONS:
            if source != target:
                fold = tasks.transfer_fold(config, monkey, source, target, kind != "lda")
                result = run_folds(config, task, [fold], method, seed=0)
                found[f"{source}>{target}"] = result["trial_accuracy"]
    return {"across": found}
