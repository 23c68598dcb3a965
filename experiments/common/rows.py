"""Rows of a result table: one for each group and method, mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from experiments.common.parts import Finished
from utils import spread

__all__ = ["Describes", "Number", "RowInfo", "make_row", "numbers_table", "rows_of"]

Kind = Literal["method", "control"]


@dataclass(frozen=True)
class Number:
    """A column of the result table.

    Args:
        title: What tables call it: `"median error"`.
        unit: `"cm"`, `"%"`, `"bits"`; empty for a pure number.
        better: Whether higher or lower is better.
        digits: Decimals to show.
        scale: What a value is multiplied by when it is shown: 100 for `"%"`.
    """

    title: str
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    digits: int = 2
    scale: float = 1.0


class Describes(Protocol):
    """What a table of methods must say of each row; `RowInfo` does, and any class with these."""

    @property
    def title(self) -> str:
        """What tables and figures call the row."""

    @property
    def kind(self) -> Kind:
        """Whether it is a method or a control."""

    @property
    def transductive(self) -> bool:
        """Whether the encoder has seen the neural data of the test part."""

    @property
    def labels_at_inference(self) -> bool:
        """Whether it needs labels of the test part to embed it."""


@dataclass(frozen=True)
class RowInfo:
    """What every row says of itself.

    Args:
        title: What tables and figures call it.
        kind: `"method"`, or `"control"` for what a method must beat.
        transductive: Whether the encoder has seen the neural data of the test part.
        labels_at_inference: Whether it needs labels of the test part to embed it.
    """

    title: str
    kind: Kind = "method"
    transductive: bool = False
    labels_at_inference: bool = False


def make_row(
    group: str,
    method: str,
    info: Describes,
    seeds: Sequence[Mapping[str, Any]],
    numbers: Mapping[str, Number],
) -> dict[str, Any]:
    """Returns one row.

    Args:
        group: What is compared within: a rat, an area, a number of neurons.
        method: Row of the experiment's table of methods.
        info: What that table says.
        seeds: Values of each seed; a number that is missing or `None` in all is left out.
        numbers: The columns.

    Returns:
        `{"group", "method", "title", "kind", "transductive", "labels_at_inference", "spread",
        "values": {number: {"mean", "sd", "n", "unit"}}, "seeds"}`.
    """
    values = {}
    for name, number in numbers.items():
        found = [seed[name] for seed in seeds if seed.get(name) is not None]
        if found:
            values[name] = {**spread(found), "unit": number.unit}
    return {
        "group": group,
        "method": method,
        "title": info.title,
        "kind": info.kind,
        "transductive": info.transductive,
        "labels_at_inference": info.labels_at_inference,
        "spread": "sd over seeds",
        "values": values,
        "seeds": [dict(seed) for seed in seeds],
    }


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


def numbers_table(numbers: Mapping[str, Number]) -> dict[str, Any]:
    """Returns the columns as JSON."""
    return {name: asdict(number) for name, number in numbers.items()}
