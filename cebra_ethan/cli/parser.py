"""From the words of the command line to checked options, or one line that says what is wrong."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter

from .config_file import check_config
from .options import COMMANDS, PARAMETERS, Command, Option, Positional

__all__ = ["UsageError", "make_parser", "parse"]


class UsageError(Exception):
    """The command line or the configuration file says something that it cannot say."""


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
    for place in command.positional:
        value = getattr(options, place.name)
        if place.is_needed and not value:
            what = place.name if place.is_many else _with_article(place.name)
            raise UsageError(
                f"{name} needs {what}; none was given. See cebra-ethan {name} --help."
            )
        if place.choices and value not in place.choices:
            raise UsageError(
                f"{name}: {place.name} must be {' or '.join(place.choices)}; got {value!r}. "
                f"See cebra-ethan {name} --help."
            )
    return name, options


class _Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and keeps the line breaks of the examples."""


class _Parser(ArgumentParser):
    """Reads whole flags only, and raises its complaint, so that it can be one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UsageError(message)


def _command_parser(name: str, command: Command) -> _Parser:
    parser = _Parser(
        prog=f"cebra-ethan {name}",
        description=f"{command.summary}\n{_paragraphs(command.examples)}",
        formatter_class=_Formatter,
        default_env=False,
        usage=f"cebra-ethan {name} {' '.join(map(_place, command.positional))} [options]",
    )
    for place in command.positional:
        if place.is_many:
            parser.add_argument(place.name, type=str, nargs="*", default=[], help=place.help)
        else:
            parser.add_argument(
                place.name, type=str | None, nargs="?", default=None, help=place.help
            )
    parser.add_argument(
        "--config", type=str | None, default=None, metavar="YAML",
        help="file with any of these options; flags win",
    )  # fmt: skip
    training = parser.add_argument_group("training, the parameters of CEBRA")
    for option in command.options:
        _add(training if option in PARAMETERS else parser, option)
    return parser


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _place(place: Positional) -> str:
    return f"{place.name} ..." if place.is_many else place.name


def _add(parser: Any, option: Option) -> None:
    flag = _flag(option)
    if option.is_switch:
        parser.add_argument(flag, action="store_true", help=option.help)
        return
    if option.many:
        parser.add_argument(
            flag, type=option.type, nargs="+", default=option.default, metavar=option.many,
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
        flags = ["--config", *map(_flag, COMMANDS[name].options)]
        complaint = _plain(str(error), flags)
        raise UsageError(f"{name}: {complaint} See cebra-ethan {name} --help.") from None


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


def _plain(message: str, flags: Sequence[str]) -> str:
    """Returns a complaint of jsonargparse in the words of this program."""
    unknown = re.search(r"unrecognized arguments: (--[\w-]+)", message)
    if unknown:
        near = [flag for flag in flags if flag.startswith(unknown[1])]
        near = near or difflib.get_close_matches(unknown[1], flags, n=1)
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        return message.rstrip(".") + hint
    found = re.search(r'key "(\w+)":\s+Expected an? (.*)\. Got value: (.*)', message, re.DOTALL)
    if not found:
        return message.rstrip(".") + "."
    key, kind, value = found.groups()
    kind = re.sub(r"<class '(\w+)'>", r"\1", kind).replace("typing.", "")
    return f"--{key.replace('_', '-')} must be {kind}; got {value.strip()!r}."


def _flag(option: Option) -> str:
    return "--" + option.name.replace("_", "-")


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
