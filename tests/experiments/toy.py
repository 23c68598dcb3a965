"""An experiment of no meaning on the machinery that all share, and a program that runs it."""

import dataclasses
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from cebra_ethan.plots.style import new_axes, save_figure
from config import ExperimentConfig
from experiments.common import (
    CONTROLS,
    Experiment,
    Figure,
    Number,
    Part,
    RowInfo,
    Summary,
    rows_of,
    save_embedding,
)
from experiments.common.statistics import anova, sentence, tukey

METHODS = {
    "behavior": RowInfo("CEBRA-Behavior"),
    "time-all": RowInfo("CEBRA-Time on everything", transductive=True),
    **CONTROLS,
}
NUMBERS = {
    "error_cm": Number("error", "cm", better="lower", digits=1),
    "accuracy": Number("accuracy", "%", digits=0, scale=100),
}
EXPECTED = Path(__file__).with_name("toy-expected.toml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig(ExperimentConfig):
    """Settings of no meaning.

    Args:
        seconds: Each part sleeps for so long.
        broken: Name of a part that fails.
    """

    PRESETS: ClassVar = {"smoke": {"num_seeds": 2}, "quick": {}, "paper": {}}

    seconds: float = 1e-3
    broken: str = ""


def run_part(config, folder, group, method, seed):
    """Notes that it ran, sleeps, and returns numbers that follow from its arguments."""
    with (folder / "ran.txt").open("a") as file:
        file.write(f"{group}-{method}-{seed}\n")
    time.sleep(config.seconds)
    if config.broken == f"{group}-{method}-{seed}":
        raise ArithmeticError("this part\nis broken")
    rng = np.random.default_rng([list(METHODS).index(method), seed])
    error = 5.0 + 10 * list(METHODS).index(method) + rng.normal()
    points = rng.normal(size=(4000, 3)).astype(np.float32)
    return {"error_cm": error, "accuracy": np.float64(1 / error), "points": points}


def parts(config, folder):
    """Two rats, every method, every seed."""
    return [
        Part(
            f"{rat}-{method}-{seed}", run_part,
            {"config": config, "folder": folder, "group": rat, "method": method, "seed": seed},
        )
        for rat in ("rat one", "rat two")
        for method in METHODS
        for seed in range(config.num_seeds)
    ]  # fmt: skip


def named_parts(config, folder):
    """The same under names that are file names."""
    return [
        dataclasses.replace(part, name=part.name.replace(" ", "_"))
        for part in parts(config, folder)
    ]


def summarise(config, done, folder):
    """A table, a figure, embeddings in two and three dimensions, and statistics."""
    rows = rows_of(done.values(), METHODS, NUMBERS)
    axes = new_axes(9.0, 3.0)
    axes.plot([seed["error_cm"] for row in rows for seed in row["seeds"]])
    path = save_figure(axes, folder / "errors.png", dpi=80)
    points = done["rat_one-behavior-0"].arrays["points"]
    labels = {
        "Position": points[:, 0],
        "Direction": np.where(points[:, 1] > 0, "left", "right"),
    }
    embeddings = [
        save_embedding(folder, "three", points, labels, "Simulated: three dimensions",
                       units={"Position": "m"}),
        save_embedding(folder, "two", points[:, :2], labels, "Simulated: two dimensions"),
    ]  # fmt: skip
    groups = {row["title"]: [s["error_cm"] for s in row["seeds"]] for row in rows[:3]}
    return Summary(
        rows,
        figures=[Figure(path, "Simulated: errors", "All of them <b>unsorted</b>")],
        embeddings=embeddings,
        statistics=[anova(groups), tukey(groups), sentence("Remark", "a < b & c")],
        notes=["Nothing is trained."],
    )


EXPERIMENT = Experiment(
    name="toy",
    title="A toy",
    question="Does the machinery work?",
    config=ToyConfig,
    parts=named_parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated="random numbers",
    core_minutes={"smoke": 0.1, "paper": 500},
)


if __name__ == "__main__":
    config = ToyConfig.from_preset("smoke", seconds=float(sys.argv[2]))
    EXPERIMENT.run(config, sys.argv[1])
