"""The command line: `cebra-ethan fit | transform | evaluate | info | compare | report | data`.

What goes wrong is one line on standard error and exit code 2; numbers go to standard output,
progress to standard error. Heavy imports wait until a command runs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from .options import COMMANDS
from .parser import UsageError, make_parser, parse

__all__ = ["COMMANDS", "main", "make_parser"]

_BROKEN_PIPE = 141  # 128 + SIGPIPE, what a shell reports of a program that the signal ended
_INTERRUPTED = 130
_WRONG = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: What stands after the program's name; `None` takes `sys.argv`.

    Returns:
        The exit code: 0, 2 for a mistake of the user, 130 when interrupted.

    Example:
        >>> main(["info", "no-such-file.npz"])
        2
    """
    _tolerate_any_locale()
    try:
        command, options = parse(sys.argv[1:] if arguments is None else arguments)
        with warnings.catch_warnings():
            warnings.showwarning = _one_line_warnings()
            for line in _run(command, options):
                print(line)
        sys.stdout.flush()
    except SystemExit as error:  # --help and --version
        return int(error.code or 0)
    except BrokenPipeError:
        # The reader went away. Python would complain once more when it closes standard output.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _complain("interrupted; nothing was written", _INTERRUPTED)
    except UsageError as error:
        return _complain(str(error))
    except Exception as error:
        if not _is_expected(error):
            raise
        return _complain(_describe(error))
    return 0


def _run(command: str, options: SimpleNamespace) -> Any:
    module = importlib.import_module(f".{COMMANDS[command].module}", __package__)
    return getattr(module, f"run_{command}")(options)


def _is_expected(error: Exception) -> bool:
    """Whether an error is about what the user gave, and not a fault of this program."""
    from ..errors import CebraError

    return isinstance(error, CebraError | OSError)


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _complain(message: str, code: int = _WRONG) -> int:
    with contextlib.suppress(OSError):
        print(f"cebra-ethan: {' '.join(message.split())}", file=sys.stderr)
    return code


def _one_line_warnings() -> Callable[..., None]:
    """Returns what shows a warning on one line, and the same line once."""
    shown = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        line = f"cebra-ethan: warning: {' '.join(str(message).split())}"
        if line not in shown:
            print(line, file=sys.stderr)
        shown.add(line)

    return show


def _tolerate_any_locale() -> None:
    """Lets a name that the terminal's encoding lacks be shown escaped and not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
