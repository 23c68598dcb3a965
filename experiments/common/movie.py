"""A movie seen by many mice: pseudo-mice, their encoders, and rows of parts that hold several.

Simulated: spike counts and calcium traces of one visual population, at the rate of the movie. Real
files are looked for in the data folder, see `cebra_ethan.datasets.allen_files`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.ndimage import uniform_filter1d

from cebra_ethan import CEBRA
from cebra_ethan.datasets.allen import simulate_visual_population
from cebra_ethan.datasets.allen_files import FRAME_ARRAYS, load_movie_files, movie_files
from cebra_ethan.datasets.allen_mice import pseudo_mouse, repeats_split
from cebra_ethan.datasets.allen_movie import Movie, simulate_movie
from cebra_ethan.datasets.allen_recording import VisualRecording
from cebra_ethan.datasets.features import filter_bank_features
from cebra_ethan.datasets.files import data_root
from cebra_ethan.errors import DataError
from cebra_ethan.types import Recording
from config import MovieConfig
from experiments.common.controls import untrained_points
from experiments.common.parts import Finished

__all__ = [
    "MODALITIES",
    "SIMULATED",
    "Mouse",
    "drawn_mouse",
    "embed",
    "features_of",
    "has_recordings",
    "make_encoder",
    "mouse_of",
    "neuron_seed",
    "one_mouse",
    "pool",
    "several_rows",
    "simulated_movie",
    "untrained",
    "window_means",
]

MODALITIES = ("neuropixels", "calcium")
OTHER = {"neuropixels": "calcium", "calcium": "neuropixels"}

SIMULATED = (
    "spike counts (Neuropixels) and calcium traces of one visual population that sees a simulated "
    "movie ten times, calibrated on Allen session 791319847 and on the published decoding; "
    "features of frames are a fixed filter bank, a stand-in for DINO, and drive the population; "
    "the order of areas and layers was put in"
)

Sides = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Mouse:
    """The repeats that train, and the last one, which tests; both at the rate of the movie."""

    train: Recording
    test: Recording

    @property
    def sides(self) -> tuple[Recording, Recording]:
        """Both, in this order."""
        return self.train, self.test

    def whole(self) -> np.ndarray:
        """Returns the activity of all repeats, for encoders that see everything."""
        return np.concatenate([side.neural.numpy() for side in self.sides])

    def classes(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns a label of both sides, such as `"frame"` or `"scene"`."""
        train, test = (side.labels[name].to_numpy() for side in self.sides)
        return train, test

    @property
    def last_repeat(self) -> np.ndarray:
        """Which training bins are of the last training repeat, the ninth in the paper."""
        assert self.train.trial is not None
        trial = self.train.trial.numpy()
        return np.asarray(trial == trial.max())


@functools.lru_cache(maxsize=1)
def simulated_movie(num_frames: int, num_scenes: int) -> tuple[Movie, np.ndarray]:
    """Returns the movie that simulated mice see, and the features of its frames."""
    movie = simulate_movie(num_frames, num_scenes=num_scenes)
    return movie, filter_bank_features(movie.frames)


@functools.lru_cache(maxsize=4)
def pool(config: MovieConfig, modality: str, area: str) -> tuple[VisualRecording, ...]:
    """Returns all mice with neurons in an area, at the rate of the movie.

    Raises:
        FileNotFoundError: If there is no real recording.
    """
    if config.source == "simulated":
        movie, features = simulated_movie(config.num_frames, config.num_scenes)
        population = simulate_visual_population(
            areas=(area,),
            modalities=(modality,),
            num_neurons=config.num_pool,
            num_mice=min(30, config.num_pool),
            num_repeats=config.num_repeats,
            bins_per_frame=1,
            movie=movie,
            features=features,
        )
        return (population.recordings[modality],)
    mice = _real_mice(config, modality)
    found = tuple(mouse.select(area=area) for mouse in mice if (mouse.area == area).any())
    if not found:
        raise FileNotFoundError(
            f"a pseudo-mouse needs neurons of {area} by {modality}; no file has any. Add "
            "recordings, or leave the area out."
        )
    return found


def has_recordings(root: str | None) -> bool:
    """Returns whether there are recordings of both methods that resolve frames."""
    both = all(movie_files(modality, root) for modality in MODALITIES)
    return both and (data_root(root) / FRAME_ARRAYS).is_file()


def neuron_seed(seed: int) -> int:
    """Returns the seed of the neurons of a pseudo-mouse: 111, 222, ... as in the paper."""
    return 111 * (seed + 1)


def drawn_mouse(
    config: MovieConfig,
    modality: str,
    area: str,
    num_neurons: int,
    seed: int,
    layer: str | None = None,
) -> Mouse:
    """Draws a pseudo-mouse, with replacement as in the paper, and splits off its last repeat."""
    mice: Sequence[VisualRecording] = pool(config, modality, area)
    if layer is not None:
        mice = [mouse.select(layer=layer) for mouse in mice if (mouse.layer == layer).any()]
    return mouse_of(pseudo_mouse(mice, num_neurons, neuron_seed(seed)))


def one_mouse(config: MovieConfig, number: int, num_neurons: int) -> Mouse:
    """Returns a single mouse with Neuropixels: simulated with so many neurons, or a real one."""
    if config.source == "real":
        mice = _real_mice(config, "neuropixels")
        return mouse_of(mice[number % len(mice)])
    movie, features = simulated_movie(config.num_frames, config.num_scenes)
    population = simulate_visual_population(
        modalities=("neuropixels",), num_neurons=num_neurons, num_mice=1,
        num_repeats=config.num_repeats, bins_per_frame=1, movie=movie, features=features,
        seed=1000 + number,
    )  # fmt: skip
    return mouse_of(population.neuropixels)


def mouse_of(recording: VisualRecording) -> Mouse:
    """Splits off the last repeat."""
    train, test = repeats_split(recording, [recording.num_repeats - 1])
    return Mouse(train.recording, test.recording)


def make_encoder(
    config: MovieConfig, window_frames: int, num_output: int, seed: int, iterations: int = 0
) -> CEBRA:
    """Returns an estimator that sees so many frames.

    Args:
        config: Its settings.
        window_frames: 1 or 10; the time offset is as long (paper).
        num_output: Dimensions of the embedding.
        seed: Of weights and draws.
        iterations: Training steps; 0 takes those of the configuration.
    """
    return CEBRA(
        model_architecture=f"offset{window_frames}-model",
        time_offsets=window_frames,
        output_dimension=num_output,
        num_hidden_units=config.num_hidden_units,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        temperature=config.temperature,
        max_iterations=iterations or config.max_iterations,
        random_state=seed,
    )


def features_of(side: Recording) -> np.ndarray:
    """Returns the features of what was on in each bin, `(T, d)`."""
    return np.asarray(side.labels["features"].to_numpy())


def embed(model: CEBRA, mouse: Mouse, session: int | None = None) -> Sides:
    """Embeds both sides, each apart."""
    train, test = (
        np.asarray(model.transform(side.neural.numpy(), session_id=session))
        for side in mouse.sides
    )
    return train, test


def untrained(
    config: MovieConfig, mouse: Mouse, window_frames: int, num_output: int, seed: int
) -> Sides:
    """Embeds both sides with an encoder that has learned nothing."""
    architecture = f"offset{window_frames}-model"
    train, test = untrained_points(
        mouse.sides, architecture, config.num_hidden_units, num_output, seed
    )
    return train, test


def window_means(mouse: Mouse, window_frames: int) -> Sides:
    """Returns the population vector, the mean in the window that the encoder sees."""
    train, test = (
        uniform_filter1d(side.neural.double().numpy(), window_frames, axis=0, mode="nearest")
        for side in mouse.sides
    )
    return train, test


def several_rows(parts: Iterable[Finished]) -> list[Finished]:
    """Returns a finished part for each entry of `rows` that a part holds, to go to `rows_of`."""
    return [
        dataclasses.replace(part, values=row)
        for part in parts
        for row in part.values.get("rows", ())
    ]


@functools.lru_cache(maxsize=2)
def _real_mice(config: MovieConfig, modality: str) -> list[VisualRecording]:
    mice = load_movie_files(modality, config.data_root)
    return [_first(mouse, config.num_repeats, config.num_frames) for mouse in mice]


def _first(mouse: VisualRecording, num_repeats: int, num_frames: int) -> VisualRecording:
    """Returns the first repeats, and of each the first frames.

    Raises:
        DataError: If the movie has fewer frames.
    """
    if mouse.num_repeats > num_repeats:
        mouse = repeats_split(mouse, range(num_repeats, mouse.num_repeats))[0]
    frame = mouse.recording.labels["frame"].values.flatten()
    there = int(frame.max()) + 1
    if there < num_frames:
        raise DataError(
            f"the movie must have {num_frames} frames; {mouse.recording.name} has {there}. "
            "Choose num_frames, or add features of all frames."
        )
    return dataclasses.replace(mouse, recording=mouse.recording[frame < num_frames])
