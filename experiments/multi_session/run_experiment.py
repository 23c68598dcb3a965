"""Are sessions trained together more consistent, and does an encoder adapt to a new animal?

    python -m experiments.multi_session.run_experiment
    python -m experiments.multi_session.run_experiment --data-root ../shared/data --preset quick

Simulated rats by default; `--data-root` takes two rats, six mice, and one mouse over eight days.
Run the same command with the same `--out` again to finish an interrupted run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from config import MultiSessionConfig
from experiments.common import Experiment, Finished, Summary, command
from experiments.multi_session.figures import draw_figures, embeddings
from experiments.multi_session.parts import parts
from experiments.multi_session.results import (
    EXPECTED,
    NUMBERS,
    protocol,
    statistics,
    table_rows,
)
from experiments.multi_session.sessions import sessions

__all__ = ["EXPERIMENT", "main", "run"]


def summarise(config: MultiSessionConfig, done: Mapping[str, Finished], folder: Path) -> Summary:
    """Returns the result table, tests, figures and the embeddings to turn."""
    rows = table_rows(config, done)
    return Summary(
        rows,
        statistics=statistics(config, done, rows),
        figures=draw_figures(config, folder, done, rows),
        embeddings=embeddings(config, folder, done),
        notes=protocol(config),
    )


EXPERIMENT = Experiment(
    name="multi_session",
    title="Several sessions and animals",
    question="Are sessions that are trained together more consistent without decoding worse, and "
    "do encoders adapt to an animal they have not seen?",
    config=MultiSessionConfig,
    parts=parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated="rats that run laps on one linear track, their place cells drawn independently and "
    "calibrated on rat achilles",
    core_minutes={"smoke": 0.5, "quick": 3, "recipe": 170, "paper": 45_000},
    recordings=lambda config: [
        one.whole for group in config.chosen_groups for one in sessions(config, group)
    ],
    quiet=(r".*neurons in session \d+ are constant",),
)


run = EXPERIMENT.run
main = partial(command.main, EXPERIMENT, __doc__)

if __name__ == "__main__":
    sys.exit(main())
