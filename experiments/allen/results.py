"""What the experiment says: its methods, numbers, protocol, tests and the comparison of areas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from cebra_ethan.metrics.consistency import linear_r2
from cebra_ethan.metrics.transfer import transfer_r2
from config import AllenConfig
from experiments.common import CONTROLS, Finished, Number, RowInfo, make_row
from experiments.common.movie import MODALITIES
from experiments.common.statistics import pairwise_tests

__all__ = [
    "EXPECTED",
    "NUMBERS",
    "AreaScores",
    "area_rows",
    "area_scores",
    "area_tests",
    "methods",
    "protocol",
]

EXPECTED = Path(__file__).with_name("expected.toml")

NUMBERS = {
    "r2": Number("R², bin by bin", "%", digits=1, scale=100),
    "r2_frames": Number("R², mean of repeats", "%", digits=1, scale=100),
    "r2_held_out": Number("R², repeat not seen", "%", digits=1, scale=100),
    "frame_accuracy": Number("frame within 1 s", "%", digits=1, scale=100),
    "frame_error": Number("frame error", "frames", better="lower", digits=0),
}

_TITLES = {"calcium": "calcium", "neuropixels": "Neuropixels"}
_TRAININGS = {
    "joint": "calcium to Neuropixels, joint",
    **{
        f"{modality}-{training}": f"{_TITLES[modality]}, {title}"
        for modality in MODALITIES
        for training, title in (
            ("behavior", "CEBRA-Behavior"),
            ("time", "CEBRA-Time, encoder on the training part"),
            ("time-all", "CEBRA-Time, encoder on everything (paper)"),
        )
    },
}

AreaScores = dict[str, np.ndarray]
"""For each training R² of every area to every other, `(seeds, areas, areas)`."""


def methods(config: AllenConfig) -> dict[str, RowInfo]:
    """Returns what each row is."""
    rows = {}
    for dims in config.dimensions:
        rows[f"separate-{dims}d"] = RowInfo(f"calcium to Neuropixels, separate, {dims}-D")
        rows[f"joint-{dims}d"] = RowInfo(f"calcium to Neuropixels, joint, {dims}-D")
        for modality, title in _TITLES.items():
            rows[f"joint-{modality}-{dims}d"] = RowInfo(f"{title}: joint to separate, {dims}-D")
    for training, title in _TRAININGS.items():
        for where, words in (("within", "within areas"), ("between", "between areas")):
            seen = training.endswith("time-all")
            rows[f"{training}-{where}"] = RowInfo(f"{title}, {words}", transductive=seen)
    for first, second in combinations_with_replacement(config.areas, 2):
        rows[f"joint-{first}-{second}"] = RowInfo(f"joint, {first} and {second}")
    rows["features"] = RowInfo("CEBRA-Behavior, features of frames")
    rows["other-frames"] = RowInfo("features dealt to other frames", "control")
    return rows | dict(CONTROLS)


def area_scores(config: AllenConfig, done: Mapping[str, Finished], kind: str) -> AreaScores:
    """Returns R² between the areas of each training, the mean of both directions.

    Args:
        config: Of the experiment.
        done: Its parts.
        kind: `"frames"`: means over training repeats, scored where the map was fitted.
            `"held_out"`: the last repeat, by the map of these means.
    """
    found: dict[str, list[np.ndarray]] = {training: [] for training in _TRAININGS}
    for seed in range(config.area_seeds):
        for training in _TRAININGS:
            two = ("calcium", "neuropixels") if training == "joint" else ("first", "second")
            sets = [done[f"areas-{training}-{area}-{seed}"].arrays for area in config.areas]
            means, held_out = (
                [[one[f"{name}_{part}"].astype(np.float64) for one in sets] for name in two]
                for part in ("frames", "held_out")
            )
            size = len(config.areas)
            if kind == "frames":
                whole = linear_r2([*means[0], *means[1]])
                matrix = (whole[:size, size:] + whole[size:, :size].T) / 2
            else:
                matrix = np.empty((size, size))
                for i, j in np.ndindex(size, size):
                    one, other = (means[0][i], held_out[0][i]), (means[1][j], held_out[1][j])
                    matrix[i, j] = _transferred(one, other) / 2 + _transferred(other, one) / 2
            found[training].append(matrix)
    return {training: np.stack(values) for training, values in found.items()}


def _transferred(
    source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]
) -> float:
    return transfer_r2(source[0], target[0], source[1], target[1])


def area_rows(config: AllenConfig, scores: Mapping[str, AreaScores]) -> list[dict[str, Any]]:
    """Returns the rows of the comparison of areas; `scores` by kind of `area_scores`."""
    info, same = methods(config), np.eye(len(config.areas), dtype=bool)
    numbers = {"r2_frames": scores["frames"], "r2_held_out": scores["held_out"]}

    def row(method: str, training: str, select: Callable[[np.ndarray], Any]) -> dict[str, Any]:
        seeds = [
            {
                name: float(np.mean(select(every[training][seed])))
                for name, every in numbers.items()
            }
            for seed in range(config.area_seeds)
        ]
        return make_row("areas", method, info[method], seeds, NUMBERS)

    rows = []
    for training in _TRAININGS:
        rows.append(row(f"{training}-within", training, lambda matrix: matrix[same]))
        if len(config.areas) > 1:
            rows.append(row(f"{training}-between", training, lambda matrix: matrix[~same]))
    for i, j in combinations_with_replacement(range(len(config.areas)), 2):
        method = f"joint-{config.areas[i]}-{config.areas[j]}"
        rows.append(row(method, "joint", lambda m, i=i, j=j: (m[i, j] + m[j, i]) / 2))
    return rows


def area_tests(config: AllenConfig, scores: AreaScores) -> list[dict[str, Any]]:
    """Returns Welch tests of the primary area with itself against it with others (Fig. 4k)."""
    if config.area_seeds < 2 or len(config.areas) < 2:
        return []
    groups: dict[str, Any] = {}
    for training, matrix in scores.items():
        title = _TRAININGS[training]
        groups[f"{title}: within"] = matrix[:, 0, 0]
        groups[f"{title}: with others"] = ((matrix[:, 0, 1:] + matrix[:, 1:, 0]) / 2).ravel()
    pairs = [(f"{title}: within", f"{title}: with others") for title in _TRAININGS.values()]
    heading = f"{config.areas[0]} with itself against with other areas (R², mean of repeats)"
    return [pairwise_tests(groups, pairs, "Welch", "greater", title=heading)]


def protocol(config: AllenConfig) -> list[str]:
    """Returns how training and test were done."""
    window = config.window_frames
    return [
        f"Encoders see {window} frames (offset{window}-model) at the rate of the movie, both "
        f"methods alike, and learn {config.max_iterations} steps of batch {config.batch_size} "
        f"with the features of frames as label, on repeats 1 to {config.num_repeats - 1}.",
        "Joint training is one training on both recordings, an encoder each, positives drawn "
        "across them by the features.",
        "R² is that of linear maps (least squares with intercept), the mean of both directions: "
        "bin by bin where it was fitted, as published; of the means over repeats; and in the last "
        "repeat, which neither the encoders nor the map have seen (areas: the map of the means).",
        "Joint training draws both embeddings to the same labels: its R² on training bins says "
        "how well labels are learned; only the repeat that was not seen says what is shared.",
        "Shifted labels: every repeat by a lag of its own, since one lag for all would only give "
        "the frames of the movie other names.",
        "Published encoders were trained on all ten repeats and saw Neuropixels at 120 Hz "
        "(offset40-model-4x-subsample).",
    ]
