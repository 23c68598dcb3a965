"""Signals that end a training between two steps, not inside one."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from .train import Losses

__all__ = ["EXIT_CODE", "Interrupts", "preparing"]

log = logging.getLogger(__name__)

EXIT_CODE = 143
"""Of a program whose training `SIGTERM` or `SIGUSR1` ended; 128 + 15, one code for both."""

_Handler = Callable[[int, FrameType | None], Any] | int | None


def _end_at_once(number: int, frame: FrameType | None) -> None:
    log.warning("training was ended by %s before its first step", signal.Signals(number).name)
    raise SystemExit(EXIT_CODE)


_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler, _end_at_once)


@contextmanager
def preparing(logdir: object) -> Iterator[None]:
    """Lets `SIGTERM` and `SIGUSR1` end a program with 143 while its training is prepared.

    To check data and to build an index over a long recording takes a while, in which there is
    nothing to save; what started the program learns all the same that it may be run again. A
    training inside has its own way, `Interrupts`. A program's own handlers stay.

    Args:
        logdir: Where checkpoints will be; without, signals act as ever.

    Example:
        >>> try:
        ...     with preparing("runs/first"):
        ...         signal.raise_signal(signal.SIGTERM)
        ... except SystemExit as error:
        ...     print(error.code)
        143
    """
    before: dict[int, _Handler] = {}
    if logdir is not None and threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGUSR1"):
            number = getattr(signal, name, None)  # Windows has no SIGUSR1
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, _end_at_once)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interrupts:
    """Holds signals back while a training runs, and ends it after the step in which one came.

    A callback for the loop, used around it as a context: the step ends, all callbacks see it and
    finish, which writes the checkpoint, the former handlers come back, and then `SIGINT` (Ctrl-C)
    raises `KeyboardInterrupt`, `SIGTERM` and `SIGUSR1` raise `SystemExit(143)`. Job schedulers
    send the latter two before they take a machine away (Slurm: `--signal=USR1@60`); the job that
    is run next continues with `resume=True`. A second Ctrl-C raises `KeyboardInterrupt` at once.

    A program that has a handler of its own for one of these signals, or ignores it, keeps it.
    Outside the main thread, where Python delivers no signals, nothing is changed.

    Args:
        checkpoint: Where the checkpoint will be; without, `SIGTERM` and `SIGUSR1` act as ever.

    Attributes:
        received: The signal that came, or `None`.
        reason: What the loop was told to stop it, or `None`.

    Example:
        >>> try:
        ...     with Interrupts() as interrupts:
        ...         signal.raise_signal(signal.SIGINT)
        ...         print(interrupts.after_step(7, {}))
        ... except KeyboardInterrupt as error:
        ...     print(error)
        SIGINT came by step 7
        training was ended by SIGINT after step 7
    """

    def __init__(self, checkpoint: Path | None = None) -> None:
        self.checkpoint = checkpoint
        self.received: int | None = None
        self.reason: str | None = None
        self._step: int | None = None
        self._before: dict[int, _Handler] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        for name in ("SIGINT", "SIGTERM", "SIGUSR1"):  # no Ctrl-C comes between the two others
            if not hasattr(signal, name):  # Windows has no SIGUSR1
                continue
            number = getattr(signal, name)
            before = signal.getsignal(number)
            wanted = number == signal.SIGINT or self.checkpoint is not None
            if (wanted and before in _DEFAULTS) or _outer(before) is not None:
                self._before[number] = before
                signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in reversed(self._before.items()):
            outer = _outer(before)
            if outer is not None and outer.received is None:
                outer.received = self.received  # the training around this one ends as well
            signal.signal(number, before)
        if self.received is None or isinstance(error, (KeyboardInterrupt, SystemExit)):
            return
        where = "" if self._step is None else f" after step {self._step}"
        text = f"training was ended by {signal.Signals(self.received).name}{where}"
        if self.checkpoint is not None:
            text += f"; resume=True continues from {self.checkpoint}"
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt(text)
        log.warning("%s", text)
        raise SystemExit(EXIT_CODE)

    def after_step(self, step: int, losses: Losses) -> str | None:
        """Ends the training if a signal came."""
        self._step = step
        if self.received is not None:
            self.reason = f"{signal.Signals(self.received).name} came by step {step}"
        return self.reason

    def finish(self) -> None:
        """Has nothing to do; what was received is raised when the context ends."""

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = number == signal.SIGINT and self.received is not None
        if self.received in (None, signal.SIGINT):  # one that ends the program comes first
            self.received = number
        if again:
            raise KeyboardInterrupt("the second Ctrl-C")


def _outer(handler: _Handler) -> Interrupts | None:
    """Returns whose method a handler is, if it is one of ours."""
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, Interrupts) else None
