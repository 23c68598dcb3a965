"""Persistent homology of embeddings of whole recordings, beside models of shuffled labels.

A track that is run there and back is a loop, and so should the embedding be: one piece, one loop,
no void, Betti numbers (1, 1, 0). A bar counts if it is longer than all of the models with shuffled
labels. Nothing is decoded, so the whole recording is embedded, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cebra_ethan.metrics.topology import (
    PersistentHomology,
    betti_numbers,
    circular_coordinate,
    lifespan_threshold,
    persistent_homology,
)
from cebra_ethan.report.record import RowInfo
from cebra_ethan.types import Recording
from config import HippocampusConfig
from experiments.common import Finished, make_row
from experiments.common.controls import CONTROLS, plain_points, shuffled, untrained_points
from experiments.common.statistics import stats_table
from experiments.hippocampus.methods import METHODS, columns, make_estimator

__all__ = [
    "KINDS",
    "TOPOLOGY",
    "homology_of",
    "run_part",
    "thresholds_of",
    "topology_rows",
    "topology_table",
]

TRACK_M = 1.6
TOPOLOGY: Mapping[str, RowInfo] = {
    "behavior": RowInfo("CEBRA-Behavior"),
    "time": RowInfo("CEBRA-Time"),
    **CONTROLS,
    "chance": RowInfo("chance, even points on a sphere", "control"),
}
KINDS = tuple(TOPOLOGY)
_POINTS_SEED = 111  # of the paper


def run_part(
    config: HippocampusConfig, recording: Recording, dims: int, kind: str, seed: int
) -> dict[str, Any]:
    """Trains on everything and returns the bars, and the angle of points round the longest loop.

    Args:
        config: The settings.
        recording: The rat.
        dims: Dimensions of the embedding.
        kind: Row of `TOPOLOGY`, or `"threshold"`: one of the models with permuted labels that
            give the thresholds; its labels are other ones than those of the row `"permuted"`.
        seed: Of the model.
    """
    points = _points(config, recording, dims, kind, seed)
    found = persistent_homology(
        points,
        config.topology_max_dimension,
        num_points=config.topology_points,
        seed=_POINTS_SEED,
    )
    result: dict[str, Any] = {f"bars_{d}": bars for d, bars in enumerate(found.diagrams)}
    result |= {"rows": found.rows, "points": found.points[:, :3].astype(np.float32)}
    if kind != "threshold":
        where = recording.labels["position"].to_numpy()[found.rows]
        right = recording.labels["direction"].to_numpy()[found.rows] == "right"
        angle = np.full(len(where), np.nan)
        if len(found.cocycle):
            angle = circular_coordinate(found)
        result |= {"angle": angle, "position_m": where, "right": right}
        result |= {"agreement": agreement(angle, where, right), "longest": list(found.longest)}
    return result


def agreement(angle: np.ndarray, position_m: np.ndarray, right: np.ndarray) -> float:
    """Returns how well an angle follows the way round the track, 1 exactly and 0 not at all.

    The way there is half a turn and the way back the other; the length of the mean difference
    does not care where the angle begins, and both senses are tried.
    """
    there = np.pi * position_m / TRACK_M
    phase = np.where(right, there, 2 * np.pi - there)
    known = np.isfinite(angle)
    if not known.any():
        return 0.0
    sums = [np.exp(1j * (angle[known] - sign * phase[known])).mean() for sign in (1, -1)]
    return float(max(abs(one) for one in sums))


def topology_rows(
    config: HippocampusConfig, done: Mapping[str, Finished], numbers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Returns a row for each kind of embedding, rat and number of dimensions."""
    rows = []
    for rat, dims in _groups(config):
        thresholds = thresholds_of(config, done, rat, dims)
        for kind, info in TOPOLOGY.items():
            part = done[f"topology-{rat}-{dims}-{kind}-0"]
            betti = betti_numbers(homology_of(part), thresholds)
            values = {f"betti_{d}": n for d, n in enumerate(betti)}
            values |= {"loop_lifespan": part["longest"][1], "agreement": part["agreement"]}
            values["seconds"] = part.seconds
            rows.append(make_row(f"{rat}, topology {dims}-D", kind, info, [values], numbers))
    return rows


def topology_table(config: HippocampusConfig, done: Mapping[str, Finished]) -> dict[str, Any]:
    """Returns the Betti numbers of all embeddings, and the thresholds, as one table."""
    size = config.topology_max_dimension + 1
    rows: list[list[Any]] = []
    for rat, dims in _groups(config):
        thresholds = thresholds_of(config, done, rat, dims)
        for kind, info in TOPOLOGY.items():
            part = done[f"topology-{rat}-{dims}-{kind}-0"]
            found = homology_of(part)
            betti = " ".join(map(str, betti_numbers(found, thresholds)))
            bars = [f"{bar:.2f} / {limit:.2f}" for bar, limit in
                    zip(found.longest, thresholds, strict=True)]  # fmt: skip
            rows.append([rat, f"{dims}-D", info.title, betti, *bars, part["agreement"]])
    header = ["rat", "", "embedding", "Betti numbers"]
    header += [f"longest finite bar of dimension {d} / threshold" for d in range(size)]
    note = (
        f"A bar counts if it lives longer than the longest one of {config.topology_shuffles} "
        f"models with permuted labels (paper: 500). {config.topology_points} points, field 47. "
        "The scale is that of trained embeddings: even points and counts lie farther apart and "
        "have long bars for that reason alone."
    )
    header.append("circular coordinate follows the track (0 to 1)")
    return stats_table("Persistent homology", header, rows, note)


def homology_of(part: Finished) -> PersistentHomology:
    """Returns the bars that a part left."""
    bars = [part.arrays[f"bars_{d}"] for d in range(3) if f"bars_{d}" in part.arrays]
    return PersistentHomology(
        diagrams=tuple(bars),
        rows=part.arrays["rows"],
        points=part.arrays["points"].astype(np.float64),
        coefficient=47,
        cocycle=np.zeros((0, 3), dtype=np.int64),
    )


def thresholds_of(
    config: HippocampusConfig, done: Mapping[str, Finished], rat: str, dims: int
) -> tuple[float, ...]:
    """Returns the lifespan from which a bar counts, of each dimension."""
    names = [f"topology-{rat}-{dims}-threshold-{i}" for i in range(config.topology_shuffles)]
    return lifespan_threshold([homology_of(done[name]) for name in names])


def _groups(config: HippocampusConfig) -> Sequence[tuple[str, int]]:
    if not config.topology_shuffles:
        return []
    return [(rat, dims) for rat in config.rats for dims in config.topology_dims]


def _points(
    config: HippocampusConfig, recording: Recording, dims: int, kind: str, seed: int
) -> np.ndarray:
    if kind == "chance":
        even = np.random.default_rng(seed).normal(size=(len(recording), dims))
        return np.asarray(even / np.linalg.norm(even, axis=1, keepdims=True))
    if kind == "no-embedding":
        (counts,) = plain_points([recording], config.baseline_bins)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)
    if kind == "untrained":
        size = config.num_hidden_units, dims
        return untrained_points([recording], config.model_architecture, *size, seed)[0]
    # the caption's settings, whatever the sweep of Fig. 1e and 2d found
    settings = replace(
        config, output_dimension=dims, max_iterations=config.topology_iterations,
        batch_size=min(config.batch_size, 512), learning_rate=config.topology_learning_rate,
        learning_rate_time=config.topology_learning_rate, num_hidden_units=32, temperature=1.0,
        temperature_time=1.12,
    )  # fmt: skip
    is_threshold = kind == "threshold"
    # seeds from 1000 on, so that thresholds never judge a model that helped to make them
    seed += 1000 * is_threshold
    labels = shuffled(dict(recording.labels), "permuted" if is_threshold else kind, seed)
    method = METHODS["time" if kind == "time" else "behavior"]
    model = make_estimator(settings, method, seed).fit(
        recording.neural, columns(labels, method.labels)
    )
    return np.asarray(model.transform(recording.neural))
