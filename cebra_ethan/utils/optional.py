"""Optional libraries: imported when needed, with a message that names the extra when missing."""

import importlib
import importlib.util
from types import ModuleType

from ..errors import MissingDependencyError

__all__ = ["require", "require_installed"]


def require(module: str, extra: str) -> ModuleType:
    """Imports an optional library.

    Args:
        module: The module to import, dots allowed.
        extra: The extra of this package that installs it.

    Raises:
        MissingDependencyError: If the library is not installed.

    Example:
        >>> require("no_such_library", extra="data")
        Traceback (most recent call last):
        cebra_ethan.errors.MissingDependencyError: no_such_library is needed here and not ...
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # the library is there and one of its own imports is missing
        raise _missing(error.name, extra) from error


def require_installed(module: str, extra: str) -> None:
    """Raises what `require` would, without the time that an import takes.

    Raises:
        MissingDependencyError: If the library is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> MissingDependencyError:
    return MissingDependencyError(
        f'{module} is needed here and not installed; run: pip install "cebra-ethan[{extra}]"'
    )
