"""Rats on a track: are embeddings consistent, what do they say, and what shape have they?

    python -m experiments.hippocampus.run_experiment
    python -m experiments.hippocampus.run_experiment --data-root ../shared/data --preset quick

Simulated by default; `--data-root` takes the rats achilles and buddy. Run the same command with
the same `--out` again to finish an interrupted run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from config import HippocampusConfig
from experiments.common import Experiment, Finished, Summary, command, rows_of
from experiments.hippocampus.between import consistency_rows
from experiments.hippocampus.figures import draw_figures, draw_overview, embeddings
from experiments.hippocampus.homology import topology_rows
from experiments.hippocampus.methods import METHODS
from experiments.hippocampus.parts import expanded, libraries, parts, rats
from experiments.hippocampus.results import EXPECTED, NUMBERS, protocol, text_report
from experiments.hippocampus.statistics import statistics
from experiments.hippocampus.structure import draw_structure

__all__ = ["EXPERIMENT", "main", "run"]


def summarise(
    config: HippocampusConfig,
    done: Mapping[str, Finished],
    folder: Path,
    overview: bool = False,
) -> Summary:
    """Returns the result table, what stands beside it, and the figures."""
    decoded = rows_of(expanded(done), METHODS, NUMBERS)
    consistent, matrices = consistency_rows(config, rats(config), done, NUMBERS)
    shapes = topology_rows(config, done, NUMBERS)
    figures = draw_figures(folder, decoded)
    figures += draw_structure(folder, config, done, consistent, matrices)
    if overview:
        figures.append(draw_overview(folder, decoded))
    return Summary(
        [*decoded, *consistent, *shapes],
        statistics=statistics(config, decoded, consistent, done),
        figures=figures,
        embeddings=embeddings(folder, decoded),
        notes=protocol(config),
    )


EXPERIMENT = Experiment(
    name="hippocampus",
    title="Rats on a linear track",
    question="Are embeddings of the hippocampus consistent across rats and runs, which hypothesis "
    "fits, can position be read from them, and have they the shape of the track?",
    config=HippocampusConfig,
    parts=parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated="a rat that runs laps on a linear track, its place cells calibrated on achilles; "
    "further rats share the track and the distribution of fields and nothing else",
    # 0.03 s of a busy core for a step of batch 512; measured parts of 150 steps, times steps.
    # paper: batch 20,000 was not measured on a CPU; about 2 s for a step, by the size of its loss
    core_minutes={"smoke": 1.5, "run": 2, "quick": 6, "demo": 2100, "paper": 70_000},
    recordings=lambda config: list(rats(config).values()),
    needs=libraries,
    switches={"overview": "also draw one picture of all"},
    text=text_report,
)


run = EXPERIMENT.run
main = partial(command.main, EXPERIMENT, __doc__)

if __name__ == "__main__":
    sys.exit(main())
