"""Files of many formats in, one `Recording` out. No reader ever runs code from a file.

`READERS` maps a suffix to its reader; one more row adds a format. What is already in memory
(pandas, xarray, pynapple, torch, numpy) goes through `from_memory`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...types import Recording
from .arrays import read_csv, read_npy, read_npz
from .common import PathLike, pickle_refused
from .hdf5 import read_hdf5
from .memory import from_memory
from .nwb import read_nwb
from .recording_io import read_recording, save_recording

__all__ = [
    "READERS",
    "from_memory",
    "read",
    "read_csv",
    "read_hdf5",
    "read_npy",
    "read_npz",
    "read_nwb",
    "read_recording",
    "save_recording",
]

READERS: Mapping[str, Callable[..., Recording]] = {
    ".csv": read_csv,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".npy": read_npy,
    ".npz": read_npz,
    ".nwb": read_nwb,
    ".tsv": read_csv,
}

PICKLES = (".jl", ".joblib", ".p", ".pickle", ".pkl", ".pt", ".pth")


def read(path: PathLike, **options: Any) -> Recording:
    r"""Reads a recording; the suffix of the file chooses the reader.

    Args:
        path: A file with a suffix in `READERS`.
        options: `neural`, `labels`, `trial` (keys of arrays, datasets or columns) and `bin_s`
            (seconds), the same for all readers; some take more.

    Returns:
        The recording. A label's kind follows from its type: floats are continuous, whole numbers
        and words categorical. Wrap it in `Label(..., "circular", period=360)` to change that.

    Raises:
        FileNotFoundError: If the file does not exist.
        DataError: If the suffix is unknown, or a key does not exist in the file.
        DataIntegrityError: If the file is damaged, or would need pickle.
        MissingDependencyError: If the format's library is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "session.csv"
        >>> _ = path.write_text("unit1,unit2,position,side\n0,1,0.1,left\n2,0,0.2,right\n")
        >>> recording = read(path, labels=["position", "side"], bin_s=0.025)
        >>> recording.neural.shape, recording.labels["side"].kind
        (torch.Size([2, 2]), 'categorical')
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise pickle_refused(path)
    if suffix not in READERS:
        raise DataError(
            f"the suffix of a recording must be one of {', '.join(READERS)}; got {path.name!r}. "
            "Export it to one of these, or build a Recording from arrays."
        )
    if not path.is_file():
        raise FileNotFoundError(f"a recording must be an existing file; {path} is none.")
    with path.open("rb") as file:
        start = file.read(2)
    if len(start) == 2 and start[0] == 0x80 and start[1] <= 5:  # protocol 2 to 5 of pickle
        raise pickle_refused(path)
    return READERS[suffix](path, **options)
