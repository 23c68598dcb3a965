"""What the experiment says: its rows, tests between them, its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from config import MultiSessionConfig
from experiments.common import Finished, Number, make_row, rows_of
from experiments.common.statistics import pairwise_tests, sentence, stats_table
from experiments.multi_session.adaptation import ARMS, READ_AT
from experiments.multi_session.curves import matched_values
from experiments.multi_session.methods import METHODS
from experiments.multi_session.sessions import TITLES

__all__ = [
    "EXPECTED",
    "NUMBERS",
    "mean_matrix",
    "protocol",
    "size_values",
    "statistics",
    "table_rows",
    "unseen",
]

EXPECTED = Path(__file__).with_name("expected.toml")

Done = Mapping[str, Finished]


def _percent(title: str) -> Number:
    return Number(title, "%", better="higher", digits=1, scale=100)


def _cm(title: str) -> Number:
    return Number(title, "cm", better="lower", digits=1)


NUMBERS = {
    "consistency_train": _percent("consistency, training"),
    "consistency_train_position": _percent("training, place only"),
    "consistency_test": _percent("consistency, held out"),
    "consistency_test_position": _percent("held out, place only"),
    "consistency_test_folds": _percent("held-out bins"),
    "consistency_matched": _percent("training, at one error"),
    "error_matched_cm": _cm("that error"),
    "median_cm": _cm("median error"),
    "mean_cm": _cm("mean error"),
    "r2": Number("position R²"),
    "direction_accuracy": Number("direction", "%", digits=0, scale=100),
    **{f"median_{step}_cm": _cm(f"after {step} steps") for step in READ_AT},
    "seconds_100": Number("100 steps", "s", better="lower", digits=2),
    "seconds_500": Number("500 steps", "s", better="lower", digits=2),
}

_TESTED = {
    "consistency, training": "train",
    "consistency, held out": "test",
    "consistency, held out, bins held out too": "test_folds",
}


def unseen(group: str) -> str:
    """Returns the name of the rows of the session that was left out."""
    return f"{group}-unseen"


def table_rows(config: MultiSessionConfig, done: Done) -> list[dict[str, Any]]:
    """Returns the rows of joint and single training and those of the animals left out."""
    matched = matched_values(done)
    seen = [replace(one, values=one.values | matched.get(one.name, {})) for one in done.values()]
    rows = rows_of(seen, METHODS, NUMBERS)
    for group in config.chosen_groups:
        parts = [one for one in done.values() if one.values.get("adapted_group") == group]
        for arm in ARMS:
            seeds = [one["arms"][arm] | {"seed": one["seed"]} for one in parts]
            rows.append(make_row(unseen(group), arm, ARMS[arm], seeds, NUMBERS))
    return rows


def mean_matrix(done: Done, group: str, method: str, name: str) -> np.ndarray | None:
    """Returns a matrix of consistency, the mean over seeds; `None` where it was not run."""
    found = [
        one.arrays[f"matrix_{name}"]
        for one in done.values()
        if one.values.get("group") == group and one.values.get("method") == method
    ]
    return np.mean(found, axis=0) if found else None


def statistics(
    config: MultiSessionConfig, done: Done, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the paper's test of joint against single training, and errors of each session."""
    found: list[dict[str, Any]] = []
    for group in config.chosen_groups:
        found += _joint_minus_single(rows, group)
        found += _consistency_test(done, group)
        found += _error_tables(group, rows)
        found += _size_table(config, done, group)
    return found


def _joint_minus_single(rows: Sequence[Mapping[str, Any]], group: str) -> list[dict[str, Any]]:
    """Returns in one sentence what joint training gained and cost, whichever way it went."""
    found = {row["method"]: row["values"] for row in rows if row["group"] == group}
    if not {"joint", "single"} <= found.keys():
        return []
    joint, single = found["joint"], found["single"]

    def change(name: str, scale: float = 1.0) -> float:
        return float(scale * (joint[name]["mean"] - single[name]["mean"]))

    text = (
        f"Consistency {change('consistency_train', 100):+.1f} points on the training part, "
        f"{change('consistency_test', 100):+.1f} on held-out laps; median error "
        f"{change('median_cm'):+.1f} cm."
    )
    return [sentence(f"{TITLES[group]}: joint minus single", text)]


def _consistency_test(done: Done, group: str) -> list[dict[str, Any]]:
    values: dict[str, np.ndarray] = {}
    pairs = []
    for text, name in _TESTED.items():
        found = {
            method: matrix[~np.isnan(matrix)]
            for method in ("joint", "joint-shared", "single")
            if (matrix := mean_matrix(done, group, method, name)) is not None
        }
        if len(found) > 1 and "single" in found:
            values |= {f"{method}: {text}": own for method, own in found.items()}
            pairs += [
                (f"{method}: {text}", f"single: {text}") for method in found if method != "single"
            ]
    if not pairs:
        return []
    number = len(next(iter(values.values())))
    title = f"{TITLES[group]}: is joint more consistent than single? One-sided paired t test"
    tested = pairwise_tests(values, pairs, "paired t", "greater", title)
    note = (
        f"{number} ordered pairs of sessions, seeds averaged first, as in the paper; a session "
        "stands in several pairs, so they are not independent and p is too small."
    )
    if number == 2:
        note += " Two pairs of the same two sessions: such a test says nearly nothing."
    return [tested | {"note": note}]


def _error_tables(group: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    own = [row for row in rows if row["group"] == group]
    if not own:
        return []
    names = own[0]["seeds"][0]["sessions"]
    errors = {
        row["method"]: np.mean([seed["errors_cm"] for seed in row["seeds"]], axis=0) for row in own
    }
    cells = [[row["title"], *map(float, errors[row["method"]])] for row in own]
    title = f"{TITLES[group]}: median error of each session, cm"
    tables = [stats_table(title, ["", *names], cells, "Held-out part, mean over seeds.")]
    pairs = [(name, "single") for name in ("joint", "joint-shared") if name in errors]
    if pairs and "single" in errors:
        title = f"{TITLES[group]}: is the error of joint training another? Two-sided paired t test"
        compared = {name: list(errors[name]) for name in {*sum(pairs, ())}}
        tables.append(pairwise_tests(compared, pairs, "paired t", title=title))
    return tables


def _size_table(config: MultiSessionConfig, done: Done, group: str) -> list[dict[str, Any]]:
    cells = []
    for size in config.sizes:
        for method in ("joint", "single"):
            seeds = size_values(config, done, group, method, size)
            if seeds:
                names = ("consistency_train", "consistency_test", "median_cm")
                means = [float(np.mean([seed[name] for seed in seeds])) for name in names]
                cells.append([size, method, *(100 * value for value in means[:2]), means[2]])
    if not cells:
        return []
    header = ["hidden units", "training", "consistency, training, %", "held out, %", "error, cm"]
    return [stats_table(f"{TITLES[group]}: size of the encoder", header, cells)]


def size_values(
    config: MultiSessionConfig, done: Done, group: str, method: str, size: int
) -> list[Mapping[str, Any]]:
    """Returns the numbers of each seed of an encoder with `size` hidden units."""
    if size == config.num_hidden_units:
        wanted: dict[str, Any] = {"group": group, "method": method}
    else:
        wanted = {"size_group": group, "method": method, "size": size}
    return [
        one.values
        for one in done.values()
        if all(one.values.get(key) == value for key, value in wanted.items())
    ]


def protocol(config: MultiSessionConfig) -> list[str]:
    """Returns how training and test were done."""
    bins, dims = config.bin_edges - 1, config.output_dimension
    notes = [
        f"Each session: first {1 - config.test_fraction:.0%} of the time for training, last "
        f"{config.test_fraction:.0%}, other laps, for test, a receptive field and a time offset "
        "between them; both embedded apart.",
        f"Joint training: {config.joint_iterations} steps, single: {config.single_iterations}; "
        f"batch {config.batch_size} for each session, learning rate {config.learning_rate:g}, "
        f"{dims} dimensions, {config.num_hidden_units} units.",
        f"Consistency: R² of the linear map between bin means, {bins} bins of place in each "
        f"direction ({2 * bins} in all) or {bins} bins with both directions merged. Maps are "
        f"scored where they were fitted, so that {dims} dimensions that know nothing would give "
        f"about {min(1, dims / (2 * bins - 1)):.0%} and {min(1, dims / (bins - 1)):.0%}; the "
        "column with bins held out does not have this bias.",
        "Without embedding, decoding reads counts and consistency compares their principal "
        "components, as many as the embedding has dimensions.",
        "At one decoding error: the smallest mean error over sessions that all kinds of training "
        "with labels reach, first step at or below it; it is an error on the held-out part.",
        f"Adaptation: the last session is left out, the others trained for "
        f"{config.pretrain_iterations} steps, batch {config.pretrain_batch_size}, "
        f"{config.adapt_dimension} dimensions; then up to {config.adapt_iterations} steps at "
        f"learning rate {config.adapt_learning_rate:g}. 0 steps is before any.",
    ]
    if "days" in config.chosen_groups:
        notes.append("The eight days are one animal: its sessions share some of their cells.")
    return notes
