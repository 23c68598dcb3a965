"""From parts to a table, a verdict beside published numbers, and text for people."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config import HippocampusConfig
from utils import spread, table

__all__ = ["compare", "summarise", "text_report"]

EXPECTED = Path(__file__).with_name("expected.toml")

_NUMBERS = ("median_cm", "mean_cm", "r2", "direction_accuracy")
_BITS = ("goodness_of_fit_train", "goodness_of_fit_test")


def summarise(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each rat and method: mean and standard deviation over seeds."""
    rows = []
    for rat, method in dict.fromkeys((part["rat"], part["method"]) for part in parts):
        own = [part for part in parts if (part["rat"], part["method"]) == (rat, method)]
        values = {name: spread([part[name] for part in own]) for name in _NUMBERS}
        for name in _BITS:
            if name in own[0]:
                values[f"{name}_bits"] = spread([part[name]["bits"] for part in own])
        rows.append(
            {
                "rat": rat,
                "method": method,
                "title": own[0]["title"],
                "transductive": own[0]["transductive"],
                "labels_at_inference": own[0]["labels_at_inference"],
                "spread": "sd over seeds",
                "values": values,
                "seeds": own,
            }
        )
    return rows


def compare(rows: Sequence[Mapping[str, Any]], config: HippocampusConfig) -> list[dict[str, Any]]:
    """Returns obtained beside expected numbers with a verdict, see `expected.toml`."""
    table_of_rows = {(row["rat"], row["method"]): row for row in rows}
    compared = []
    for entry in tomllib.loads(EXPECTED.read_text(encoding="utf-8"))["expected"]:
        row = table_of_rows.get((entry["rat"], entry["method"]))
        if row is None:
            continue
        obtained = row["values"][entry["number"]]
        compared.append(
            {**entry, "obtained": obtained, "verdict": _verdict(entry, obtained, config)}
        )
    return compared


def text_report(results: Mapping[str, Any], folder: Path) -> str:
    """Returns what a newcomer wants to read after a run."""
    rows = results["rows"]
    blocks = []
    for rat in dict.fromkeys(row["rat"] for row in rows):
        own = [row for row in rows if row["rat"] == rat]
        blocks.append(_rat_text(rat, own, results))
    compared = [
        f"  {entry['rat']}, {entry['method']}: {entry['obtained']['mean']:.1f} beside "
        f"{entry['value']:.1f} ({entry['source']}): {entry['verdict']}"
        for entry in results["comparison"]
        if not entry["verdict"].startswith("not comparable")
    ]
    if compared:
        blocks.append("\n".join(["Median error in cm beside others'", *compared]))
    figures = "\n".join(f"  {folder / path}" for path in results["figures"])
    blocks.append(f"Figures\n{figures}\nRun folder\n  {folder}   ({results['seconds']:.0f} s)")
    return "\n\n".join(blocks)


def _rat_text(rat: str, rows: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> str:
    title = "A simulated rat" if results["source"] == "simulated" else f"Rat {rat}"
    lines = [
        f"{title} on a linear track: where is it, read from its hippocampus?",
        *textwrap.wrap(f"{results['training']} {results['split']}.", 88),
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


def _verdict(
    entry: Mapping[str, Any], obtained: Mapping[str, Any], config: HippocampusConfig
) -> str:
    if config.source != entry["data"]:
        return f"not comparable ({config.source} data)"
    if entry["depends_on_training"] and config.preset != "paper":
        return f"not comparable (preset {config.preset}: {config.max_iterations} steps)"
    ratio = obtained["mean"] / entry["value"]
    if abs(ratio - 1) <= entry["tolerance"]:
        return "reproduced"
    return "better" if ratio < 1 else "worse"
