"""What is decoded, from which trials: training, validation and test parts of whole trials.

Area 2 (real or simulated) has one fold, the split of the benchmark. Monkeys K and S have eight,
each with every direction (and condition) once; the fold after the test fold chooses settings. The
M1 recordings are cut in time, with a gap.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int

from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.datasets.area2 import AREA2_FILE
from cebra_ethan.datasets.files import data_root
from cebra_ethan.datasets.macaque import CONDITIONS, M1_RECORDINGS, MONKEYS
from cebra_ethan.datasets.primate import SPLITS
from cebra_ethan.models.model import resolve_offset
from cebra_ethan.types import Label, Recording
from config import PrimateConfig

__all__ = [
    "TASKS",
    "Fold",
    "Task",
    "area2_is_there",
    "folds",
    "joined",
    "tasks_of",
    "thinned",
    "transfer_fold",
]

WINDOW_S = (0.3, 0.599)  # of a trial of K and S; nothing is known of the direction before 0.2 s
NUM_FOLDS = 8  # as many as there are trials of a direction in a condition
M1_TEST, M1_VALID = 0.2, 0.2


@dataclass(frozen=True)
class Task:
    """One group of the result table.

    Args:
        title: What figures call it.
        recording: `"area2"`, `"monkey"` or `"m1"`.
        label: What is decoded.
        learns: What CEBRA-Behavior learns from; none is `label` alone.
        only: `"active"`: those trials of area 2; a condition, or a name of the others' recordings.
        unit: Of a continuous label.
        architecture: Of the encoder.
    """

    title: str
    recording: str
    label: str
    learns: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    unit: str = ""
    architecture: str = "offset10-model"

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels that an encoder learns from."""
        return self.learns or (self.label,)


TASKS: Mapping[str, Task] = {
    "position": Task("hand position, active trials", "area2", "position", (), ("active",), "cm"),
    "direction": Task("direction, active trials", "area2", "direction", (), ("active",)),
    "active-passive": Task("active or passive", "area2", "active"),
    "position-all": Task(
        "hand position, all trials", "area2", "position", ("position", "active"), (), "cm"
    ),
    "direction-all": Task("direction and active or passive", "area2", "direction_active"),
    **{
        f"monkey-{monkey}-{kind}": Task(
            f"monkey {monkey.upper()}, {kind}: direction", "monkey", "direction", (),
            (monkey, *(CONDITIONS if kind == "all" else (kind,))),
        )
        for monkey in MONKEYS
        for kind in (*CONDITIONS, "all")
    },
    **{
        f"m1-{name}-{label}": Task(
            f"M1 {name}: {label}", "m1", label, (), (name,),
            "cm/s" if label == "velocity" else "", "offset5-model",
        )
        for name in M1_RECORDINGS
        for label in ("velocity", "target")
    },
}  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """Parts that share no trial; `scored` are the test bins that count `(T,)`."""

    train: Recording
    valid: Recording
    test: Recording
    scored: Bool[np.ndarray, " time"]


def area2_is_there(config: PrimateConfig) -> bool:
    """Returns whether area 2 is simulated, or its file is in the data folder."""
    return config.source == "simulated" or (data_root(config.data_root) / AREA2_FILE).exists()


def tasks_of(config: PrimateConfig) -> list[str]:
    """Returns the tasks of a configuration whose recordings are there."""
    sources = set(config.SOURCES[config.source])
    if not area2_is_there(config):
        sources.discard("area2")
    names = config.tasks or tuple(TASKS)
    return [name for name in TASKS if name in names and TASKS[name].recording in sources]


@functools.lru_cache(maxsize=1)
def area2(config: PrimateConfig) -> Recording:
    """Returns the session with reaches and pushes, real or simulated."""
    smoothing = {"smoothing_s": config.smoothing_s}
    if config.source == "real":
        session = load_dataset("area2-bump", config.data_root, **smoothing)
    else:
        sizes = {key: getattr(config, key) for key in ("num_active", "num_passive", "num_units")}
        session = load_dataset("reaching-simulated", **sizes, **smoothing)
    active = session.labels["active"].to_numpy().astype(int)
    both = session.labels["direction"].to_numpy() + 8 * active
    labels = {**session.labels, "direction_active": Label(both, name="direction_active")}
    return replace(session, labels=labels)


@functools.lru_cache(maxsize=4)
def folds(config: PrimateConfig, task: Task, smoothed: bool = True) -> Sequence[Fold]:
    """Returns the folds of a task.

    Args:
        config: Where the data are, and how much of them is used.
        task: A row of `TASKS`.
        smoothed: Whether monkeys K and S are smoothed; else they are counts.
    """
    if task.recording == "area2":
        return [_benchmark_split(area2(config), task)]
    if task.recording == "m1":
        return [_blocks(config, task)]
    monkey, *conditions = task.only
    whole, fold = _conditions(config, monkey, conditions, smoothed)
    return [
        _trial_fold(whole, fold, number, (number + 1) % NUM_FOLDS)
        for number in range(min(config.num_folds, NUM_FOLDS))
    ]


def transfer_fold(
    config: PrimateConfig, monkey: str, source: str, target: str, smoothed: bool = True
) -> Fold:
    """Returns one condition to learn from and another, whole, to test."""
    here = _trial_fold(*_conditions(config, monkey, [source], smoothed), None, 0)
    there, _ = _conditions(config, monkey, [target], smoothed)
    return replace(here, test=there, scored=_in_window(there))


def joined(parts: Sequence[Recording]) -> Recording:
    """Returns recordings of the same neurons one after the other, each trial on its own."""
    first, trials, past = parts[0], [], 0
    for part in parts:
        segments = part.segments
        lengths = segments[:, 1] - segments[:, 0]
        trials.append(torch.repeat_interleave(torch.arange(len(lengths)), lengths) + past)
        past += len(lengths)
    return Recording(
        neural=torch.cat([part.neural for part in parts]),
        labels={
            key: Label(
                np.concatenate([part.labels[key].to_numpy() for part in parts]),
                label.kind, period=label.period, name=key,
            )
            for key, label in first.labels.items()
        },
        trial=torch.cat(trials),
        bin_s=first.bin_s,
        name=first.name,
        source=first.source,
    )  # fmt: skip


def thinned(part: Recording, step: int) -> Int[np.ndarray, " rows"]:
    """Returns every so many bins of each trial, from its first on; all where bins are long."""
    if part.bin_s is None or part.bin_s > 0.01:
        step = 1
    return np.concatenate([np.arange(start, stop, step) for start, stop in part.segments.tolist()])


def _benchmark_split(session: Recording, task: Task) -> Fold:
    split = session.labels["split"].to_numpy()
    kept = session.labels["active"].to_numpy() if task.only else np.ones(len(session), dtype=bool)
    parts = [_rows(session, kept & (split == name)) for name in SPLITS]
    return Fold(*parts, scored=np.ones(len(parts[-1]), dtype=bool))


def _blocks(config: PrimateConfig, task: Task) -> Fold:
    whole = load_dataset(f"macaque-m1-{task.only[0]}", config.data_root)
    whole = replace(whole, trial=None)  # its trials end where the target changes: a test label
    gap = resolve_offset(task.architecture).span + 1
    rest, test = time_split(whole, M1_TEST, gap)
    train, valid = time_split(rest, M1_VALID, gap)
    return Fold(train, valid, test, np.ones(len(test), dtype=bool))


@functools.lru_cache(maxsize=8)
def _condition(config: PrimateConfig, monkey: str, condition: str, smoothed: bool) -> Recording:
    smoothing_s = config.smoothing_s if smoothed else 0.0
    name = f"macaque-{monkey}-{condition}"
    return load_dataset(name, config.data_root, smoothing_s=smoothing_s)


def _conditions(
    config: PrimateConfig, monkey: str, conditions: Sequence[str], smoothed: bool
) -> tuple[Recording, np.ndarray]:
    """Returns trials of some conditions, and the fold of each bin."""
    parts = [_condition(config, monkey, condition, smoothed) for condition in conditions]
    fold = []
    for part in parts:
        seen: dict[int, int] = {}
        direction = part.labels["direction"].to_numpy()
        for start, stop in part.segments.tolist():
            own = int(direction[start])
            fold.append(np.full(stop - start, seen.get(own, 0) % NUM_FOLDS))
            seen[own] = seen.get(own, 0) + 1
    return joined(parts), np.concatenate(fold)


def _trial_fold(whole: Recording, fold: np.ndarray, test: int | None, valid: int) -> Fold:
    inside = _in_window(whole)
    # The source sorts trials by direction: turned labels would meet their own direction again.
    order = np.random.default_rng(0).permutation(len(whole.segments)).tolist()
    rows = np.concatenate([np.arange(*whole.segments[trial].tolist()) for trial in order])
    train = rows[inside[rows] & (fold[rows] != valid) & (fold[rows] != test)]
    held_out = whole if test is None else _rows(whole, fold == test)
    return Fold(
        whole[torch.from_numpy(train)],
        _rows(whole, inside & (fold == valid)),
        held_out,
        _in_window(held_out),
    )


def _rows(part: Recording, kept: Bool[np.ndarray, " time"]) -> Recording:
    return part[torch.from_numpy(np.flatnonzero(kept))]


def _in_window(part: Recording) -> Bool[np.ndarray, " time"]:
    time_s = part.labels["time"].to_numpy()
    return (time_s > WINDOW_S[0] - 1e-9) & (time_s < WINDOW_S[1])
