"""The pictures of the experiment: fitted latents, strips of seeds, and the noises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cebra_ethan.plots.decoding import plot_errors
from cebra_ethan.plots.embedding import plot_embedding
from cebra_ethan.plots.style import ACCENT, CATEGORICAL, new_figure, save_figure, style
from cebra_ethan.types import Label, Recording
from config import SyntheticConfig
from experiments.common import Figure, Finished, save_embedding
from experiments.synthetic.methods import METHODS
from experiments.synthetic.parts import activity
from experiments.synthetic.results import COMPARED, NOISE_TITLES

__all__ = ["draw_figures", "embeddings"]

_SHOWN = ("behavior", "autolfads", "pi-vae", "umap", "t-sne", "pca", "untrained", "label")
_NOISE_COLORS = {"behavior": ACCENT, "pi-vae": "#000000", "pi-vae-gaussian": CATEGORICAL[1],
                 "autolfads": CATEGORICAL[2]}  # fmt: skip
_MEDIAN = "#E8730C"
_MAX_POINTS = 4000

Row = Mapping[str, Any]
Done = Mapping[str, Finished]


def draw_figures(
    folder: Path, config: SyntheticConfig, done: Done, rows: Sequence[Row]
) -> list[Figure]:
    """Draws Fig. 1b and Extended Data Fig. 1 of the paper from what the parts left.

    Args:
        folder: The run folder.
        config: The settings.
        done: Finished parts by name.
        rows: The result table.
    """
    main = [row for row in rows if row["group"] == config.noises[0]]
    name = f"{_origin(config)}, {NOISE_TITLES[config.noises[0]]} noise"
    drawn = [
        ("latents", _latents(config, done, main, name), f"{name}: true and fitted latents",
         "The true latent, and each embedding of the first seed after ordinary least squares, "
         "coloured by the label c (Fig. 1b)."),
        ("strip", _strip_of_methods(main, name), f"{name}: R² over seeds",
         "A dot for each seed, the line is the median (Fig. 1b)."),
        ("controls", _bars(main, name), f"{name}: methods beside controls",
         "The same R², with what a method must beat in grey."),
    ]  # fmt: skip
    if len(config.noises) > 1:
        origin = _origin(config)
        drawn += [
            ("noise-strip", _strip_of_noises(rows, origin), f"{origin}: R² by noise",
             "A dot for each seed, the line is the median (Extended Data Fig. 1a)."),
            ("noise-latents", _noise_latents(config, done, rows, origin),
             f"{origin}: fitted latents by noise",
             "Embeddings of the first seed after ordinary least squares (Extended Data Fig. 1b)."),
        ]  # fmt: skip
    return [
        Figure(save_figure(figure, folder / f"{file}.png", dpi=150), title, caption)
        for file, figure, title, caption in drawn
    ]


def embeddings(
    folder: Path, config: SyntheticConfig, done: Done, rows: Sequence[Row]
) -> list[dict[str, Any]]:
    """Writes the embeddings of the main case that a report lets one zoom."""
    noise = config.noises[0]
    truth = activity(config, noise).labels
    labels = {"c": truth["c"]}
    title = f"{_origin(config)}: true latent"
    found = [save_embedding(folder, "truth", truth["latent"].values.numpy(), labels, title)]
    for row in rows:
        arrays = _first(done, noise, row["method"])
        if row["group"] == noise and "embedding" in arrays:
            title = f"{_origin(config)}: {row['title']}"
            points = arrays["embedding"]
            found.append(save_embedding(folder, row["method"], points, labels, title))
    return found


def _origin(config: SyntheticConfig) -> str:
    return "Simulated neurons" + (" (published draw)" if config.source == "real" else "")


def _latents(config: SyntheticConfig, done: Done, rows: Sequence[Row], name: str) -> Any:
    noise = config.noises[0]
    truth = activity(config, noise)
    own = {row["method"]: row for row in rows}
    shown = [method for method in _SHOWN if "fitted" in _first(done, noise, method)]
    columns = 3
    lines = -(-(len(shown) + 1) // columns)
    with style():
        figure = new_figure(3.5 * columns, 3.1 * lines)
        axes = figure.add_subplot(lines, columns, 1)
        _scatter(axes, truth, truth.labels["latent"].values.numpy(), "true latent", True)
        for place, method in enumerate(shown, start=2):
            axes = figure.add_subplot(lines, columns, place)
            score = own[method]["seeds"][0]["r2"]
            title = f"{METHODS[method].title}: R² {100 * score:.1f} %"
            _scatter(axes, truth, _first(done, noise, method)["fitted"], title)
        figure.suptitle(name)
    return figure


def _noise_latents(config: SyntheticConfig, done: Done, rows: Sequence[Row], name: str) -> Any:
    """Draws CEBRA above pi-VAE, with the likelihood that the noise admits."""
    scores = {(row["group"], row["method"]): row["seeds"][0]["r2"] for row in rows}
    with style():
        figure = new_figure(2.7 * len(config.noises), 5.6)
        for column, noise in enumerate(config.noises):
            below = "pi-vae" if (noise, "pi-vae") in scores else "pi-vae-gaussian"
            for line, method in enumerate(("behavior", below)):
                arrays = _first(done, noise, method)
                if "fitted" not in arrays:
                    continue
                place = line * len(config.noises) + column + 1
                axes = figure.add_subplot(2, len(config.noises), place)
                score = f"R² {100 * scores[noise, method]:.1f} %"
                first = f"{NOISE_TITLES[noise]}\n" if line == 0 else ""
                title = f"{first}{METHODS[method].title}\n{score}"
                _scatter(axes, activity(config, noise), arrays["fitted"], title)
        figure.suptitle(name)
    return figure


def _scatter(
    axes: Axes, truth: Recording, points: np.ndarray, title: str, colorbar: bool = False
) -> None:
    step = -(-len(points) // _MAX_POINTS)
    label = Label(truth.labels["c"].values.numpy()[::step, 0], "continuous", name="c")
    plot_embedding(
        points[::step], label, ax=axes, title=title, cmap="cool", s=3, colorbar=colorbar
    )
    latent = truth.labels["latent"].values.numpy()
    low, high = latent.min(axis=0), latent.max(axis=0)
    margin = 0.04 * (high - low)  # one frame for all: a method that gives nothing back looks small
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])


def _strip_of_methods(rows: Sequence[Row], name: str) -> Any:
    own = {row["method"]: row for row in rows}
    shown = [method for method in (*COMPARED, "pca", "pi-vae-without-labels") if method in own]
    with style():
        figure = new_figure(1.6 + 0.9 * len(shown), 4.0)
        axes = figure.add_subplot()
        for place, method in enumerate(shown):
            color = ACCENT if method == "behavior" else "#000000"
            _strip(axes, place, own[method], color, 0.2)
        _percent(axes, [own[method]["title"] for method in shown], name)
    return figure


def _strip_of_noises(rows: Sequence[Row], name: str) -> Any:
    noises = list(dict.fromkeys(row["group"] for row in rows))
    shown = [m for m in _NOISE_COLORS if any(row["method"] == m for row in rows)]
    width = 0.8 / max(1, len(shown))
    with style():
        figure = new_figure(2.0 + 1.5 * len(noises), 4.0)
        axes = figure.add_subplot()
        for row in rows:
            if row["method"] in shown:
                shift = width * (shown.index(row["method"]) - (len(shown) - 1) / 2)
                place = noises.index(row["group"]) + shift
                _strip(axes, place, row, _NOISE_COLORS[row["method"]], 0.3 * width)
        for method in shown:
            title = METHODS[method].title
            axes.scatter([], [], color=_NOISE_COLORS[method], s=14, label=title)
        _percent(axes, [NOISE_TITLES[noise] for noise in noises], name)
        figure.legend(loc="outside right upper")
    return figure


def _strip(axes: Axes, place: float, row: Row, color: str, width: float) -> None:
    values = 100 * np.array([part["r2"] for part in row["seeds"]])
    spread = np.linspace(-width, width, len(values)) if len(values) > 1 else np.zeros(1)
    ends = [place - 1.4 * width, place + 1.4 * width]
    axes.plot(ends, 2 * [float(np.median(values))], color=_MEDIAN, lw=2, zorder=1)
    axes.scatter(place + spread, values, s=14, color=color, alpha=0.6, linewidths=0, zorder=2)


def _percent(axes: Axes, names: Sequence[str], title: str) -> None:
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n", 1) for name in names])
    axes.set(ylabel="R² of the latent (%)", title=title)
    axes.set_ylim(top=100)
    axes.grid(axis="y", color="#E6E6E6", lw=0.6)
    axes.set_axisbelow(True)


def _bars(rows: Sequence[Row], name: str) -> Any:
    with style():
        figure = new_figure(7.0, 0.36 * len(rows) + 1.3)
        plot_errors(
            {row["title"]: [100 * part["r2"] for part in row["seeds"]] for row in rows},
            controls=[row["title"] for row in rows if row["kind"] == "control"],
            quantity="R² of the latent",
            unit="%",
            ax=figure.add_subplot(),
            title=name,
        )
    return figure


def _first(done: Done, noise: str, method: str) -> Mapping[str, np.ndarray]:
    """Returns the arrays of the first seed, none where the method was not run."""
    part = done.get(f"{noise}-{method}-0")
    return part.arrays if part is not None else {}
