"""Where the recordings lie and whether they are the ones that were published."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import DataIntegrityError

__all__ = ["DATA_VARIABLE", "SHA256", "data_root", "verified_path"]

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
            f"{DATA_VARIABLE} is not set. Pass root=, set {DATA_VARIABLE}, or use a simulated "
            "dataset such as 'rat-simulated'."
        )
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the data folder must exist; {folder} does not. "
            f"Correct root= or the environment variable {DATA_VARIABLE}."
        )
    return folder


def verified_path(relative: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Returns the path of a published file after comparing its SHA-256.

    Args:
        relative: A key of `SHA256`.
        root: As in `data_root`.

    Raises:
        FileNotFoundError: If the file or its folder is missing.
        DataIntegrityError: If its content is not the published one.
    """
    path = data_root(root) / relative
    if not path.is_file():
        raise FileNotFoundError(
            f"the recording {relative} must lie in the data folder; {path} does not exist. "
            "Copy it there (data/README.md names its source) or correct root=."
        )
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != SHA256[relative]:
        raise DataIntegrityError(
            f"{path} must be the published file; expected SHA-256 {SHA256[relative]}, got {got}. "
            "It is damaged or another version: copy it again from its source."
        )
    return path
