"""What a run writes for a report: rows, figures and embeddings of `results.json`, schema 1.

| key | meaning |
|---|---|
| `schema` | 1 |
| `experiment`, `title`, `question` | its name, its title, what it asks |
| `status` | `"complete"`, or `"failed"` with `failed: {part: error}` and no rows |
| `source`, `simulated` | `"simulated"` or `"real"`; a sentence on what is simulated, or `null` |
| `preset`, `configuration` | the settings, all of them |
| `notes` | sentences on the protocol: split, training, decoder, deviations |
| `numbers` | the columns: title, unit, better, digits, scale |
| `rows` | see `make_row` |
| `missing_controls`, `waived_controls` | by group; by name with the reason |
| `comparison` | entries of `expected.toml` with `obtained` and `verdict` |
| `statistics` | `{"title", "text"}` or `{"title", "header", "rows", "note"}` |
| `figures` | `{"path", "title", "caption"}`, paths within the folder |
| `embeddings` | `{"path", "title", "caption", "labels": [{"name", "unit", "kind", "array"}]}` |
| `seconds`, `seconds_of_parts`, `jobs`, `num_parts` | time taken |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from ..errors import DataError
from ..types import Label
from ..utils.files import atomic_write

__all__ = [
    "SCHEMA",
    "Describes",
    "Figure",
    "Kind",
    "Number",
    "RowInfo",
    "make_row",
    "numbers_table",
    "save_embedding",
    "spread",
]

SCHEMA = 1
MAX_POINTS = 3000

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


@runtime_checkable
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


def numbers_table(numbers: Mapping[str, Number]) -> dict[str, Any]:
    """Returns the columns as JSON."""
    return {name: asdict(number) for name, number in numbers.items()}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Returns mean, standard deviation over seeds (n - 1; `nan` for one) and n.

    Example:
        >>> spread([1.0, 3.0])
        {'mean': 2.0, 'sd': 1.4142135623730951, 'n': 2}
    """
    array = np.asarray(values, dtype=np.float64)
    sd = float(array.std(ddof=1)) if len(array) > 1 else float("nan")
    return {"mean": float(array.mean()), "sd": sd, "n": len(array)}


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
        DataError: If lengths differ, or points have fewer than two dimensions.
    """
    array = np.asarray(points, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] < 2 or not labels:
        raise DataError(
            f"an embedding to show must be (T, D) with D >= 2 and have a label; got shape "
            f"{array.shape} and {len(labels)} labels. Give labels={{'time': bins}} if there is "
            "no other."
        )
    step = -(-len(array) // max_points)
    arrays: dict[str, Any] = {"points": array[::step, :3]}
    entries = []
    for place, (label_name, values) in enumerate(labels.items()):
        kind, column, period = _column(values)
        if len(column) != len(array):
            raise DataError(
                f"a label must have a value for each of {len(array)} points; {label_name!r} has "
                f"{len(column)}. Crop both alike."
            )
        arrays[f"label_{place}"] = column[::step]
        unit = (units or {}).get(label_name, "")
        entry = {"name": label_name, "unit": unit, "kind": kind, "period": period}
        entries.append(entry | {"array": f"label_{place}"})
    path = Path(folder) / "embeddings" / f"{name}.npz"
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)
    inside = path.relative_to(folder).as_posix()
    return {"path": inside, "title": title, "caption": caption, "labels": entries}


def _column(values: Any) -> tuple[str, np.ndarray, float | None]:
    if isinstance(values, Label):
        array, kind, period = np.asarray(values.to_numpy()), values.kind, values.period
    else:
        array, period = np.asarray(values), None
        kind = "categorical" if array.dtype.kind in "USOb" else "continuous"
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"a label that colours points must be one column; got shape {array.shape}. "
            "Choose a column."
        )
    if kind == "categorical":
        return kind, array.astype(str), period
    return kind, array.astype(np.float32), period
