"""Consistency: one embedding as a linear function of another, between rats and between runs.

Between rats, points are averaged in bins of position, either within each direction (the paper's
protocol) or with both together (its public code); between runs the time bins match. Each is given
for the training part, as published, and for the held-out part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cebra_ethan.metrics.consistency import Consistency, bin_embeddings, consistency_score
from cebra_ethan.types import Recording
from config import HippocampusConfig
from experiments.common import Finished, make_row
from experiments.common.controls import plain_points
from experiments.common.statistics import anova, pairwise_tests, tukey
from experiments.hippocampus.splits import num_folds, split
from experiments.hippocampus.table import METHODS, Method

__all__ = ["RATS", "consistency_rows", "consistency_statistics", "row_title"]

RATS, RUNS = "between rats", "between runs"
_PARTS = ("train", "test")
_CONTROLS_ONLY = ("no-embedding", "chance")

_TITLES = {
    "no-embedding": "no embedding, counts on random axes",
    "chance": "chance, points in random order",
}

Done = Mapping[str, Finished]


def consistency_rows(
    config: HippocampusConfig, recordings: Mapping[str, Recording], done: Done,
    numbers: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], dict[str, Consistency]]:  # fmt: skip
    """Returns rows between rats and between the runs of each rat, and matrices for a figure.

    Args:
        config: The settings; one rat has no rows between rats, and one seed none between runs.
        recordings: The rats.
        done: The finished parts.
        numbers: The columns.

    Returns:
        The rows, and for each method the consistency between rats on the training part in bins
        of position and direction, first seed and fold.
    """
    folds = range(num_folds(config))
    pieces = {
        (rat, fold): split(recordings[rat], config, fold) for rat in config.rats for fold in folds
    }
    chosen = [name for name in METHODS if name in config.methods]
    rows, matrices = [], {}
    if len(config.rats) > 1:
        for name in chosen:
            seeds, matrix = _between_rats(config, pieces, done, name)
            if seeds:
                rows.append(make_row(RATS, name, _info(name), seeds, numbers))
                matrices[name] = matrix
    for rat in config.rats if config.num_seeds > 1 else ():
        for name in chosen:
            pairs = _between_runs(config, pieces, done, name, rat)
            if pairs:
                group = f"{RUNS}, {rat}"
                row = make_row(group, name, _info(name), pairs, numbers)
                rows.append(row | {"spread": "sd over pairs of runs"})
    return rows, matrices


def consistency_statistics(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns tests between methods over the ordered pairs of rats, means over seeds."""
    groups = {
        row["title"]: np.mean([seed["pairs_train"] for seed in row["seeds"]], axis=0).tolist()
        for row in rows
        if row["group"] == RATS and row["kind"] == "method"
    }
    if len(groups) < 2 or min(map(len, groups.values())) < 2:
        return []
    what = "consistency between rats, training bins, position × direction, over pairs of rats"
    found: list[dict[str, Any]] = [anova(groups, f"One-way ANOVA: {what}")]
    if min(map(len, groups.values())) > 2:
        found.append(tukey(groups, f"Tukey's HSD: {what}"))
        ours = METHODS["behavior"].title
        others = [(ours, other) for other in groups if other != ours]
        if ours in groups:
            found.append(pairwise_tests(groups, others, "paired t", title=f"Paired t: {what}"))
    return found


def row_title(name: str) -> str:
    """Returns what a row is called where consistency is shown."""
    return _TITLES.get(name, METHODS[name].title)


def _info(name: str) -> Method:
    return replace(METHODS[name], title=row_title(name))


def _between_rats(
    config: HippocampusConfig, pieces: Mapping[tuple[str, int], Any], done: Done, name: str
) -> tuple[list[dict[str, Any]], Any]:
    """Returns the scores of each seed, means over its folds, and the first matrix."""
    seeds, matrix = [], None
    num_seeds = config.num_seeds if METHODS[name].draws or name in _CONTROLS_ONLY else 1
    for seed in range(num_seeds):
        folds = []
        for fold in range(num_folds(config)):
            values, found = _in_fold(config, pieces, done, name, seed, fold)
            if found is None:
                return [], None
            folds.append(values)
            matrix = matrix or found
        seeds.append(
            {key: np.mean([one[key] for one in folds], axis=0).tolist() for key in folds[0]}
        )
    return seeds, matrix


def _in_fold(
    config: HippocampusConfig, pieces: Mapping[tuple[str, int], Any], done: Done, name: str,
    seed: int, fold: int,
) -> tuple[dict[str, Any], Consistency | None]:  # fmt: skip
    """Returns the scores of one fold and the paper's matrix; nothing where points are missing."""
    values: dict[str, Any] = {}
    matrix = None
    for part in _PARTS:
        parts = [getattr(pieces[rat, fold], part) for rat in config.rats]
        points = [
            _points(config, pieces[rat, fold], done, rat, name, seed, fold, part)
            for rat in config.rats
        ]
        if any(one is None for one in points):
            return {}, None
        for bins in ("both", "position"):
            found = _score(config, name, points, parts, bins == "both", seed)
            key = f"rats_{part}" + ("" if bins == "both" else "_position")
            values[key] = float(found.scores.mean())
            if key == "rats_train":
                values["pairs_train"] = found.scores.tolist()
                values["num_bins"] = found.num_points
                matrix = found
    return values, matrix


def _score(
    config: HippocampusConfig, name: str, points: Sequence[np.ndarray],
    parts: Sequence[Recording], with_direction: bool, seed: int,
) -> Consistency:  # fmt: skip
    labels = [
        (part.labels["position"], *([part.labels["direction"]] if with_direction else []))
        for part in parts
    ]
    normalize = METHODS[name].metric == "cosine"
    if name != "chance":
        return consistency_score(
            points, labels, config.rats, "datasets", config.consistency_bins, normalize=normalize
        )
    # chance: the bins of each rat in an order of its own
    means, _ = bin_embeddings(points, labels, config.consistency_bins)
    rng = np.random.default_rng(seed)
    mixed = [mean[rng.permutation(len(mean))] for mean in means]
    return replace(consistency_score(mixed, between="runs"), ids=np.array(config.rats))


def _between_runs(
    config: HippocampusConfig, pieces: Mapping[tuple[str, int], Any], done: Done, name: str,
    rat: str,
) -> list[dict[str, float]]:  # fmt: skip
    """Returns the scores of each ordered pair of runs, means over folds."""
    if not METHODS[name].draws and name not in _CONTROLS_ONLY:
        return []
    scores: dict[str, list[np.ndarray]] = {f"runs_{part}": [] for part in _PARTS}
    for fold in range(num_folds(config)):
        for part in _PARTS:
            runs = [
                _points(config, pieces[rat, fold], done, rat, name, seed, fold, part)
                for seed in range(config.num_seeds)
            ]
            if any(run is None for run in runs):
                return []
            if name == "chance":
                rng = np.random.default_rng(fold)
                runs = [run[rng.permutation(len(run))] for run in runs]
            scores[f"runs_{part}"].append(consistency_score(runs, between="runs").scores)
    means = {key: np.mean(folds, axis=0).tolist() for key, folds in scores.items()}
    return [dict(zip(means, pair, strict=True)) for pair in zip(*means.values(), strict=True)]


def _points(
    config: HippocampusConfig, parts: Any, done: Done, rat: str, name: str, seed: int, fold: int,
    part: str,
) -> np.ndarray | None:  # fmt: skip
    """Returns the points of a run; counts thrown onto random axes where nothing is embedded."""
    if name == "no-embedding":
        (counts,) = plain_points([getattr(parts, part)], config.baseline_bins)
        # the axes are drawn from the seed and the neurons, so two rats have different ones
        rng = np.random.default_rng([seed, counts.shape[1]])
        return counts @ rng.normal(size=(counts.shape[1], config.output_dimension))
    row = "behavior" if name == "chance" else name
    if row not in METHODS or not METHODS[row].embeds:
        return None
    host = METHODS[row].reads or row
    found = done.get(f"{rat}-{host}-{seed}" + (f"-fold{fold}" if fold else ""))
    return None if found is None else found.arrays.get(f"{row}_{part}")
