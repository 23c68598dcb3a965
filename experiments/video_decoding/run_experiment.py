"""Which frame of a movie was on?

    python -m experiments.video_decoding.run_experiment
    python -m experiments.video_decoding.run_experiment --data-root ../shared/data --preset paper

Simulated by default. Real: which second of the movie, from the Neuropixels session of the data
folder, and which frame where `allen_movie_one` holds recordings that resolve frames. Run the same
command with the same `--out` again to finish an interrupted run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from cebra_ethan.types import Recording
from config import VideoDecodingConfig
from experiments.common import Experiment, Finished, Summary, command, rows_of
from experiments.common.movie import MODALITIES, SIMULATED, pool, several_rows
from experiments.video_decoding.figures import draw_figures, embeddings
from experiments.video_decoding.parts import parts
from experiments.video_decoding.results import EXPECTED, METHODS, NUMBERS, protocol, tests
from experiments.video_decoding.session import session

__all__ = ["EXPERIMENT", "main", "run"]


def summarise(config: VideoDecodingConfig, done: Mapping[str, Finished], folder: Path) -> Summary:
    """Returns the result table, the tests, and the figures."""
    rows = rows_of(several_rows(done.values()), METHODS, NUMBERS)
    return Summary(
        rows,
        statistics=tests(config, rows),
        figures=draw_figures(config, done, rows, folder),
        embeddings=embeddings(config, done, folder),
        notes=protocol(config),
    )


def recordings(config: VideoDecodingConfig) -> list[Recording]:
    """Returns what is decoded, for its checksums."""
    if config.source == "real":
        return [session(config.data_root).recording]
    area = config.areas[0]
    return [mouse.recording for name in MODALITIES for mouse in pool(config, name, area)]


EXPERIMENT = Experiment(
    name="video_decoding",
    title="Decoding a movie",
    question="Which frame, scene or second of a movie was on, read from visual cortex?",
    config=VideoDecodingConfig,
    parts=parts,
    summarise=summarise,
    numbers=NUMBERS,
    expected=EXPECTED,
    simulated=SIMULATED,
    core_minutes={"smoke": 0.4, "quick": 4, "paper": 30_000},
    recordings=recordings,
)


run = EXPERIMENT.run
main = partial(command.main, EXPERIMENT, __doc__)

if __name__ == "__main__":
    sys.exit(main())
