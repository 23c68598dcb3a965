"""What the datasets are, whether they are on disk, and how they get there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataIntegrityError, DownloadError, InvalidParameterError
from .details import DETAILS, Details
from .downloads import download
from .files import DATA_VARIABLE, data_root, expected_digest, verified_path
from .registry import DATASETS, list_datasets
from .sources import REMOTE

__all__ = ["Description", "check", "describe", "fetch"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """A dataset and the state of its files; as a text, a small table.

    Args:
        name: Its row of `DATASETS`.
        details: What it is.
        folder: The data folder in which it is looked for; `None` where none is named.
        present: Those of its files that are there.
        missing: Those that are not.
    """

    name: str
    details: Details
    folder: Path | None
    present: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def on_disk(self) -> bool:
        """Whether it can be loaded: a simulated one always."""
        return self.details.simulated or (not self.missing and bool(self.present))

    @property
    def can_be_fetched(self) -> bool:
        """Whether `fetch` knows an address for every file that is missing."""
        return bool(self.missing) and all(file in REMOTE for file in self.missing)

    def __str__(self) -> str:
        one = self.details
        num_files = len(self.present) + len(self.missing)
        place = str(self.folder) if self.folder else f"no folder: set {DATA_VARIABLE}, or root="
        rows = {
            "name": self.name,
            "what": one.about,
            "species": one.species,
            "signal": one.signal,
            "size": one.size,
            "source": one.source,
            "licence": one.licence,
        }
        if not one.simulated:
            rows["looked for in"] = place
            rows["files there"] = f"{len(self.present)} of {num_files}"
            rows["get it"] = (
                f"cebra_ethan.datasets.fetch({self.name!r})"
                if self.can_be_fetched
                else one.by_hand or "is there"
            )
        return "\n".join(f"{key:<14}{value}" for key, value in rows.items() if value)


def describe(name: str, root: str | os.PathLike[str] | None = None) -> Description:
    """Says what a dataset is and whether it is on disk. Checksums are not compared, see `check`.

    Args:
        name: A row of `DATASETS`.
        root: The data folder, which need not exist; `None` takes `CEBRA_ETHAN_DATA`.

    Raises:
        InvalidParameterError: If there is no such dataset.

    Example:
        >>> print(describe("synthetic-simulated"))
        name          synthetic-simulated
        what          ...
    """
    _check_name(name)
    details = DETAILS.get(name) or _undescribed(name)
    chosen = root if root is not None else os.environ.get(DATA_VARIABLE)
    folder = Path(chosen).expanduser() if chosen else None
    there = [file for file in details.files if folder is not None and (folder / file).is_file()]
    missing = [file for file in details.files if file not in there]
    if details.pattern:
        matches = sorted(folder.glob(details.pattern)) if folder is not None else []
        found = [path for path in matches if path.suffix in (".nwb", ".mat")]
        there += [path.relative_to(folder).as_posix() for path in found if folder is not None]
        missing += [] if found else [details.pattern]
    return Description(
        name=name,
        details=details,
        folder=folder,
        present=tuple(there),
        missing=tuple(missing),
    )


def check(name: str, root: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Compares the files of a dataset with their published checksums.

    Args:
        name: A row of `DATASETS`.
        root: The data folder; `None` takes `CEBRA_ETHAN_DATA`.

    Returns:
        For each file `"ok"`, `"missing"`, `"damaged"` or `"no checksum"`; empty if it is
        simulated.

    Raises:
        InvalidParameterError: If there is no such dataset.
        FileNotFoundError: If the data folder does not exist.
    """
    description = describe(name, root)
    found = {}
    for file in (*description.present, *description.missing):
        folder = data_root(root)
        if file in description.missing:
            found[file] = "missing"
        elif expected_digest(file) is None:
            found[file] = "no checksum"
        else:
            try:
                verified_path(file, folder)
                found[file] = "ok"
            except DataIntegrityError:
                found[file] = "damaged"
    return found


def fetch(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    files: Sequence[str] | None = None,
    allow_unverified: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Downloads the files of a dataset that are missing or damaged.

    Args:
        name: A row of `DATASETS`.
        root: The data folder, made if need be; `None` takes `CEBRA_ETHAN_DATA`.
        files: Which of its files, by their path in the data folder; `None` for all.
        allow_unverified: Take files of which no checksum is published.
        progress: Show a bar for each.

    Returns:
        Where the files are.

    Raises:
        InvalidParameterError: If there is no such dataset or file, no folder is named, or a file
            has no checksum and `allow_unverified` is not set.
        DownloadError: If a file has no address, or the download fails.
        DataIntegrityError: If what arrived is not what was published.
        OSError: If the disk is full.
    """
    description = describe(name, root)
    if description.details.simulated:
        raise InvalidParameterError(
            f"only recordings are downloaded; {name} is simulated. Use load_dataset({name!r})."
        )
    if description.folder is None:
        raise InvalidParameterError(
            f"a download needs a folder; root is None and {DATA_VARIABLE} is not set. Pass root=."
        )
    chosen = description.details.files if files is None else tuple(files)
    unknown = [file for file in chosen if file not in description.details.files]
    if unknown or not chosen:
        raise InvalidParameterError(
            f"files must be of {', '.join(description.details.files) or 'none known'}; got "
            f"{', '.join(unknown) or 'none'}."
        )
    return [
        _one(file, description, allow_unverified=allow_unverified, progress=progress)
        for file in chosen
    ]


def _one(file: str, description: Description, *, allow_unverified: bool, progress: bool) -> Path:
    assert description.folder is not None
    path = description.folder / file
    if file in REMOTE:
        if REMOTE[file].digest is None and path.is_file():
            return path  # it cannot be told from another one
        return download(REMOTE[file], path, allow_unverified=allow_unverified, progress=progress)
    if path.is_file():
        return verified_path(file, description.folder)
    raise DownloadError(
        f"a download needs an address; none is known for {file}. "
        f"{description.details.by_hand or 'Copy it into the data folder by hand.'}"
    )


def _check_name(name: str) -> None:
    if name not in DATASETS:
        raise InvalidParameterError(
            f"name must be one of {', '.join(list_datasets())}; got {name!r}."
        )


def _undescribed(name: str) -> Details:
    """What can be said of a row that somebody added without describing it."""
    function: object = DATASETS[name]
    function = getattr(function, "func", function)
    about = (getattr(function, "__doc__", None) or "").partition("\n")[0]
    return Details(about=about or "not described", simulated="simulated" in name)
