"""The figures of the paper, drawn anew: Fig. 4b-k and Extended Data Fig. 10a-f, j."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from sklearn.manifold import TSNE

from cebra_ethan.plots.decoding import plot_errors
from cebra_ethan.plots.style import ACCENT, MUTED, name_ticks, new_figure, save_figure, style
from config import AllenConfig
from experiments.allen.results import AreaScores
from experiments.common import CONTROLS, Figure, Finished, save_embedding
from experiments.common.movie import MODALITIES, drawn_mouse, features_of, simulated_movie

__all__ = ["draw_figures", "embeddings"]

Row = Mapping[str, Any]
Done = Mapping[str, Finished]

_FRAME = matplotlib.colormaps["magma"]
_NAMES = {"neuropixels": "Neuropixels", "calcium": "Calcium"}
_BOTH_METHODS = {"separate": "Separate training", "joint": "Joint training"}
_ONE_METHOD = {f"joint-{name}": title for name, title in _NAMES.items()}
_MOUSE_PICTURES = {
    "features": "features", "other-frames": "dealt to other frames",
    "permuted": "permuted over bins", "untrained": "untrained",
}  # fmt: skip


def draw_figures(
    config: AllenConfig, done: Done, rows: Sequence[Row], areas: AreaScores, folder: Path
) -> list[Figure]:
    """Draws everything; the titles say where the data are simulated."""
    word = "simulated" if config.source == "simulated" else "Allen recordings"
    drawn = {
        "curves": (
            _curves(config, rows, "r2"), "consistency against number of neurons",
            "R² between calcium and Neuropixels, a grey for each dimension, error bars s.d. over "
            "seeds; dashed the controls (Fig. 4e, h).",
        ),
        "curves-held-out": (
            _curves(config, rows, "r2_held_out"), "consistency in the repeat that was not seen",
            "The same for the last repeat: neither encoders nor linear maps have seen it.",
        ),
        "joint-against-separate": (
            _curves(config, rows, "r2", _ONE_METHOD), "joint against separate training",
            "R² between the embeddings of one recording by joint and by separate training "
            "(ED Fig. 10a, b); controls are of both recordings.",
        ),
        "embeddings": (
            _grid(config, done), "embeddings of the repeat that was not seen",
            f"First two of {config.shown_dimension} dimensions, coloured by frame "
            "(Fig. 4c, d, f, g).",
        ),
        "areas": (
            _matrices(config, areas), "consistency between areas",
            "R² × 100 of means over repeats: joint training of calcium and Neuropixels (Fig. 4j), "
            "and two sets of neurons within one method (ED Fig. 10c-f).",
        ),
        "within": (
            _strips(areas, config), "within an area and between areas",
            f"{config.areas[0]} in blue (Fig. 4k).",
        ),
        "mice": (
            _mice(rows), "frames decoded with features and with shuffled ones",
            "Single mice, error in frames (the control of ED Fig. 10).",
        ),
        "mice-embeddings": (
            _mice_grid(config, done), "single mice, features and shuffled ones",
            "First two dimensions of the repeat that was not seen, coloured by frame "
            "(ED Fig. 10j).",
        ),
        "features": (
            _features(config), "features of the frames",
            "t-SNE of the features of all frames, coloured by frame (Fig. 4b).",
        ),
    }  # fmt: skip
    figures = []
    for name, (figure, title, caption) in drawn.items():
        if figure is not None:
            heading = f"{title[0].upper()}{title[1:]} ({word})"
            figure.suptitle(heading, fontsize=9)
            path = save_figure(figure, folder / f"{name}.png", dpi=150)
            figures.append(Figure(path, heading, caption))
    return figures


def embeddings(config: AllenConfig, done: Done, folder: Path) -> list[dict[str, Any]]:
    """Writes the embeddings with the most neurons, to be turned."""
    part = done.get(_shown(config, config.num_neurons[-1]))
    if part is None:
        return []
    number, found = config.num_neurons[-1], []
    word = "Simulated: " if config.source == "simulated" else ""
    for name, points in part.arrays.items():
        training, modality = name.split("_")
        frame = np.arange(len(points), dtype=np.float64)
        title = f"{word}{_NAMES[modality]}, {training} training, {number} neurons, held out"
        found.append(
            save_embedding(folder, name.replace("_", "-"), points, {"Frame": frame}, title)
        )
    return found


def _shown(config: AllenConfig, number: int) -> str:
    return f"pair-{number}n-{config.shown_dimension}d-0"


def _curves(
    config: AllenConfig, rows: Sequence[Row], number: str,
    panels: Mapping[str, str] = _BOTH_METHODS,
) -> Any:  # fmt: skip
    value = {
        (row["group"], row["method"]): row["values"][number]
        for row in rows
        if number in row["values"]
    }
    greys = matplotlib.colormaps["Greys"](np.linspace(0.35, 1.0, len(config.dimensions)))
    with style():
        figure = new_figure(8.6, 3.7)
        both = figure.subplots(1, 2, sharey=True)
        for axes, training in zip(both, panels, strict=True):
            for dims, grey in zip(config.dimensions, greys, strict=True):
                _line(axes, config, value, f"{training}-{dims}d", f"{dims}-D", color=grey)
            for place, (control, info) in enumerate(CONTROLS.items()):
                color = matplotlib.colormaps["tab10"](place)
                label = info.title if axes is both[1] else None
                _line(axes, config, value, control, label, color=color, ls="--", lw=0.9)
            axes.set(xlabel="Neurons", title=panels[training])
            axes.set_xscale("log", base=2)
            ticks = [str(number) for number in config.num_neurons]
            axes.set_xticks(config.num_neurons, ticks, rotation=45)
            axes.set_ylim(-0.1, 1.02)
            axes.legend(fontsize=6)
        both[0].set_ylabel("R²" + (", repeat not seen" if number == "r2_held_out" else ""))
    return figure


def _line(
    axes: Axes, config: AllenConfig, value: Mapping[Any, Any], method: str, label: str | None,
    **options: Any,
) -> None:  # fmt: skip
    found = [
        (number, value[f"{number} neurons", method])
        for number in config.num_neurons
        if (f"{number} neurons", method) in value
    ]
    if found:
        x, mean = [n for n, _ in found], [v["mean"] for _, v in found]
        sd = [v["sd"] if v["n"] > 1 else 0.0 for _, v in found]
        axes.errorbar(x, mean, sd, marker="o", ms=3, capsize=2, label=label, **options)


def _grid(config: AllenConfig, done: Done) -> Any:
    numbers = [number for number in config.num_neurons if _shown(config, number) in done]
    if not numbers:
        return None
    lines = [(training, name) for training in ("separate", "joint") for name in MODALITIES]
    with style():
        figure = new_figure(1.5 * len(numbers) + 1, 6.2)
        grid = figure.subplots(4, len(numbers), squeeze=False)
        for column, number in enumerate(numbers):
            arrays = done[_shown(config, number)].arrays
            for line, (training, name) in enumerate(lines):
                axes, points = grid[line, column], arrays[f"{training}_{name}"]
                color = _FRAME(np.linspace(0, 1, len(points)))
                axes.scatter(points[:, 0], points[:, 1], s=2, color=color, rasterized=True)
                axes.set(xticks=[], yticks=[], aspect="equal")
                if line == 0:
                    axes.set_title(f"{number} neurons")
                if column == 0:
                    axes.set_ylabel(f"{_NAMES[name]},\n{training}")
    return figure


def _matrices(config: AllenConfig, scores: AreaScores) -> Any:
    shown = [name for name in scores if not name.endswith("time-all")]
    with style():
        figure = new_figure(3.1 * len(shown), 3.4)
        for axes, training in zip(figure.subplots(1, len(shown)), shown, strict=True):
            matrix = 100 * scores[training].mean(axis=0)
            matrix = (matrix + matrix.T) / 2
            matrix[np.triu_indices(len(matrix), 1)] = np.nan
            low = min(70.0, float(np.nanmin(matrix)))
            drawn = axes.imshow(matrix, vmin=low, vmax=100, cmap="Greys")
            for (i, j), value in np.ndenumerate(matrix):
                if i >= j:
                    dark = value > (low + 100) / 2
                    color = "white" if dark else "black"
                    axes.text(j, i, f"{value:.0f}", ha="center", va="center", color=color)
            name_ticks(axes, list(config.areas), rotate_beyond=3)
            axes.set_title(training)
            figure.colorbar(drawn, ax=axes, shrink=0.6)
    return figure


def _strips(scores: AreaScores, config: AllenConfig) -> Any:
    with style():
        figure = new_figure(1.1 * len(scores) + 1.5, 3.6)
        axes = figure.add_subplot()
        same = np.eye(len(config.areas), dtype=bool)
        for place, matrices in enumerate(scores.values()):
            matrix = matrices.mean(axis=0)
            for shift, chosen in ((-0.17, same), (0.17, ~same)):
                values = matrix[chosen]
                spread = np.linspace(-0.07, 0.07, len(values)) if len(values) > 1 else [0.0]
                axes.scatter(place + shift + np.asarray(spread), values, s=10, color=MUTED)
            axes.scatter(place - 0.17, matrix[0, 0], s=26, color=ACCENT)
            if len(matrix) > 1:
                axes.scatter(place + 0.17, np.mean([matrix[0, 1:], matrix[1:, 0]]), s=26,
                             color=ACCENT)  # fmt: skip
        names = [f"{name}\nwithin, between" for name in scores]
        axes.set_xticks(range(len(scores)), names, rotation=30, ha="right", fontsize=7)
        axes.set_ylabel("R², mean of repeats")
    return figure


def _mice(rows: Sequence[Row]) -> Any:
    mice = [row for row in rows if row["group"].startswith("mouse")]
    if not mice:
        return None
    errors: dict[str, list[float]] = {}
    for row in mice:
        errors.setdefault(row["title"], []).append(row["values"]["frame_error"]["mean"])
    controls = [row["title"] for row in mice if row["kind"] == "control"]
    with style():
        figure = new_figure(6.6, 3.4)
        plot_errors(errors, controls=controls, quantity="Mean frame error, a dot for each mouse",
                    unit="frames", digits=0, ax=figure.add_subplot())  # fmt: skip
    return figure


def _mice_grid(config: AllenConfig, done: Done) -> Any:
    arrays = {
        (number, method): done[name].arrays["points"]
        for number in range(len(config.mouse_neurons))
        for method in _MOUSE_PICTURES
        if (name := f"mouse-{number + 1}-{method}-0") in done
    }
    if not arrays:
        return None
    num_mice = len(config.mouse_neurons)
    with style():
        figure = new_figure(6.8, 1.6 * num_mice + 0.6)
        grid = figure.subplots(num_mice, len(_MOUSE_PICTURES), squeeze=False)
        for number in range(num_mice):
            for column, (method, title) in enumerate(_MOUSE_PICTURES.items()):
                axes, points = grid[number, column], arrays[number, method]
                color = _FRAME(np.linspace(0, 1, len(points)))
                axes.scatter(points[:, 0], points[:, 1], s=2, color=color, rasterized=True)
                axes.set(xticks=[], yticks=[], aspect="equal")
                if number == 0:
                    axes.set_title(title)
            grid[number, 0].set_ylabel(f"mouse {number + 1}")
    return figure


def _features(config: AllenConfig) -> Any:
    if config.source == "simulated":
        features = simulated_movie(config.num_frames, config.num_scenes)[1]
    else:
        mouse = drawn_mouse(config, "neuropixels", config.areas[0], 1, 0)
        features = features_of(mouse.test)
    perplexity = min(30.0, len(features) / 4)
    points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(features)
    with style():
        figure = new_figure(4.2, 3.6)
        axes = figure.add_subplot()
        drawn = axes.scatter(*points.T, c=np.arange(len(points)), cmap=_FRAME, s=5)
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
        figure.colorbar(drawn, ax=axes, label="Frame")
    return figure
