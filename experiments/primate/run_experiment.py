"""Can hand position, direction, and active or passive be read from the embedding?

    python -m experiments.primate.run_experiment
    python -m experiments.primate.run_experiment --data-root ../shared/data --preset quick

Simulated by default; `--data-root` takes monkeys K and S, two M1 recordings, and area 2 where its
file is in the folder. Run the same command with the same `--out` again to finish an interrupted
run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from config import PrimateConfig
from experiments.common import Experiment, Finished, Summary, command, rows_of
from experiments.primate.figures import draw_figures, embeddings
from experiments.primate.methods import METHODS
from experiments.primate.parts import parts, recordings
from experiments.primate.results import EXPECTED, NUMBERS, protocol, statistics

__all__ = ["EXPERIMENT", "main", "run"]


def summarise(config: PrimateConfig, done: Mapping[str, Finished], folder: Path) -> Summary:
    """Returns the result table, what stands beside it, and the figures."""
    rows = rows_of(done.values(), METHODS, NUMBERS)
    return Summary(
        rows,
        statistics=statistics(config, done),
        figures=draw_figures(config, folder, done, rows),
        embeddings=embeddings(config, folder, done),
        notes=protocol(config),
    )


EXPERIMENT = Experiment(
    name="primate",
    title="Reaching macaques",
    question="Can position, direction, and active or passive be read from the embedding?",
    config=PrimateConfig,
    parts=parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated="area 2 of a monkey that reaches and is pushed, rates calibrated on two other "
    "monkeys, tuning on what linear decoders reach in the paper",
    core_minutes={"smoke": 0.4, "quick": 5, "paper": 1300},
    recordings=recordings,
)


run = EXPERIMENT.run
main = partial(command.main, EXPERIMENT, __doc__)

if __name__ == "__main__":
    sys.exit(main())
