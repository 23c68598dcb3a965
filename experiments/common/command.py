"""The command that every experiment has: `python -m experiments.NAME.run_experiment`."""

from __future__ import annotations

import argparse
import functools
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from cebra_ethan.errors import CebraError
from cebra_ethan.report.numbers import duration_text
from experiments.common.experiment import Experiment, PartsFailed
from experiments.common.parts import num_cores
from utils import open_run_folder, read_json

__all__ = [
    "CommandParser",
    "UsageError",
    "add_options",
    "changes",
    "end_as_if_interrupted",
    "expected_time",
    "main",
]

FAILED, WRONG, INTERRUPTED = 1, 2, 130


def main(experiment: Experiment, description: str, arguments: Sequence[str] | None = None) -> int:
    """Runs an experiment from the command line.

    What came out is printed; progress and complaints go to standard error, a complaint on one
    line.

    Args:
        experiment: What to run.
        description: Of `--help`, the docstring of `run_experiment.py`.
        arguments: What stands after the program's name; `None` takes `sys.argv`.

    Returns:
        0; 1 if a part failed; 2 for a mistake of the user; 130 when interrupted.
    """
    name = experiment.name
    if arguments is None:
        end_as_if_interrupted()
    try:
        options = _parser(experiment, description).parse_args(arguments)
        config = experiment.config.from_preset(options.preset, **changes(options))
    except (UsageError, ValueError, TypeError) as error:
        return _complain(name, error, WRONG)
    try:
        folder = open_run_folder(name, config, options.out)
        bar = functools.partial(tqdm, file=sys.stderr, dynamic_ncols=True)
        switches = {switch: getattr(options, switch) for switch in experiment.switches}
        print(expected_time(experiment, config, folder, options.jobs), file=sys.stderr)
        experiment.run(config, folder, jobs=options.jobs, progress=bar, **switches)
    except PartsFailed as error:
        return _complain(name, error, FAILED)
    except (CebraError, OSError) as error:
        return _complain(name, error, WRONG)
    except KeyboardInterrupt:
        return _complain(name, "interrupted; the same command with the same --out goes on",
                         INTERRUPTED)  # fmt: skip
    print(experiment.text(read_json(folder / "results.json"), folder))
    return 0


def end_as_if_interrupted() -> None:
    """Makes SIGTERM end the program like Ctrl-C, so that its processes end with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def expected_time(experiment: Experiment, config: Any, folder: Path, jobs: int) -> str:
    """Returns one line: what is left to do, how long it takes, and where."""
    parts = experiment.parts(config, folder)
    left = [part for part in parts if not (folder / "parts" / f"{part.name}.json").exists()]
    line = f"{experiment.name}, preset {config.preset}: {len(left)} of {len(parts)} parts to run"
    minutes = experiment.core_minutes.get(config.preset)
    if minutes is not None and parts:
        usual = experiment.parts(experiment.config.from_preset(config.preset), folder)
        minutes *= len(left) / len(usual) / min(jobs, num_cores())
        cores = min(jobs, num_cores())
        line += f", about {duration_text(60 * minutes)} with {cores} core{'s' * (cores > 1)}"
        line += " (measured on simulated data)" if config.source == "real" else ""
    return f"{line}; {folder}"


class UsageError(Exception):
    """The command line says something that it cannot say."""


class CommandParser(argparse.ArgumentParser):
    """Reads whole flags only, and raises its complaint, so that it can be one line."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raises what `argparse` would print."""
        raise UsageError(f"{message}. See --help.")


def add_options(
    parser: CommandParser, presets: Sequence[str], sources: Sequence[str], out: str
) -> None:
    """Adds what every command of the bench understands.

    Args:
        parser: Of the command.
        presets: What `--preset` may be.
        sources: What `--source` may be.
        out: Help of `--out`.
    """
    parser.add_argument("--source", choices=sources, help="default: simulated")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the recordings; means real")
    parser.add_argument("--preset", choices=presets, default="quick", help="default: quick")
    parser.add_argument("--seeds", type=_positive, metavar="N", help="seeds of whatever draws")
    parser.add_argument("--jobs", type=_positive, metavar="N", default=num_cores(),
                        help="how many things are done at once, default: all cores")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help=out)


def _parser(experiment: Experiment, description: str) -> CommandParser:
    parser = CommandParser(f"python -m experiments.{experiment.name}.run_experiment", description)
    add_options(
        parser,
        tuple(experiment.config.PRESETS),
        tuple(experiment.config.SOURCES),
        "run folder; a run there is finished",
    )
    for switch, meaning in experiment.switches.items():
        parser.add_argument(f"--{switch.replace('_', '-')}", action="store_true", help=meaning)
    return parser


def changes(options: argparse.Namespace) -> dict[str, Any]:
    """Returns what the options of `add_options` say of a configuration, beside its preset."""
    found: dict[str, Any] = {"source": options.source or "simulated"}
    if options.data_root is not None:
        found = {"source": options.source or "real", "data_root": options.data_root}
    if options.seeds is not None:
        found["num_seeds"] = options.seeds
    return found


def _positive(word: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive number; got {word!r}")
    return int(word)


def _complain(name: str, message: object, code: int) -> int:
    print(f"{name}: {' '.join(str(message).split())}", file=sys.stderr)
    return code
