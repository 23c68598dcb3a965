"""Embeddings that turn, for talks and pages: depth is seen when things move."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.animation import Animation, FFMpegWriter, FuncAnimation

from ..errors import DataError, InvalidParameterError, MissingDependencyError
from ..utils.files import atomic_write
from .embedding import plot_embedding
from .style import style, styled

__all__ = ["animate_embedding", "save_animation"]


@styled
def animate_embedding(
    embedding: Any,
    labels: Any = None,
    *,
    num_frames: int = 80,
    frames_per_s: float = 20.0,
    elevation: float = 20.0,
    start: float = -60.0,
    turn: float = 360.0,
    ax: Any = None,
    **options: Any,
) -> FuncAnimation:
    """Turns a three-dimensional embedding around its vertical axis.

    A whole turn has no seam: the frame after the last one would be the first.

    Args:
        embedding: `(T, D)`, `D` at least 3.
        labels: See `plot_embedding`.
        num_frames: Frames of the whole turn.
        frames_per_s: How fast they follow each other where it is shown; `save_animation` keeps it.
        elevation: Of the eye over the plane of the first two dimensions, in degrees.
        start: Azimuth of the first frame, in degrees.
        turn: Angle from the first frame to the end, in degrees; negative turns the other way.
        ax: Axes with `projection="3d"`; `None` makes a figure.
        options: Passed to `plot_embedding`, such as `title`, `cmap` or `s`.

    Returns:
        The animation, for `save_animation` or, in a notebook, `to_jshtml`. Keep it: matplotlib
        warns when an animation is thrown away unseen.

    Raises:
        DataError: If three dimensions cannot be drawn.
        InvalidParameterError: If there is no frame or no speed.
    """
    if num_frames < 1 or not frames_per_s > 0:
        raise InvalidParameterError(
            "num_frames must be at least 1 and frames_per_s positive; got "
            f"{num_frames!r} and {frames_per_s!r}."
        )
    axes: Any = plot_embedding(embedding, labels, ax=ax, **options)
    if axes.name != "3d":
        raise DataError(
            "only three dimensions can be turned; got two. Train with output_dimension of at "
            "least 3, or pass three dims."
        )
    figure = axes.figure
    axes.view_init(elev=elevation, azim=start)
    # the layout is found once: words of other widths at other angles would make the axes tremble
    figure.draw_without_rendering()
    figure.set_layout_engine("none")

    def show(frame: int) -> list[Any]:
        axes.view_init(elev=elevation, azim=start + turn * frame / num_frames)
        return [axes]

    return FuncAnimation(
        figure, show, frames=num_frames, interval=1000 / frames_per_s, cache_frame_data=False
    )


def save_animation(
    animation: Animation, path: str | os.PathLike[str], *, dpi: float = 100.0
) -> Path:
    """Writes an animation to a file that is whole or not there.

    Args:
        animation: As `animate_embedding` returns it.
        path: Ends in `.gif`, or in `.mp4` where the program ffmpeg is installed.
        dpi: Dots per inch.

    Returns:
        The path.

    Raises:
        InvalidParameterError: For another ending.
        MissingDependencyError: For `.mp4` without ffmpeg.
    """
    target = Path(path)
    if target.suffix not in (".gif", ".mp4"):
        raise InvalidParameterError(
            f"an animation's path must end in .gif or .mp4; got {str(path)!r}."
        )
    if target.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise MissingDependencyError(
            "a film (.mp4) needs the program ffmpeg, which was not found on this machine. "
            "Install it, or write a .gif."
        )
    writer = "pillow" if target.suffix == ".gif" else "ffmpeg"
    with style(), tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / target.name
        animation.save(made, writer=writer, dpi=dpi)
        with atomic_write(target) as file:
            file.write(made.read_bytes())
    return target
