"""The rows of the result table: what the encoder learns from, and what is shuffled.

One part of the experiment is (rat, method, seed). Nothing of the test part reaches training or
the choice of `k`; both parts are embedded apart, each padded on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cebra_ethan import CEBRA
from cebra_ethan.data.split import time_split
from cebra_ethan.metrics.decoding import DecodingScore, decode
from cebra_ethan.metrics.significance import shuffle_labels
from cebra_ethan.models.model import resolve_offset
from cebra_ethan.report.record import Kind
from cebra_ethan.types import Label, Recording
from cebra_ethan.utils.files import atomic_write
from cebra_ethan.utils.seeding import Streams, derive_seed
from config import HippocampusConfig
from experiments.common.controls import plain_points, untrained_points
from experiments.hippocampus.nearest import permutation_p_values
from utils import write_csv

__all__ = ["METHODS", "Method", "Parts", "run_part", "split"]


@dataclass(frozen=True)
class Method:
    """One row of the result table.

    Args:
        title: What tables and figures call it.
        labels: What the encoder learns from; none is time alone.
        encoder: `"trained"`, `"untrained"`, or `"none"` (the decoder gets counts or nothing).
        shuffle: How the training labels are shuffled, a kind of `metrics.shuffle_labels`.
        shuffle_decoder: Whether the decoder gets the shuffled labels too.
        kind: `"method"` or `"control"`.
        transductive: Whether the encoder has seen the neural data of the test part.
        labels_at_inference: Whether it needs labels of the test part to embed it.
    """

    title: str
    labels: tuple[str, ...] = ("position", "direction")
    encoder: str = "trained"
    shuffle: str | None = None
    shuffle_decoder: bool = True
    kind: Kind = "method"
    transductive: bool = False
    labels_at_inference: bool = False

    @property
    def tested(self) -> bool:
        """Whether the permutation test is run: not where the decoder gets shuffled labels."""
        return self.title != _CHANCE and not (self.shuffle and self.shuffle_decoder)

    @property
    def draws(self) -> bool:
        """Whether a seed changes the result."""
        return self.encoder != "none"


_CHANCE = "chance, the median position"

METHODS: Mapping[str, Method] = {
    "behavior": Method("CEBRA-Behavior"),
    "time": Method("CEBRA-Time", labels=()),
    "position": Method("CEBRA, position only", labels=("position",)),
    "direction": Method("CEBRA, direction only", labels=("direction",)),
    "permuted": Method(
        "shuffled labels, permuted over time", shuffle="permute", kind="control"
    ),
    "shifted": Method("shuffled labels, shifted in time", shuffle="shift", kind="control"),
    "encoder-permuted": Method(
        "shuffled for the encoder only (paper)", shuffle="permute", shuffle_decoder=False,
        kind="control",
    ),
    "untrained": Method(
        "untrained encoder", labels=(), encoder="untrained", kind="control"
    ),
    "no-embedding": Method(
        "no embedding, spike counts", labels=(), encoder="none", kind="control"
    ),
    "chance": Method(_CHANCE, labels=(), encoder="none", kind="control"),
}  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """The training and test part of a rat, with a gap between them."""

    train: Recording
    test: Recording

    def trial(self, part: Recording, config: HippocampusConfig) -> Any:
        """Returns the laps of a part, or `None` where windows may cross them."""
        return part.trial if config.within_laps else None


def split(recording: Recording, config: HippocampusConfig) -> Parts:
    """Cuts a recording; the gap is the receptive field plus the time offset."""
    span = resolve_offset(config.model_architecture).span
    gap = span + config.time_offsets
    return Parts(*time_split(recording, config.test_fraction, gap))


def run_part(
    config: HippocampusConfig, recording: Recording, name: str, seed: int, folder: Path
) -> dict[str, Any]:
    """Trains, embeds, decodes; leaves arrays of the first seed in `folder` for the figures.

    Returns:
        The numbers of one (rat, method, seed): errors in cm, R², accuracy, goodness of fit.
    """
    method, parts = METHODS[name], split(recording, config)
    draw_seed = derive_seed(seed, Streams.EVALUATION)
    labels = {key: parts.train.labels[key] for key in ("position", "direction")}
    if method.shuffle:
        generator = torch.Generator().manual_seed(draw_seed)
        labels = shuffle_labels(labels, method.shuffle, generator)
    result: dict[str, Any] = {}
    if method.encoder == "trained":
        model = make_estimator(config, method, seed)
        model.fit(parts.train.neural, columns(labels, method.labels),
                  trial=parts.trial(parts.train, config))  # fmt: skip
        points = tuple(
            model.transform(part.neural, trial=parts.trial(part, config))
            for part in (parts.train, parts.test)
        )
        result |= _fit_quality(model, method, labels, parts, config)
        if seed == 0:
            _save_training(model, folder, name)
    else:
        points = _points_without_training(config, name, seed, parts)
    decoder_labels = labels if method.shuffle_decoder else parts.train.labels
    scores = {
        key: decode(
            points[0], decoder_labels[key], points[1], parts.test.labels[key],
            grid={"n_neighbors": config.neighbors}, validation=config.valid_fraction,
        )
        for key in ("position", "direction")
    }  # fmt: skip
    result |= _numbers(scores, chance=name == "chance")
    if method.tested and config.num_shuffles:
        position = decoder_labels["position"], parts.test.labels["position"]
        result |= permutation_p_values(
            points, *position, result["k"], config.num_shuffles, draw_seed
        )
    if seed == 0:
        _save_arrays(folder / f"{name}.npz", points, parts, scores)
    return result


def make_estimator(config: HippocampusConfig, method: Method, seed: int) -> CEBRA:
    """Returns the untrained estimator of a method."""
    return CEBRA(
        model_architecture=config.model_architecture,
        num_hidden_units=config.num_hidden_units,
        output_dimension=config.output_dimension,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        max_iterations=config.max_iterations,
        time_offsets=config.time_offsets,
        temperature=config.temperature if method.labels else config.temperature_time,
        conditional="time_delta" if method.labels else "time",
        random_state=seed,
        device="cpu",
    )


def columns(labels: Mapping[str, Label], names: tuple[str, ...]) -> np.ndarray | None:
    """Returns labels as continuous columns: metres, and a one-hot column for each class."""
    parts = []
    for name in names:
        values = labels[name].values.numpy()
        classes = labels[name].classes
        parts.append(values if classes is None else np.eye(len(classes))[values])
    return np.concatenate(parts, axis=1) if parts else None


def _points_without_training(
    config: HippocampusConfig, name: str, seed: int, parts: Parts
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the decoder gets where nothing is learned."""
    both = (parts.train, parts.test)
    if name == "untrained":
        size = config.num_hidden_units, config.output_dimension
        train, test = untrained_points(
            both, config.model_architecture, *size, seed, within_trials=config.within_laps
        )
    else:
        train, test = plain_points(both, config.baseline_bins, within_trials=config.within_laps)
    return train, test


def _numbers(scores: Mapping[str, DecodingScore], chance: bool) -> dict[str, Any]:
    position, direction = scores["position"], scores["direction"]
    numbers = {"k": None if chance else int(position.setting["n_neighbors"])}
    where, which = (position.chance, direction.chance) if chance else (position, direction)
    return numbers | {
        "median_cm": 100 * where.median_error,
        "mean_cm": 100 * where.mean_error,
        "r2": where.r2,
        "direction_accuracy": which.accuracy,
    }


def _fit_quality(
    model: CEBRA,
    method: Method,
    labels: Mapping[str, Label],
    parts: Parts,
    config: HippocampusConfig,
) -> dict[str, Any]:
    """Returns the goodness of fit on the training part, and on the test part with true labels."""
    quality: dict[str, Any] = {}
    for key, part, source in (
        ("goodness_of_fit_train", parts.train, labels),
        ("goodness_of_fit_test", parts.test, parts.test.labels),
    ):
        fit = model.goodness_of_fit(
            part.neural, columns(source, method.labels), trial=parts.trial(part, config)
        )
        quality |= {key: asdict(fit), f"{key}_bits": fit.bits}
    return quality


def _save_training(model: CEBRA, folder: Path, name: str) -> None:
    history = model.history_
    steps = list(range(1, len(history["loss"]) + 1))
    write_csv(folder / f"{name}-history.csv", {"step": steps} | {k: history[k] for k in history})
    model.save(folder / f"{name}.ckpt")


def _save_arrays(
    path: Path,
    points: tuple[np.ndarray, np.ndarray],
    parts: Parts,
    scores: Mapping[str, DecodingScore],
) -> None:
    if points[0].shape[1] > 3:  # counts: the figures need their predictions only
        points = points[0][:, :0], points[1][:, :0]
    with atomic_write(path) as file:
        np.savez_compressed(
            file,
            train_embedding=points[0],
            test_embedding=points[1],
            train_position_m=parts.train.labels["position"].to_numpy(),
            train_direction=parts.train.labels["direction"].to_numpy(),
            test_position_m=scores["position"].true,
            test_direction=scores["direction"].true,
            decoded_position_m=scores["position"].predicted,
            decoded_direction=scores["direction"].predicted,
            bin_s=np.float64(parts.train.bin_s or np.nan),
        )
