"""Tests and tables: hypotheses, decoding errors, consistency, topology."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from config import HippocampusConfig
from experiments.common import Finished
from experiments.common.statistics import anova, stats_table, tukey
from experiments.hippocampus.between import consistency_statistics
from experiments.hippocampus.homology import topology_table

__all__ = ["statistics"]

_HYPOTHESES = {
    "position + direction": ("behavior", "encoder-permuted"),
    "position": ("position", "position-permuted"),
    "direction": ("direction", "direction-permuted"),
    "time": ("time", None),
}
Rows = Sequence[Mapping[str, Any]]


def statistics(
    config: HippocampusConfig, decoded: Rows, consistent: Rows, done: Mapping[str, Finished]
) -> list[dict[str, Any]]:
    """Returns the tables and tests in the order of the report.

    Args:
        config: The settings.
        decoded: Rows of decoding.
        consistent: Rows of consistency.
        done: The finished parts.
    """
    found = []
    for rat in dict.fromkeys(row["group"] for row in decoded):
        own = {row["method"]: row for row in decoded if row["group"] == rat}
        found += _hypotheses(config, rat, own)
        found += _errors(rat, own)
    found += consistency_statistics(consistent)
    if config.topology_shuffles:
        found.append(topology_table(config, done))
    return found


def _hypotheses(
    config: HippocampusConfig, rat: str, rows: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Returns loss and error of each hypothesis beside its shuffle (Fig. 2c, Ext. Data Fig. 5)."""
    cells: list[list[Any]] = []
    for title, (true, shuffled) in _HYPOTHESES.items():
        if true in rows:
            line: list[Any] = [title]
            for name in ("loss_nats", "goodness_of_fit_test_bits", "median_cm"):
                line += [_mean(rows.get(true), name), _mean(rows.get(shuffled or ""), name)]
            cells.append(line)
    if not cells:
        return []
    header = [
        "hypothesis", "training loss, nats", "shuffled", "goodness of fit held out, bits",
        "shuffled", "median error, cm", "shuffled",
    ]  # fmt: skip
    note = (
        f"Chance of the loss is log({config.batch_size}) = {math.log(config.batch_size):.3f} "
        "nats. Shuffled: labels permuted over time for the encoder only, the decoder has true "
        "ones. Losses with different labels, or of time, are not of one scale."
    )
    return [stats_table(f"Hypotheses, {rat}", header, cells, note)]


def _errors(rat: str, rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns tests between methods over seeds, where there are several."""
    groups = {
        row["title"]: [seed["median_cm"] for seed in row["seeds"]]
        for row in rows.values()
        if row["kind"] == "method" and len(row["seeds"]) > 2
    }
    if len(groups) < 2:
        return []
    what = f"median error of position, {rat}"
    return [anova(groups, f"One-way ANOVA: {what}"), tukey(groups, f"Tukey's HSD: {what}")]


def _mean(row: Mapping[str, Any] | None, name: str) -> float | None:
    return None if row is None or name not in row["values"] else row["values"][name]["mean"]
