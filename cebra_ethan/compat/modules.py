"""Modules whose names are a table: looked up, and their homes imported, when asked for."""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..errors import CebraError
from .names import NOT_HERE, TABLE

__all__ = ["VERSION", "LazyModule", "NameNotHereError", "install", "resolve", "uninstall"]

VERSION = "0.6.1+cebra.ethan"
"""The release whose names are here, and whose code does the work."""

_PACKAGE = __package__
_ROOT = "cebra"


class NameNotHereError(CebraError, AttributeError):
    """A name of `cebra` that is not here on purpose; the message says what to use."""


class LazyModule(ModuleType):
    """One module of `cebra`.

    Args:
        place: Its name without the leading `cebra.`; empty for the whole.
    """

    def __init__(self, place: str) -> None:
        super().__init__(f"{_ROOT}.{place}".rstrip("."), f"Names of `{_ROOT}`, see `{_PACKAGE}`.")
        self.__dict__["_place"] = place
        self.__path__: list[str] = []  # a package, so that `import cebra.data.datatypes` works
        self.__spec__ = ModuleSpec(self.__name__, None, is_package=True)
        self.__all__ = sorted(TABLE[place])
        if not place:
            self.__version__ = VERSION

    def __getattr__(self, name: str) -> Any:
        value = resolve(self.__dict__["_place"], name)
        self.__dict__[name] = value
        return value

    def __reduce__(self) -> Any:
        """Makes what a script hands to other processes find these names there."""
        installed = sys.modules.get(_ROOT) is _MODULES[""]
        return _found_again, (self.__dict__["_place"], installed)

    def __dir__(self) -> list[str]:
        place = self.__dict__["_place"]
        prefix = f"{place}." if place else ""
        inside = (one.removeprefix(prefix) for one in TABLE if one.startswith(prefix))
        below = {one.partition(".")[0] for one in inside} - {""}
        return sorted({*super().__dir__(), *TABLE[place], *below})


def _found_again(place: str, installed: bool) -> LazyModule:
    if installed:
        install()
    return _MODULES[place]


_MODULES = {place: LazyModule(place) for place in TABLE}


def resolve(place: str, name: str) -> Any:
    """Returns what a module of `cebra` has under a name.

    Args:
        place: The module, without the leading `cebra.`.
        name: The name in it.

    Raises:
        NameNotHereError: If it is not here on purpose; the message says what to use.
        AttributeError: If `cebra` has no such name.

    Example:
        >>> resolve("models", "InfoNCE").__module__
        'cebra_ethan.models.criterions'
        >>> resolve("", "RidgeRegressor")
        Traceback (most recent call last):
        cebra_ethan.compat.modules.NameNotHereError: cebra.RidgeRegressor is not in ...
    """
    whole = f"{place}.{name}".lstrip(".")
    if name in TABLE[place]:
        home, _, attribute = TABLE[place][name].partition(":")
        return getattr(importlib.import_module(f"cebra_ethan.{home}"), attribute)
    if whole in _MODULES:
        return _MODULES[whole]
    reason = NOT_HERE.get(whole) or next(
        (NOT_HERE[long] for long in NOT_HERE if _is_reexport(long, place, name)), None
    )
    if reason is not None:
        raise NameNotHereError(f"cebra.{whole} is not in cebra_ethan.compat: {reason}.")
    raise AttributeError(f"module 'cebra{'.' * bool(place)}{place}' has no attribute {name!r}")


def _is_reexport(long: str, place: str, name: str) -> bool:
    """Whether a name of a submodule stands in its package too, as most do in `cebra`."""
    prefix = f"{place}." if place else ""
    return bool(place) and long.startswith(prefix) and long.endswith(f".{name}")


class _Reasons(importlib.abc.MetaPathFinder):
    """Gives `from cebra import name` the message that `cebra.name` has; finds nothing."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Raises `ImportError` for a name that is not here on purpose."""
        root, _, place = fullname.partition(".")
        module, _, name = place.rpartition(".")
        if root == _ROOT and place and module in TABLE:
            try:
                resolve(module, name)
            except NameNotHereError as error:
                raise ImportError(str(error), name=fullname) from None
            except AttributeError:
                return


_REASONS = _Reasons()


def install() -> None:
    """Makes `import cebra` and imports of its submodules find these names, in this process.

    Raises:
        ImportError: If another `cebra` was imported before.

    Example:
        >>> install()
        >>> from cebra.models.criterions import LearnableCosineInfoNCE
        >>> LearnableCosineInfoNCE.__module__
        'cebra_ethan.models.criterions'
        >>> uninstall()
    """
    if sys.modules.get(_ROOT, _MODULES[""]) is not _MODULES[""]:
        where = getattr(sys.modules[_ROOT], "__file__", "")
        raise ImportError(
            f"cebra_ethan.compat takes the name cebra, which must be free; it is imported from "
            f"{where} already. Call install() before anything imports cebra."
        )
    for module in _MODULES.values():
        sys.modules[module.__name__] = module
    if _REASONS not in sys.meta_path:
        sys.meta_path.insert(0, _REASONS)


def uninstall() -> None:
    """Takes the names away again; modules that imported them keep what they have."""
    for module in _MODULES.values():
        if sys.modules.get(module.__name__) is module:
            del sys.modules[module.__name__]
    if _REASONS in sys.meta_path:
        sys.meta_path.remove(_REASONS)
