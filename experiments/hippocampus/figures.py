"""The pictures of the experiment, drawn from what the parts left on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cebra_ethan.plots.decoding import plot_decoding, plot_errors
from cebra_ethan.plots.embedding import plot_embedding
from cebra_ethan.plots.style import new_figure, save_figure, style
from cebra_ethan.types import Label
from experiments.common import Figure, save_embedding

__all__ = ["draw_figures", "draw_overview", "embeddings"]

_EMBEDDED = (
    "behavior", "position", "direction", "hybrid", "time", "permuted", "shifted", "untrained",
)  # fmt: skip
_BESIDE = (
    "behavior", "time", "conv-pivae-labels", "conv-pivae", "pivae", "lfads", "autolfads", "tsne",
    "umap", "pca",
)  # fmt: skip
_TURNED = ("behavior", "hybrid", "time", "permuted", "untrained")
_TRACED = ("behavior", "time", "encoder-permuted", "no-embedding")
_TRACE_S = 20.0

Row = Mapping[str, Any]


def draw_figures(folder: Path, rows: Sequence[Row]) -> list[Figure]:
    """Draws embedding, loss, decoded trace and errors of every rat.

    Args:
        folder: The run folder.
        rows: The result table.

    Returns:
        The figures.
    """
    figures = []
    for rat in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == rat]
        for name, (function, title, caption) in _FIGURES.items():
            figure = function(folder / rat, own, _rat_name(rat))
            if figure is not None:
                path = save_figure(figure, folder / rat / f"{name}.png", dpi=150)
                figures.append(Figure(path, f"{_rat_name(rat)}: {title}", caption))
    return figures


def embeddings(folder: Path, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Writes the embeddings of the held-out part that a report lets one turn."""
    found = []
    for row in rows:
        if row["method"] in _TURNED:
            rat, method = row["group"], row["method"]
            data = _arrays(folder / rat, method)
            labels = {"Position": data["test_position_m"], "Direction": _direction(data)}
            title = f"{_rat_name(rat)}: {row['title']}, held out"
            points, units = data["test_embedding"], {"Position": "m"}
            found.append(
                save_embedding(folder, f"{rat}-{method}", points, labels, title, units=units)
            )
    return found


def draw_overview(folder: Path, rows: Sequence[Row]) -> Figure:
    """Draws one picture of the first rat: embedding, decoded trace, errors."""
    rat = rows[0]["group"]
    own = [row for row in rows if row["group"] == rat]
    best = next((row["method"] for row in own if row["method"] in _EMBEDDED), None)
    with style():
        figure = new_figure(13.0, 4.2)
        grid = figure.add_gridspec(1, 3, width_ratios=(1, 1.5, 1.1))
        if best is not None:
            data = _arrays(folder / rat, best)
            points, label = data["test_embedding"], _position(data)
            axes = figure.add_subplot(grid[0], projection="3d" if points.shape[1] > 2 else None)
            plot_embedding(points, label, ax=axes, title=_title(own, best))
            axes = figure.add_subplot(grid[1])
            _trace(axes, data, "Held-out decoding")
        _bars(figure.add_subplot(grid[2]), own)
        figure.suptitle(_rat_name(rat))
    path = save_figure(figure, folder / "overview.png", dpi=150)
    return Figure(path, f"{_rat_name(rat)}: overview")


def _embeddings(folder: Path, rows: Sequence[Row], rat: str) -> Any:
    return _side_by_side(folder, rows, rat, _EMBEDDED)


def _methods(folder: Path, rows: Sequence[Row], rat: str) -> Any:
    return _side_by_side(folder, rows, rat, _BESIDE)


def _side_by_side(folder: Path, rows: Sequence[Row], rat: str, names: Sequence[str]) -> Any:
    present = {row["method"] for row in rows}
    methods = [name for name in names if name in present]
    if not methods:
        return None
    with style():
        figure = new_figure(3.8 * len(methods), 6.8)
        for column, method in enumerate(methods):
            data = _arrays(folder, method)
            points = data["test_embedding"]
            last = column == len(methods) - 1
            for line, label in enumerate((_position(data), _direction(data))):
                axes = figure.add_subplot(
                    2, len(methods), line * len(methods) + column + 1,
                    projection="3d" if points.shape[1] > 2 else None,
                )  # fmt: skip
                title = _title(rows, method) if line == 0 else None
                plot_embedding(points, label, ax=axes, title=title, colorbar=last)
        figure.suptitle(f"{rat}: embedding of the held-out part, by position and by direction")
    return figure


def _losses(folder: Path, rows: Sequence[Row], rat: str) -> Any:
    curves = {}
    for row in rows:
        path = folder / f"{row['method']}-history.csv"
        # the hybrid's is the sum of two, and the encoder of "encoder-permuted" that of "permuted"
        if path.exists() and row["method"] not in ("encoder-permuted", "hybrid"):
            curves[row["title"]] = np.genfromtxt(path, delimiter=",", names=True)
    if not curves:
        return None
    with style():
        figure = new_figure(6.0, 4.0)
        axes = figure.add_subplot()
        for title, curve in curves.items():
            width = max(1, len(curve) // 100)
            smooth = np.convolve(curve["loss"], np.full(width, 1 / width), "valid")
            axes.plot(curve["step"][width - 1 :], smooth, label=title)
        axes.set(
            xlabel="Training step", ylabel="InfoNCE loss (nats)", title=f"{rat}: training loss"
        )
        axes.legend()
    return figure


def _traces(folder: Path, rows: Sequence[Row], rat: str) -> Any:
    methods = [row["method"] for row in rows if row["method"] in _TRACED]
    if not methods:
        return None
    with style():
        figure = new_figure(9.0, 2.3 * len(methods) + 0.4)
        for line, method in enumerate(methods):
            axes = figure.add_subplot(len(methods), 1, line + 1)
            row = next(row for row in rows if row["method"] == method)
            error = row["seeds"][0]["median_cm"]
            _trace(axes, _arrays(folder, method), f"{row['title']}: median error {error:.1f} cm")
        figure.suptitle(f"{rat}: position decoded from the held-out part")
    return figure


def _errors(folder: Path, rows: Sequence[Row], rat: str) -> Any:
    with style():
        figure = new_figure(7.0, 0.36 * len(rows) + 1.3)
        axes = figure.add_subplot()
        _bars(axes, rows, f"{rat}: held-out decoding beside controls")
    return figure


def _trace(axes: Axes, data: Mapping[str, np.ndarray], title: str) -> None:
    bin_s = float(data["bin_s"])
    rows = slice(0, int(_TRACE_S / bin_s))
    pair = data["test_position_m"][rows], data["decoded_position_m"][rows]
    plot_decoding(pair, bin_s=bin_s, name="Position", unit="m", ax=axes, title=title)


def _bars(axes: Axes, rows: Sequence[Row], title: str | None = None) -> None:
    plot_errors(
        {row["title"]: [part["median_cm"] for part in row["seeds"]] for row in rows},
        controls=[row["title"] for row in rows if row["kind"] == "control"],
        quantity="Median position error",
        unit="cm",
        ax=axes,
        title=title,
    )


_FIGURES = {
    "embedding": (
        _embeddings, "embeddings",
        "The held-out part, coloured by position and by direction (Fig. 1d, 2b).",
    ),
    "methods": (
        _methods, "embeddings of all methods",
        "The held-out part, coloured by position and by direction (Fig. 1d, Ext. Data Fig. 3).",
    ),
    "loss": (_losses, "training loss", "InfoNCE in nats, smoothed (Fig. 2c)."),
    "decoding": (
        _traces, "decoded position", "The first 20 s of the held-out part, first seed (Fig. 2d).",
    ),
    "errors": (
        _errors, "decoding errors",
        "Median error of the held-out part, one point for each seed, beside controls (Fig. 2d).",
    ),
}  # fmt: skip


def _arrays(folder: Path, method: str) -> Mapping[str, np.ndarray]:
    with np.load(folder / f"{method}.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _position(data: Mapping[str, np.ndarray]) -> Label:
    return Label(data["test_position_m"].astype(np.float64), name="Position (m)")


def _direction(data: Mapping[str, np.ndarray]) -> Label:
    return Label(data["test_direction"], name="Direction")


def _title(rows: Sequence[Row], method: str) -> str:
    return str(next(row["title"] for row in rows if row["method"] == method))


def _rat_name(rat: str) -> str:
    if rat.startswith("simulated"):
        return "Simulated rat" + rat.removeprefix("simulated").replace("-", " ")
    return f"Rat {rat}"
