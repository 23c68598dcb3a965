"""What the experiment says: its numbers, its tests between methods, its protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from config import SyntheticConfig
from experiments.common import Finished, Number
from experiments.common.statistics import (
    anova,
    holm,
    pairwise_tests,
    sentence,
    stats_table,
    tukey,
)
from experiments.synthetic.methods import METHODS
from experiments.synthetic.parts import MIXED

__all__ = [
    "COMPARED",
    "EXPECTED",
    "NOISE_TITLES",
    "NUMBERS",
    "protocol",
    "statistics",
    "with_second_rows",
]

EXPECTED = Path(__file__).with_name("expected.toml")

NUMBERS = {
    "r2": Number("R² of the latent", "%", digits=1, scale=100),
    "r2_last": Number("R² on the last points", "%", digits=1, scale=100),
}

COMPARED = ("behavior", "autolfads", "pi-vae", "umap", "t-sne")
"""The methods of Fig. 1b, in the order of their published means."""

NOISE_TITLES = {
    "poisson": "Poisson",
    "gaussian": "Gaussian",
    "laplace": "Laplace",
    "uniform": "uniform",
    "t": "Student t",
    "refractory_poisson": "Poisson, refractory",
}

Row = Mapping[str, Any]
Groups = Mapping[str, Sequence[float]]


def with_second_rows(done: Iterable[Finished]) -> Iterator[Finished]:
    """Yields the parts, and each second row of a training as a part of its own."""
    for part in done:
        yield part
        for ending, scores in (part.values.get("second") or {}).items():
            values = {**part.values, **scores, "method": part["method"] + ending}
            yield Finished(part.name, values, part.seconds, part.path)


def protocol(config: SyntheticConfig) -> list[str]:
    """Returns how it was done, and where it is not the paper."""
    share = f"{1 - config.test_fraction:.0%}"
    draw = "The activity is the authors' published file."
    if config.source == "simulated":
        draw = (
            "Label and latent are the published ones to the last bit, but the mixing is a draw of "
            "our own, since the authors' was not seeded: absolute R² shift with it, so that "
            "methods are to be compared with each other on this draw."
        )
    return [
        draw,
        f"{config.num_points} points without order in time; one data set for all seeds, which "
        "draw weights and batches.",
        f"CEBRA: {config.max_iterations} steps of batch 512, learning rate 1e-4, two dimensions, "
        f"euclidean, on the first {share} of the points; autoLFADS and PCA see the same points.",
        f"pi-VAE is fitted to the first {share} and its epoch chosen on the others; UMAP and "
        "t-SNE place all points at once. These rows are called transductive.",
        "R²: ordinary least squares from embedding to true latent, fitted and scored on all "
        f"points (paper). On the last points: fitted on the first {share}, scored on the others.",
        "pi-VAE with labels, as published, reads the labels of the points that it places; the row "
        "of the label alone says what that is worth.",
    ]


def statistics(rows: Sequence[Row], done: Mapping[str, Finished]) -> list[dict[str, Any]]:
    """Returns the tests between methods, and between draws of the mixing.

    Args:
        rows: The result table; groups are noises, the first the main case.
        done: Finished parts by name.
    """
    main = rows[0]["group"]
    found = [_order(rows, main)]
    groups = {_title(row): _seeds(row) for row in _of(rows, main, COMPARED)}
    if len(groups) > 1:
        found += [
            anova(groups, f"One-way ANOVA, {NOISE_TITLES[main]}"),
            tukey(groups, f"Tukey's HSD, {NOISE_TITLES[main]}"),
        ]
    pivae = [row for row in rows if row["group"] == main and row["method"] == "pi-vae"]
    ours = [row for row in rows if row["group"] == main and row["method"] == "behavior"]
    if pivae and ours:
        best = max(_seeds(ours[0]))
        above = sum(value > best for value in _seeds(pivae[0]))
        found.append(
            sentence(
                "Single runs",
                f"{above} of {len(_seeds(pivae[0]))} runs of {_title(pivae[0])} are above the "
                f"best run of CEBRA (R² {100 * best:.1f} %); published: 22 of 100.",
            )
        )
    return found + _noise_tests(rows) + _mixings(done)


def _order(rows: Sequence[Row], main: str) -> dict[str, str]:
    """Says the order of the methods, which a draw of the mixing should not change."""
    present = {row["method"]: row for row in rows if row["group"] == main}
    names = [name for name in COMPARED if name in present]
    mean = {name: present[name]["values"]["r2"]["mean"] for name in names}
    here = sorted(names, key=lambda name: -mean[name])
    text = " > ".join(f"{METHODS[name].title} ({100 * mean[name]:.1f} %)" for name in here)
    published = " > ".join(METHODS[name].title for name in names)
    same = "the same" if here == names else "another"
    return sentence("Order of the methods", f"{text or 'none'}. Published, {same}: {published}.")


def _noise_tests(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Compares CEBRA with pi-VAE on each noise, in mean (Welch) and in spread (Levene)."""
    groups: dict[str, Sequence[float]] = {}
    pairs = []
    for noise in dict.fromkeys(row["group"] for row in rows):
        names = ("behavior", "pi-vae", "pi-vae-gaussian")
        several = {row["method"]: row for row in _of(rows, noise, names)}
        if "behavior" not in several:
            continue
        for name, row in several.items():
            groups[f"{_title(row)}, {NOISE_TITLES[noise]}"] = _seeds(row)
            if name != "behavior":
                pairs.append(
                    tuple(f"{METHODS[m].title}, {NOISE_TITLES[noise]}" for m in ("behavior", name))
                )
    if not pairs:
        return []
    return [
        pairwise_tests(groups, pairs, "Welch", title="Welch's t test on each noise"),
        _levene(groups, pairs),
    ]


def _levene(groups: Groups, pairs: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    rows = []
    for one, other in pairs:
        found = stats.levene(groups[one], groups[other], center="median")
        spreads = [float(np.std(groups[name], ddof=1)) for name in (one, other)]
        rows.append([one, other, *spreads, float(found.statistic), float(found.pvalue)])
    corrected = holm([row[-1] for row in rows])
    return stats_table(
        "Spread over seeds on each noise (Brown-Forsythe test)",
        ["method", "other", "s.d.", "s.d. of the other", "statistic", "p", "p (Holm)"],
        [[*row, p] for row, p in zip(rows, corrected, strict=True)],
    )


def _mixings(done: Mapping[str, Finished]) -> list[dict[str, Any]]:
    drawn = [part for name, part in done.items() if name.startswith("mixing-")]
    if not drawn:
        return []
    rows = [
        [part["mixing"], part["mean_count"], *(part["scores"][name] for name in MIXED)]
        for part in drawn
    ]
    return [
        stats_table(
            "R² on other draws of the mixing, one seed each",
            ["draw", "mean count", *(METHODS[name].title for name in MIXED)],
            rows,
            "The result table is on draw 0. What differs between these rows is what R² may differ "
            "from the paper's by the draw alone.",
        )
    ]


def _of(rows: Sequence[Row], group: str, methods: Sequence[str]) -> list[Row]:
    """Returns the rows of a group that were run with several seeds, in the order of `methods`."""
    found = {row["method"]: row for row in rows if row["group"] == group}
    return [found[name] for name in methods if name in found and len(found[name]["seeds"]) > 1]


def _seeds(row: Row) -> list[float]:
    return [part["r2"] for part in row["seeds"]]


def _title(row: Row) -> str:
    return str(row["title"])
