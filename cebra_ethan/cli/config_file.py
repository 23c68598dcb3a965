"""Configuration files: YAML that is checked line by line before anything is done with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from .options import Option

__all__ = ["check_config"]


def check_config(
    path: str,
    options: Sequence[Option],
    check_value: Callable[[Option, Any], Any],
    error: type[Exception],
) -> dict[str, Any]:
    """Returns the settings of a YAML file.

    Plain data only: tags such as `!!python/object` are refused, and so is a key that comes twice.

    Args:
        path: The file.
        options: What may stand in it.
        check_value: Returns the value of an option, or raises `error`.
        error: What is raised, with the file, the line and the key in its message.
    """
    known = {option.name: option for option in options}
    settings: dict[str, Any] = {}
    for key, line, value in _entries(path, error):
        place = f"{path}, line {line}"
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
            raise error(f"{place}: unknown key {key!r}; {hint}")
        if name in settings:
            raise error(f"{place}: the key {key!r} comes twice; keep one of both.")
        try:
            settings[name] = check_value(known[name], value)
        except error as problem:
            raise error(f"{place}: {problem}.") from None
    return settings


def _entries(path: str, error: type[Exception]) -> list[tuple[str, int, Any]]:
    """Returns key, line and value of each entry of the mapping in a file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise error(f"{path} must be a text file in UTF-8; it is not.") from None
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise error(f"{path}, line 1: the file must hold 'key: value' lines; it does not.")
        return [
            (
                str(loader.construct_object(key, deep=True)),
                key.start_mark.line + 1,
                loader.construct_object(value, deep=True),
            )
            for key, value in node.value
        ]
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else 1
        raise error(f"{path}, line {line}: not YAML of plain data: {problem.problem}.") from None
    except yaml.YAMLError as problem:
        raise error(f"{path}, line 1: not YAML: {str(problem).splitlines()[0]}.") from None
    except RecursionError:
        raise error(f"{path} is nested too deeply to be a configuration.") from None
    finally:
        if loader is not None:
            loader.dispose()


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml ships no types
    """The safe loader, which also refuses a key that comes twice in a nested mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Returns a mapping whose keys are all different."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} comes twice", key.start_mark
                )
            seen.add(key.value)
        return dict(super().construct_mapping(node, deep))
