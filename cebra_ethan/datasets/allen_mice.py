"""Pseudo-mice from many animals that saw one movie, and splits by its repeats.

As in the paper: neurons of many mice are put side by side bin for bin, some are drawn with
replacement, the tenth repeat of the movie is the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int

from ..errors import DataError, InvalidParameterError
from ..types import Recording
from .allen_recording import VisualRecording

__all__ = [
    "SEEDS",
    "disjoint_mice",
    "frame_average",
    "pseudo_mouse",
    "repeats_split",
    "scene_labels",
]

SEEDS = (111, 222, 333, 444, 555)
"""Seeds of the neurons of a pseudo-mouse in the paper; for areas the first three."""

MOVIE_LABELS = ("frame", "scene", "features")
"""What every mouse shares that saw the movie; the rest belongs to one animal."""


def pseudo_mouse(
    recordings: VisualRecording | Sequence[VisualRecording],
    num_neurons: int,
    seed: int = SEEDS[0],
    *,
    with_replacement: bool = True,
) -> VisualRecording:
    """Draws neurons from several mice that saw the same movie, as if they were of one.

    With replacement, as in the paper: a neuron can occur twice, its noise then too.

    Args:
        recordings: One for each mouse; the bins of all show the same frames in the same order.
        num_neurons: How many to draw from all of them together.
        seed: Of the draw; the paper takes `SEEDS`.
        with_replacement: `False` draws each neuron at most once.

    Returns:
        A recording with the labels of the movie (`frame`, `scene`, `features`); what belongs to
        one animal, such as its running speed, is left out.

    Raises:
        DataError: If the recordings do not show the same frames, or have too few neurons.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods.
    """
    pool = _joined(recordings)
    if num_neurons < 1 or (not with_replacement and num_neurons > pool.num_neurons):
        raise DataError(
            f"a pseudo-mouse needs at least one neuron, and without replacement no more than the "
            f"{pool.num_neurons} there are; got num_neurons={num_neurons}."
        )
    drawn = np.random.default_rng(seed).choice(
        pool.num_neurons, size=num_neurons, replace=with_replacement
    )
    return pool.neurons(drawn)


def disjoint_mice(
    recordings: VisualRecording | Sequence[VisualRecording], num_neurons: int, seed: int = SEEDS[0]
) -> tuple[VisualRecording, VisualRecording]:
    """Draws two pseudo-mice that share no neuron, to compare areas within one modality.

    Neurons are permuted and cut in two; each mouse is the first `num_neurons` of its half.

    Raises:
        DataError: If a half is smaller than that.
    """
    pool = _joined(recordings)
    halves = np.array_split(np.random.default_rng(seed).permutation(pool.num_neurons), 2)
    if not 1 <= num_neurons <= len(halves[1]):
        raise DataError(
            f"two disjoint mice of {num_neurons} neurons need twice as many; "
            f"{pool.recording.name} has {pool.num_neurons}."
        )
    first, second = (pool.neurons(half[:num_neurons]) for half in halves)
    return first, second


def repeats_split(
    mouse: VisualRecording, repeats: Iterable[int]
) -> tuple[VisualRecording, VisualRecording]:
    """Returns the recording without some repeats of the movie, and these repeats alone.

    The paper tests on the tenth: `train, test = repeats_split(mouse, [9])`. It chooses decoders
    on the ninth: `fit, validation = repeats_split(train, [8])`.

    Args:
        mouse: The recording.
        repeats: Numbers of the repeats held out, from 0 in order of time.

    Raises:
        InvalidParameterError: If there is no such repeat, or none would be left.
    """
    held = sorted(set(repeats))
    spans = mouse.recording.segments.tolist()
    if not held or not 0 <= held[0] <= held[-1] < len(spans) or len(held) == len(spans):
        raise InvalidParameterError(
            f"repeats must be some, not all, of 0 to {len(spans) - 1}; got {held}."
        )
    rest = [number for number in range(len(spans)) if number not in held]
    parts = [
        replace(
            mouse,
            recording=mouse.recording[
                torch.cat([torch.arange(*spans[number]) for number in numbers])
            ],
        )
        for numbers in (rest, held)
    ]
    return parts[0], parts[1]


def frame_average(mouse: VisualRecording) -> VisualRecording:
    """Returns the recording at the rate of the movie: the mean over the bins of each frame.

    What the paper does before it decodes from Neuropixels, and with embeddings at 120 Hz.

    Raises:
        DataError: If the recording does not consist of whole frames.
    """
    step, recording = mouse.bins_per_frame, mouse.recording
    frame = recording.labels["frame"].values
    if len(frame) % step or bool((frame.reshape(-1, step) != frame[::step, None]).any()):
        raise DataError(
            f"{recording.name} must consist of whole frames of {step} bins to be averaged."
        )
    averaged = Recording(
        neural=recording.neural.reshape(-1, step, mouse.num_neurons).mean(dim=1),
        labels={key: label[slice(None, None, step)] for key, label in recording.labels.items()},
        trial=None if recording.trial is None else recording.trial[::step],
        bin_s=None if recording.bin_s is None else step * recording.bin_s,
        name=recording.name,
        source=recording.source,
    )
    return replace(mouse, recording=averaged, bins_per_frame=1)


def scene_labels(
    annotations: Sequence[Sequence[Iterable[str]]],
) -> Int[np.ndarray, " frames"]:
    """Returns one scene for each frame, from what several annotators saw in it.

    A description holds where more than half of the annotators gave it; every combination of
    descriptions is a scene of its own, numbered by its first frame.

    Args:
        annotations: For each annotator and each frame the descriptions, such as `{"person"}`.

    Raises:
        DataError: If annotators disagree on the number of frames.

    Example:
        >>> one = [{"car"}, {"car"}, {"car", "person"}]
        >>> scene_labels([one, one, [{"car"}, set(), {"person"}]])
        array([0, 0, 1])
    """
    lengths = {len(annotator) for annotator in annotations}
    if len(lengths) != 1:
        raise DataError(f"annotators must describe the same frames; got {sorted(lengths)} frames.")
    scenes: dict[frozenset[str], int] = {}
    chosen = []
    for frame in zip(*annotations, strict=True):
        votes = [word for words in frame for word in set(words)]
        agreed = frozenset(word for word in votes if 2 * votes.count(word) > len(annotations))
        chosen.append(scenes.setdefault(agreed, len(scenes)))
    return np.array(chosen, dtype=np.int64)


def _joined(recordings: VisualRecording | Sequence[VisualRecording]) -> VisualRecording:
    """All neurons side by side, with the labels of the movie."""
    several = [recordings] if isinstance(recordings, VisualRecording) else list(recordings)
    if not several:
        raise DataError("a pseudo-mouse needs at least one recording; got none.")
    first = several[0]
    frame = first.recording.labels["frame"].to_numpy()
    for other in several[1:]:
        same = np.array_equal(other.recording.labels["frame"].to_numpy(), frame)
        if not same or other.bins_per_frame != first.bins_per_frame:
            raise DataError(
                "mice can be joined when every bin shows the same frame; "
                f"{other.recording.name} differs from {first.recording.name}. Cut both to the "
                "same repeats and bins per frame."
            )
    recording = replace(
        first.recording,
        neural=torch.cat([one.recording.neural for one in several], dim=1)
        if len(several) > 1
        else first.recording.neural,
        labels={
            key: first.recording.labels[key]
            for key in MOVIE_LABELS
            if key in first.recording.labels
        },
    )
    return VisualRecording(
        recording,
        area=np.concatenate([one.area for one in several]),
        layer=np.concatenate([one.layer for one in several]),
        mouse=np.concatenate([one.mouse for one in several]),
        bins_per_frame=first.bins_per_frame,
    )
