"""Recordings by name: real files on disk, and simulators calibrated on them."""

from .registry import DATASETS, list_datasets, load_dataset

__all__ = ["DATASETS", "list_datasets", "load_dataset"]
