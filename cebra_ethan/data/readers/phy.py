"""The folder of Kilosort and Phy: spikes of sorted clusters, counted in bins."""

import ast
import csv
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, DataIntegrityError
from ...types import Label, Recording
from .arrays import npy_array
from .common import PathLike, as_neural, as_trial, reading

__all__ = ["is_phy", "read_phy"]

TIMES, CLUSTERS = "spike_times.npy", "spike_clusters.npy"
GROUP_TABLES = {
    "cluster_group.tsv": ("group",),  # what a person decided in Phy
    "cluster_info.tsv": ("group",),
    "cluster_KSLabel.tsv": ("KSLabel",),  # what Kilosort proposes, untouched by a person
}
MAX_BINS = 100_000_000


def read_phy(
    path: PathLike,
    *,
    bin_s: float | None = None,
    labels: dict[str, object] | None = None,
    trial: object = None,
    groups: tuple[str, ...] | None = ("good",),
    sample_rate_hz: float | None = None,
    duration_s: float | None = None,
) -> Recording:
    """Counts the spikes of each cluster in bins that start with the recording, at time 0.

    Args:
        path: The folder with `spike_times.npy` and `spike_clusters.npy`.
        bin_s: Width of a bin in seconds; needed.
        labels: Label name to values, one for each bin.
        trial: Trial ids, one for each bin.
        groups: Which clusters: those with one of these in `cluster_group.tsv`, or else
            `cluster_info.tsv` or `cluster_KSLabel.tsv`. `None` takes all.
        sample_rate_hz: Samples per second; `None` reads it from `params.py`, of which nothing is
            executed.
        duration_s: End of the last bin; `None` ends with the last spike of any cluster.

    Returns:
        Counts `(bins, clusters)`, clusters in ascending order of their number.

    Raises:
        FileNotFoundError: If a file that is needed does not exist.
        DataError: If `bin_s` is missing, or no cluster is of these groups.
        DataIntegrityError: If a file is damaged or the files do not fit together.
    """
    folder = Path(path)
    if bin_s is None or not bin_s > 0:
        raise DataError(
            f"spike times need a bin width in seconds; got bin_s={bin_s}. Pass bin_s=."
        )
    rate_hz = _sample_rate(folder) if sample_rate_hz is None else sample_rate_hz
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise DataError(f"a sample rate must be positive; got {rate_hz}. Pass sample_rate_hz=.")
    times_s = _integers(folder / TIMES) / rate_hz
    clusters = _integers(folder / CLUSTERS)
    if times_s.shape != clusters.shape or len(times_s) == 0 or times_s.min() < 0:
        raise DataIntegrityError(
            f"each spike must have a time from 0 on and a cluster; {folder} has {len(times_s)} "
            f"times and {len(clusters)} clusters. Export the folder again."
        )
    kept = np.unique(clusters) if groups is None else _chosen(folder, clusters, groups)
    # a billionth of a bin keeps 10 bins in 0.25 s of 25 ms
    end_s = np.nextafter(times_s.max(), np.inf) if duration_s is None else duration_s
    num_bins = int(np.ceil(end_s / bin_s - 1e-9))
    if not 0 < num_bins * len(kept) <= MAX_BINS:
        raise DataError(
            f"bins times clusters must be at most {MAX_BINS:,}; {folder} has {num_bins} bins of "
            f"{bin_s} s and {len(kept)} clusters. Pass a larger bin_s, or duration_s=."
        )
    counts = _count(times_s, clusters, kept, num_bins, bin_s)
    with reading(folder, "one recording"):
        return Recording(
            neural=as_neural(counts),
            labels={
                key: value if isinstance(value, Label) else Label(value, name=key)
                for key, value in (labels or {}).items()
            },
            trial=None if trial is None else as_trial(trial),
            bin_s=bin_s,
            name=folder.name,
            source=str(folder),
        )


def is_phy(path: Path) -> bool:
    """Whether a folder holds what Kilosort and Phy write."""
    return (path / TIMES).is_file() and (path / CLUSTERS).is_file()


def _count(
    times_s: np.ndarray, clusters: np.ndarray, kept: np.ndarray, num_bins: int, bin_s: float
) -> np.ndarray:
    """Counts `(bins, clusters)`; the bin is [k * bin_s, (k + 1) * bin_s)."""
    bins = np.floor(times_s / bin_s + 1e-9).astype(np.int64)
    used = np.isin(clusters, kept) & (bins < num_bins)
    place = bins[used] * len(kept) + np.searchsorted(kept, clusters[used])
    return np.bincount(place, minlength=num_bins * len(kept)).reshape(num_bins, len(kept))


def _chosen(folder: Path, clusters: np.ndarray, groups: tuple[str, ...]) -> np.ndarray:
    """The clusters of these groups that have spikes, from the first table that knows any group."""
    found: dict[int, str] = {}
    for name, columns in GROUP_TABLES.items():
        if (folder / name).is_file() and not found:
            found = _groups(folder / name, columns)
    if not found:
        raise DataError(
            f"groups need one of {', '.join(GROUP_TABLES)}; {folder} has none with groups. "
            "Pass groups=None to take every cluster."
        )
    kept = np.array([one for one in np.unique(clusters) if found.get(int(one)) in groups], int)
    if len(kept) == 0:
        raise DataError(
            f"at least one cluster must be of groups {', '.join(groups)}; {folder} has "
            f"{', '.join(sorted(set(found.values())))}. Pass groups= with one of these, or None."
        )
    return kept


def _groups(file: Path, columns: tuple[str, ...]) -> dict[int, str]:
    with reading(file, "a table of clusters"), file.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text, delimiter="\t")
        names = rows.fieldnames or []
        number = next((name for name in ("cluster_id", "id") if name in names), None)
        column = next((name for name in columns if name in names), None)
        if number is None:
            raise ValueError(f"its columns are {', '.join(names)} and none is cluster_id")
        if column is None:
            return {}
        return {int(row[number]): row[column] for row in rows if row[column]}


def _sample_rate(folder: Path) -> float:
    """`sample_rate = 30000.` in params.py, read as text: the file is a program."""
    file = folder / "params.py"
    if not file.is_file():
        raise DataError(f"the sample rate must be known; {file} is missing. Pass sample_rate_hz=.")
    value: Any = None
    with reading(file, "a list of name = value"):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, found, text = line.partition("=")
            if found and name.strip() == "sample_rate":
                value = ast.literal_eval(text.partition("#")[0].strip())
    if type(value) not in (int, float):
        raise DataIntegrityError(
            f"params.py must say sample_rate = a number; {file} says {value!r}. "
            "Pass sample_rate_hz=."
        )
    return float(value)


def _integers(file: Path) -> np.ndarray:
    """One `.npy` of whole numbers, exactly: samples do not fit into float32."""
    if not file.is_file():
        raise FileNotFoundError(f"a folder of Phy must hold {file.name}; {file} is missing.")
    values = npy_array(file).ravel()
    if values.dtype.kind not in "iu":
        raise DataIntegrityError(
            f"spikes must be whole numbers of samples and clusters; {file} has dtype "
            f"{values.dtype}. Export the folder again."
        )
    return values.astype(np.int64)
