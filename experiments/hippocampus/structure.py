"""Pictures of consistency, hypotheses and topology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cebra_ethan.metrics.consistency import Consistency
from cebra_ethan.plots.consistency import plot_consistency
from cebra_ethan.plots.decoding import plot_errors
from cebra_ethan.plots.embedding import plot_embedding
from cebra_ethan.plots.style import new_figure, save_figure, style
from cebra_ethan.plots.topology import plot_barcode, plot_circular_coordinate
from cebra_ethan.types import Label
from config import HippocampusConfig
from experiments.common import Figure, Finished
from experiments.hippocampus.between import RATS, row_title
from experiments.hippocampus.homology import TOPOLOGY, homology_of, thresholds_of

__all__ = ["draw_structure"]

_SHOWN = ("behavior", "time", "permuted", "chance")
Rows = Sequence[Mapping[str, Any]]


def draw_structure(
    folder: Path,
    config: HippocampusConfig,
    done: Mapping[str, Finished],
    rows: Rows,
    matrices: Mapping[str, Consistency],
) -> list[Figure]:
    """Draws what does not belong to the decoding of one rat.

    Args:
        folder: The run folder.
        config: The settings.
        done: The finished parts.
        rows: Rows of consistency.
        matrices: Consistency between rats of each method.
    """
    figures = []
    word = " (simulated rats)" if config.source == "simulated" else ""
    if matrices:
        path = save_figure(_matrices(matrices, word), folder / "consistency.png", dpi=150)
        caption = (
            "R² × 100 from rat to rat on the training part, bins of position × direction, first "
            "seed (Fig. 1e). The number above is the mean over pairs."
        )
        figures.append(Figure(path, f"Consistency between rats{word}", caption))
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        name = group.replace(", ", "-").replace(" ", "-")
        path = save_figure(_bars(own, group, word), folder / f"{name}.png", dpi=150)
        caption = "Left the training part, as published, right the held-out part."
        figures.append(Figure(path, f"Consistency {group}{word}", caption))
    if config.topology_shuffles:
        for rat in config.rats:
            for dims in config.topology_dims:
                figure = _topology(config, done, rat, dims, word)
                path = save_figure(figure, folder / rat / f"topology-{dims}.png", dpi=150)
                caption = (
                    "Points, barcode (bars that count are strong) and angle round the longest "
                    "loop against position, of models with true and permuted labels, and of even "
                    "points (Fig. 2f, g; Extended Data Fig. 6)."
                )
                title = f"Topology of {rat}, {dims} dimensions{word}"
                figures.append(Figure(path, title, caption))
    return figures


def _matrices(matrices: Mapping[str, Consistency], word: str) -> Any:
    columns = min(5, len(matrices))
    lines = -(-len(matrices) // columns)
    with style():
        figure = new_figure(2.9 * columns, 2.9 * lines + 0.4)
        for place, (name, found) in enumerate(matrices.items()):
            title = f"{_short(row_title(name))}\nmean {100 * found.scores.mean():.1f}"
            ax = figure.add_subplot(lines, columns, place + 1)
            plot_consistency(found, ax=ax, title=title, cmap="Greys", colorbar=False)
        figure.suptitle(f"Consistency between rats{word}")
    return figure


def _bars(rows: Rows, group: str, word: str) -> Any:
    key = "rats" if group == RATS else "runs"
    with style():
        figure = new_figure(11.0, 0.33 * len(rows) + 1.4)
        for place, (part, name) in enumerate((("train", "training bins"), ("test", "held out"))):
            ax = figure.add_subplot(1, 2, place + 1)
            values = {
                _short(row["title"]): [100 * seed[f"{key}_{part}"] for seed in row["seeds"]]
                for row in rows
            }
            controls = [_short(row["title"]) for row in rows if row["kind"] == "control"]
            plot_errors(
                values, controls=controls, quantity=f"Consistency, {name}", unit="R² × 100", ax=ax
            )
            if place:
                ax.set_yticklabels([])
        figure.suptitle(f"Consistency {group}{word}")
    return figure


def _topology(
    config: HippocampusConfig, done: Mapping[str, Finished], rat: str, dims: int, word: str
) -> Any:
    thresholds = thresholds_of(config, done, rat, dims)
    with style():
        figure = new_figure(3.6 * len(_SHOWN), 9.0)
        for column, kind in enumerate(_SHOWN):
            part = done[f"topology-{rat}-{dims}-{kind}-0"]
            points, where = part.arrays["points"], part.arrays["position_m"]
            place = column + 1
            ax = figure.add_subplot(
                3, len(_SHOWN), place, projection="3d" if points.shape[1] > 2 else None
            )
            label = Label(where, name="Position (m)")
            last = column == len(_SHOWN) - 1
            plot_embedding(points, label, ax=ax, title=TOPOLOGY[kind].title, colorbar=last)
            ax = figure.add_subplot(3, len(_SHOWN), len(_SHOWN) + place)
            plot_barcode(homology_of(part), thresholds, ax=ax)
            ax = figure.add_subplot(3, len(_SHOWN), 2 * len(_SHOWN) + place)
            words = ["right" if right else "left" for right in part.arrays["right"]]
            follows = f"follows the track: {part['agreement']:.2f}"
            plot_circular_coordinate(part.arrays["angle"], where, words, ax=ax, title=follows)
        figure.suptitle(f"Persistent homology of {rat}, {dims} dimensions{word}")
    return figure


def _short(title: str) -> str:
    return title.replace("shuffled labels, ", "").replace(", encoder on everything", " of all")
