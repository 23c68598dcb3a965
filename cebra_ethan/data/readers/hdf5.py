"""HDF5 files: datasets by their path, and nothing outside the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataIntegrityError
from ...types import Recording
from ...utils.optional import require
from .common import Key, Keys, LabelKeys, PathLike, Table, assemble, reading

__all__ = ["dataset_array", "read_hdf5", "walk_datasets"]


def read_hdf5(
    path: PathLike,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
) -> Recording:
    """Reads datasets of an HDF5 file; keys are their paths, such as `"session1/spikes"`.

    Soft links are not followed: name the dataset they point to.

    Raises:
        DataError: If a dataset does not exist or none can be chosen; the message lists them.
        DataIntegrityError: If the file is damaged, holds Python objects, or has external links,
            external storage or virtual datasets that point to other files.
    """
    path = Path(path)
    h5py = require("h5py", extra="data")
    with reading(path, "an HDF5 file"):
        file = h5py.File(path, "r")
    with file:
        with reading(path, "an HDF5 file"):
            datasets = dict(walk_datasets(file, path))
        table = Table(str(path), list(datasets), lambda key: dataset_array(datasets[key], path))
        return assemble(
            table, neural=neural, labels=labels, trial=trial, bin_s=bin_s, name=path.stem
        )


def walk_datasets(group: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Yields the path and the `h5py.Dataset` of everything stored inside this file.

    Args:
        group: An open `h5py.File`.
        path: What error messages call it.

    Raises:
        DataIntegrityError: If anything points to another file; the message names it.
    """
    h5py = require("h5py", extra="data")
    todo, seen = [("", group)], set()
    while todo:
        prefix, group = todo.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # hard links can form a circle
            continue
        seen.add(address)
        for key in group:
            link, name = group.get(key, getlink=True), f"{prefix}{key}"
            if isinstance(link, h5py.ExternalLink):
                raise _outside(path, name, "an external link", f"{link.filename}:{link.path}")
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[key]
            if isinstance(item, h5py.Group):
                todo.append((f"{name}/", item))
            elif isinstance(item, h5py.Dataset):
                _check_inside(item, path, name)
                yield name, item


def _check_inside(dataset: Any, path: Path, name: str) -> None:
    if dataset.external:
        raise _outside(path, name, "external storage", str(dataset.external[0][0]))
    if dataset.is_virtual:
        for source in dataset.virtual_sources():
            if source.file_name != ".":
                target = f"{source.file_name}:{source.dset_name}"
                raise _outside(path, name, "a virtual dataset", target)


def _outside(path: Path, name: str, what: str, target: str) -> DataIntegrityError:
    return DataIntegrityError(
        f"an HDF5 file must hold its data itself; {name} in {path} is {what} to {target}. "
        "Copy the data into one file first (h5repack, or h5py)."
    )


def dataset_array(dataset: Any, path: Path) -> np.ndarray:
    """Returns the numbers or strings of one dataset."""
    h5py = require("h5py", extra="data")
    with reading(path, "an HDF5 file"):
        if h5py.check_string_dtype(dataset.dtype) is not None:
            return np.asarray(dataset.asstr()[()])
        if dataset.dtype.kind not in "biuf":
            raise DataIntegrityError(
                f"datasets must hold numbers or strings; {dataset.name} in {path} has dtype "
                f"{dataset.dtype}. Export its fields as datasets of their own."
            )
        return np.asarray(dataset[()])
