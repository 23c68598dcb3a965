"""The pictures of the experiment, after Extended Data Fig. 7, and the embeddings to turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from cebra_ethan.plots.consistency import plot_consistency
from cebra_ethan.plots.decoding import plot_errors
from cebra_ethan.plots.style import CHANCE, new_figure, save_figure, style
from config import MultiSessionConfig
from experiments.common import Figure, Finished, save_embedding
from experiments.multi_session.adaptation import ARMS
from experiments.multi_session.curves import curves
from experiments.multi_session.methods import METHODS
from experiments.multi_session.results import mean_matrix, size_values, unseen
from experiments.multi_session.sessions import TITLES, sessions

__all__ = ["draw_figures", "embeddings"]

Done = Mapping[str, Finished]
Row = Mapping[str, Any]

_PURPLE, _GREY = "#7B3FA0", "#6E6E6E"
_KINDS = {
    "single": ("black", "o", "single"),
    "joint": (_PURPLE, "^", "joint"),
    "joint-shared": ("#C08BDB", "v", "joint, shared trunk"),
}
_PARTS = {"train": "training part", "test": "held-out laps"}
_ARM_LINES = {
    "scratch-input": (_GREY, "--"),
    "scratch-full": (_GREY, "-"),
    "pretrained-input": (_PURPLE, "--"),
    "pretrained-full": (_PURPLE, "-"),
    "permuted": (CHANCE, ":"),
    "shifted": (CHANCE, "-."),
}
_INSET_STEPS = 500
_TURNED = ("joint", "single", "permuted", "untrained")


def draw_figures(
    config: MultiSessionConfig, folder: Path, done: Done, rows: Sequence[Row]
) -> list[Figure]:
    """Draws matrices, error against consistency, errors, sizes and adaptation of every set."""
    figures = []
    for group in config.chosen_groups:
        names = [one.name for one in sessions(config, group)]
        drawn = {
            "consistency": _matrices(done, group, names),
            "along-training": _along_training(done, group),
            "size": _sizes(config, done, group),
            "errors": _errors([row for row in rows if row["group"] == group], TITLES[group]),
            "adaptation": _adaptation([row for row in rows if row["group"] == unseen(group)],
                                      f"{TITLES[group]}: {names[-1]}, left out"),
        }  # fmt: skip
        for name, figure in drawn.items():
            if figure is not None:
                path = save_figure(figure, folder / group / f"{name}.png", dpi=150)
                title, caption = _CAPTIONS[name]
                figures.append(Figure(path, f"{TITLES[group]}: {title}", caption))
    return figures


def embeddings(config: MultiSessionConfig, folder: Path, done: Done) -> list[dict[str, Any]]:
    """Writes held-out embeddings of all sessions of a set together, for a report to turn."""
    found = []
    for group in config.chosen_groups:
        own = sessions(config, group)
        for method in _TURNED:
            part = done.get(f"{group}-{method}-0")
            if part is None or "points_0" not in part.arrays:
                continue
            points = np.concatenate([part.arrays[f"points_{i}"] for i in range(len(own))])
            labels = {name: np.concatenate([one.labels("test")[name].to_numpy() for one in own])
                      for name in ("position", "direction")}  # fmt: skip
            names = np.repeat([one.name for one in own], [len(one.test) for one in own])
            shown = {"Position": labels["position"], "Direction": labels["direction"]}
            title = f"{TITLES[group]}: {METHODS[method].title}, held-out laps of all sessions"
            found.append(
                save_embedding(
                    folder, f"{group}-{method}", points, shown | {"Session": names}, title,
                    units={"Position": "m"},
                    caption="The first three dimensions." if config.output_dimension > 3 else "",
                )
            )  # fmt: skip
    return found


def _matrices(done: Done, group: str, names: Sequence[str]) -> Drawing | None:
    kinds = [kind for kind in _KINDS if mean_matrix(done, group, kind, "train") is not None]
    if not kinds:
        return None
    side = 1.9 + 0.28 * len(names)
    with style():
        figure = new_figure(side * len(kinds) + 1.0, 2 * side + 0.6)
        axes = figure.subplots(2, len(kinds), squeeze=False)
        for line, (name, text) in enumerate(_PARTS.items()):
            found = {kind: mean_matrix(done, group, kind, name) for kind in kinds}
            values = np.concatenate([100 * found[kind][~np.isnan(found[kind])] for kind in kinds])
            limits = (max(0.0, float(np.floor(values.min() / 10) * 10)), 100.0)
            for column, kind in enumerate(kinds):
                matrix = found[kind]
                plot_consistency(
                    matrix, names, ax=axes[line, column], limits=limits,
                    colorbar=column == len(kinds) - 1,
                    title=f"{_KINDS[kind][2]}, {text}\nmean {100 * np.nanmean(matrix):.1f}",
                )  # fmt: skip
        figure.suptitle(f"{TITLES[group]}: consistency between sessions")
    return figure


def _along_training(done: Done, group: str) -> Drawing | None:
    found = curves(done, group)
    if not found:
        return None
    with style():
        figure = new_figure(8.4, 3.8)
        axes = figure.subplots(1, 2, sharex=True)
        for ax, (part, text) in zip(axes, _PARTS.items(), strict=True):
            for kind, (color, marker, label) in _KINDS.items():
                own = [curve for curve in found if curve.method == kind]
                if own:
                    error = np.mean([curve.errors_cm for curve in own], axis=0)
                    score = 100 * np.mean([getattr(curve, part) for curve in own], axis=0)
                    ax.plot(error, score, color=color, marker=marker, ms=5, lw=0.8, label=label)
            ax.set(xlabel="Median error, mean of sessions (cm)", title=text.capitalize())
        axes[0].invert_xaxis()  # shared: to the right is better
        axes[0].set_ylabel("Consistency (R² × 100)")
        axes[0].legend()
        figure.suptitle(f"{TITLES[group]}: consistency and decoding along training")
    return figure


def _sizes(config: MultiSessionConfig, done: Done, group: str) -> Drawing | None:
    with style():
        figure = new_figure(10.5, 3.4)
        axes = figure.subplots(1, 3)
        panels = {
            "consistency_train": "Consistency, training part (R² × 100)",
            "consistency_test": "Consistency, held-out laps (R² × 100)",
            "median_cm": "Median error (cm)",
        }
        for kind in ("single", "joint"):
            color, marker, label = _KINDS[kind]
            found = {size: size_values(config, done, group, kind, size) for size in config.sizes}
            found = {size: seeds for size, seeds in found.items() if seeds}
            for ax, name in zip(axes, panels, strict=True):
                scale = 1 if name == "median_cm" else 100
                means = [scale * np.mean([one[name] for one in found[size]]) for size in found]
                ax.plot(list(found), means, color=color, marker=marker, label=label)
        for ax, text in zip(axes, panels.values(), strict=True):
            ax.set_xscale("log", base=2)
            ax.set_xticks(config.sizes, [str(size) for size in config.sizes])
            ax.set(xlabel="Hidden units", ylabel=text)
        if not axes[0].lines:
            return None
        axes[0].legend()
        figure.suptitle(f"{TITLES[group]}: size of the encoder")
    return figure


def _errors(rows: Sequence[Row], title: str) -> Drawing | None:
    if not rows:
        return None
    with style():
        figure = new_figure(8.0, 0.36 * len(rows) + 1.3)
        plot_errors(
            {row["title"]: [seed["median_cm"] for seed in row["seeds"]] for row in rows},
            controls=[row["title"] for row in rows if row["kind"] == "control"],
            quantity="Median position error, mean of sessions",
            unit="cm",
            ax=figure.add_subplot(),
            title=f"{title}: held-out decoding beside controls",
        )
    return figure


def _adaptation(rows: Sequence[Row], title: str) -> Drawing | None:
    by_arm = {row["method"]: row for row in rows}
    arms = [arm for arm in _ARM_LINES if arm in by_arm]
    if not arms:
        return None
    longest = max(by_arm[arm]["seeds"][0]["steps"][-1] for arm in arms)
    with style():
        figure = new_figure(7.6, 5.4)
        ax = figure.add_subplot()
        _adaptation_lines(ax, by_arm, arms)
        for arm, dashes in (("no-embedding", (1, 2)), ("chance", (5, 2))):
            if arm in by_arm:
                level = by_arm[arm]["values"]["median_cm"]["mean"]
                ax.axhline(level, color="black", lw=0.8, dashes=dashes, label=ARMS[arm].title)
        top = max(float(np.max(line.get_ydata())) for line in ax.lines)
        ax.set(xlabel="Training step", ylabel="Median error (cm)", title=title)
        ax.set_ylim(0, 1.05 * top)
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        if longest > _INSET_STEPS:
            ax.set_ylim(0, 1.9 * top)  # room above all lines, shuffled labels among them
            inset = ax.inset_axes((0.3, 0.61, 0.67, 0.32))
            _adaptation_lines(inset, by_arm, arms)
            inset.set(xlim=(0, _INSET_STEPS), title=f"First {_INSET_STEPS} steps")
            inset.tick_params(labelsize=7)
    return figure


def _adaptation_lines(ax: Axes, by_arm: Mapping[str, Row], arms: Sequence[str]) -> None:
    for arm in arms:
        color, line = _ARM_LINES[arm]
        seeds = by_arm[arm]["seeds"]
        steps, errors = seeds[0]["steps"], np.array([seed["errors_cm"] for seed in seeds])
        ax.plot(steps, errors.mean(axis=0), line, color=color, label=ARMS[arm].title)
        if len(seeds) > 1:
            low, high = errors.min(axis=0), errors.max(axis=0)
            ax.fill_between(steps, low, high, color=color, alpha=0.12, lw=0)


_CAPTIONS = {
    "consistency": (
        "consistency matrices",
        "R² × 100 of the linear map from the session of a row to that of a column, bins of place "
        "in each direction, mean over seeds (Extended Data Fig. 7b; there the training part).",
    ),
    "along-training": (
        "decoding error and consistency",
        "Points are steps of training, mean over seeds; better is to the right and up (Extended "
        "Data Fig. 7c, left as there; right on laps that no encoder saw).",
    ),
    "size": (
        "size of the encoder",
        "Joint and single training with wider and narrower encoders, mean over seeds (Extended "
        "Data Fig. 7a).",
    ),
    "errors": (
        "decoding errors", "One point for each seed, controls in grey.",
    ),
    "adaptation": (
        "adaptation",
        "Error on held-out laps of a session that was left out, against steps on its training "
        "part; the band is the range over seeds (Extended Data Fig. 7d).",
    ),
}  # fmt: skip
