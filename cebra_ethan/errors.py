"""The errors of the package: few, and each also a standard Python error.

Every error says three things: the rule, what arrived, what to do. Catch `CebraError` for all of
them, or the standard class (`ValueError`, `TypeError`, ...) that each one derives from.
"""

from sklearn.utils import _param_validation

__all__ = [
    "CebraError",
    "CheckpointError",
    "DataError",
    "DataIntegrityError",
    "DataTypeError",
    "DownloadError",
    "FolderInUseError",
    "InvalidParameterError",
    "MissingDependencyError",
    "TrainingDivergedError",
]


class CebraError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidParameterError(CebraError, _param_validation.InvalidParameterError):
    """A parameter is outside its allowed set; a `ValueError` and a `TypeError`."""


class DataError(CebraError, ValueError):
    """An array or a label has the wrong shape, length or values."""


class DataTypeError(CebraError, TypeError):
    """An array or a label has a type that cannot be used."""


class CheckpointError(CebraError, ValueError):
    """A checkpoint is damaged, foreign, or does not fit the object that loads it."""


class DataIntegrityError(CebraError, ValueError):
    """A data file is damaged, refused, or not what its name promises."""


class DownloadError(CebraError, OSError):
    """A file could not be downloaded: no network, no such address, a refused redirect."""


class FolderInUseError(CebraError, RuntimeError):
    """Another training writes into the folder."""


class TrainingDivergedError(CebraError, ArithmeticError):
    """The loss or a gradient stopped being finite; the last finite weights are kept."""


class MissingDependencyError(CebraError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""
