"""How well does an embedding give back a latent that is known, since the neurons are simulated?

    python -m experiments.synthetic.run_experiment
    python -m experiments.synthetic.run_experiment --preset paper --jobs 2
    python -m experiments.synthetic.run_experiment --data-root ../data --preset paper

Our own draw by default; `--data-root` takes the activity that the paper's authors published, if it
is there. Run the same command with the same `--out` again to finish an interrupted run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from config import SyntheticConfig
from experiments.common import Experiment, Finished, Summary, command, rows_of
from experiments.synthetic.figures import draw_figures, embeddings
from experiments.synthetic.methods import METHODS
from experiments.synthetic.parts import activity, libraries, parts
from experiments.synthetic.results import (
    EXPECTED,
    NUMBERS,
    protocol,
    statistics,
    with_second_rows,
)

__all__ = ["EXPERIMENT", "main", "run"]


def summarise(config: SyntheticConfig, done: Mapping[str, Finished], folder: Path) -> Summary:
    """Returns the result table, tests between methods, and the figures."""
    rows = rows_of(with_second_rows(done.values()), METHODS, NUMBERS)
    return Summary(
        rows,
        statistics=statistics(rows, done),
        figures=draw_figures(folder, config, done, rows),
        embeddings=embeddings(folder, config, done, rows),
        notes=protocol(config),
    )


EXPERIMENT = Experiment(
    name="synthetic",
    title="Simulated neurons with a known latent",
    question="How much of the latent that drives a hundred neurons does a linear map read from "
    "the embedding?",
    config=SyntheticConfig,
    parts=parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated="the paper's own simulation, of which every constant is known, with another draw of "
    "the random mixing",
    core_minutes={"smoke": 0.3, "quick": 5, "paper": 400},
    recordings=lambda config: [activity(config, noise) for noise in config.noises],
    needs=libraries,
    waived={"shifted": "the points have no order, so that a shift is one more permutation"},
)


run = EXPERIMENT.run
main = partial(command.main, EXPERIMENT, __doc__)

if __name__ == "__main__":
    sys.exit(main())
