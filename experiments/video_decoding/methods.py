"""The science: an encoder learns from repeats of a movie, a decoder finds frame and scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cebra_ethan.metrics.frames import decode_frames
from config import VideoDecodingConfig
from experiments.common.controls import shuffled
from experiments.common.movie import (
    MODALITIES,
    Mouse,
    drawn_mouse,
    embed,
    features_of,
    make_encoder,
    untrained,
    window_means,
)

__all__ = ["METHODS", "WITHIN_FRAMES", "Setting", "decoded", "run_joint", "run_single"]

Sides = tuple[np.ndarray, np.ndarray]

WITHIN_FRAMES = 30
"""A frame is right if it is off by fewer: within a second."""

METHODS = ("behavior", "time", "time-all", "permuted", "shifted", "untrained", "no-embedding",
           "chance")  # fmt: skip
"""What one recording is decoded by; `"joint"` needs two."""

_MILLION = 1_000_000  # between the seeds of two sessions, so that they are drawn differently


@dataclass(frozen=True)
class Setting:
    """What a pseudo-mouse is, and its encoder.

    Args:
        modality: `"neuropixels"` or `"calcium"`.
        area: Its area.
        num_neurons: Its neurons.
        window_frames: Frames that encoder and baselines see.
        dims: Dimensions of the embedding.
        layer: Its layer, or `""` for all.
        arm: What varies: `"neurons"`, `"areas"`, `"layers"`, `"dimensions"`.
    """

    modality: str
    area: str
    num_neurons: int
    window_frames: int
    dims: int
    layer: str = ""
    arm: str = "neurons"

    @property
    def group(self) -> str:
        """What its rows are compared within."""
        frames = f"{self.window_frames} frame{'s' * (self.window_frames > 1)}"
        place = f"{self.area} {self.layer}".strip()
        more = f", {self.dims}-D" if self.arm == "dimensions" else ""
        joint = ", areas" if self.arm == "areas" else ""
        return f"{self.modality} {place}, {self.num_neurons} neurons, {frames}{more}{joint}"


def run_single(
    config: VideoDecodingConfig, setting: Setting, method: str, seed: int
) -> dict[str, Any]:
    """Decodes one recording by one method.

    Returns:
        `rows`, one for each decoder, and for seed 0 what the figures draw.
    """
    mouse = _mouse(config, setting, setting.modality, seed)
    labels = {"features": features_of(mouse.train), "frame": mouse.classes("frame")[0],
              "scene": mouse.classes("scene")[0]}  # fmt: skip
    # each repeat by a lag of its own: one lag for all would only rename the frames
    labels = shuffled(labels, method, seed, mouse.train.segments)
    points = _points(config, setting, method, mouse, labels["features"], seed)
    return _result(config, setting, method, mouse, labels, points, seed)


def run_joint(config: VideoDecodingConfig, setting: Setting, seed: int) -> dict[str, Any]:
    """Trains on both recordings jointly, and decodes each of them."""
    mice = {name: _mouse(config, setting, name, seed) for name in MODALITIES}
    model = make_encoder(config, setting.window_frames, setting.dims, seed)
    model.fit(
        [mouse.train.neural.numpy() for mouse in mice.values()],
        [features_of(mouse.train) for mouse in mice.values()],
    )
    found: dict[str, Any] = {"rows": []}
    for place, (name, mouse) in enumerate(mice.items()):
        if setting.arm == "areas" and name != setting.modality:
            continue
        own = Setting(**asdict(setting) | {"modality": name})
        labels = {key: mouse.classes(key)[0] for key in ("frame", "scene")}
        points = embed(model, mouse, place)
        one = _result(config, own, "joint", mouse, labels, points, seed)
        found["rows"] += one["rows"]
        if name == setting.modality:
            found |= {key: value for key, value in one.items() if key != "rows"}
    return found


def decoded(
    config: VideoDecodingConfig,
    mouse: Mouse,
    labels: Mapping[str, np.ndarray],
    points: Sides,
    decoder: str,
) -> tuple[dict[str, float], np.ndarray]:
    """Returns scores of frame and scene in the last repeat, and the decoded frames."""
    settings = config.neighbors if decoder == "knn" else None
    frame = decode_frames(
        points[0], labels["frame"], mouse.last_repeat, points[1], mouse.classes("frame")[1],
        decoder, settings=settings,
    )  # fmt: skip
    scene = decode_frames(
        points[0], labels["scene"], mouse.last_repeat, points[1], mouse.classes("scene")[1],
        decoder, settings=settings, ordered=False,
    )  # fmt: skip
    scores = {
        "frame_accuracy": frame.share_within(WITHIN_FRAMES),
        "scene_accuracy": scene.accuracy,
        "frame_error": frame.error,
        "setting": frame.setting,
    }
    return scores, frame.predicted


def _mouse(config: VideoDecodingConfig, setting: Setting, modality: str, seed: int) -> Mouse:
    layer = setting.layer or None
    return drawn_mouse(config, modality, setting.area, setting.num_neurons, seed, layer)


def _points(
    config: VideoDecodingConfig,
    setting: Setting,
    method: str,
    mouse: Mouse,
    features: np.ndarray,
    seed: int,
) -> Sides:
    window, dims = setting.window_frames, setting.dims
    if method == "untrained":
        return untrained(config, mouse, window, dims, seed)
    if method in ("no-embedding", "chance"):
        return window_means(mouse, window)
    model = make_encoder(config, window, dims, seed)
    if method in ("time", "time-all"):
        model.fit(mouse.whole() if method == "time-all" else mouse.train.neural.numpy())
    else:
        model.fit(mouse.train.neural.numpy(), features)
    return embed(model, mouse)


def _result(
    config: VideoDecodingConfig,
    setting: Setting,
    method: str,
    mouse: Mouse,
    labels: Mapping[str, np.ndarray],
    points: Sides,
    seed: int,
) -> dict[str, Any]:
    key = {"group": setting.group, "seed": seed, **asdict(setting)}
    if method == "chance":
        return {"rows": [key | {"method": method} | _chance(mouse)]}
    found: dict[str, Any] = {"rows": []}
    for decoder, ending in (("knn", ""), ("bayes", "-bayes")):
        scores, predicted = decoded(config, mouse, labels, points, decoder)
        found["rows"].append(key | {"method": f"{method}{ending}"} | scores)
        if decoder == "knn" and seed == 0:
            found["predicted"] = predicted.astype(np.int16)
            if setting.dims == 3 and method not in ("no-embedding",):
                found["embedding"] = points[1].astype(np.float32)
    return found


def _chance(mouse: Mouse) -> dict[str, float]:
    """Scores of the best constant guess: the median frame, the most frequent scene."""
    train, test = mouse.classes("frame")
    error = np.abs(np.floor(np.median(train)) - test)
    train, test = mouse.classes("scene")
    classes, count = np.unique(train, return_counts=True)
    return {
        "frame_accuracy": float((error < WITHIN_FRAMES).mean()),
        "scene_accuracy": float((test == classes[count.argmax()]).mean()),
        "frame_error": float(error.mean()),
    }
