"""What the experiment says: its methods, numbers, protocol and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cebra_ethan.datasets.allen_recording import LAYERS
from config import VideoDecodingConfig
from experiments.common import CONTROLS, Number, RowInfo
from experiments.common.movie import has_recordings
from experiments.common.statistics import anova, tukey

__all__ = ["EXPECTED", "METHODS", "NUMBERS", "protocol", "tests"]

EXPECTED = Path(__file__).with_name("expected.toml")

NUMBERS = {
    "frame_accuracy": Number("frame within 1 s", "%", digits=1, scale=100),
    "scene_accuracy": Number("scene", "%", digits=1, scale=100),
    "frame_error": Number("frame error", "frames", better="lower", digits=1),
    "second_accuracy": Number("second of the movie", "%", digits=1, scale=100),
    "second_error": Number("error", "s", better="lower", digits=1),
    "across_blocks": Number("second, other block", "%", digits=1, scale=100),
}

_KNN = {
    "behavior": RowInfo("CEBRA-Behavior"),
    "joint": RowInfo("CEBRA-Behavior, joint training"),
    "time": RowInfo("CEBRA-Time, encoder on the training part"),
    "time-all": RowInfo("CEBRA-Time, encoder on everything (paper)", transductive=True),
    **CONTROLS,
}

METHODS: dict[str, RowInfo] = (
    _KNN
    | {
        f"{name}-bayes": RowInfo(f"{row.title}, naive Bayes", row.kind, row.transductive)
        for name, row in _KNN.items()
        if name != "chance"
    }
    | {"lda": RowInfo("linear discriminant, no embedding")}
)


def protocol(config: VideoDecodingConfig) -> list[str]:
    """Returns how training and test were done."""
    notes = []
    if config.source == "real":
        notes += [
            f"The real session has bins of a second: encoders see one bin, learn "
            f"{config.session_iterations} steps with the second as label and embed in "
            f"{config.session_dimension} dimensions; {config.session_folds} groups of its 20 "
            "repeats test in turn, and so do its two blocks; settings of decoders are chosen on "
            "the last training repeat.",
            "Pooled averages: the nearest average over other repeats (square root of counts, "
            "cosine); nothing is trained.",
            "Seconds cannot be compared with published numbers, which resolve frames.",
        ]
        if not has_recordings(config.data_root):
            return notes
    return [
        *notes,
        f"Encoders learn {config.max_iterations} steps of batch {config.batch_size} with features "
        f"of frames as label on repeats 1 to {config.num_repeats - 1}; k and smoothing are chosen "
        f"on repeat {config.num_repeats - 1}, decoders fitted again, repeat {config.num_repeats} "
        "tests.",
        "A frame is right if it is off by fewer than 30 frames. Both methods are at the rate of "
        "the movie (published: Neuropixels at 120 Hz, averaged before decoding).",
        "No embedding is the mean of the population vector in the window that the encoder sees.",
        "Pseudo-mice are drawn with replacement (seeds 111, 222, ...); controls that must be "
        f"trained and CEBRA-Time have {config.control_seeds} seed(s).",
        "Shifted labels: every repeat by a lag of its own, since one lag for all would only give "
        "the frames of the movie other names.",
    ]


def tests(config: VideoDecodingConfig, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the tests of the paper: methods over neurons, methods at the most, layers."""
    rows = [row for row in rows if row["seeds"][0]["arm"] not in ("session", "pool")]
    if config.num_seeds < 2 or not rows:
        return []
    found: list[dict[str, Any]] = []
    most = max(config.num_neurons)
    compared = ("behavior", "joint", "no-embedding", "no-embedding-bayes")
    for window in config.windows_frames:
        groups: dict[str, list[float]] = {}
        at_most: dict[str, list[float]] = {}
        for row in rows:
            seed = row["seeds"][0]
            where = seed["arm"], seed.get("modality"), seed.get("window_frames")
            if where == ("neurons", "neuropixels", window) and row["method"] in compared:
                values = [one["frame_accuracy"] for one in row["seeds"]]
                groups.setdefault(row["title"], []).extend(values)
                if seed["num_neurons"] == most:
                    at_most[row["title"]] = values
        frames = f"{window} frame{'s' * (window > 1)}"
        found.append(anova(groups, f"Methods over all numbers of neurons, {frames}"))
        found.append(tukey(at_most, f"Methods with {most} neurons, {frames}"))
    layers = {
        row["seeds"][0]["layer"]: [one["frame_accuracy"] for one in row["seeds"]]
        for row in rows
        if row["method"] == "behavior" and row["seeds"][0]["arm"] == "layers"
        and row["seeds"][0]["num_neurons"] == max(config.layer_neurons)
    }  # fmt: skip
    if set(layers) == set(LAYERS):
        found.append(anova(layers, f"Layers with {max(config.layer_neurons)} neurons"))
    return found
