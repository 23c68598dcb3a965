"""How numbers are written, on the page and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["cell_text", "duration_text", "number_text", "published_text"]


def number_text(value: Mapping[str, Any] | None, number: Mapping[str, Any]) -> str:
    """Returns mean ± standard deviation; a dash where there is no number.

    Args:
        value: `mean`, `sd` and `n`, or `None`.
        number: `digits` to show and the `scale` to multiply by.

    Example:
        >>> number_text({"mean": 0.913, "sd": 0.02, "n": 3}, {"digits": 1, "scale": 100})
        '91.3 ± 2.0'
        >>> number_text(None, {"digits": 1, "scale": 1})
        '-'
    """
    if value is None or value.get("mean") is None:
        return "-"
    scale, digits = number["scale"], number["digits"]
    text = f"{scale * value['mean']:.{digits}f}"
    several = value.get("n", 1) > 1 and value.get("sd") is not None
    return text + (f" ± {scale * value['sd']:.{digits}f}" if several else "")


def published_text(entry: Mapping[str, Any], number: Mapping[str, Any]) -> str:
    """Returns a published number with its spread, in the unit in which it is shown.

    Example:
        >>> published_text({"value": 7.2}, {"digits": 1, "scale": 1, "unit": "cm"})
        '7.2 cm'
    """
    scale, digits = number["scale"], number["digits"]
    text = f"{scale * entry['value']:.{digits}f}"
    if "spread" in entry:
        text += f" ± {scale * entry['spread']:.{digits}f}"
    return f"{text} {number['unit']}".strip()


def cell_text(value: Any) -> str:
    """Returns a cell of a table of statistics: four digits of a number, words as they are.

    Example:
        >>> [cell_text(value) for value in (0.123456, 3.2e-9, 12, True, None, "a")]
        ['0.1235', '3.2e-09', '12', 'yes', '-', 'a']
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    return str(value)


def duration_text(seconds: float) -> str:
    """Returns a time as people say it.

    Example:
        >>> [duration_text(seconds) for seconds in (12.3, 300, 9000)]
        ['12 s', '5 min', '2.5 h']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
