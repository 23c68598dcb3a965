"""Do calcium imaging and Neuropixels give the same embedding of one movie?

    python -m experiments.allen.run_experiment
    python -m experiments.allen.run_experiment --data-root ../shared/data --preset paper

Simulated by default; real recordings are looked for in `allen_movie_one` of the data folder. Run
the same command with the same `--out` again to finish an interrupted run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from cebra_ethan.types import Recording
from config import AllenConfig
from experiments.allen.figures import draw_figures, embeddings
from experiments.allen.parts import parts
from experiments.allen.results import (
    EXPECTED,
    NUMBERS,
    area_rows,
    area_scores,
    area_tests,
    methods,
    protocol,
)
from experiments.common import Experiment, Finished, Summary, command, rows_of
from experiments.common.movie import MODALITIES, SIMULATED, pool, several_rows

__all__ = ["EXPERIMENT", "main", "run"]


def summarise(config: AllenConfig, done: Mapping[str, Finished], folder: Path) -> Summary:
    """Returns the result table, the comparison of areas, and the figures."""
    scores = {kind: area_scores(config, done, kind) for kind in ("frames", "held_out")}
    rows = rows_of(several_rows(done.values()), methods(config), NUMBERS)
    first = next(place for place, row in enumerate(rows) if row["group"] == "areas")
    rows[first:first] = area_rows(config, scores)
    return Summary(
        rows,
        statistics=area_tests(config, scores["frames"]),
        figures=draw_figures(config, done, rows, scores["frames"], folder),
        embeddings=embeddings(config, done, folder),
        notes=protocol(config),
    )


def recordings(config: AllenConfig) -> list[Recording]:
    """Returns the recordings of the primary area, for their checksums."""
    area = config.areas[0]
    return [mouse.recording for name in MODALITIES for mouse in pool(config, name, area)]


EXPERIMENT = Experiment(
    name="allen",
    title="One movie, two recording methods",
    question="Do calcium imaging and Neuropixels give the same embedding of a movie?",
    config=AllenConfig,
    parts=parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated=SIMULATED,
    core_minutes={"smoke": 0.4, "quick": 3, "paper": 70_000},
    recordings=recordings,
)


run = EXPERIMENT.run
main = partial(command.main, EXPERIMENT, __doc__)

if __name__ == "__main__":
    sys.exit(main())
