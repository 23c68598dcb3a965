"""A simulated movie: scenes with cuts, textures that drift, and an object that crosses them.

It stands in for Natural Movie One of the Allen Brain Observatory (900 frames at 30 Hz), which is
not ours to give away. Scenes are what a viewer would call by one name; the texture of a scene has
its own orientations, contrast and speed, and the view wanders over it, so that frames of one scene
look alike and are nevertheless told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..errors import InvalidParameterError

__all__ = ["NUM_FRAMES", "NUM_SCENES", "Movie", "simulate_movie"]

NUM_FRAMES = 900
NUM_SCENES = 10
"""Classes of scenes in the paper: majority of three annotators (Schneider et al. 2023, Fig. 5)."""

_MARGIN = 3  # how many times larger than the view the canvas of a scene is


@dataclass(frozen=True, kw_only=True)
class Movie:
    """Frames in order.

    Args:
        frames: Grey levels in [0, 1], `(F, H, W)`.
        scene: The scene of each frame, `(F,)`, from 0.
        frame_s: Seconds that a frame is shown.
        source: Where it came from.
    """

    frames: Float[np.ndarray, "frames height width"]
    scene: Int[np.ndarray, " frames"]
    frame_s: float = 1 / 30
    source: str = ""


def simulate_movie(
    num_frames: int = NUM_FRAMES,
    *,
    height: int = 48,
    width: int = 72,
    num_scenes: int = NUM_SCENES,
    speed: float = 1.0,
    seed: int = 0,
) -> Movie:
    """Simulates a movie of scenes with cuts between them.

    The view of a scene wanders over a canvas of 1/f noise that is stretched along the scene's own
    orientations; a disc with another texture crosses it, and the light changes slowly.

    Args:
        num_frames: Frames `F` at 30 Hz.
        height: Rows of pixels.
        width: Columns of pixels.
        num_scenes: Scenes; no scene is shorter than half the mean.
        speed: Factor on all movement; 1 moves the view by about half its width in a second.
        seed: Determines everything.

    Raises:
        InvalidParameterError: If a size is below 8 pixels, there are fewer than two frames a
            scene, or the speed is negative.

    Example:
        >>> movie = simulate_movie(90, num_scenes=3, seed=1)
        >>> movie.frames.shape, np.unique(movie.scene).tolist()
        ((90, 48, 72), [0, 1, 2])
    """
    if min(height, width) < 8 or num_scenes < 1 or num_frames < 2 * num_scenes or speed < 0:
        raise InvalidParameterError(
            "a movie needs at least 8 × 8 pixels, one scene, two frames a scene and a speed of at "
            f"least 0; got {height} × {width} pixels, {num_scenes} scenes, {num_frames} frames "
            f"and speed {speed}."
        )
    cuts, *scenes = np.random.default_rng(seed).spawn(num_scenes + 1)
    length = num_frames / num_scenes
    inner = np.arange(1, num_scenes) + cuts.uniform(-0.25, 0.25, num_scenes - 1)
    border = np.round(inner * length).astype(int)
    scene = np.repeat(np.arange(num_scenes), np.diff(np.concatenate([[0], border, [num_frames]])))
    frames = [
        _scene(int((scene == number).sum()), height, width, speed, rng)
        for number, rng in enumerate(scenes)
    ]
    return Movie(
        frames=np.concatenate(frames).astype(np.float32),
        scene=scene,
        source=f"simulated (cebra_ethan.datasets.allen_movie, seed {seed})",
    )


def _scene(
    num_frames: int, height: int, width: int, speed: float, rng: np.random.Generator
) -> np.ndarray:
    size = (_MARGIN * height, _MARGIN * width)
    canvas, other = (_texture(size, rng) for _ in range(2))
    pace = speed * width / 60  # half the width in 30 frames
    view = _wander(num_frames, pace, rng)
    object_path = _wander(num_frames, 1.5 * pace, rng) + rng.uniform(0, 1, 2) * (height, width)
    radius = rng.uniform(0.15, 0.3) * height
    rows, columns = np.mgrid[:height, :width]
    contrast = rng.uniform(0.1, 0.22)
    light = rng.uniform(0.35, 0.65) + 0.08 * _smooth(num_frames, 20, rng)
    frames = np.empty((num_frames, height, width))
    for frame in range(num_frames):
        middle = object_path[frame] % (height, width)
        inside = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2
        picture = np.where(
            inside,
            1.5 * _crop(other, -object_path[frame], height, width),
            _crop(canvas, view[frame], height, width),
        )
        frames[frame] = light[frame] + contrast * picture
    return np.clip(frames, 0, 1)


def _texture(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """1/f noise with two preferred orientations, mean 0 and standard deviation 1, periodic."""
    vertical, horizontal = np.meshgrid(
        np.fft.fftfreq(size[0]), np.fft.fftfreq(size[1]), indexing="ij"
    )
    radius = np.hypot(vertical, horizontal)
    angle = np.arctan2(vertical, horizontal)
    preferred = rng.uniform(0, np.pi, 2)
    power = 0.15 + np.exp(4 * (np.cos(2 * (angle[..., None] - preferred)) - 1)).sum(-1)
    amplitude = power / np.maximum(radius, 1 / size[1])
    amplitude[0, 0] = 0
    picture = np.fft.ifft2(amplitude * np.fft.fft2(rng.normal(size=size))).real
    return np.asarray(picture / picture.std())


def _wander(num_frames: int, pace: float, rng: np.random.Generator) -> np.ndarray:
    """A path `(frames, 2)` in pixels whose direction turns smoothly."""
    turn = rng.uniform(0, 2 * np.pi) + np.cumsum(0.08 * _smooth(num_frames, 10, rng))
    step = pace * np.exp(0.4 * _smooth(num_frames, 20, rng))
    path = np.cumsum(step[:, None] * np.stack([np.sin(turn), np.cos(turn)], axis=1), axis=0)
    return np.asarray(path + rng.uniform(0, 1000, 2))


def _smooth(num_frames: int, width: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of standard deviation about 1 that changes within `width` frames."""
    reach = int(3 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= np.linalg.norm(kernel)
    return np.convolve(rng.normal(size=num_frames + 2 * reach), kernel, mode="valid")


def _crop(canvas: np.ndarray, corner: np.ndarray, height: int, width: int) -> np.ndarray:
    """The view from a corner that lies between pixels, by linear interpolation, periodic."""
    whole = np.floor(corner).astype(int)
    down, right = corner - whole
    rows = (whole[0] + np.arange(height + 1)) % canvas.shape[0]
    columns = (whole[1] + np.arange(width + 1)) % canvas.shape[1]
    part = canvas[np.ix_(rows, columns)]
    between = (1 - down) * part[:-1] + down * part[1:]
    return np.asarray((1 - right) * between[:, :-1] + right * between[:, 1:])
