"""Tables of a report: cells with what to show and what to sort by."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .folders import Run
from .numbers import cell_text, duration_text, number_text, published_text

__all__ = [
    "Cell",
    "Table",
    "comparison_table",
    "configuration_table",
    "experiment_table",
    "row_tables",
    "statistics_table",
    "verdict_kind",
]

_PLAIN: Mapping[str, Any] = {"title": "", "unit": "", "digits": 3, "scale": 1.0}
_VERDICTS = ("better", "reproduced", "worse", "not comparable")


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        text: What is shown.
        order: What it is sorted by; `None` sorts last.
        look: CSS classes.
        note: A longer explanation under the text.
    """

    text: str
    order: float | str | None = None
    look: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        caption: Its title.
        header: Names of the columns.
        rows: Cells.
        looks: CSS classes of the rows.
        note: A sentence under it.
        layout: `"cards"` makes a card of each row where the page is narrow; `"head"` keeps the
            first column in sight.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    looks: Sequence[str] = ()
    note: str = ""
    layout: str = ""

    def look_of(self, column: int) -> str:
        """Returns the CSS class of a heading: numbers stand to the right."""
        looks = [row[column].look for row in self.rows[:1]]
        return "number" if looks == ["number"] else ""


def experiment_table(runs: Sequence[Run], failures: Mapping[str, str]) -> Table:
    """Returns one row for each experiment: data, verdicts, time, and whether it came through."""
    rows = []
    for place, run in enumerate(runs):
        results = run.results
        verdicts = [verdict_kind(entry["verdict"]) for entry in results["comparison"]]
        counts = [Cell(str(verdicts.count(kind)), verdicts.count(kind), "number")
                  for kind in _VERDICTS]  # fmt: skip
        seconds = float(results.get("seconds", 0))
        status = "failed" if results["failed"] else "complete"
        rows.append(
            [
                Cell(results["title"], place, f"link-{place}"),
                Cell(results["source"], results["source"], f"source-{results['source']}"),
                Cell(results["preset"], results["preset"]),
                *counts,
                Cell(duration_text(seconds), seconds, "number"),
                Cell(status, status, status),
            ]
        )
    for name, reason in failures.items():
        blanks = [Cell("-") for _ in range(3 + len(_VERDICTS))]
        rows.append([Cell(name, name), *blanks, Cell("failed", "failed", "failed", reason)])
    header = ["Experiment", "Data", "Preset", *map(str.capitalize, _VERDICTS), "Time", "Status"]
    return Table("Experiments", header, rows, layout="cards")


def comparison_table(runs: Sequence[Run], caption: str, with_source: bool = False) -> Table:
    """Returns a row for each published number: obtained with spread, published, verdict."""
    rows, looks, several = [], [], len(runs) > 1
    for place, run in enumerate(runs):
        titles = {(row["group"], row["method"]): row["title"] for row in run.results["rows"]}
        groups = {row["method"]: row["group"] for row in reversed(run.results["rows"])}
        every = {(row["method"], row["title"]) for row in run.results["rows"]}
        counts = Counter(method for method, _ in every)
        names = {method: title for method, title in every if counts[method] == 1}
        for number_place, entry in enumerate(run.results["comparison"]):
            number = {**_PLAIN, **run.results["numbers"].get(entry["number"], {})}
            group = entry.get("group") or groups.get(entry["method"], "")
            fallback = names.get(entry["method"], entry["method"])
            title = entry.get("title") or titles.get((group, entry["method"]), fallback)
            obtained = entry["obtained"]
            mean = obtained["mean"] if obtained else None
            kind = verdict_kind(entry["verdict"])
            text = number_text(obtained, number)
            text = f"{text} {number['unit']}".strip() if text != "-" else text
            why = entry["verdict"].removeprefix(kind).strip(" ()")
            row = [
                Cell(run.results["title"], 1000 * place + number_place, f"link-{place}"),
                Cell(group, group),
                Cell(title, title),
                Cell(number["title"] or entry["number"], entry["number"]),
                Cell(text, _sign(mean), "number", _count_text(obtained)),
                Cell(published_text(entry, number), _sign(entry["value"]), "number"),
                Cell(kind, _VERDICTS.index(kind), f"verdict {kind.replace(' ', '-')}", why),
            ]
            source = Cell(entry["source"], entry["source"], "prose", entry.get("notes", ""))
            rows.append((row if several else row[1:]) + [source] * with_source)
            looks.append("dim" if kind == "not comparable" else "")
    header = ["Experiment", "Group", "Row", "Number", "Obtained", "Published", "Verdict"]
    header = (header if several else header[1:]) + ["Source"] * with_source
    return Table(caption, header, rows, looks, layout="cards")


def row_tables(run: Run) -> Iterator[Table]:
    """Yields the result tables: groups that have the same numbers stand in one."""
    rows, numbers = run.results["rows"], run.results["numbers"]
    gathered: dict[tuple[str, ...], list[str]] = {}
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        shown = tuple(name for name in numbers if any(name in row["values"] for row in own))
        gathered.setdefault(shown, []).append(group)
    for shown, groups in gathered.items():
        own = [row for row in rows if row["group"] in groups]
        many = len(groups) > 1
        cells = [
            [*_names(row, many), *_row_numbers(row, shown, numbers), *_flags(row)] for row in own
        ]
        header = ["Row", *["Group"] * many, *(_heading(numbers[name]) for name in shown)]
        header += ["Kind", "Transductive", "Labels at inference"]
        looks = ["control" if row["kind"] == "control" else "" for row in own]
        several = any(value["n"] > 1 for row in own for value in row["values"].values())
        note = f"± is one {own[0].get('spread', 'sd over seeds')}." if several else ""
        yield Table(f"Results: {', '.join(groups)}", header, cells, looks, note, "head")


def statistics_table(entry: Mapping[str, Any]) -> Table:
    """Returns a statistic that is a table."""
    rows = [[_plain_cell(value) for value in row] for row in entry["rows"]]
    return Table(entry["title"], entry["header"], rows, (), entry.get("note", ""))


def configuration_table(configuration: Mapping[str, Any]) -> Table:
    """Returns the settings of a run."""
    rows = [
        [Cell(name, name), Cell(value if isinstance(value, str) else json.dumps(value), name)]
        for name, value in configuration.items()
    ]
    return Table("Configuration", ["Setting", "Value"], rows)


def _names(row: Mapping[str, Any], with_group: bool) -> list[Cell]:
    names = [Cell(row["title"], row["title"]), Cell(row["group"], row["group"])]
    return names if with_group else names[:1]


def _flags(row: Mapping[str, Any]) -> list[Cell]:
    flags = [cell_text(row[key]) for key in ("transductive", "labels_at_inference")]
    looks = ["flag" if flag == "yes" else "" for flag in flags]
    kind = Cell(row["kind"], row["kind"])
    return [kind, *(Cell(flag, flag, look) for flag, look in zip(flags, looks, strict=True))]


def _row_numbers(
    row: Mapping[str, Any], shown: Sequence[str], numbers: Mapping[str, Any]
) -> Iterator[Cell]:
    for name in shown:
        value = row["values"].get(name)
        order = _sign(value["mean"]) if value else None
        yield Cell(number_text(value, {**_PLAIN, **numbers[name]}), order, "number")


def _plain_cell(value: Any) -> Cell:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(cell_text(value), value if is_number else str(value), "number" * is_number)


def _heading(number: Mapping[str, Any]) -> str:
    return f"{number['title']} ({number['unit']})" if number["unit"] else str(number["title"])


def verdict_kind(verdict: str) -> str:
    """Returns the first words of a verdict, one of the four kinds."""
    return next((kind for kind in _VERDICTS if verdict.startswith(kind)), "not comparable")


def _count_text(obtained: Mapping[str, Any] | None) -> str:
    return f"n = {obtained['n']}" if obtained and obtained.get("n", 1) > 1 else ""


def _sign(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
