"""What a method must beat: chance, shuffled labels, an untrained encoder, no embedding at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from cebra_ethan.metrics.decoding import windowed_counts
from cebra_ethan.metrics.scores import Scores, as_label, chance_prediction, score_predictions
from cebra_ethan.metrics.significance import shuffle_labels
from cebra_ethan.models.model import resolve_model
from cebra_ethan.report.record import RowInfo
from cebra_ethan.solver.embed import transform
from cebra_ethan.types import Recording
from cebra_ethan.utils.seeding import Streams, derive_seed, private_torch_rng

__all__ = [
    "CONTROLS",
    "chance_scores",
    "missing_controls",
    "plain_points",
    "shuffled",
    "untrained_points",
]

CONTROLS: Mapping[str, RowInfo] = {
    "permuted": RowInfo("shuffled labels, permuted over time", "control"),
    "shifted": RowInfo("shuffled labels, shifted in time", "control"),
    "untrained": RowInfo("untrained encoder", "control"),
    "no-embedding": RowInfo("no embedding, spike counts", "control"),
    "chance": RowInfo("chance, the best constant guess", "control"),
}
"""The rows that stand beside every method, under these names."""

_SHUFFLES = {"permuted": "permute", "shifted": "shift"}


def shuffled(labels: Any, control: str, seed: int, segments: Any = None) -> Any:
    """Returns labels as the rows `"permuted"` and `"shifted"` train on; others as they are.

    The encoder and the decoder get these labels; test labels are always the true ones.

    Args:
        labels: A `Label`, an array `(T, ...)`, or a dict of them, which move together.
        control: Name of the row.
        seed: Of the experiment.
        segments: `(trials, 2)`, to shuffle within each trial; `None` over the recording.
    """
    if control not in _SHUFFLES:
        return labels
    generator = torch.Generator().manual_seed(derive_seed(seed, Streams.EVALUATION))
    return shuffle_labels(labels, _SHUFFLES[control], generator, segments=segments)


def untrained_points(
    parts: Sequence[Recording],
    architecture: str,
    num_units: int,
    num_output: int,
    seed: int,
    *,
    within_trials: bool = False,
) -> list[Float[np.ndarray, "time dims"]]:
    """Embeds each part, apart from the others, with one encoder that has learned nothing.

    Args:
        parts: Recordings of the same neurons, such as training and test part.
        architecture: Name of the encoder.
        num_units: Its width.
        num_output: Dimensions of the embedding.
        seed: Of the initialisation, the same as a trained encoder of this seed has.
        within_trials: Whether windows stop at the borders of trials.
    """
    with private_torch_rng(derive_seed(seed, Streams.INITIALISATION)):
        network = resolve_model(architecture)(parts[0].num_neurons, num_units, num_output)
    return [
        transform(network, part.neural, _segments(part, within_trials)).numpy() for part in parts
    ]


def plain_points(
    parts: Sequence[Recording], window_bins: int, *, within_trials: bool = False
) -> list[Float[np.ndarray, "time neurons"]]:
    """Returns what the decoder reads without embedding: root of the mean count in a window.

    Args:
        parts: Recordings of non-negative activity.
        window_bins: As many bins as the encoder sees.
        within_trials: Whether windows stop at the borders of trials.
    """
    return [
        windowed_counts(part.neural, window_bins, _segments(part, within_trials).numpy())
        for part in parts
    ]


def chance_scores(train_label: Any, test_label: Any) -> Scores:
    """Returns the scores of the best constant guess: median, or most frequent class."""
    train = as_label(train_label, name="train_label")
    test = as_label(test_label, like=train, name="test_label")
    return score_predictions(test, chance_prediction(train, len(test)))


def missing_controls(
    rows: Sequence[Mapping[str, Any]], waived: Mapping[str, str]
) -> dict[str, list[str]]:
    """Returns the controls that a group with methods lacks, but for those waived.

    Args:
        rows: The result table.
        waived: Names of controls, each with the reason why it says nothing here.
    """
    missing = {}
    for group in dict.fromkeys(row["group"] for row in rows if row["kind"] == "method"):
        present = {row["method"] for row in rows if row["group"] == group}
        lacking = [name for name in CONTROLS if name not in present | waived.keys()]
        if lacking:
            missing[group] = lacking
    return missing


def _segments(part: Recording, within_trials: bool) -> torch.Tensor:
    return part.segments if within_trials else torch.tensor([[0, len(part)]])
