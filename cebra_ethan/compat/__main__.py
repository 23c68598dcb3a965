"""Runs a script that was written for `cebra`: `python -m cebra_ethan.compat script.py [args]`.

Or a module: `python -m cebra_ethan.compat -m package.module [args]`.
"""

import runpy
import sys
from pathlib import Path

from .modules import install

USAGE = "usage: python -m cebra_ethan.compat [-m] script.py [arguments]"


def main() -> None:
    """Runs what the command line names as `__main__`, with `cebra` being this package."""
    _, *arguments = sys.argv
    is_module = arguments[:1] == ["-m"]
    target, *rest = arguments[is_module:] or [""]
    if not target or target.startswith("-"):
        sys.exit(USAGE)
    if not is_module and not Path(target).is_file():
        sys.exit(f"a script must be an existing file; {target} is none.\n{USAGE}")
    install()
    sys.argv = [target, *rest]
    if is_module:
        sys.path.insert(0, "")
        runpy.run_module(target, run_name="__main__", alter_sys=True)
        return
    sys.path[0] = str(Path(target).resolve().parent)  # as python does with a script
    runpy.run_path(target, run_name="__main__")


if __name__ == "__main__":
    main()
