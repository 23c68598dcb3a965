"""Which second of the movie? The real Neuropixels session, whose bins last a second.

Twenty repeats in two blocks of ten, areas of one mouse. Encoders see one bin; the label is the
second, as a number, since features of the movie are not at hand. Groups of repeats test in turn,
and their predictions are scored together; so do the two blocks, for what outlasts an hour.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from cebra_ethan import CEBRA
from cebra_ethan.datasets.allen_mice import repeats_split
from cebra_ethan.datasets.allen_npz import load_movie_session, load_pooled_movie
from cebra_ethan.datasets.allen_recording import VisualRecording
from cebra_ethan.metrics.frames import decode_frames
from cebra_ethan.types import Recording
from config import VideoDecodingConfig
from experiments.common.controls import plain_points, shuffled, untrained_points

__all__ = ["POOLS", "SESSION_METHODS", "run_pool", "run_session", "session"]

SESSION_METHODS = ("behavior", "time", "time-all", "permuted", "shifted", "untrained",
                   "no-embedding", "lda", "chance")  # fmt: skip
_ONE_DECODER = ("lda", "chance")
POOLS = ("V1", "CA1")

Folds = list[list[int]]


@functools.lru_cache(maxsize=1)
def session(root: str | None) -> VisualRecording:
    """Returns the recording."""
    return load_movie_session(root)


def run_session(config: VideoDecodingConfig, area: str, method: str, seed: int) -> dict[str, Any]:
    """Decodes the second of the movie from an area, in repeats that were not seen."""
    recording = _neurons(config.data_root, area)
    number = recording.num_repeats
    folds = [part.tolist() for part in np.array_split(np.arange(number), config.session_folds)]
    blocks = [[*range(number // 2)], [*range(number // 2, number)]]
    found: dict[str, Any] = {"rows": []}
    key = {"group": f"{area}, seconds", "seed": seed, "area": area, "arm": "session"}
    decoders = ("knn",) if method in _ONE_DECODER else ("knn", "bayes")
    within, across = (_tested(config, recording, f, method, seed) for f in (folds, blocks))
    for decoder in decoders:
        ending = "" if decoder == "knn" else "-bayes"
        true, guess = within[decoder]
        scores = {
            "second_accuracy": float((true == guess).mean()),
            "second_error": float(np.abs(true - guess).mean()),
            "across_blocks": float(np.equal(*across[decoder]).mean()),
        }
        found["rows"].append(key | {"method": f"{method}{ending}"} | scores)
    if seed == 0:
        found["true"], found["predicted"] = (part.astype(np.int16) for part in within["knn"])
        if method in ("behavior", "time"):
            train, test = _sides(recording, folds[-1])
            labels = {"second": train.labels["frame"].to_numpy()}
            found["embedding"] = _embedded(config, train, test, labels, method, seed)[1]
    return found


def run_pool(config: VideoDecodingConfig, pool: str) -> dict[str, Any]:
    """Decodes averages over test repeats by the nearest average over training repeats."""
    train, test = load_pooled_movie(pool, config.data_root)
    second = test.labels["frame"].to_numpy()
    first, other = plain_points([train, test], 1)
    length = [np.linalg.norm(side, axis=1, keepdims=True) for side in (first, other)]
    guess = second[((other / length[1]) @ (first / length[0]).T).argmax(axis=1)]
    key = {"group": f"pooled averages, {pool}", "seed": 0, "area": pool, "arm": "pool"}
    scores = {"second_accuracy": float((guess == second).mean()),
              "second_error": float(np.abs(guess - second).mean())}  # fmt: skip
    guessed = np.full(len(second), len(second) // 2)
    chance = {"second_accuracy": float((guessed == second).mean()),
              "second_error": float(np.abs(guessed - second).mean())}  # fmt: skip
    rows = [key | {"method": "no-embedding"} | scores, key | {"method": "chance"} | chance]
    return {"rows": rows}


def _tested(
    config: VideoDecodingConfig, recording: VisualRecording, folds: Folds, method: str, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """True and decoded seconds of all folds together, by decoder."""
    true: list[np.ndarray] = []
    guess: dict[str, list[np.ndarray]] = {"knn": [], "bayes": []}
    for held_out in folds:
        train, test = _sides(recording, held_out)
        second = test.labels["frame"].to_numpy()
        true.append(second)
        if method == "chance":
            guess["knn"].append(np.full(len(second), int(second.max()) // 2))
            continue
        labels = {"second": train.labels["frame"].to_numpy()}
        if method == "lda":
            guess["knn"].append(_discriminated(train, test, labels["second"]))
            continue
        labels = shuffled(labels, method, seed, train.segments)
        points = _embedded(config, train, test, labels, method, seed)
        assert train.trial is not None
        last = (train.trial == train.trial.max()).numpy()
        for decoder in guess:
            found = decode_frames(
                points[0], labels["second"], last, points[1], second, decoder,
                settings=config.neighbors if decoder == "knn" else None,
            )  # fmt: skip
            guess[decoder].append(found.predicted)
    whole = np.concatenate(true)
    return {name: (whole, np.concatenate(parts)) for name, parts in guess.items() if parts}


def _discriminated(train: Recording, test: Recording, second: np.ndarray) -> np.ndarray:
    """Seconds by a linear discriminant of the square root of counts; it has nothing to choose."""
    first, other = plain_points([train, test], 1)
    varying = first.std(axis=0) > 0
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    return np.asarray(model.fit(first[:, varying], second).predict(other[:, varying]))


def _embedded(
    config: VideoDecodingConfig,
    train: Recording,
    test: Recording,
    labels: dict[str, np.ndarray],
    method: str,
    seed: int,
) -> Sequence[np.ndarray]:
    both = [train, test]
    if method == "no-embedding":
        return plain_points(both, 1)
    if method == "untrained":
        units, dims = config.num_hidden_units, config.session_dimension
        return untrained_points(both, "offset1-model", units, dims, seed)
    model = CEBRA(
        model_architecture="offset1-model",
        output_dimension=config.session_dimension,
        num_hidden_units=config.num_hidden_units,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        temperature=config.temperature,
        max_iterations=config.session_iterations,
        random_state=seed,
    )
    if method == "time-all":
        neural = torch.cat([side.neural for side in both])
        trial = torch.cat([side.segments.new_tensor(_lengths(side, place)) for place, side in
                           enumerate(both)])  # fmt: skip
        model.fit(neural.numpy(), trial=trial.numpy())
    elif method == "time":
        model.fit(train.neural.numpy(), trial=train.trial.numpy())  # type: ignore[union-attr]
    else:
        second = labels["second"].astype(np.float64)
        model.fit(train.neural.numpy(), second, trial=train.trial.numpy())  # type: ignore[union-attr]
    return [np.asarray(model.transform(side.neural.numpy())) for side in both]


def _lengths(side: Recording, place: int) -> list[int]:
    """A number for the repeat of each bin that no repeat of the other side has."""
    spans = side.segments.tolist()
    return [2 * number + place for number, (start, stop) in enumerate(spans)
            for _ in range(start, stop)]  # fmt: skip


def _sides(recording: VisualRecording, held_out: Sequence[int]) -> tuple[Recording, Recording]:
    train, test = repeats_split(recording, held_out)
    return train.recording, test.recording


def _neurons(root: str | None, area: str) -> VisualRecording:
    whole = session(root)
    if area != "visual":
        return whole.select(area=area)
    return whole.neurons(np.flatnonzero(np.char.startswith(whole.area.astype(str), "VIS")))
