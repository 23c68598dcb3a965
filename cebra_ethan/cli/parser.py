"""What the commands accept, with help that teaches.

`PARAMETERS` is the face of the estimator: every parameter of `CEBRA` that a file can hold, under
its own name; `tests/test_cli.py` compares both. Standing here, `--help` needs no torch.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal, NoReturn

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter

from .config_file import check_config

__all__ = ["COMMANDS", "PARAMETERS", "Option", "UsageError", "make_parser", "parse"]


class UsageError(Exception):
    """The command line or the configuration file says something that it cannot say."""


@dataclass(frozen=True)
class Option:
    """One flag, which is also one key of the configuration file.

    Args:
        name: With underscores, as in YAML; the flag has dashes.
        type: What jsonargparse checks.
        default: Its value where nothing is said.
        help: One or two lines.
        many: Whether it takes several values.
    """

    name: str
    type: Any
    default: Any
    help: str
    many: bool = False


_CONDITIONAL = Literal["time", "time_delta", "delta_normal", "delta", "discrete"]

PARAMETERS = (
    Option("model_architecture", str, "offset10-model", "encoder: offset1-model sees one bin, "
           "offset10-model ten; any offset{n}-model with n >= 3"),
    Option("device", str, "cuda_if_available", "cpu, cuda, cuda:1 or mps"),
    Option("criterion", Literal["infonce", "focal", "nce"], "infonce", "loss"),
    Option("distance", Literal["cosine", "euclidean"], "cosine", "similarity of two points"),
    Option("conditional", _CONDITIONAL | None, None, "what makes a positive pair; what "
           "suits the labels if not given"),
    Option("temperature", float, 1.0, "divides similarities; the start value if learned"),
    Option("temperature_mode", Literal["constant", "auto"], "constant", "auto learns it"),
    Option("min_temperature", float | None, 0.1, "lower bound of a learned temperature"),
    Option("time_offsets", int, 1, "time bins between a reference and its positive"),
    Option("delta", float | None, None, "width for delta_normal, in the label's unit"),
    Option("max_iterations", int, 10000, "training steps"),
    Option("max_adapt_iterations", int, 500, "training steps when adapting"),
    Option("batch_size", int | None, 512, "references of a step; null takes every bin"),
    Option("learning_rate", float, 3e-4, "step size of the optimiser"),
    Option("optimizer", Literal["adam", "adamw"], "adam", "optimiser"),
    Option("output_dimension", int, 8, "dimensions of the embedding"),
    Option("verbose", bool | None, None, "progress bar; if not given, only on a terminal"),
    Option("num_hidden_units", int, 32, "width of the hidden layers"),
    Option("pad_before_transform", bool, True, "repeat the ends, so that every bin has a point"),
    Option("hybrid", bool, False, "learn behaviour and time together"),
    Option("optimizer_kwargs", dict[str, Any], {}, "further arguments of the optimiser"),
    Option("masking_kwargs", dict[str, Any] | None, None, "random masks"),
    Option("random_state", int | None, 0, "seed: the same seed, the same embedding"),
    Option("early_stopping", bool | dict[str, Any], False, "true, or a mapping with patience, "
           "min_delta, fraction, every"),
    Option("num_negatives", int | None, None, "negatives of each reference; null shares"),
    Option("augmentation", dict[str, Any] | None, None, "mapping of augmentation to strength"),
    Option("scheduler", Literal["linear", "cosine", "one-cycle"] | None, None, "learning rate"),
    Option("causal", bool, False, "let no point depend on the future"),
    Option("prior", Literal["empirical", "uniform"] | None, None, "how references are drawn"),
)  # fmt: skip
"""Defaults are those of `CEBRA`, but encoder, batch, seed and progress suit a first try."""

_RECORDING = (
    Option("neural", str | None, None, "name of the activity in the file, if it is not found"),
    Option("labels", str, None, "names of labels: positive pairs are similar in them", many=True),
    Option("continuous", str, None, "those of them to compare as numbers: integers by value, "
           "several columns as they are, words as one-hot columns", many=True),
    Option("circular", str, None, "circular labels with their period, as heading=360", many=True),
    Option("trial", str | None, None, "name of the trial of each bin; windows stay inside one"),
    Option("bin_s", float | None, None, "width of a time bin in seconds"),
)  # fmt: skip

_OUT = (
    Option("overwrite", bool, False, "replace what is there"),
)  # fmt: skip

_FIT = (
    *_RECORDING,
    Option("out", str | None, None, "run folder to make; runs/fit-NAME-DATE if not given"),
    *_OUT,
    Option("test_fraction", float | None, None, "hold out this share of time at the end, and "
           "print how well labels are decoded from it"),
    *PARAMETERS,
)  # fmt: skip

_TRANSFORM = (
    _RECORDING[0],
    *_RECORDING[4:],
    Option("out", str | None, None, "embedding to write: .npy, .npz or .csv"),
    *_OUT,
    Option("device", str, "cuda_if_available", "cpu, cuda, cuda:1 or mps"),
)

_EVALUATE = (
    *_RECORDING,
    Option("test_fraction", float, 0.2, "share of time at the end that tests the decoder"),
    Option("shuffles", int, 100, "label shuffles of the permutation test"),
    Option("out", str | None, None, "JSON file for the numbers"),
    *_OUT,
    Option("device", str, "cuda_if_available", "cpu, cuda, cuda:1 or mps"),
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """One verb: what it does, examples, positional arguments and options."""

    summary: str
    examples: str
    positional: tuple[tuple[str, str], ...]
    options: tuple[Option, ...]


COMMANDS: dict[str, Command] = {
    "fit": Command(
        "Trains CEBRA on a recording and writes a run folder.",
        """
        A recording is any file that cebra-ethan reads: .npz, .npy, .csv, .h5, .nwb. `cebra-ethan
        info FILE` shows which labels it holds. Without --labels, nearby times are similar.

        examples:
          cebra-ethan fit rat.npz --labels position --output-dimension 3 --time-offsets 10
          cebra-ethan fit rat.npz --labels position direction --continuous direction \\
              --test-fraction 0.2 --max-iterations 5000 --out run/
          cebra-ethan fit rat.npz --config run/config.yaml --random-state 1 --out run-1/

        The run folder holds config.yaml, checkpoint.ckpt, history.csv, embedding.npy and
        provenance.json; it appears when everything in it is complete. Flags win over --config.
        """,
        (("recording", "the recording"),),
        _FIT,
    ),
    "transform": Command(
        "Embeds a recording with a trained model.",
        """
        examples:
          cebra-ethan transform run/ rat.npz --out embedding.npy
          cebra-ethan transform run/checkpoint.ckpt rat.npz --out embedding.csv

        One row for each time bin. The neurons must be those the model was trained on.
        """,
        (("checkpoint", "a checkpoint, or a run folder"), ("recording", "the recording")),
        _TRANSFORM,
    ),
    "evaluate": Command(
        "Says how good an embedding is: goodness of fit, and decoding beside chance.",
        """
        examples:
          cebra-ethan evaluate run/ other-day.npz --labels position
          cebra-ethan evaluate run/ rat.npz --shuffles 500 --out scores.json

        Goodness of fit is in bits; 0 is chance. The decoder (nearest neighbours) is fitted on the
        first part of the recording and tested on the last, beside chance, shuffled labels and the
        same decoder on the counts themselves. Labels are those of training if none are named.
        """,
        (("checkpoint", "a checkpoint, or a run folder"), ("recording", "the recording")),
        _EVALUATE,
    ),
    "info": Command(
        "Shows what a checkpoint, a run folder or a recording is; on nothing, what is installed.",
        """
        examples:
          cebra-ethan info
          cebra-ethan info rat.npz
          cebra-ethan info run/checkpoint.ckpt
        """,
        (("path", "a checkpoint, a run folder or a recording"),),
        _RECORDING[:1] + _RECORDING[4:],
    ),
}


def make_parser() -> Any:
    """Returns the parser of all commands."""
    parser = _Parser(
        prog="cebra-ethan",
        description=_paragraphs(
            """
            Consistent embeddings of neural recordings (CEBRA). Start with

              cebra-ethan info rat.npz
              cebra-ethan fit rat.npz --labels position --output-dimension 3 --out run/
              cebra-ethan evaluate run/ rat.npz

            and read `cebra-ethan fit --help`.
            """
        ),
        formatter_class=_Formatter,
        version=_version(),
    )
    commands = parser.add_subcommands(required=True, dest="command", metavar="command")
    for name, command in COMMANDS.items():
        commands.add_subcommand(name, _command_parser(name, command), help=command.summary)
    return parser


def parse(arguments: Sequence[str]) -> tuple[str, SimpleNamespace]:
    """Returns the command and its options; a configuration file gives what flags do not say.

    Raises:
        UsageError: With one line that says what is wrong.
    """
    words = [_with_dashes(word) for word in arguments]
    if not words or words[0] not in COMMANDS:
        if words and not words[0].startswith("-"):
            raise UsageError(
                f"a command must be one of {', '.join(COMMANDS)}; got {words[0]!r}. "
                "See cebra-ethan --help."
            )
        make_parser().parse_args(words or ["--help"])
        raise UsageError(f"a command must be given, one of {', '.join(COMMANDS)}.")
    name, *rest = words
    command = COMMANDS[name]
    options = _parse_command(_command_parser(name, command), name, rest)
    if options.config is not None:
        from_file = check_config(options.config, command.options, _check_value, UsageError)
        parser = _command_parser(name, command)
        parser.set_defaults(from_file)
        options = _parse_command(parser, name, rest)
    for place, _ in command.positional:
        if getattr(options, place) is None and name != "info":
            raise UsageError(
                f"{name} needs a {place}; none was given. See cebra-ethan {name} --help."
            )
    return name, options


class _Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and keeps the line breaks of the examples."""


class _Parser(ArgumentParser):
    """A parser that raises its complaint, so that it can be one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UsageError(message)


def _command_parser(name: str, command: Command) -> _Parser:
    parser = _Parser(
        prog=f"cebra-ethan {name}",
        description=f"{command.summary}\n{_paragraphs(command.examples)}",
        formatter_class=_Formatter,
        default_env=False,
        usage=f"cebra-ethan {name} {' '.join(place for place, _ in command.positional)} [options]",
    )
    for place, meaning in command.positional:
        parser.add_argument(place, type=str | None, nargs="?", default=None, help=meaning)
    parser.add_argument(
        "--config", type=str | None, default=None, metavar="YAML",
        help="file with any of these options; flags win",
    )  # fmt: skip
    training = parser.add_argument_group("training, the parameters of CEBRA")
    for option in command.options:
        _add(training if option in PARAMETERS else parser, option)
    return parser


def _add(parser: Any, option: Option) -> None:
    flag = "--" + option.name.replace("_", "-")
    if option.many:
        parser.add_argument(
            flag, type=option.type, nargs="+", default=option.default, metavar="NAME",
            help=option.help,
        )  # fmt: skip
        return
    metavar = None if option.type in (bool,) or "Literal" in str(option.type) else "VALUE"
    parser.add_argument(
        flag, type=option.type, default=option.default, help=option.help, metavar=metavar
    )


def _parse_command(parser: _Parser, name: str, words: Sequence[str]) -> SimpleNamespace:
    try:
        return SimpleNamespace(**vars(parser.parse_args(list(words))))
    except (UsageError, ArgumentError) as error:
        raise UsageError(f"{name}: {_plain(str(error))} See cebra-ethan {name} --help.") from None


def _check_value(option: Option, value: Any) -> Any:
    """Returns a value of a configuration file as its option wants it.

    Raises:
        UsageError: If the type is wrong.
    """
    parser = _Parser()
    _add(parser, option)
    try:
        return getattr(parser.parse_object({option.name: value}), option.name)
    except (UsageError, ArgumentError, TypeError, ValueError):
        raise UsageError(f"{option.name} must be {_type_name(option)}; got {value!r}") from None


def _plain(message: str) -> str:
    """Returns a complaint of jsonargparse in the words of this program."""
    found = re.search(r'key "(\w+)":\s+Expected an? (.*)\. Got value: (.*)', message, re.DOTALL)
    if not found:
        return message.rstrip(".") + "."
    key, kind, value = found.groups()
    kind = re.sub(r"<class '(\w+)'>", r"\1", kind).replace("typing.", "")
    return f"--{key.replace('_', '-')} must be {kind}; got {value.strip()!r}."


def _type_name(option: Option) -> str:
    name = getattr(option.type, "__name__", None) if isinstance(option.type, type) else None
    name = (name or str(option.type)).replace("typing.", "")
    return f"a list of {name}" if option.many else name


def _with_dashes(word: str) -> str:
    """Lets the names of Python and YAML be flags too: --output_dimension."""
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value


def _paragraphs(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("cebra-ethan")
    except metadata.PackageNotFoundError:
        return "not installed"
