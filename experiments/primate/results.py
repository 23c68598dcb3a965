"""What the experiment says: its numbers, its protocol, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cebra_ethan.datasets.macaque import CONDITIONS, MONKEYS
from config import PrimateConfig
from experiments.common import Finished, Number
from experiments.common.statistics import anova, stats_table, tukey
from experiments.primate.methods import METHODS
from experiments.primate.parts import TRANSFERRED
from experiments.primate.tasks import TASKS, area2_is_there, tasks_of

__all__ = ["EXPECTED", "NUMBERS", "protocol", "statistics"]

EXPECTED = Path(__file__).with_name("expected.toml")

NUMBERS = {
    "r2": Number("R²", "%", digits=1, scale=100),
    "median_cm": Number("median error", "cm", better="lower"),
    "median_cm_s": Number("median error", "cm/s", better="lower"),
    "accuracy": Number("accuracy of bins", "%", digits=1, scale=100),
    "balanced_accuracy": Number("balanced accuracy", "%", digits=1, scale=100),
    "trial_accuracy": Number("accuracy of a trial's vote", "%", digits=1, scale=100),
    "peak_accuracy": Number("accuracy at the best time", "%", digits=1, scale=100),
    "loss": Number("training loss", "nats", better="lower", digits=3),
}


def protocol(config: PrimateConfig) -> list[str]:
    """Returns how training and test were done."""
    steps, rate = config.max_iterations, config.learning_rate
    if not any(TASKS[name].recording == "area2" for name in tasks_of(config)):
        steps, rate = config.other_iterations, config.other_learning_rate
    notes = [
        f"{steps} steps of batch {config.batch_size}, learning rate {rate:g}, temperature "
        f"{config.temperature:g}; counts smoothed by a Gaussian of "
        f"{1000 * config.smoothing_s:g} ms within the trial, past and future.",
        "Whole trials are for training, validation or test. Encoder and decoder learn from the "
        "training trials; k of the nearest neighbours, penalties and the epoch of conv-pi-VAE "
        "are chosen on the validation trials; each part is embedded apart, windows stay inside "
        "trials.",
        f"Controls, CEBRA-Time and conv-pi-VAE have {config.control_dimension} dimensions.",
        f"The decoder learns from every {config.decoder_step}. ms and is tested on every "
        f"{config.test_step}. ms (conv-pi-VAE: every {config.pivae_step}.).",
    ]
    if config.source == "real":
        notes += [
            f"Monkeys K and S, M1: {config.other_iterations} steps, learning rate "
            f"{config.other_learning_rate:g}. K and S: bins from 300 to 599 ms, "
            f"{config.num_folds} of 8 folds, each with every direction once; conditions "
            "bear the names of the source, which are not the same in both animals.",
            "M1: the last 20 % of the time are for test, of the rest the last 20 % for "
            "validation, with gaps; bins of 200 ms, the encoder sees five.",
        ]
        if not area2_is_there(config):
            notes.append("The recording of area 2 is not on disk: its groups are left out.")
    return notes


def statistics(config: PrimateConfig, done: Mapping[str, Finished]) -> list[dict[str, Any]]:
    """Returns tests between methods over held-out trials, and tables across conditions."""
    found: list[dict[str, Any]] = []
    size = config.control_dimension
    names = (f"behavior-{size}", "pivae", "linear")
    own = {
        METHODS[name].title: [*done[f"direction-{name}-0"].arrays["of_trial"]]
        for name in names
        if f"direction-{name}-0" in done
    }
    if len(own) > 1 and min(map(len, own.values())) > 1:
        what = "direction, share of right bins of each held-out reach, first seed"
        found += [anova(own, f"One-way ANOVA: {what}"), tukey(own, f"Tukey's HSD: {what}")]
    for monkey in MONKEYS:
        rows = []
        for kind in TRANSFERRED:
            part = done.get(f"monkey-{monkey}-across-{kind}")
            if part is not None:
                title = METHODS[f"behavior-{size}" if kind == "behavior" else kind].title
                shares = part.values["across"]
                for source in CONDITIONS:
                    cells = [shares.get(f"{source}>{target}") for target in CONDITIONS]
                    shown = ["" if cell is None else f"{100 * cell:.1f}" for cell in cells]
                    rows.append([title, source, *shown])
        if rows:
            header = ["method", "learned from", *(f"tested on {name}, %" for name in CONDITIONS)]
            found.append(
                stats_table(
                    f"Monkey {monkey.upper()}: direction across conditions", header, rows,
                    "Share of trials whose vote is right; chance 12.5 %. All trials of the other "
                    "condition are tested; first seed.",
                )
            )  # fmt: skip
    return found
