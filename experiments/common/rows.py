"""From finished parts to the rows of a result table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cebra_ethan.report.record import Describes, Number, make_row
from experiments.common.parts import Finished

__all__ = ["flat_values", "rows_of"]


def rows_of(
    parts: Iterable[Finished],
    methods: Mapping[str, Describes],
    numbers: Mapping[str, Number],
) -> list[dict[str, Any]]:
    """Gathers parts with the same `group` and `method` into rows, in the order of the parts.

    Args:
        parts: Finished parts whose values hold `group` and `method`; others are passed over.
        methods: What each method is.
        numbers: The columns; values of those names are averaged over seeds.
    """
    gathered: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for part in parts:
        if {"group", "method"} <= part.values.keys():
            key = part["group"], part["method"]
            gathered.setdefault(key, []).append(part.values | {"seconds": part.seconds})
    return [
        make_row(group, method, methods[method], seeds, numbers)
        for (group, method), seeds in gathered.items()
    ]


def flat_values(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns `"group.method.number"` to the mean over seeds."""
    return {
        f"{row['group']}.{row['method']}.{name}": value["mean"]
        for row in rows
        for name, value in row["values"].items()
    }
