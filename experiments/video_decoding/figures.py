"""The figures of the paper, drawn anew: Fig. 5b-h and Extended Data Fig. 10g, h."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from cebra_ethan.plots.style import ACCENT, CATEGORICAL, CHANCE, MUTED, new_figure, save_figure
from cebra_ethan.plots.style import style as house_style
from config import VideoDecodingConfig
from experiments.common import Figure, Finished, save_embedding
from experiments.common.movie import MODALITIES, simulated_movie

__all__ = ["draw_figures", "embeddings"]

Row = Mapping[str, Any]
Done = Mapping[str, Finished]

_LINES = {
    "behavior": ("CEBRA", CATEGORICAL[0], "-"),
    "joint": ("CEBRA joint", CATEGORICAL[3], "-"),
    "no-embedding": ("no embedding, kNN", CATEGORICAL[1], "-"),
    "no-embedding-bayes": ("no embedding, Bayes", CATEGORICAL[2], "-"),
    "time": ("CEBRA-Time", CATEGORICAL[4], "-"),
    "untrained": ("untrained", MUTED, ":"),
    "permuted": ("labels permuted", CHANCE, ":"),
    "shifted": ("labels shifted", CHANCE, "--"),
    "chance": ("chance", "black", ":"),
}
_QUANTITIES = {
    "frame_accuracy": "Frame within 1 s",
    "scene_accuracy": "Scene",
    "frame_error": "Mean error (frames)",
}


def draw_figures(
    config: VideoDecodingConfig, done: Done, rows: Sequence[Row], folder: Path
) -> list[Figure]:
    """Draws what there is; the titles say where the data are simulated."""
    word = "simulated" if config.source == "simulated" else "Allen recordings"
    drawn: dict[str, tuple[Any, str, str]] = {}
    bars = "error bars s.d. over seeds"
    for modality in MODALITIES:
        for number, quantity in _QUANTITIES.items():
            figure = _curves(config, rows, modality, number)
            drawn[f"{number.replace('_', '-')}-{modality}"] = (
                figure, f"{quantity.lower()} from {modality}, against number of neurons",
                f"{bars} (Fig. 5c, d, f; ED Fig. 10h for calcium)",
            )  # fmt: skip
    drawn["predicted"] = (
        _predicted(config, done), "true and decoded frames",
        f"Tenth repeat, {max(config.num_neurons)} neurons of Neuropixels, one seed (Fig. 5e)",
    )  # fmt: skip
    drawn["frames"] = (
        _frames(config, done), "frames that were on, and frames that were decoded",
        "CEBRA-Behavior, one frame of Neuropixels (Fig. 5b)",
    )  # fmt: skip
    drawn["areas"] = (_areas(config, rows), "areas, joint training", f"{bars} (Fig. 5g)")
    drawn["layers"] = (_bars(rows, "layers", "layer"), "layers of primary cortex, calcium",
                       "a dot for each seed, the most neurons (Fig. 5h)")  # fmt: skip
    drawn["dimensions"] = (_dimensions(config, rows), "dimensions of the embedding",
                           f"{bars} (ED Fig. 10g)")  # fmt: skip
    drawn["session"] = (_session(config, rows), "the second of the movie, by area",
                        "repeats that were not seen; dots are seeds")  # fmt: skip
    figures = []
    for name, (figure, title, caption) in drawn.items():
        if figure is not None:
            heading = f"{title[0].upper()}{title[1:]} ({word})"
            figure.suptitle(heading, fontsize=9)
            path = save_figure(figure, folder / f"{name}.png", dpi=150)
            figures.append(Figure(path, heading, f"{caption[0].upper()}{caption[1:]}."))
    return figures


def embeddings(config: VideoDecodingConfig, done: Done, folder: Path) -> list[dict[str, Any]]:
    """Writes the embeddings of the repeats that were not seen, to be turned."""
    found = []
    word = "Simulated: " if config.source == "simulated" else ""
    for name, part in done.items():
        if "embedding" not in part.arrays or not name.endswith(("behavior-0", "time-0")):
            continue
        points = part.arrays["embedding"]
        group = part["rows"][0]["group"]
        seconds = part["rows"][0]["arm"] == "session"
        if seconds and part["rows"][0]["area"] not in ("VISp", "visual"):
            continue
        shown = np.arange(len(points), dtype=np.float64)
        label = {"Second": shown % 30} if seconds else {"Frame": shown}
        if config.source == "simulated":
            label["Scene"] = simulated_movie(config.num_frames, config.num_scenes)[0].scene
            label["Scene"] = label["Scene"].astype(str)
        title = f"{word}{group}, {part['method']}, held out"
        found.append(save_embedding(folder, name.replace("_", "-"), points, label, title))
    return found


def _values(rows: Sequence[Row], number: str, **where: Any) -> dict[tuple[str, Any], Any]:
    """Values of rows by method and by the first key of `where` that is `None`."""
    free = next(key for key, value in where.items() if value is None)
    found = {}
    for row in rows:
        seed = row["seeds"][0]
        if number in row["values"] and all(
            value is None or seed.get(key) == value for key, value in where.items()
        ):
            found[row["method"], seed.get(free)] = row["values"][number]
    return found


def _line(axes: Axes, values: Mapping[Any, Any], method: str, places: Sequence[Any]) -> None:
    title, color, dash = _LINES[method]
    there = [place for place in places if (method, place) in values]
    if there:
        mean = [values[method, place]["mean"] for place in there]
        sd = [values[method, p]["sd"] if values[method, p]["n"] > 1 else 0.0 for p in there]
        axes.errorbar(there, mean, sd, label=title, color=color, ls=dash, marker="o", ms=3,
                      capsize=2)  # fmt: skip


def _curves(config: VideoDecodingConfig, rows: Sequence[Row], modality: str, number: str) -> Any:
    windows = config.windows_frames
    with house_style():
        figure = new_figure(4.2 * len(windows) + 1.2, 3.6)
        several = figure.subplots(1, len(windows), sharey=True, squeeze=False)[0]
        drawn = False
        for axes, window in zip(several, windows[::-1], strict=True):
            values = _values(rows, number, arm="neurons", modality=modality,
                             window_frames=window, num_neurons=None)  # fmt: skip
            drawn |= bool(values)
            for method in _LINES:
                _line(axes, values, method, config.num_neurons)
            axes.set(xlabel="Neurons", title=f"{window} frame{'s' * (window > 1)}")
            if number != "frame_error":
                axes.set_ylim(0, 1.02)
        several[0].set_ylabel(_QUANTITIES[number])
        if drawn:
            several[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure if drawn else None


def _best(config: VideoDecodingConfig, done: Done, method: str, window: int) -> Any:
    label = f"{max(config.num_neurons)}n-{window}f-{config.output_dimension}d-{method}-0"
    part = done.get(f"neurons-neuropixels-{config.areas[0]}-{label}")
    return None if part is None else part.arrays["predicted"]


def _predicted(config: VideoDecodingConfig, done: Done) -> Any:
    shown = [
        (window, method, _best(config, done, method, window))
        for window in config.windows_frames
        for method in ("behavior", "joint", "no-embedding")
    ]
    if all(guess is None for *_, guess in shown):
        return None
    with house_style():
        figure = new_figure(8.4, 2.8 * len(config.windows_frames))
        several = figure.subplots(len(config.windows_frames), 3, squeeze=False)
        for axes, (window, method, guess) in zip(several.ravel(), shown, strict=True):
            axes.plot(np.arange(len(guess)), guess, ".", ms=2, color=_LINES[method][1])
            axes.set(xlabel="True frame", ylabel="Decoded frame", aspect="equal")
            axes.set_title(f"{_LINES[method][0]}, {window} frame{'s' * (window > 1)}")
    return figure


def _frames(config: VideoDecodingConfig, done: Done) -> Any:
    guess = _best(config, done, "behavior", min(config.windows_frames))
    if guess is None or config.source != "simulated":
        return None
    frames = simulated_movie(config.num_frames, config.num_scenes)[0].frames
    chosen = np.linspace(0, len(frames) - 1, 8).astype(int)
    with house_style():
        figure = new_figure(9.0, 2.1)
        several = figure.subplots(2, len(chosen))
        for column, true in enumerate(chosen):
            for line, frame in enumerate((true, int(guess[true]))):
                axes = several[line, column]
                axes.imshow(frames[frame], cmap="gray", vmin=0, vmax=1)
                axes.set(xticks=[], yticks=[], title=f"{frame}")
        several[0, 0].set_ylabel("Shown")
        several[1, 0].set_ylabel("Decoded")
    return figure


def _areas(config: VideoDecodingConfig, rows: Sequence[Row]) -> Any:
    with house_style():
        figure = new_figure(4.8, 3.6)
        axes, drawn = figure.add_subplot(), False
        colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(config.areas)))
        for area, color in zip(config.areas, colors, strict=True):
            values = _values(rows, "frame_accuracy", arm="areas", area=area, num_neurons=None)
            there = [n for n in config.area_neurons if ("joint", n) in values]
            if there:
                drawn = True
                mean = [values["joint", n]["mean"] for n in there]
                sd = [
                    values["joint", n]["sd"] if values["joint", n]["n"] > 1 else 0 for n in there
                ]
                axes.errorbar(there, mean, sd, marker="o", ms=3, color=color, label=area)
        axes.set(xlabel="Neurons", ylabel=_QUANTITIES["frame_accuracy"], ylim=(0, 1.02))
        if drawn:
            axes.legend()
    return figure if drawn else None


def _dimensions(config: VideoDecodingConfig, rows: Sequence[Row]) -> Any:
    with house_style():
        figure = new_figure(4.8, 3.6)
        axes, drawn = figure.add_subplot(), False
        for modality, color in zip(MODALITIES, (ACCENT, CATEGORICAL[1]), strict=True):
            values = _values(
                rows, "frame_accuracy", arm="dimensions", modality=modality, dims=None
            )
            there = [d for d in config.dimensions if ("behavior", d) in values]
            if there:
                drawn = True
                mean = [values["behavior", d]["mean"] for d in there]
                axes.plot(there, mean, "o-", color=color, label=modality)
        axes.set(xlabel="Dimensions", ylabel=_QUANTITIES["frame_accuracy"], ylim=(0, 1.02))
        axes.set_xscale("log", base=2)
        axes.set_xticks(config.dimensions, [str(dims) for dims in config.dimensions])
        if drawn:
            axes.legend()
    return figure if drawn else None


def _bars(rows: Sequence[Row], arm: str, key: str) -> Any:
    shown: dict[str, list[float]] = {}
    for row in rows:  # later rows have more neurons
        if row["method"] == "behavior" and row["seeds"][0]["arm"] == arm:
            shown[row["seeds"][0][key]] = [one["frame_accuracy"] for one in row["seeds"]]
    if not shown:
        return None
    with house_style():
        figure = new_figure(3.6, 3.4)
        axes = figure.add_subplot()
        for place, values in enumerate(shown.values()):
            axes.bar(place, np.mean(values), color=ACCENT, alpha=0.4, width=0.6)
            axes.scatter(np.full(len(values), place), values, s=12, color=ACCENT)
        axes.set_xticks(range(len(shown)), list(shown))
        axes.set(ylabel=_QUANTITIES["frame_accuracy"], ylim=(0, 1.02))
    return figure


def _session(config: VideoDecodingConfig, rows: Sequence[Row]) -> Any:
    values = _values(rows, "second_accuracy", arm="session", area=None)
    if not values:
        return None
    with house_style():
        figure, places = new_figure(10.0, 3.8), config.session_areas
        axes = figure.add_subplot()
        methods = [name for name in _LINES if any(method == name for method, _ in values)]
        width = 0.85 / len(methods)
        for place, method in enumerate(methods):
            title, color, _ = _LINES[method]
            x = np.arange(len(places)) + (place - len(methods) / 2 + 0.5) * width
            mean = [values[method, area]["mean"] for area in places]
            axes.bar(x, mean, width, label=title, color=color, alpha=0.8)
        axes.axhline(1 / 30, color="black", ls=":", lw=0.8)
        axes.set_xticks(range(len(places)), places)
        axes.set(ylabel="Right second of the movie", ylim=(0, 1.02))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
