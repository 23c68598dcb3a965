"""The pictures of the experiment, drawn from the arrays of its parts (first seed)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from cebra_ethan.plots.decoding import plot_errors
from cebra_ethan.plots.embedding import plot_embedding
from cebra_ethan.plots.style import ACCENT, MUTED, class_colors, new_figure, save_figure, style
from cebra_ethan.types import Label
from config import PrimateConfig
from experiments.common import Figure, Finished, save_embedding
from experiments.primate.methods import METHODS
from experiments.primate.tasks import TASKS, Task

__all__ = ["draw_figures", "embeddings", "name_of"]

Rows = Sequence[Mapping[str, Any]]
Done = Mapping[str, Finished]

_LINES = {"time": "-.", "pivae": "-", "linear": "--", "no-embedding": ":"}
_QUANTITY = {
    "r2": "R²",
    "accuracy": "Accuracy of a bin",
    "trial_accuracy": "Accuracy of a trial's vote",
}
_SMOOTHED = {"behavior": ACCENT, "pivae": "#D55E00", "linear": "#009E73", "permuted": MUTED}


def name_of(config: PrimateConfig, task: Task) -> str:
    """Returns the title of a task; it says whether the monkey is simulated."""
    if task.recording != "area2":
        return task.title[0].upper() + task.title[1:]
    return f"{'Simulated monkey' if config.source == 'simulated' else 'Area 2'}: {task.title}"


def draw_figures(config: PrimateConfig, folder: Path, done: Done, rows: Rows) -> list[Figure]:
    """Draws what the finished parts have; a picture whose parts were not run is left out."""
    who = "Simulated monkey" if config.source == "simulated" else "Area 2"
    makers: dict[str, tuple[Callable[..., Canvas | None], str, str]] = {
        "dimensions": (
            _dimensions, f"{who}: decoding over dimensions",
            "Held-out trials; one point for each seed, lines are the other rows (Fig. 3h).",
        ),
        "paths": (
            _paths, f"{who}: hand paths",
            "Held-out reaches by direction (Fig. 3a), and decoded (red) beside true ones (grey; "
            "Fig. 3i). First seed.",
        ),
        "embeddings": (
            _embeddings, f"{who}: embeddings of held-out reaches",
            "Coloured by hand position x and y (cm; Fig. 3c, d) and by direction. More than three "
            "dimensions are shown by their first principal components.",
        ),
        "trajectories": (
            _trajectories, f"{who}: active and passive trajectories",
            "Mean embedding of held-out trials for each direction; o start, > end (Fig. 3b, e-g).",
        ),
        "over-time": (
            _over_time, "Direction against time in the trial",
            "Share of held-out trials whose direction is right at each time, first seed; dotted: "
            "chance (Extended Data Fig. 8d). Grey background: bins that are not learned from.",
        ),
    }  # fmt: skip
    figures = []
    for name, (maker, title, caption) in makers.items():
        with style():
            canvas = maker(config, done, rows)
        if canvas is not None:
            path = save_figure(canvas, folder / f"{name}.png", dpi=130)
            figures.append(Figure(path, title, caption))
    for recording in ("area2", "monkey", "m1"):
        own = [row for row in rows if TASKS[row["group"]].recording == recording]
        if own:
            path = folder / f"scores-{recording}.png"
            save_figure(_bars(config, own), path, dpi=110)
            title = {"area2": who, "monkey": "Monkeys K and S", "m1": "M1"}[recording]
            figures.append(
                Figure(
                    path,
                    f"{title}: all rows",
                    "One point for each seed; grey: controls. R² below -100 % is not shown.",
                )
            )
    return figures


def embeddings(config: PrimateConfig, folder: Path, done: Done) -> list[dict[str, Any]]:
    """Writes the embeddings of held-out trials that a report lets one turn."""
    found = []
    groups = dict.fromkeys(
        part.values["group"] for part in done.values() if "group" in part.values
    )
    smallest = min(config.dimensions)
    for group in groups:
        for method in (f"behavior-{smallest}", "time", "permuted"):
            arrays = _arrays(done, group, method)
            if "embedding" not in arrays or (method == "permuted" and group != "position"):
                continue
            points = arrays["embedding"]
            labels = {
                name: value[: len(points)]
                for name, value in _colours(arrays, TASKS[group]).items()
            }
            title = f"{name_of(config, TASKS[group])}; {METHODS[method].title}, held out"
            units = {"Hand x": "cm", "Hand y": "cm", "Time": "s"}
            found.append(
                save_embedding(folder, f"{group}-{method}", points, labels, title, units=units)
            )
    return found


def _colours(arrays: Mapping[str, np.ndarray], task: Task) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    true = arrays["true"]
    if true.ndim == 2:
        names = ("Hand x", "Hand y") if task.label == "position" else ("Velocity x", "Velocity y")
        labels |= {name: true[:, axis] for axis, name in enumerate(names)}
    elif task.label != "direction":
        labels[task.label.replace("_", " and ").capitalize()] = true.astype(str)
    if "test_direction" in arrays:
        labels["Direction"] = arrays["test_direction"].astype(str)
    if "test_time" in arrays:
        labels["Time"] = arrays["test_time"]
    return labels


def _dimensions(config: PrimateConfig, done: Done, rows: Rows) -> Canvas | None:
    groups = [g for g in _groups(rows) if TASKS[g].recording == "area2"]
    if not groups:
        return None
    figure = new_figure(4.1 * len(groups), 4.6)
    for place, group in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), place + 1)
        own, number = [row for row in rows if row["group"] == group], _number(TASKS[group])
        ours = [row for row in own if row["method"].startswith("behavior-")]
        sizes = [row["method"].removeprefix("behavior-") for row in ours]
        for column, row in enumerate(ours):
            values = [100 * seed[number] for seed in row["seeds"]]
            axes.plot(np.full(len(values), column), values, "o", color=ACCENT, ms=5)
            axes.plot(column, np.median(values), "_", color="black", ms=16)
        for row in own:
            if row not in ours and row["method"] not in ("time-all", "permuted", "chance"):
                mean = 100 * row["values"][number]["mean"]
                color = MUTED if row["kind"] == "control" else "#D55E00"
                line = _LINES.get(row["method"], (0, (1, 3)))
                axes.axhline(mean, ls=line, lw=1.2, color=color, label=row["title"].split(",")[0])
        axes.set_xticks(range(len(sizes)), sizes)
        axes.set(xlim=(-0.6, len(sizes) - 0.4), xlabel="Dimensions", title=TASKS[group].title)
        axes.set_ylabel("R² (%)" if number == "r2" else "Accuracy (%)")
        if number == "r2":
            axes.set_ylim(bottom=max(axes.get_ylim()[0], -30))
        axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    figure.suptitle(_who(config))
    return figure


def _paths(config: PrimateConfig, done: Done, rows: Rows) -> Canvas | None:
    methods = (f"behavior-{_best(config)}", "pivae", "linear")
    shown = {m: _arrays(done, "position", m) for m in methods if _arrays(done, "position", m)}
    if not shown:
        return None
    figure = new_figure(3.6 * (1 + len(shown)), 3.9)
    first = next(iter(shown.values()))
    axes = figure.add_subplot(1, 1 + len(shown), 1, aspect="equal")
    colors = class_colors(8)
    for trial in np.unique(first["trial"]):
        own = first["trial"] == trial
        axes.plot(*first["true"][own].T, color=colors[int(first["test_direction"][own][0])], lw=1)
    axes.set_title("true, by direction")
    for place, (method, arrays) in enumerate(shown.items()):
        axes = figure.add_subplot(1, 1 + len(shown), place + 2, aspect="equal")
        for trial in np.unique(arrays["trial"]):
            own = arrays["trial"] == trial
            axes.plot(*arrays["true"][own].T, color="#B0B0B0", lw=1)
            axes.plot(*arrays["predicted"][own].T, color="#C62828", lw=0.8)
        axes.set_title(METHODS[method].title.split(" (")[0], fontsize=9)
    for axes in figure.axes:
        axes.set(xlim=(-16, 16), ylim=(-16, 16), xlabel="x (cm)", ylabel="y (cm)")
    figure.suptitle(f"{_who(config)}: held-out reaches")
    return figure


def _embeddings(config: PrimateConfig, done: Done, rows: Rows) -> Canvas | None:
    small = min(config.dimensions)
    wanted = [
        ("position", f"behavior-{small}"), ("position", "time"), ("position", "permuted"),
        ("direction", f"behavior-{small}"),
    ]  # fmt: skip
    wanted = [pair for pair in wanted if "embedding" in _arrays(done, *pair)]
    if not wanted:
        return None
    figure = new_figure(3.9 * len(wanted), 7.2)
    for column, (group, method) in enumerate(wanted):
        arrays = _arrays(done, group, method)
        for line in range(2):
            axes = figure.add_subplot(
                2, len(wanted), line * len(wanted) + column + 1, projection="3d"
            )
            label, options = _direction(arrays), {}
            if group == "position":
                values = arrays["true"][:, line].astype(np.float64)
                label = Label(values, name=f"hand {'xy'[line]} (cm)")
                options = {"cmap": "seismic", "vmin": -15, "vmax": 15}
            elif line == 1:
                label = Label(arrays["test_time"].astype(np.float64), name="time (s)")
            title = f"{METHODS[method].title.split(',')[0]}: {group}" if line == 0 else None
            plot_embedding(arrays["embedding"], label, ax=axes, title=title, **options)
    figure.suptitle(f"{_who(config)}: embedding of held-out reaches")
    return figure


def _trajectories(config: PrimateConfig, done: Done, rows: Rows) -> Canvas | None:
    small = f"behavior-{min(config.dimensions)}"
    # What learns active or passive alone draws all paths of a kind into one point.
    tried = [("direction-all", small), ("direction-all", "time"), ("active-passive", "time")]
    found = [pair for pair in tried if "embedding" in _arrays(done, *pair)]
    if not found:
        return None
    found = [pair for pair in found if pair[0] == found[0][0]]
    figure, colors = new_figure(3.9 * 2, 3.9 * len(found)), class_colors(8)
    for line, (group, method) in enumerate(found):
        arrays = _arrays(done, group, method)
        for column, kind in enumerate((True, False)):
            axes = figure.add_subplot(len(found), 2, 2 * line + column + 1, projection="3d")
            for direction in np.unique(arrays["test_direction"]):
                rows_of = (arrays["test_active"] == kind) & (arrays["test_direction"] == direction)
                if rows_of.any():
                    path = _mean_path(arrays["embedding"][rows_of], arrays["test_time"][rows_of])
                    color = colors[int(direction)]
                    axes.plot(*path.T, color=color, lw=1.5)
                    axes.plot(*path[:1].T, "o", color=color, ms=4)
                    axes.plot(*path[-1:].T, ">", color=color, ms=5)
            title = METHODS[method].title.split(", encoder")[0]
            axes.set_title(f"{title}: {'active' if kind else 'passive'}", fontsize=9)
            axes.set(xticklabels=[], yticklabels=[], zticklabels=[])
    figure.suptitle(f"{_who(config)}: mean of held-out trials, colours are directions")
    return figure


def _over_time(config: PrimateConfig, done: Done, rows: Rows) -> Canvas | None:
    groups = [g for g in _groups(rows) if TASKS[g].label == "direction"]
    if not groups:
        return None
    columns = min(4, len(groups))
    lines = -(-len(groups) // columns)
    figure = new_figure(max(4.0 * columns, 6.0), 3.1 * lines + 0.5)
    for place, group in enumerate(groups):
        axes = figure.add_subplot(lines, columns, place + 1)
        for method, color in _SMOOTHED.items():
            size = _best(config) if TASKS[group].recording == "area2" else config.control_dimension
            name = f"behavior-{size}" if method == "behavior" else method
            arrays = _arrays(done, group, name)
            if "over_time" in arrays:
                label = METHODS[name].title.split(" (")[0].split(", most")[0]
                axes.plot(arrays["times_ms"], 100 * arrays["over_time"], color=color, label=label)
        axes.axhline(12.5, color="black", ls=":", lw=1)
        if TASKS[group].recording == "monkey":
            axes.axvspan(0, 300, color="#F2F2F2", zorder=0)
        axes.set(xlabel="Time (ms)", ylabel="Accuracy (%)", ylim=(0, 102))
        axes.set_title(name_of(config, TASKS[group]), fontsize=9)
        if place == 0:
            axes.legend(fontsize=6)
    return figure


def _bars(config: PrimateConfig, rows: Rows) -> Canvas:
    groups = _groups(rows)
    most = max(sum(row["group"] == group for row in rows) for group in groups)
    columns = min(4, len(groups))
    lines = -(-len(groups) // columns)
    with style():
        figure = new_figure(5.6 * columns, lines * (0.3 * most + 1.4))
        for place, group in enumerate(groups):
            axes = figure.add_subplot(lines, columns, place + 1)
            own, number = [row for row in rows if row["group"] == group], _number(TASKS[group])
            if TASKS[group].recording == "monkey":  # as LDA, which answers once for a trial
                number = "trial_accuracy"
            plot_errors(
                {row["title"]: [100 * seed[number] for seed in row["seeds"]] for row in own},
                controls=[row["title"] for row in own if row["kind"] == "control"],
                quantity=_QUANTITY[number],
                unit="%",
                ax=axes,
                title=name_of(config, TASKS[group]),
            )
            if number == "r2":
                axes.set_xlim(left=max(axes.get_xlim()[0], -100))
    return figure


def _mean_path(points: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    times, place = np.unique(np.rint(time_s * 1000), return_inverse=True)
    sums = np.zeros((len(times), points.shape[1]))
    np.add.at(sums, place, points)
    return sums / np.bincount(place)[:, None]


def _direction(arrays: Mapping[str, np.ndarray]) -> Label:
    return Label(arrays["test_direction"].astype(int), name="direction")


def _arrays(done: Done, group: str, method: str) -> Mapping[str, np.ndarray]:
    part = done.get(f"{group}-{method}-0")
    return {} if part is None else part.arrays


def _groups(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["group"] for row in rows))


def _number(task: Task) -> str:
    return "r2" if task.label in ("position", "velocity") else "accuracy"


def _best(config: PrimateConfig) -> int:
    sizes = config.dimensions
    return config.control_dimension if config.control_dimension in sizes else max(sizes)


def _who(config: PrimateConfig) -> str:
    return "Simulated monkey" if config.source == "simulated" else "Area 2"
