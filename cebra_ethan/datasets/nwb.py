"""Parts of an NWB file, read with h5py alone: of gigabytes of voltages only what is asked for.

`data.readers.read_nwb` reads any NWB file into a recording. The two archives that have loaders of
their own hold what it does not know: columns of units and trials, and a rate that is a period.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..data.readers.common import reading
from ..data.readers.hdf5 import dataset_array, walk_datasets
from ..errors import DataIntegrityError
from ..utils.optional import require

__all__ = ["NwbFile", "open_nwb"]

UNITS = "units"


class NwbFile:
    """An open file; see `open_nwb`."""

    def __init__(self, path: Path, datasets: dict[str, Any]) -> None:
        self.path, self.datasets = path, datasets

    def has(self, name: str) -> bool:
        """Whether there is a dataset of that path, such as `"units/heldout"`."""
        return name in self.datasets

    def array(self, name: str) -> np.ndarray:
        """Returns the numbers or words of a dataset.

        Raises:
            DataIntegrityError: If it is missing or damaged.
        """
        if name not in self.datasets:
            beside = [key for key in self.datasets if key.startswith(name.rpartition("/")[0])]
            raise DataIntegrityError(
                f"{self.path} must hold {name}; it has {', '.join(beside[:20]) or 'nothing'} "
                "there. It is another file, or of another version."
            )
        return dataset_array(self.datasets[name], self.path)

    def column(self, name: str) -> np.ndarray:
        """Returns a column of a table as truth values, numbers or words.

        NWB keeps truth values as an enumeration, which h5py gives as whole numbers.
        """
        values = self.array(name)
        return np.char.decode(values) if values.dtype.kind == "S" else values

    def ragged(self, name: str) -> list[np.ndarray]:
        """Returns a column whose cells are lists, such as `"units/spike_times"`."""
        values, ends = self.array(name), self.array(f"{name}_index").astype(np.int64)
        if np.any(np.diff(ends, prepend=0) < 0) or (len(ends) and ends[-1] > len(values)):
            raise DataIntegrityError(
                f"the ends of {name} must ascend up to {len(values)}; those in {self.path} do "
                "not. It is damaged: copy it again."
            )
        return np.split(values, ends[:-1]) if len(ends) else []

    def spike_times(self) -> list[np.ndarray]:
        """Returns the times (s) of each unit, ascending."""
        return [np.sort(times) for times in self.ragged("units/spike_times")]

    def series(self, ending: str) -> str:
        """Returns the path of the only time series whose name ends so.

        Raises:
            DataIntegrityError: If there is none or more than one.
        """
        found = [
            key.removesuffix("/data")
            for key in self.datasets
            if key.endswith("/data") and key.removesuffix("/data").endswith(ending)
        ]
        if len(found) != 1:
            raise DataIntegrityError(
                f"{self.path} must hold one time series whose name ends with {ending}; it has "
                f"{', '.join(found) or 'none'}. It is another file, or of another version."
            )
        return found[0]

    def values(self, series: str) -> np.ndarray:
        """Returns the samples `(S,)` or `(S, d)` of a series, in the unit that it names."""
        data = self.datasets[f"{series}/data"]
        factor = float(data.attrs.get("conversion", 1.0))
        return np.asarray(self.array(f"{series}/data").astype(np.float64) * factor)

    def unit(self, series: str) -> str:
        """Returns the unit of a series, in lower case."""
        unit = self.datasets[f"{series}/data"].attrs.get("unit", "")
        return (unit.decode() if isinstance(unit, bytes) else str(unit)).strip().lower()

    def times(self, series: str, *, slowest_hz: float = 0.0) -> np.ndarray:
        """Returns the time of each sample in seconds.

        Args:
            series: Path of the series.
            slowest_hz: A rate below this is taken as the period that it must then be.
        """
        if self.has(f"{series}/timestamps"):
            return self.array(f"{series}/timestamps").astype(np.float64)
        start = self.array(f"{series}/starting_time")
        rate_hz = float(self.datasets[f"{series}/starting_time"].attrs["rate"])
        step_s = rate_hz if rate_hz < slowest_hz else 1 / rate_hz
        return np.asarray(float(start) + step_s * np.arange(len(self.datasets[f"{series}/data"])))


@contextlib.contextmanager
def open_nwb(path: str | os.PathLike[str]) -> Iterator[NwbFile]:
    """Opens an NWB file; nothing in it can run, and nothing outside it is read.

    Raises:
        FileNotFoundError: If there is no such file.
        DataIntegrityError: If it is damaged or points to other files.
        MissingDependencyError: If h5py is not installed.
    """
    path = Path(path)
    h5py = require("h5py", extra="data")
    if not path.is_file():
        raise FileNotFoundError(f"an NWB file must exist; {path} does not. Correct the path.")
    with reading(path, "an NWB file"):
        file = h5py.File(path, "r")
    with file, reading(path, "an NWB file"):
        yield NwbFile(path, dict(walk_datasets(file, path)))
