"""The folder of Suite2p: fluorescence or deconvolved activity of the regions that are cells."""

from pathlib import Path

import numpy as np

from ...errors import DataError, DataIntegrityError
from ...types import Label, Recording
from .arrays import npy_array
from .common import PathLike, as_neural, as_trial, reading

__all__ = ["is_suite2p", "read_suite2p"]

NEUROPIL = 0.7
"""Share of the neuropil signal that is taken off: Suite2p's `neucoeff` (Pachitariu et al. 2017,
doi:10.1101/061507)."""

ACTIVITY = ("spks", "F", "corrected")


def read_suite2p(
    path: PathLike,
    *,
    neural: str = "spks",
    labels: dict[str, object] | None = None,
    trial: object = None,
    bin_s: float | None = None,
    only_cells: bool = True,
) -> Recording:
    """Reads `spks.npy`, `F.npy` and `Fneu.npy` `(regions, frames)` and `iscell.npy`.

    `ops.npy`, where Suite2p keeps the frame rate, is a pickle and is not read: pass `bin_s`.

    Args:
        path: The folder with the files (`plane0`), or one above that has a single plane.
        neural: `"spks"` for deconvolved activity, `"F"` for fluorescence, `"corrected"` for
            `F - 0.7 Fneu`.
        labels: Label name to values, one for each frame.
        trial: Trial ids, one for each frame.
        bin_s: Seconds from frame to frame, `1 / fs`.
        only_cells: Leaves out the regions that `iscell.npy` says are no cells.

    Raises:
        FileNotFoundError: If a file that is needed does not exist.
        DataError: If `neural` is none of the three, or no region is a cell.
        DataIntegrityError: If a file is damaged or the files do not fit together.
    """
    folder = _plane(Path(path))
    if neural not in ACTIVITY:
        raise DataError(
            f"neural must be one of {', '.join(ACTIVITY)} for a folder of Suite2p; got {neural!r}."
        )
    if neural == "corrected":
        traces, around = _array(folder / "F.npy"), _array(folder / "Fneu.npy")
        if traces.shape != around.shape:
            raise DataIntegrityError(
                f"F.npy and Fneu.npy must have one shape; those of {folder} have {traces.shape} "
                f"and {around.shape}. Run Suite2p again."
            )
        traces = traces - NEUROPIL * around
    else:
        traces = _array(folder / f"{neural}.npy")
    if only_cells:
        traces = traces[_cells(folder, len(traces))]
    with reading(folder, "one recording"):
        return Recording(
            neural=as_neural(traces.T),
            labels={key: _label(key, value) for key, value in (labels or {}).items()},
            trial=None if trial is None else as_trial(trial),
            bin_s=bin_s,
            name=folder.name,
            source=str(folder),
        )


def is_suite2p(path: Path) -> bool:
    """Whether a folder, or a plane in it, holds what Suite2p writes."""
    return any(_planes(path))


def _planes(path: Path) -> list[Path]:
    if (path / "F.npy").is_file() or (path / "spks.npy").is_file():
        return [path]
    return sorted(place.parent for place in path.glob("plane*/F.npy"))


def _plane(path: Path) -> Path:
    planes = _planes(path)
    if len(planes) != 1:
        raise DataError(
            f"a folder of Suite2p must hold one plane; {path} holds "
            f"{', '.join(plane.name for plane in planes) or 'none'}. Pass the folder of a plane."
        )
    return planes[0]


def _cells(folder: Path, num_regions: int) -> np.ndarray:
    """The first column of iscell.npy is 1 for a cell, the second its probability."""
    decided = _array(folder / "iscell.npy")
    if decided.ndim != 2 or len(decided) != num_regions:
        raise DataIntegrityError(
            f"iscell.npy must have one row for each region; that of {folder} has shape "
            f"{decided.shape} for {num_regions}. Run Suite2p again, or pass only_cells=False."
        )
    cells = decided[:, 0] > 0
    if not cells.any():
        raise DataError(
            f"at least one region must be a cell; in {folder} none is. See iscell.npy."
        )
    return np.asarray(cells)


def _array(file: Path) -> np.ndarray:
    """One `.npy` of numbers `(regions, ...)`."""
    if not file.is_file():
        raise FileNotFoundError(f"a folder of Suite2p must hold {file.name}; {file} is missing.")
    return npy_array(file)


def _label(key: str, value: object) -> Label:
    return value if isinstance(value, Label) else Label(value, name=key)
