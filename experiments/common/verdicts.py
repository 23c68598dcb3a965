"""Obtained beside published numbers: reproduced, better, worse, or not comparable and why."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["VERDICTS", "compare", "read_expected", "tolerance", "verdict"]

VERDICTS = ("reproduced", "better", "worse", "not comparable")

_REQUIRED = {"method", "number", "value", "better", "source"}
_KNOWN = _REQUIRED | {
    "group", "tolerance", "absolute_tolerance", "spread", "notes", "requires", "not_comparable",
    "title",
}  # fmt: skip


def read_expected(path: Path) -> list[dict[str, Any]]:
    """Reads the `[[expected]]` tables of an `expected.toml`.

    Raises:
        ValueError: If an entry lacks a key, has an unknown one, or has no tolerance.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("expected", [])
    for place, entry in enumerate(entries, start=1):
        lacking, unknown = _REQUIRED - entry.keys(), entry.keys() - _KNOWN
        if lacking or unknown:
            what = f"lacks {', '.join(sorted(lacking))}" if lacking else f"has {sorted(unknown)}"
            raise ValueError(
                f"an expected number must hold {', '.join(sorted(_REQUIRED))} and may hold "
                f"{', '.join(sorted(_KNOWN - _REQUIRED))}; entry {place} of {path.parent.name} "
                f"{what}."
            )
        if len({"tolerance", "absolute_tolerance", "not_comparable"} & entry.keys()) < 1:
            raise ValueError(
                f"an expected number must say what counts as reproduced; entry {place} of "
                f"{path.parent.name} does not. Give tolerance (relative) or absolute_tolerance."
            )
        if entry["better"] not in ("higher", "lower"):
            raise ValueError(
                f"better must be higher or lower; entry {place} of {path.parent.name} has "
                f"{entry['better']!r}."
            )
    return entries


def compare(
    rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], path: Path
) -> list[dict[str, Any]]:
    """Returns every expected number with what was obtained and a verdict.

    Args:
        rows: The result table.
        settings: The configuration as a mapping; `requires` of an entry is held against it.
        path: The `expected.toml`; without such a file nothing is expected.
    """
    if not path.exists():
        return []
    compared = []
    for entry in read_expected(path):
        obtained = _find(rows, entry)
        compared.append(
            {**entry, "obtained": obtained, "verdict": verdict(entry, obtained, settings)}
        )
    return compared


def verdict(
    entry: Mapping[str, Any], obtained: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> str:
    """Returns the verdict on one number.

    Within the tolerance it is reproduced; beyond it, better or worse. It is not comparable when
    the entry says so, when a setting is not what `requires` names, or when it was not obtained.

    Example:
        >>> entry = {"value": 5.0, "tolerance": 0.1, "better": "lower"}
        >>> [verdict(entry, {"mean": error}, {}) for error in (5.4, 4.0, 6.0)]
        ['reproduced', 'better', 'worse']
        >>> verdict(entry | {"requires": {"preset": "paper"}}, {"mean": 5}, {"preset": "quick"})
        'not comparable (preset quick, not paper)'
    """
    if "not_comparable" in entry:
        return f"not comparable ({entry['not_comparable']})"
    for name, wanted in entry.get("requires", {}).items():
        choices, has = wanted if isinstance(wanted, list) else [wanted], settings.get(name)
        has = list(has) if isinstance(has, tuple) else has
        if has not in choices and has != wanted:
            what = " or ".join(map(str, choices))
            if name == "source":
                return f"not comparable ({has} data)"
            return f"not comparable ({name} {has}, not {what})"
    if obtained is None or obtained.get("mean") is None:
        return "not comparable (not run)"
    difference = obtained["mean"] - entry["value"]
    if abs(difference) <= tolerance(entry):
        return "reproduced"
    return "better" if (difference > 0) == (entry["better"] == "higher") else "worse"


def tolerance(entry: Mapping[str, Any]) -> float:
    """Returns how far an expected number may be missed."""
    relative = abs(entry["value"]) * entry.get("tolerance", 0)
    return float(entry.get("absolute_tolerance", relative))


def _find(rows: Sequence[Mapping[str, Any]], entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the value that an entry is about; an entry without group takes the only group."""
    for row in rows:
        if row["method"] == entry["method"] and entry.get("group") in (None, row["group"]):
            return row["values"].get(entry["number"])
    return None
