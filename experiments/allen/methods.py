"""The science: encoders of two recording methods, apart or joint, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cebra_ethan.datasets.allen_mice import disjoint_mice
from cebra_ethan.metrics.consistency import linear_r2
from cebra_ethan.metrics.frames import decode_frames
from cebra_ethan.metrics.scores import chance_prediction
from cebra_ethan.metrics.transfer import transfer_r2
from cebra_ethan.types import Label
from config import AllenConfig
from experiments.common.controls import CONTROLS, shuffled
from experiments.common.movie import (
    MODALITIES,
    Mouse,
    drawn_mouse,
    embed,
    features_of,
    make_encoder,
    mouse_of,
    neuron_seed,
    one_mouse,
    pool,
    untrained,
    window_means,
)

__all__ = [
    "AREA_CONTROLS",
    "MOUSE_METHODS",
    "WITHIN",
    "area_control",
    "area_pair",
    "area_within",
    "consistency",
    "control",
    "frame_means",
    "pair",
    "single_mouse",
]

Sides = tuple[np.ndarray, np.ndarray]

AREA_CONTROLS = tuple(CONTROLS)
MOUSE_METHODS = ("features", "other-frames", *CONTROLS)
WITHIN = ("behavior", "time", "time-all")
"""How the encoders of one method are trained for the comparison of areas."""

_MILLION = 1_000_000  # between the seeds of two sessions, so that they are shuffled differently


def pair(config: AllenConfig, num_neurons: int, dims: int, seed: int) -> dict[str, Any]:
    """Trains both methods apart and jointly on pseudo-mice of primary visual cortex."""
    mice = _mice(config, config.areas[0], num_neurons, seed)
    separate = {
        name: _trained(config, mouse, dims, seed + place * _MILLION)
        for place, (name, mouse) in enumerate(mice.items())
    }
    joint = _joint(config, mice, dims, seed)
    compared = {
        "separate": (separate["neuropixels"], separate["calcium"]),
        "joint": (joint["neuropixels"], joint["calcium"]),
        **{f"joint-{name}": (joint[name], separate[name]) for name in MODALITIES},
    }
    key = {"group": f"{num_neurons} neurons", "seed": seed}
    found: dict[str, Any] = {
        "rows": [
            {**key, "method": f"{name}-{dims}d", **consistency(*two, config.num_frames)}
            for name, two in compared.items()
        ]
    }
    if seed == 0 and dims == config.shown_dimension:
        for training, points in (("separate", separate), ("joint", joint)):
            for name, sides in points.items():
                found[f"{training}_{name}"] = sides[1][:, :3].astype(np.float32)
    return found


def control(config: AllenConfig, num_neurons: int, method: str, seed: int) -> dict[str, Any]:
    """Returns what joint training gets on shuffled labels, and what comes without training."""
    group = {"group": f"{num_neurons} neurons", "method": method, "seed": seed}
    mice = _mice(config, config.areas[0], num_neurons, seed)
    return {"rows": [group | _controlled(config, mice, config.control_dimension, method, seed)]}


def area_control(config: AllenConfig, method: str, seed: int) -> dict[str, Any]:
    """Returns a control of the comparison of areas, in the primary one."""
    mice = _mice(config, config.areas[0], config.area_neurons, seed)
    scores = _controlled(config, mice, config.area_dimension, method, seed)
    return {"rows": [{"group": "areas", "method": method, "seed": seed} | scores]}


def area_pair(config: AllenConfig, area: str, seed: int) -> dict[str, np.ndarray]:
    """Trains both methods jointly on an area; returns frame means and the last repeat of each."""
    mice = _mice(config, area, config.area_neurons, seed)
    points = _joint(config, mice, config.area_dimension, seed)
    return _stored(config, points)


def area_within(
    config: AllenConfig, modality: str, training: str, area: str, seed: int
) -> dict[str, np.ndarray]:
    """Trains two encoders apart, on two pseudo-mice of an area that share no neuron."""
    several = pool(config, modality, area)
    halves = disjoint_mice(several, config.area_neurons, neuron_seed(seed))
    points = {}
    for place, half in enumerate(halves):
        mouse = mouse_of(half)
        model = make_encoder(
            config, config.window_frames, config.area_dimension, seed + place * _MILLION
        )
        if training == "behavior":
            model.fit(mouse.train.neural.numpy(), features_of(mouse.train))
        else:
            model.fit(mouse.whole() if training == "time-all" else mouse.train.neural.numpy())
        points[("first", "second")[place]] = embed(model, mouse)
    return _stored(config, points)


def single_mouse(
    config: AllenConfig, number: int, num_neurons: int, method: str, seed: int
) -> dict[str, Any]:
    """Decodes frames from one mouse with the features as labels, or with shuffled ones."""
    mouse = one_mouse(config, number, num_neurons)
    train, test = mouse.classes("frame")
    labels = {"features": features_of(mouse.train), "frame": train}
    labels = shuffled(labels, method, seed, mouse.train.segments)
    if method == "other-frames":
        # a frame keeps one row of features in all repeats, but that of another frame
        dealt = np.random.default_rng(seed).permutation(config.num_frames)
        first_repeat = labels["features"][: config.num_frames]
        labels["features"] = first_repeat[dealt][train]
    shown: dict[str, np.ndarray] = {}
    if method == "chance":
        label = Label(labels["frame"].astype(float))
        error = np.abs(chance_prediction(label, len(test)) - test)
        scores = {"frame_accuracy": float((error < 30).mean()), "frame_error": float(error.mean())}
    else:
        points = _mouse_points(config, mouse, method, labels["features"], seed)
        if seed == 0 and method != "no-embedding":
            shown["points"] = points[1][:, :3].astype(np.float32)
        found = decode_frames(
            points[0], labels["frame"], mouse.last_repeat, points[1], test,
            settings=config.neighbors,
        )  # fmt: skip
        scores = {"frame_accuracy": found.share_within(30), "frame_error": found.error}
    key = {"group": f"mouse {number + 1}", "method": method, "seed": seed}
    return {"rows": [key | scores], **shown}


def consistency(first: Sides, second: Sides, num_frames: int) -> dict[str, float | None]:
    """Returns the R2 of linear maps between two embeddings, the mean of both directions.

    Args:
        first: Training repeats and last repeat.
        second: The same bins, embedded by another encoder.
        num_frames: Frames of a repeat.

    Returns:
        `r2`: bin by bin in the training repeats, as published. `r2_frames`: of their means over
        repeats. `r2_held_out`: of the last repeat, by the map of the training repeats.
    """
    means = [frame_means(sides[0], num_frames) for sides in (first, second)]
    held_out = (
        transfer_r2(first[0], second[0], first[1], second[1]),
        transfer_r2(second[0], first[0], second[1], first[1]),
    )
    return {
        "r2": _both_ways([first[0], second[0]]),
        "r2_frames": _both_ways(means),
        "r2_held_out": float(np.mean(held_out)),
    }


def frame_means(points: np.ndarray, num_frames: int) -> np.ndarray:
    """Returns the mean over repeats, `(F, D)`."""
    return np.asarray(points.reshape(-1, num_frames, points.shape[1]).mean(axis=0))


def _both_ways(points: list[np.ndarray]) -> float | None:
    if len(points[0]) <= max(part.shape[1] for part in points) + 1:
        return None  # as many columns as rows: a linear map then fits anything
    matrix = linear_r2([part.astype(np.float64) for part in points])
    return float(matrix[0, 1] + matrix[1, 0]) / 2


def _mice(config: AllenConfig, area: str, num_neurons: int, seed: int) -> dict[str, Mouse]:
    return {name: drawn_mouse(config, name, area, num_neurons, seed) for name in MODALITIES}


def _trained(config: AllenConfig, mouse: Mouse, dims: int, seed: int) -> Sides:
    model = make_encoder(config, config.window_frames, dims, seed)
    model.fit(mouse.train.neural.numpy(), features_of(mouse.train))
    return embed(model, mouse)


def _joint(
    config: AllenConfig, mice: Mapping[str, Mouse], dims: int, seed: int, method: str = ""
) -> dict[str, Sides]:
    labels = [
        shuffled(features_of(mouse.train), method, seed + place * _MILLION, mouse.train.segments)
        for place, mouse in enumerate(mice.values())
    ]
    model = make_encoder(config, config.window_frames, dims, seed)
    model.fit([mouse.train.neural.numpy() for mouse in mice.values()], labels)
    return {name: embed(model, mouse, place) for place, (name, mouse) in enumerate(mice.items())}


def _controlled(
    config: AllenConfig, mice: Mapping[str, Mouse], dims: int, method: str, seed: int
) -> dict[str, float | None]:
    if method in ("permuted", "shifted"):
        points = _joint(config, mice, dims, seed, method)
    elif method == "untrained":
        points = {
            name: untrained(config, mouse, config.window_frames, dims, seed + place * _MILLION)
            for place, (name, mouse) in enumerate(mice.items())
        }
    else:
        points = {name: window_means(mouse, config.window_frames) for name, mouse in mice.items()}
    first, second = points["neuropixels"], points["calcium"]
    if method == "chance":  # the mean, which says nothing of the frame
        nothing = [np.zeros((len(side), 1)) for side in first]
        ways = [transfer_r2(nothing[0], one[0], nothing[1], one[1]) for one in (first, second)]
        return {"r2": 0.0, "r2_frames": 0.0, "r2_held_out": float(np.mean(ways))}
    return consistency(first, second, config.num_frames)


def _mouse_points(
    config: AllenConfig, mouse: Mouse, method: str, features: np.ndarray, seed: int
) -> Sides:
    window, dims = config.window_frames, config.mouse_dimension
    if method == "untrained":
        return untrained(config, mouse, window, dims, seed)
    if method == "no-embedding":
        return window_means(mouse, window)
    model = make_encoder(config, window, dims, seed)
    model.fit(mouse.train.neural.numpy(), features)
    return embed(model, mouse)


def _stored(config: AllenConfig, points: Mapping[str, Sides]) -> dict[str, np.ndarray]:
    """Returns what the comparison of areas needs of each embedding, in half precision."""
    found = {}
    for name, (train, test) in points.items():
        found[f"{name}_frames"] = frame_means(train, config.num_frames).astype(np.float16)
        found[f"{name}_held_out"] = test.astype(np.float16)
    return found
