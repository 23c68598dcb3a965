"""Recordings by name: real files on disk, and simulators calibrated on them.

`load_dataset` loads or simulates one; `describe` says what it is and whether it is there, `fetch`
downloads it where an address is known, and `check` compares checksums.
"""

from .catalogue import Description, check, describe, fetch
from .registry import DATASETS, list_datasets, load_dataset

__all__ = [
    "DATASETS",
    "Description",
    "check",
    "describe",
    "fetch",
    "list_datasets",
    "load_dataset",
]
