"""The results of an experiment as text for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cebra_ethan.report.numbers import cell_text, duration_text, number_text, published_text
from experiments.common.verdicts import tolerance
from utils import table

__all__ = ["comparison_lines", "row_table", "text_report"]

_WIDTH = 96


def text_report(results: Mapping[str, Any], folder: Path) -> str:
    """Returns question, tables, statistics, verdicts and where the figures are."""
    head = f"{results['title']} ({results['source']} data, preset {results['preset']})"
    blocks = ["\n".join([head, *textwrap.wrap(results["question"], _WIDTH)])]
    if results["simulated"]:
        blocks.append("\n".join(textwrap.wrap(f"Simulated: {results['simulated']}", _WIDTH)))
    rows = results["rows"]
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        blocks.append(f"{group}\n{row_table(own, results['numbers'])}")
    if any(value["n"] > 1 for row in rows for value in row["values"].values()):
        blocks.append("± is the standard deviation over seeds.")
    blocks += [_statistic(entry) for entry in results["statistics"]]
    if compared := comparison_lines(results):
        blocks.append("\n".join(["Beside published numbers", *compared]))
    for group, names in results["missing_controls"].items():
        blocks.append(f"Controls that {group} lacks: {', '.join(names)}.")
    files = "\n".join(f"  {folder / figure['path']}" for figure in results["figures"])
    blocks.append(f"Figures\n{files or '  none'}")
    blocks.append(f"Run folder\n  {folder}   ({duration_text(results['seconds'])})")
    return "\n\n".join(blocks)


def row_table(rows: Sequence[Mapping[str, Any]], numbers: Mapping[str, Any]) -> str:
    """Returns the rows of a group with the numbers that any of them has."""
    shown = [name for name in numbers if any(name in row["values"] for row in rows)]
    header = ["", "kind", *(_heading(numbers[name]) for name in shown)]
    cells = []
    for row in rows:
        flags = [
            word for key, word in (("transductive", "t"), ("labels_at_inference", "l")) if row[key]
        ]
        title = row["title"] + (f" [{','.join(flags)}]" if flags else "")
        values = [number_text(row["values"].get(name), numbers[name]) for name in shown]
        cells.append([title, row["kind"], *values])
    text = table(header, cells)
    if any(row["transductive"] or row["labels_at_inference"] for row in rows):
        text += "\n[t] transductive: the encoder saw the test part; [l] needs labels to embed it"
    return text


def comparison_lines(results: Mapping[str, Any]) -> list[str]:
    """Returns a line for each published number that can be compared, and one for the others."""
    lines, others = [], []
    for entry in results["comparison"]:
        number = results["numbers"].get(entry["number"], {"scale": 1, "digits": 3, "unit": ""})
        name = ", ".join(filter(None, [entry.get("group"), entry["method"], entry["number"]]))
        if entry["verdict"].startswith("not comparable"):
            others.append(entry["verdict"])
            continue
        lines.append(
            f"  {name}: {number_text(entry['obtained'], number)} beside "
            f"{published_text(entry, number)} "
            f"({entry['source']}): {entry['verdict']}, tolerance {_tolerance(entry, number)}"
        )
    reasons = ", ".join(f"{others.count(why)} {why}" for why in dict.fromkeys(others))
    return [*lines, f"  {reasons}"] if reasons else lines


def _tolerance(entry: Mapping[str, Any], number: Mapping[str, Any]) -> str:
    return f"{tolerance(entry) * number['scale']:.{number['digits']}f}"


def _statistic(entry: Mapping[str, Any]) -> str:
    if "text" in entry:
        return f"{entry['title']}\n  {entry['text']}"
    cells = [[cell_text(value) for value in row] for row in entry["rows"]]
    note = f"\n{entry['note']}" if entry["note"] else ""
    return f"{entry['title']}\n{table(entry['header'], cells)}{note}"


def _heading(number: Mapping[str, Any]) -> str:
    return f"{number['title']}, {number['unit']}" if number["unit"] else number["title"]
