"""The names of the `cebra` package, version 0.6.1, over this one: change one line, keep the rest.

Write `import cebra_ethan.compat as cebra`, or run a script as it is::

    python -m cebra_ethan.compat script.py

`install()` does the same inside a program. Every name is a row of `names.TABLE`, or of
`names.NOT_HERE` with the reason; what differs in its arguments goes through `adapters`, which
compute nothing of their own. Results are ours: draws have seeds, scores have no known faults.

>>> import cebra_ethan.compat as cebra
>>> cebra.CEBRA(output_dimension=3, time_offsets=[10])
CEBRA(output_dimension=3, time_offsets=10)
>>> len(cebra.data.Offset(5))
10
"""

import sys
from typing import Any

from .modules import VERSION as __version__
from .modules import LazyModule, NameNotHereError, install, resolve, uninstall
from .names import NOT_HERE, TABLE

__all__ = [
    "NOT_HERE",
    "TABLE",
    "LazyModule",
    "NameNotHereError",
    "__version__",
    "install",
    "uninstall",
]


def __getattr__(name: str) -> Any:
    """Returns a name of `cebra`."""
    return resolve("", name)


def __dir__() -> list[str]:
    """Returns the names of `cebra` and our own."""
    below = {place.partition(".")[0] for place in TABLE if place}
    return sorted({*__all__, *TABLE[""], *below})


for _place in TABLE:  # so that `from cebra_ethan.compat.models import init` works
    if _place:
        sys.modules[f"{__name__}.{_place}"] = resolve(*_place.rpartition(".")[::2])
