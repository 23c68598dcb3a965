"""Trains, embeds and decodes one row of the result table.

One part of the experiment is (rat, method, seed). Nothing of the test part reaches training or
the choice of `k`; both parts are embedded apart, each padded on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cebra_ethan import CEBRA
from cebra_ethan.baselines import LFADS, AutoLFADS
from cebra_ethan.metrics.decoding import decode
from cebra_ethan.metrics.scores import Scores, score_predictions
from cebra_ethan.metrics.significance import shuffle_labels
from cebra_ethan.types import Label, Recording
from cebra_ethan.utils.files import atomic_write
from cebra_ethan.utils.seeding import Streams, derive_seed
from config import HippocampusConfig
from experiments.common.controls import plain_points, untrained_points
from experiments.hippocampus.baselines import fit_baseline, monte_carlo
from experiments.hippocampus.nearest import (
    choose_neighbors,
    permutation_p_values,
    r2_of_both,
)
from experiments.hippocampus.splits import Parts, split
from experiments.hippocampus.table import METHODS, Method
from utils import write_csv

__all__ = ["METHODS", "Method", "columns", "make_estimator", "run_part", "split"]


Points = tuple[np.ndarray, np.ndarray]


def run_part(
    config: HippocampusConfig,
    recording: Recording,
    name: str,
    seed: int,
    folder: Path,
    fold: int = 0,
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """Trains, embeds, decodes; leaves arrays of the first seed in `folder` for the figures.

    Args:
        config: The settings.
        recording: The rat.
        name: Row of `METHODS`.
        seed: Of everything that draws.
        folder: Of the rat.
        fold: Of the split by trials.
        also: Rows that read the same trained model in another way.

    Returns:
        The numbers of one (rat, method, seed): errors in cm, R², accuracy, goodness of fit; the
        embeddings; under `readings` the numbers of `also`.
    """
    method, parts = METHODS[name], split(recording, config, fold)
    draw_seed = derive_seed(seed, Streams.EVALUATION, fold)
    labels = {key: parts.train.labels[key] for key in ("position", "direction")}
    if method.shuffle:
        generator = torch.Generator().manual_seed(draw_seed)
        labels = shuffle_labels(labels, method.shuffle, generator)
    first = seed == 0 and fold == 0
    result: dict[str, Any] = {}
    model: Any = None
    if method.encoder == "trained":
        model = _train(config, method, name, seed, parts, labels)
        result |= _fit_quality(model, method, labels, parts, config)
        if first:
            _save_training(model, folder, name)
    elif method.encoder == "baseline":
        model = fit_baseline(config, name, seed, parts, labels, method.transductive)
    result["readings"] = {}
    chooser = _chooser(parts, method, draw_seed)
    for row in (name, *also):
        points, decoded = _read(config, row, model, seed, parts, labels, chooser)
        numbers = _numbers(decoded, chance=row == "chance")
        if METHODS[row].tested and config.num_shuffles:
            source = labels if METHODS[row].shuffle_decoder else parts.train.labels
            where = source["position"], parts.test.labels["position"]
            count = numbers["k"], config.num_shuffles, draw_seed
            numbers |= permutation_p_values(points, *where, *count, METHODS[row].metric)
        if first:
            _save_arrays(folder / f"{row}.npz", points, parts, decoded)
        if METHODS[row].embeds:
            result |= {f"{row}_{key}": x for key, x in zip(("train", "test"), points, strict=True)}
        if row == name:
            result |= numbers
        else:
            result["readings"][row] = numbers
    return result


def _chooser(parts: Parts, method: Method, seed: int) -> Mapping[str, Label] | None:
    """Returns the labels of the trips that choose `k`, shuffled where the decoder's are."""
    if parts.valid is None:
        return None
    labels = {key: parts.valid.labels[key] for key in ("position", "direction")}
    if not (method.shuffle and method.shuffle_decoder):
        return labels
    generator = torch.Generator().manual_seed(derive_seed(seed, 1))
    shuffled: Mapping[str, Label] = shuffle_labels(labels, method.shuffle, generator)
    return shuffled


def _train(
    config: HippocampusConfig, method: Method, name: str, seed: int, parts: Parts,
    labels: Mapping[str, Label],
) -> CEBRA:  # fmt: skip
    part = parts.whole if method.transductive else parts.train
    model = make_estimator(config, method, seed, hybrid=name == "hybrid")
    trial = parts.trial(part, config) if not method.transductive else None
    return model.fit(part.neural, columns(labels, method.labels), trial=trial)


def _read(
    config: HippocampusConfig, row: str, model: Any, seed: int, parts: Parts,
    labels: Mapping[str, Label], chooser: Mapping[str, Label] | None,
) -> tuple[Points, Mapping[str, Decoded]]:  # fmt: skip
    """Returns the points of training and test part, and what is decoded from them."""
    method, true = METHODS[row], parts.test.labels
    if row.endswith("-mc"):
        (found,) = monte_carlo(model, [parts.test])
        empty = np.zeros((len(parts.train), 0)), np.zeros((len(parts.test), 0))
        return empty, {
            key: Decoded(score_predictions(true[key], found[key]), true[key], found[key])
            for key in ("position", "direction")
        }
    pieces = [parts.train, parts.test] + ([parts.valid] if parts.valid is not None else [])
    if model is None:
        points = _points_without_training(config, row, seed, parts, pieces)
    elif method.transductive and method.encoder == "baseline":
        points = _of_everything(model, parts, pieces)
    else:
        if method.encoder == "baseline" and "pivae" in row:
            model.set_params(inference="labels" if method.labels_at_inference else "neural")
        points = [_transform(model, method, one, parts, config) for one in pieces]
    source = labels if method.shuffle_decoder else parts.train.labels
    neighbors: Sequence[int] = config.neighbors
    if chooser is not None:
        neighbors = [
            choose_neighbors(points[0], source, points[2], chooser, neighbors, method.metric)
        ]
    decoded = {}
    for key in ("position", "direction"):
        score = decode(
            points[0], source[key], points[1], true[key], grid={"n_neighbors": neighbors},
            validation=config.valid_fraction, metric=method.metric,
        )  # fmt: skip
        decoded[key] = Decoded(
            score, true[key], score.predicted, score.chance, int(score.setting["n_neighbors"])
        )
    return (np.asarray(points[0], np.float32), np.asarray(points[1], np.float32)), decoded


@dataclass(frozen=True)
class Decoded:
    """What was decoded of one label: scores, the truth, the prediction, and by how many."""

    scores: Scores
    true: Label
    predicted: np.ndarray
    chance: Scores | None = None
    k: int | None = None


def _transform(
    model: Any, method: Method, part: Recording, parts: Parts, config: HippocampusConfig
) -> np.ndarray:
    trial = parts.trial(part, config)
    if method.encoder == "trained":
        return np.asarray(model.transform(part.neural, trial=trial))
    labels = None
    if method.labels_at_inference:
        labels = {key: part.labels[key] for key in ("position", "direction")}
    if trial is not None and isinstance(model, LFADS | AutoLFADS):
        trial = None
    return np.asarray(model.transform(part.neural, labels, trial=trial))


def _of_everything(model: Any, parts: Parts, pieces: Sequence[Recording]) -> list[np.ndarray]:
    """Returns the points of each piece in an embedding that was fitted to the whole recording."""
    points = getattr(model, "embedding_", None)
    if points is None:
        points = model.transform(parts.whole.neural)
    return [points[rows] for rows in parts.rows(pieces)]


def make_estimator(
    config: HippocampusConfig, method: Method, seed: int, hybrid: bool = False
) -> CEBRA:
    """Returns the untrained estimator of a method."""
    learns = bool(method.labels)
    return CEBRA(
        model_architecture=config.model_architecture,
        num_hidden_units=config.num_hidden_units,
        output_dimension=config.hybrid_dimension if hybrid else config.output_dimension,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate if learns else config.learning_rate_time,
        max_iterations=config.max_iterations,
        time_offsets=config.time_offsets,
        temperature=config.temperature if learns else config.temperature_time,
        conditional="time_delta" if learns else "time",
        hybrid=hybrid,
        random_state=seed,
        device=config.device,
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
    config: HippocampusConfig, name: str, seed: int, parts: Parts, pieces: Sequence[Recording]
) -> list[np.ndarray]:
    """Returns what the decoder gets where nothing is learned."""
    within = parts.trial(parts.train, config) is not None
    if name == "untrained":
        size = config.num_hidden_units, config.output_dimension
        return untrained_points(
            pieces, config.model_architecture, *size, seed, within_trials=within
        )
    return plain_points(pieces, config.baseline_bins, within_trials=within)


def _numbers(decoded: Mapping[str, Decoded], chance: bool) -> dict[str, Any]:
    position, direction = decoded["position"], decoded["direction"]
    where = position.chance if chance else position.scores
    which = direction.chance if chance else direction.scores
    assert where is not None
    assert which is not None
    numbers = {
        "k": None if chance else position.k,
        "median_cm": 100 * where.median_error,
        "mean_cm": 100 * where.mean_error,
        "r2": where.r2,
        "direction_accuracy": which.accuracy,
    }
    if not chance:
        numbers["total_r2"] = r2_of_both(where.r2, direction.true, direction.predicted)
    return numbers


def _fit_quality(
    model: CEBRA,
    method: Method,
    labels: Mapping[str, Label],
    parts: Parts,
    config: HippocampusConfig,
) -> dict[str, Any]:
    """Returns the goodness of fit on the training part, and on the test part with true labels."""
    last = np.asarray(model.history_["loss"])[-100:]
    quality: dict[str, Any] = {"loss_nats": float(last.mean())}
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


def _save_arrays(path: Path, points: Points, parts: Parts, decoded: Mapping[str, Decoded]) -> None:
    if points[0].shape[1] > 8:  # counts: the figures need their predictions only
        points = points[0][:, :0], points[1][:, :0]
    with atomic_write(path) as file:
        np.savez_compressed(
            file,
            train_embedding=points[0],
            test_embedding=points[1],
            train_position_m=parts.train.labels["position"].to_numpy(),
            train_direction=parts.train.labels["direction"].to_numpy(),
            test_position_m=decoded["position"].true.to_numpy(),
            test_direction=decoded["direction"].true.to_numpy(),
            decoded_position_m=decoded["position"].predicted,
            decoded_direction=decoded["direction"].predicted,
            bin_s=np.float64(parts.train.bin_s or np.nan),
        )
