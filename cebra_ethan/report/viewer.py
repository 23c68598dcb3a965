"""Embeddings as the few numbers that a page needs to draw them: rounded, thinned, coloured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from ..errors import DataIntegrityError
from ..plots.style import COLORMAPS, class_colors
from .folders import Run, inside

__all__ = ["MAX_POINTS", "embedding_payload"]

MAX_POINTS = 3000

_MANY_CLASSES = 20  # more are a colour bar: nobody reads such a legend
_SCALE_COLORS = 24  # the page interpolates between them
_DIGITS = 4


def embedding_payload(run: Run, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns title, coordinates and colourings of one embedding, ready for JSON.

    Args:
        run: Whose folder holds the file.
        entry: Of `results["embeddings"]`.

    Raises:
        DataIntegrityError: If the file is not there, damaged, or not what the entry says.
    """
    path = inside(run.folder, entry["path"])
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        points = arrays["points"].astype(np.float64)
        columns = [arrays[label["array"]] for label in entry["labels"]]
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise DataIntegrityError(
            f"{path} must hold the points and labels that results.json names; got {error}. "
            "Run the experiment again."
        ) from None
    if points.ndim != 2 or points.shape[1] not in (2, 3) or not np.isfinite(points).all():
        raise DataIntegrityError(
            f"points of {path} must be finite and (T, 2) or (T, 3); got shape {points.shape}."
        )
    step = -(-len(points) // MAX_POINTS)
    labels = zip(entry["labels"], columns, strict=True)
    return {
        "title": entry["title"],
        "caption": entry.get("caption", ""),
        "points": [_rounded(column) for column in points[::step].T],
        "labels": [_coloring(label, column[::step]) for label, column in labels],
    }


def _coloring(label: Mapping[str, Any], values: np.ndarray) -> dict[str, Any]:
    name = f"{label['name']} ({label['unit']})" if label.get("unit") else label["name"]
    if label["kind"] == "categorical":
        classes, codes = np.unique(values, return_inverse=True)
        colors = [to_hex(color) for color in class_colors(len(classes))]
        coloring = {
            "name": name, "classes": [str(c) for c in classes], "codes": codes.tolist(),
            "colors": colors,
        }  # fmt: skip
        if len(classes) <= _MANY_CLASSES:
            return coloring
        scale = [[i / (len(classes) - 1), color] for i, color in enumerate(colors)]
        return {"name": name, "values": codes.tolist(), "scale": scale, "range": None}
    period = label.get("period")
    mapping = COLORMAPS.get(label["kind"], COLORMAPS["continuous"])
    mapping = matplotlib.colormaps[mapping] if isinstance(mapping, str) else mapping
    steps = np.linspace(0, 1, _SCALE_COLORS)
    scale = [[float(s), to_hex(c)] for s, c in zip(steps, mapping(steps), strict=True)]
    numbers = _rounded(values.astype(np.float64))
    return {
        "name": name,
        "values": numbers,
        "scale": scale,
        "range": [0, period] if period else None,
    }


def _rounded(values: np.ndarray) -> list[float | None]:
    """Returns numbers with four digits of the largest; what is not finite becomes `None`."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max()) if len(finite) else 0.0
    digits = _DIGITS - 1 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    return [float(v) if np.isfinite(v) else None for v in np.round(values, digits)]
