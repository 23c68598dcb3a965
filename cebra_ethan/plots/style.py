"""One look for all figures: fonts, lines, and colours that colour-blind readers can tell apart.

Figures are plain `matplotlib.figure.Figure` objects. Nothing here opens a window, touches
`pyplot` or changes the settings of the caller.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

from ..errors import DataTypeError, InvalidParameterError
from ..utils.files import atomic_write

__all__ = [
    "ACCENT",
    "CATEGORICAL",
    "CHANCE",
    "COLORMAPS",
    "MUTED",
    "class_colors",
    "name_ticks",
    "new_axes",
    "new_figure",
    "save_figure",
    "style",
    "styled",
]

P = ParamSpec("P")
R = TypeVar("R")

CATEGORICAL = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#000000",
    "#B8A900",
)
"""Okabe and Ito's palette; its yellow is darkened to be seen on white."""

ACCENT, MUTED, CHANCE = CATEGORICAL[0], "#8A8A8A", "#B0413E"

# twilight turns without a seam but is nearly white once; darker, all its points show on white
_CYCLIC = ListedColormap(matplotlib.colormaps["twilight"](np.linspace(0, 1, 256))[:, :3] * 0.85)

COLORMAPS: dict[str, Colormap] = {
    "continuous": matplotlib.colormaps["viridis"],
    "circular": _CYCLIC,
    "time": matplotlib.colormaps["plasma"],
    "score": matplotlib.colormaps["viridis"],
}
"""The colour map of each kind of value."""

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.edgecolor": "none",  # white behind the words, so that no line runs through them
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,  # text stays text, so that journals can edit it
    "svg.fonttype": "none",
    "svg.hashsalt": "cebra-ethan",  # names inside the file are then not random
}

# without its date a figure of the same numbers is the same file
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


@contextmanager
def style(**changes: Any) -> Iterator[None]:
    """Applies the look of this package inside a block, and restores the caller's after it.

    Args:
        changes: Further settings, underscores for dots: `font_size=12`.

    Example:
        >>> with style(font_size=12.0):
        ...     matplotlib.rcParams["font.size"]
        12.0
    """
    settings: Any = STYLE | {key.replace("_", ".", 1): value for key, value in changes.items()}
    with matplotlib.rc_context(settings):
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates a plotting function to run inside `style`."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return function(*args, **kwargs)

    return inside


@styled
def new_figure(width: float = 5.0, height: float = 4.0) -> Figure:
    """Returns an empty figure that keeps its labels inside.

    Args:
        width: In inches.
        height: In inches.
    """
    return Figure(figsize=(width, height), layout="constrained")


@styled
def new_axes(width: float = 5.0, height: float = 4.0, projection: str | None = None) -> Axes:
    """Returns the only axes of a new figure; the figure is `ax.figure`.

    Args:
        width: In inches.
        height: In inches.
        projection: `"3d"` for three dimensions.
    """
    return new_figure(width, height).add_subplot(projection=projection)


def name_ticks(ax: Axes, names: Sequence[str], rotate_beyond: int = 6) -> None:
    """Names the rows and columns of a matrix, slanted where a name is long.

    Args:
        ax: Axes that show an `(n, n)` image.
        names: `n` names.
        rotate_beyond: Letters from which the names of columns are slanted.
    """
    ax.set_yticks(range(len(names)), names)
    if max(len(name) for name in names) > rotate_beyond:
        slanted: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(range(len(names)), names, **slanted)
    else:
        ax.set_xticks(range(len(names)), names)


def class_colors(num_classes: int) -> list[Any]:
    """Returns a colour for each class: the palette, or even steps of a map for many classes.

    Example:
        >>> class_colors(2)
        ['#0072B2', '#E69F00']
    """
    if num_classes <= len(CATEGORICAL):
        return list(CATEGORICAL[:num_classes])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.03, 0.97, num_classes)))


def save_figure(figure: Figure | Axes, path: str | os.PathLike[str], dpi: float = 200.0) -> Path:
    """Writes a figure to a file that is whole or not there, and frees a `pyplot` figure.

    Args:
        figure: What to write; of axes, the figure they stand in.
        path: Ends in `.png`, `.pdf` or `.svg`.
        dpi: Dots per inch.

    Returns:
        The path.

    Raises:
        InvalidParameterError: For another ending.
        DataTypeError: For what matplotlib did not draw.
    """
    if not hasattr(figure, "figure"):
        raise DataTypeError(
            f"save_figure writes what matplotlib drew; got a {type(figure).__module__} "
            f"{type(figure).__name__}. Use plots.interactive.save_html for interactive figures."
        )
    target = Path(path)
    if target.suffix not in _METADATA:
        raise InvalidParameterError(
            f"a figure's path must end in one of {', '.join(_METADATA)}; got {str(path)!r}."
        )
    whole: Any = figure.figure
    whole = whole.figure  # axes may stand in a part of a figure
    with style(), atomic_write(target) as file:
        whole.savefig(file, format=target.suffix[1:], dpi=dpi, metadata=_METADATA[target.suffix])
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # a figure made by pyplot would stay in memory
        pyplot.close(whole)
    return target
