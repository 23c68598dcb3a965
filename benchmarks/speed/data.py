"""Simulated recordings of any size, the same for both libraries; nothing here was recorded."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .rows import Row

__all__ = ["HELD_OUT_BINS", "LABELS", "Session", "sessions"]

HELD_OUT_BINS = 5_000

_CHUNK = 20_000  # bins whose rates exist at once, so that building takes no memory beside X
_TRACK_M, _LAP_BINS, _SPEED_NOISE = 1.6, 400, 0.3
_FRAMES, _FEATURES, _CLASSES = 900, 768, 8
_PEAK, _SHARPNESS = 0.5, 2.0  # spikes per bin in the middle of a field, width of the fields


@dataclass(frozen=True)
class Session:
    """One recording: activity `(T, N)`, and what `fit` gets after it."""

    neural: np.ndarray
    labels: tuple[np.ndarray, ...]

    def part(self, start: int, stop: int) -> "Session":
        """Returns some bins."""
        return Session(self.neural[start:stop], tuple(y[start:stop] for y in self.labels))


def sessions(row: Row, held_out: int = 0, seed: int = 0) -> list[Session]:
    """Returns the recordings of a row, each with more bins at its end if they are asked for."""
    made = []
    for number, (bins, neurons) in enumerate(zip(row.num_bins, row.num_neurons, strict=True)):
        rng = np.random.default_rng([seed, number])
        latent, labels = LABELS[row.labels](bins + held_out, rng)
        made.append(Session(_spikes(latent, neurons, rng), labels))
    return made


Made = tuple[np.ndarray, tuple[np.ndarray, ...]]


def _spikes(latent: np.ndarray, num_neurons: int, rng: np.random.Generator) -> np.ndarray:
    """Returns Poisson counts of neurons with random, repeating fields over the latents."""
    direction = rng.normal(size=(latent.shape[1], num_neurons))
    phase = rng.uniform(0, 2 * np.pi, num_neurons)
    neural = np.empty((len(latent), num_neurons), dtype=np.float32)
    for start in range(0, len(latent), _CHUNK):
        part = slice(start, start + _CHUNK)
        angle = latent[part] @ direction + phase
        neural[part] = rng.poisson(_PEAK * np.exp(_SHARPNESS * (np.cos(angle) - 1)))
    return neural


def _run(num_bins: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns position (m) and direction (0, 1) of an animal that runs to and fro."""
    step = 1 + _SPEED_NOISE * rng.normal(size=num_bins)
    way = np.cumsum(np.abs(step)) * 2 * _TRACK_M / _LAP_BINS
    turn = way % (2 * _TRACK_M)
    return np.minimum(turn, 2 * _TRACK_M - turn), (turn < _TRACK_M).astype(np.int64)


def _latent(position: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return np.column_stack([2 * np.pi * position / _TRACK_M, 1.5 * direction])


def _none(num_bins: int, rng: np.random.Generator) -> Made:
    return _latent(*_run(num_bins, rng)), ()


def _track(num_bins: int, rng: np.random.Generator) -> Made:
    """Position and one-hot direction, as the rats have them."""
    position, direction = _run(num_bins, rng)
    columns = np.column_stack([position, direction, 1 - direction]).astype(np.float32)
    return _latent(position, direction), (columns,)


def _reach(num_bins: int, rng: np.random.Generator) -> Made:
    """The place of a hand that wanders smoothly."""
    time = np.arange(num_bins)[:, None]
    period = rng.uniform(300, 3_000, size=(2, 6))
    turn = 2 * np.pi * rng.random((2, 6))
    place = np.stack([np.sin(2 * np.pi * time / period[k] + turn[k]).sum(1) for k in (0, 1)], 1)
    place += 0.01 * rng.normal(size=place.shape)
    return place, (place.astype(np.float32),)


def _movie(num_bins: int, rng: np.random.Generator) -> Made:
    """Features of the frames of a movie that is shown again and again."""
    path = np.cumsum(rng.normal(size=(_FRAMES, 3)), axis=0) / 10
    features = np.tanh(path @ rng.normal(size=(3, _FEATURES))).astype(np.float32)
    frame = np.arange(num_bins) % _FRAMES
    return path[frame], (features[frame],)


def _classes(num_bins: int, rng: np.random.Generator) -> Made:
    position, direction = _run(num_bins, rng)
    label = np.minimum(position / _TRACK_M * _CLASSES, _CLASSES - 1).astype(np.int64)
    return _latent(position, direction), (label,)


def _mixed(num_bins: int, rng: np.random.Generator) -> Made:
    position, direction = _run(num_bins, rng)
    return _latent(position, direction), (position.astype(np.float32), direction)


LABELS: dict[str, Callable[[int, np.random.Generator], Made]] = {
    "none": _none,
    "track": _track,
    "reach": _reach,
    "movie": _movie,
    "classes": _classes,
    "mixed": _mixed,
}
