"""What the experiment says: its numbers, its protocol, and text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cebra_ethan.report.numbers import cell_text
from config import HippocampusConfig
from experiments.common import Number
from experiments.common.text import comparison_lines, row_table
from utils import table

__all__ = ["EXPECTED", "NUMBERS", "protocol", "text_report"]

EXPECTED = Path(__file__).with_name("expected.toml")

_BITS = ("goodness_of_fit_train", "goodness_of_fit_test")

NUMBERS = {
    "median_cm": Number("median error", "cm", better="lower", digits=1),
    "mean_cm": Number("mean error", "cm", better="lower", digits=1),
    "r2": Number("position R²"),
    "total_r2": Number("R² of position and direction"),
    "direction_accuracy": Number("direction", "%", digits=0, scale=100),
    "goodness_of_fit_train_bits": Number("goodness of fit, training", "bits"),
    "goodness_of_fit_test_bits": Number("goodness of fit, test", "bits"),
    "loss_nats": Number("training loss, last 100 steps", "nats", better="lower"),
    "rats_train": Number("position × direction, training bins", "R² × 100", digits=1, scale=100),
    "rats_test": Number("position × direction, held out", "R² × 100", digits=1, scale=100),
    "rats_train_position": Number("position, training bins", "R² × 100", digits=1, scale=100),
    "rats_test_position": Number("position, held out", "R² × 100", digits=1, scale=100),
    "runs_train": Number("between runs, training bins", "R² × 100", digits=1, scale=100),
    "runs_test": Number("between runs, held out", "R² × 100", digits=1, scale=100),
    "betti_0": Number("pieces (Betti 0)", digits=0),
    "betti_1": Number("loops (Betti 1)", digits=0),
    "betti_2": Number("voids (Betti 2)", digits=0),
    "loop_lifespan": Number("longest loop, lifespan"),
    "agreement": Number("circular coordinate follows the track"),
}


def protocol(config: HippocampusConfig) -> list[str]:
    """Returns how training and test were done."""
    if config.split == "trials":
        held_out = (
            "Three folds of round trips in each third of the recording (paper): test, validation, "
            "which chooses k, and training part, embedded apart; neighbouring trips of different "
            "parts have no gap between them."
        )
    else:
        held_out = (
            f"Training on the first {1 - config.test_fraction:.0%} of the time, test on the "
            f"last {config.test_fraction:.0%}, embedded apart; k of the nearest neighbours chosen "
            f"on the last {config.valid_fraction:.0%} of the training part."
        )
    notes = [
        f"{config.max_iterations} steps of batch {config.batch_size}, learning rate "
        f"{config.learning_rate:g}, {config.output_dimension} dimensions (hybrid: "
        f"{config.hybrid_dimension}, three of them with labels).",
        held_out,
    ]
    if len(config.rats) > 1:
        notes.append(
            f"Consistency between rats: mean embedding in {config.consistency_bins} position bins "
            f"in each direction (as in the paper), or in {config.consistency_bins - 1} with both "
            "directions together (as in its public code), least squares from rat to rat, R²; once "
            "on training bins (as published) and once on held-out bins. CEBRA has three "
            "dimensions on a sphere, the others two in the plane. Without embedding: counts on "
            "three random axes; chance: bins in random order."
        )
    if config.topology_shuffles:
        notes.append(
            "Topology: whole recordings, "
            f"{config.topology_points} points, bars up to dimension "
            f"{config.topology_max_dimension}; a bar counts beyond the longest of "
            f"{config.topology_shuffles} models with permuted labels (paper: 1000 points, 500)."
        )
    return notes


def text_report(results: Mapping[str, Any], folder: Path) -> str:
    """Returns what a newcomer wants to read after a run."""
    rows = results["rows"]
    blocks = ["\n".join(textwrap.wrap(" ".join(results["notes"]), 88))]
    for rat in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == rat]
        if not all("median_cm" in row["values"] for row in own):
            blocks.append(f"{rat}\n{row_table(own, results['numbers'])}")
            continue
        blocks.append(_rat_text(rat, own, results))
    blocks += [_table_text(entry) for entry in results["statistics"] if "rows" in entry
               and entry["title"].startswith(("Hypotheses", "Persistent"))]  # fmt: skip
    if compared := comparison_lines(results):
        blocks.append("\n".join(["Beside others' numbers", *compared]))
    figures = "\n".join(f"  {folder / figure['path']}" for figure in results["figures"])
    blocks.append(f"Figures\n{figures}\nRun folder\n  {folder}   ({results['seconds']:.0f} s)")
    return "\n\n".join(blocks)


def _rat_text(rat: str, rows: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> str:
    simulated = "A simulated rat" + rat.removeprefix("simulated").replace("-", ", number ")
    title = simulated if results["source"] == "simulated" else f"Rat {rat}"
    lines = [
        f"{title} on a linear track: where is it, read from its hippocampus?",
        "",
        _error_table(rows),
        "",
    ]
    trained = [row for row in rows if row["method"] in ("behavior", "time")]
    for row in trained:
        for name, where in zip(_BITS, ("on the training part", "held out"), strict=True):
            fit = row["seeds"][0][name]
            lines.append(
                f"Goodness of fit of {row['title']} {where}: {fit['bits']:.2f} bits, "
                f"95 % interval {fit['low']:.2f} to {fit['high']:.2f} (0 is chance)"
            )
    tested = next((row for row in rows if "p_shift" in row["seeds"][0]), None)
    if tested is not None:
        part = tested["seeds"][0]
        lines.append(
            f"Decoder of {tested['title']} against {part['num_shuffles']} shuffles of its labels: "
            f"p = {part['p_permute']:.2g} (permuted), p = {part['p_shift']:.2g} (shifted)"
        )
    return "\n".join([*lines, *_honest_line(rows)])


def _table_text(entry: Mapping[str, Any]) -> str:
    cells = [[cell_text(value) for value in row] for row in entry["rows"]]
    note = "\n".join(textwrap.wrap(entry["note"], 88))
    return f"{entry['title']}\n{table(entry['header'], cells)}\n{note}"


def _error_table(rows: Sequence[Mapping[str, Any]]) -> str:
    several = any(row["values"]["median_cm"]["n"] > 1 for row in rows)
    cells = []
    for row in rows:
        values = row["values"]
        error, sd = values["median_cm"]["mean"], values["median_cm"]["sd"]
        cells.append(
            [
                row["title"],
                f"{error:.1f}" + (f" ± {sd:.1f}" if sd is not None and several else ""),
                f"{values['mean_cm']['mean']:.1f}",
                f"{values['r2']['mean']:.2f}",
                f"{values['direction_accuracy']['mean']:.0%}",
            ]
        )
    header = ["held-out decoding", "median error, cm", "mean, cm", "R²", "direction"]
    note = "(± standard deviation over seeds)" if several else ""
    return f"{table(header, cells)}\n{note}".rstrip()


def _honest_line(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Says which is better, the embedding or the same decoder on plain counts."""
    error = {row["method"]: row["values"]["median_cm"]["mean"] for row in rows}
    if not {"behavior", "no-embedding"} <= set(error):
        return []
    ours, plain = error["behavior"], error["no-embedding"]
    if plain < ours:
        return [
            f"Better here: no embedding. The same decoder on spike counts errs by {plain:.1f} cm, "
            f"on the 3-D embedding by {ours:.1f} cm.",
            "What the embedding gives is a picture of the structure, not the smallest error.",
        ]
    return [
        f"Better here: the embedding, {ours:.1f} cm in three dimensions against {plain:.1f} cm of "
        "the same decoder on spike counts."
    ]
