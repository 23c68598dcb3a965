"""Files of many formats in, one `Recording` out. No reader ever runs code from a file.

`READERS` maps a suffix to its reader and `FOLDERS` recognises folders; one more row adds a
format. Pickle, joblib and torch files go through `utils.restricted`, which rebuilds arrays and
containers and refuses the rest. What is already in memory (pandas, xarray, pynapple, torch, numpy)
goes through `from_memory`; keypoints come as labels (`load_deeplabcut`, `load_sleap`), and
`load_data` returns one array of any of these files.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...types import Recording
from .arrays import read_csv, read_npy, read_npz
from .common import PathLike, pickle_refused
from .excel import read_excel
from .foreign import read_foreign
from .hdf5 import read_hdf5
from .keypoints import Keypoints, load_deeplabcut, load_sleap
from .load import load_data
from .matlab import read_matlab
from .memory import from_memory
from .nwb import read_nwb
from .parquet import read_parquet
from .phy import is_phy, read_phy
from .recording_io import read_recording, save_recording
from .suite2p import is_suite2p, read_suite2p

__all__ = [
    "FOLDERS",
    "READERS",
    "Keypoints",
    "from_memory",
    "load_data",
    "load_deeplabcut",
    "load_sleap",
    "read",
    "read_csv",
    "read_excel",
    "read_foreign",
    "read_hdf5",
    "read_matlab",
    "read_npy",
    "read_npz",
    "read_nwb",
    "read_parquet",
    "read_phy",
    "read_recording",
    "read_suite2p",
    "save_recording",
]

READERS: Mapping[str, Callable[..., Recording]] = {
    ".csv": read_csv,
    ".h5": read_hdf5,
    ".hdf": read_hdf5,
    ".hdf5": read_hdf5,
    ".jl": read_foreign,
    ".joblib": read_foreign,
    ".mat": read_matlab,
    ".npy": read_npy,
    ".npz": read_npz,
    ".nwb": read_nwb,
    ".p": read_foreign,
    ".parquet": read_parquet,
    ".pickle": read_foreign,
    ".pkl": read_foreign,
    ".pt": read_foreign,
    ".pth": read_foreign,
    ".tsv": read_csv,
    ".xls": read_excel,
    ".xlsm": read_excel,
    ".xlsx": read_excel,
}

FOLDERS: Mapping[str, tuple[Callable[[Path], bool], Callable[..., Recording]]] = {
    "Suite2p": (is_suite2p, read_suite2p),
    "Phy": (is_phy, read_phy),
}
"""How a folder is recognised, and who reads it."""


def read(path: PathLike, **options: Any) -> Recording:
    r"""Reads a recording; the suffix of the file, or what lies in the folder, chooses the reader.

    Args:
        path: A file with a suffix in `READERS`, or a folder of one of `FOLDERS`.
        options: `neural`, `labels`, `trial` (keys of arrays, datasets or columns) and `bin_s`
            (seconds), the same for all readers; some take more.

    Returns:
        The recording. A label's kind follows from its type: floats are continuous, whole numbers
        and words categorical. Wrap it in `Label(..., "circular", period=360)` to change that.

    Raises:
        FileNotFoundError: If the file does not exist.
        DataError: If the suffix or folder is unknown, or a key does not exist in the file.
        DataIntegrityError: If the file is damaged, or holds a pickle of more than plain data.
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
    if path.is_dir():
        for recognise, reader in FOLDERS.values():
            if recognise(path):
                return reader(path, **options)
        raise DataError(
            f"a folder must be one of {', '.join(FOLDERS)}; {path} holds the files of none. "
            "Read its files one by one."
        )
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise DataError(
            f"the suffix of a recording must be one of {', '.join(READERS)}; got {path.name!r}. "
            "Export it to one of these, or build a Recording from arrays."
        )
    if not path.is_file():
        raise FileNotFoundError(f"a recording must be an existing file; {path} is none.")
    with path.open("rb") as file:
        start = file.read(2)
    is_pickle = len(start) == 2 and start[0] == 0x80 and start[1] <= 5  # protocols 2 to 5
    if is_pickle and READERS[suffix] is not read_foreign:
        raise pickle_refused(path)
    return READERS[suffix](path, **options)
