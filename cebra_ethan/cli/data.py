"""The command that lists, fetches and checks recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

from ..datasets import check, describe, fetch, list_datasets
from ..datasets.files import data_root
from ..errors import DataIntegrityError, InvalidParameterError

__all__ = ["run_data"]


def run_data(options: SimpleNamespace) -> Iterator[str]:
    """Lists, fetches or checks recordings."""
    yield from {"list": _list, "fetch": _fetch, "check": _check}[options.action](options)


def _list(options: SimpleNamespace) -> Iterator[str]:
    if options.names:
        for name in options.names:
            yield f"{describe(name, options.root)}\n"
        return
    names = list_datasets()
    width = max(map(len, names))
    for name in names:
        found = describe(name, options.root)
        state = "on disk" if found.on_disk else "not here"
        if found.details.simulated:
            state = "simulated"
        elif found.can_be_fetched:
            state = "can be fetched"
        yield f"{name:<{width}}  {state:<14}  {found.details.about}"


def _fetch(options: SimpleNamespace) -> Iterator[str]:
    if not options.names:
        raise InvalidParameterError(
            "data fetch needs names; none was given. `cebra-ethan data list` shows them."
        )
    for name in options.names:
        paths = fetch(
            name,
            options.root,
            allow_unverified=options.allow_unverified,
            progress=sys.stderr.isatty(),
        )
        yield from (f"{name}: {path}" for path in paths)


def _check(options: SimpleNamespace) -> Iterator[str]:
    chosen = options.names
    if not chosen:
        root = data_root(options.root)
        chosen = [name for name in list_datasets() if describe(name, root).present]
        if not chosen:
            yield f"No recording is in {root}."
    damaged = []
    for name in chosen:
        states = check(name, options.root)
        if not states:
            yield f"{name}: simulated, no file"
        for file, state in states.items():
            yield f"{name}: {file}: {state}"
            damaged += [file] * (state == "damaged")
    if damaged:
        raise DataIntegrityError(
            f"files must be the published ones; {', '.join(dict.fromkeys(damaged))} differ. "
            "Fetch or copy them again."
        )
