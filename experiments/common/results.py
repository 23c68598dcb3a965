"""What `results.json` holds, and the embeddings that a report lets one turn.

| key | meaning |
|---|---|
| `schema` | 1 |
| `experiment`, `title`, `question` | its name, its title, what it asks |
| `status` | `"complete"`, or `"failed"` with `failed: {part: error}` and no rows |
| `source`, `simulated` | `"simulated"` or `"real"`; a sentence on what is simulated, or `null` |
| `preset`, `configuration` | the settings, all of them |
| `notes` | sentences on the protocol: split, training, decoder, deviations |
| `numbers` | the columns: title, unit, better, digits, scale |
| `rows` | see `rows.make_row` |
| `missing_controls`, `waived_controls` | by group; by name with the reason |
| `comparison` | entries of `expected.toml` with `obtained` and `verdict` |
| `statistics` | `{"title", "text"}` or `{"title", "header", "rows", "note"}` |
| `figures` | `{"path", "title", "caption"}`, paths within the folder |
| `embeddings` | `{"path", "title", "caption", "labels": [{"name", "unit", "kind", "array"}]}` |
| `seconds`, `seconds_of_parts`, `jobs`, `num_parts` | time taken |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cebra_ethan.types import Label
from cebra_ethan.utils.files import atomic_write

__all__ = ["SCHEMA", "Figure", "flat_values", "save_embedding"]

SCHEMA = 1
MAX_POINTS = 3000


@dataclass(frozen=True)
class Figure:
    """A picture of the report.

    Args:
        path: The file, inside the run folder; PNG or SVG.
        title: What it shows; says *simulated* where the data are.
        caption: What a reader must know to read it: panels, colours, which figure of the paper.
    """

    path: Path
    title: str
    caption: str = ""

    def entry(self, folder: Path) -> dict[str, str]:
        """Returns it as JSON, with the path within `folder`."""
        path = Path(self.path)
        inside = path.relative_to(folder) if path.is_absolute() or path.exists() else path
        return {"path": inside.as_posix(), "title": self.title, "caption": self.caption}


def save_embedding(
    folder: Path,
    name: str,
    points: Any,
    labels: Mapping[str, Any],
    title: str,
    *,
    units: Mapping[str, str] | None = None,
    caption: str = "",
    max_points: int = MAX_POINTS,
) -> dict[str, Any]:
    """Writes points that a report shows to turn and zoom; returns what `Summary` wants.

    Long embeddings are thinned to every so many bins, and the first three dimensions are shown.

    Args:
        folder: The run folder.
        name: File name without ending; the file is `embeddings/NAME.npz`.
        points: `(T, D)`, `D` at least 2.
        labels: What the points may be coloured by, by name, each a `Label` or `(T,)`; words and
            `Label`s of classes get a colour each. The first is shown first.
        title: Says *simulated* where the data are.
        units: Of the labels.
        caption: What a reader must know.
        max_points: More are thinned.

    Raises:
        ValueError: If lengths differ, or points have fewer than two dimensions.
    """
    array = np.asarray(points, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] < 2 or not labels:
        raise ValueError(
            f"an embedding to show must be (T, D) with D >= 2 and have a label; got shape "
            f"{array.shape} and {len(labels)} labels. Give labels={{'time': bins}} if there is "
            "no other."
        )
    step = -(-len(array) // max_points)
    arrays, entries = {"points": array[::step, :3]}, []
    for place, (label_name, values) in enumerate(labels.items()):
        kind, column, period = _column(values)
        if len(column) != len(array):
            raise ValueError(
                f"a label must have a value for each of {len(array)} points; {label_name!r} has "
                f"{len(column)}. Crop both alike."
            )
        arrays[f"label_{place}"] = column[::step]
        entry = {"name": label_name, "unit": (units or {}).get(label_name, ""), "kind": kind}
        entries.append(entry | {"period": period, "array": f"label_{place}"})
    path = Path(folder) / "embeddings" / f"{name}.npz"
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)
    inside = path.relative_to(folder).as_posix()
    return {"path": inside, "title": title, "caption": caption, "labels": entries}


def flat_values(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns `"group.method.number"` to the mean over seeds."""
    return {
        f"{row['group']}.{row['method']}.{name}": value["mean"]
        for row in rows
        for name, value in row["values"].items()
    }


def _column(values: Any) -> tuple[str, np.ndarray, float | None]:
    if isinstance(values, Label):
        array, kind, period = np.asarray(values.to_numpy()), values.kind, values.period
    else:
        array, period = np.asarray(values), None
        kind = "categorical" if array.dtype.kind in "USOb" else "continuous"
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"a label that colours points must be one column; got shape {array.shape}. "
            "Choose a column."
        )
    if kind == "categorical":
        return kind, array.astype(str), period
    return kind, array.astype(np.float32), period
