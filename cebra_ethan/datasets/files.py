"""Where the recordings lie and whether they are the ones that were published."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..data.readers.foreign import foreign_arrays
from ..errors import DataIntegrityError
from .sources import REMOTE

__all__ = [
    "DATA_VARIABLE",
    "SHA256",
    "data_root",
    "expected_digest",
    "file_digest",
    "read_published",
    "verified_path",
]

log = logging.getLogger(__name__)

DATA_VARIABLE = "CEBRA_ETHAN_DATA"

SHA256: Mapping[str, str] = {
    name: digest
    for digest, name in (
        line.split()
        for line in (Path(__file__).with_name("checksums.txt")).read_text().split("\n")
        if line
    )
}
"""Relative path to SHA-256, from the list that lies beside the published files."""


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Returns the folder that holds the recordings.

    Args:
        root: The folder; `None` takes the environment variable `CEBRA_ETHAN_DATA`.

    Raises:
        FileNotFoundError: If neither is given, or the folder does not exist.

    Example:
        >>> data_root("no/such/folder")
        Traceback (most recent call last):
        FileNotFoundError: the data folder must exist; no/such/folder does not. ...
    """
    chosen = root if root is not None else os.environ.get(DATA_VARIABLE)
    if not chosen:
        raise FileNotFoundError(
            "a recording needs its data folder; root is None and the environment variable "
            f"{DATA_VARIABLE} is not set. Pass root= (--data-root, --root), set "
            f"{DATA_VARIABLE}, or use a simulated dataset such as 'rat-simulated'."
        )
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the data folder must exist; {folder} does not. "
            f"Correct root= (--data-root, --root) or the environment variable {DATA_VARIABLE}."
        )
    return folder


def expected_digest(relative: str) -> str | None:
    """Returns the checksum that a file must have, `"sha256:..."` or `"md5:..."`.

    Args:
        relative: Path in the data folder.

    Returns:
        `None` where nobody published one.

    Example:
        >>> expected_digest("rat_hippocampus/buddy.jl")
        'md5:36341322907708c466871bf04bc133c2'
    """
    if relative in SHA256:
        return f"sha256:{SHA256[relative]}"
    return REMOTE[relative].digest if relative in REMOTE else None


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Returns the checksum of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def verified_path(relative: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Returns the path of a published file after comparing its checksum.

    Args:
        relative: Path in the data folder, a key of `SHA256` or `sources.REMOTE`. One without a
            published checksum is returned with a warning.
        root: As in `data_root`.

    Raises:
        FileNotFoundError: If the file or its folder is missing.
        DataIntegrityError: If its content is not the published one.
    """
    path = data_root(root) / relative
    if not path.is_file():
        remedy = "Copy it there (data/README.md names its source) or correct root=."
        if relative in REMOTE:
            remedy = (
                "Download it with cebra_ethan.datasets.fetch, copy it there, or correct root=."
            )
        raise FileNotFoundError(
            f"the recording {relative} must lie in the data folder; {path} does not exist. "
            f"{remedy}"
        )
    expected = expected_digest(relative)
    if expected is None:
        log.warning("%s: no checksum of it is published, so it cannot be verified", path)
        return path
    algorithm, _, digits = expected.partition(":")
    got = file_digest(path, algorithm)
    if got != digits:
        name = {"sha256": "SHA-256", "md5": "MD5"}[algorithm]
        raise DataIntegrityError(
            f"{path} must be the published file; expected {name} {digits}, got {got}. "
            "It is damaged or another version: copy it again from its source."
        )
    return path


def read_published(
    relative: str, keys: Sequence[str], root: str | os.PathLike[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns arrays of a verified `.jl` file, read without running anything in it.

    Args:
        relative: Path in the data folder.
        keys: Names of the arrays that must be there.
        root: As in `data_root`.

    Raises:
        FileNotFoundError: If the file or its folder is missing.
        DataIntegrityError: If its content is not the published one, or an array is missing.
    """
    path = verified_path(relative, root)
    arrays = foreign_arrays(path)
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataIntegrityError(
            f"{path} must hold {', '.join(keys)}; {', '.join(missing)} are missing, it has "
            f"{', '.join(arrays)}. Download it again."
        )
    return {key: np.array(arrays[key]) for key in keys}
