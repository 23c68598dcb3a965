"""What the experiment says: its numbers, its protocol, and text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config import HippocampusConfig
from experiments.common import Number
from experiments.common.text import comparison_lines
from utils import table

__all__ = ["EXPECTED", "NUMBERS", "protocol", "text_report"]

EXPECTED = Path(__file__).with_name("expected.toml")

_BITS = ("goodness_of_fit_train", "goodness_of_fit_test")

NUMBERS = {
    "median_cm": Number("median error", "cm", better="lower", digits=1),
    "mean_cm": Number("mean error", "cm", better="lower", digits=1),
    "r2": Number("position R²"),
    "direction_accuracy": Number("direction", "%", digits=0, scale=100),
    "goodness_of_fit_train_bits": Number("goodness of fit, training", "bits"),
    "goodness_of_fit_test_bits": Number("goodness of fit, test", "bits"),
}


def protocol(config: HippocampusConfig) -> list[str]:
    """Returns how training and test were done."""
    return [
        f"{config.max_iterations} steps of batch {config.batch_size}, learning rate "
        f"{config.learning_rate:g}, {config.output_dimension} dimensions.",
        f"Training on the first {1 - config.test_fraction:.0%} of the time, test on the "
        f"last {config.test_fraction:.0%}, embedded apart; k of the nearest neighbours chosen on "
        f"the last {config.valid_fraction:.0%} of the training part.",
    ]


def text_report(results: Mapping[str, Any], folder: Path) -> str:
    """Returns what a newcomer wants to read after a run."""
    rows = results["rows"]
    blocks = []
    for rat in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == rat]
        blocks.append(_rat_text(rat, own, results))
    if compared := comparison_lines(results):
        blocks.append("\n".join(["Median error in cm beside others'", *compared]))
    figures = "\n".join(f"  {folder / figure['path']}" for figure in results["figures"])
    blocks.append(f"Figures\n{figures}\nRun folder\n  {folder}   ({results['seconds']:.0f} s)")
    return "\n\n".join(blocks)


def _rat_text(rat: str, rows: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> str:
    title = "A simulated rat" if results["source"] == "simulated" else f"Rat {rat}"
    lines = [
        f"{title} on a linear track: where is it, read from its hippocampus?",
        *textwrap.wrap(" ".join(results["notes"]), 88),
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
