"""The edge to the terminal: no text of a model, a file or a library moves a cursor, sets a title or hides a word.

Whatever is printed goes through a `Screen`, which writes control characters as escapes; bars and colours are drawn
past it, and what they show has been through `printable`. Files and pipes get results exactly as they are.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from rlaif.boundary import disk_failure
from rlaif.errors import DiskError

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 but line feed and tab, delete, C1, and what turns the direction of a text."""


def printable(text: str) -> str:
    """`text` with each control character as `\\u001b`, which JSON reads as the character again."""
    if text.isprintable():
        return text
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


_FIRST = "loading ..."
_ERASE = "\r\x1b[K"
_waiting: list[TextIO] = []
"""The terminal on which the first word still stands, until anything else is printed."""


def first_word() -> None:
    """Show whoever looks at a terminal that the command has begun: what it needs takes a while to be loaded."""
    stream = sys.stderr
    if stream is not None and _is_terminal(stream) and os.environ.get("TERM") != "dumb":
        with suppress(OSError, ValueError):
            stream.write(_FIRST)
            stream.flush()
            _waiting.append(stream)


def forget_first_word() -> None:
    """Take the first word away, where it still stands."""
    while _waiting:
        stream = _waiting.pop()
        with suppress(OSError, ValueError):
            stream.write(_ERASE)
            stream.flush()


class Screen:
    """A text stream in place of `sys.stdout` or `sys.stderr`.

    It has no `buffer`: nobody gets past it by chance.
    """

    def __init__(self, stream: TextIO, *, exact: bool, needed: bool) -> None:
        """Take the place of `stream`.

        Args:
            stream: what is written to.
            exact: whether it gets every character as it is.
            needed: whether a failure ends the command; else what cannot be written is lost.
        """
        self.raw = stream
        self._exact = exact
        self._needed = needed
        self._broken = False

    def write(self, text: str | bytes) -> int:
        """Write a text. Raises DiskError where the stream takes no more, BrokenPipeError where nobody reads it.

        Bytes are read as UTF-8: so click writes what a shell completes.
        """
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        if text != "":  # a device may refuse even nothing, with which click asks whether this takes text
            if _waiting:
                forget_first_word()
            self._told(self.raw.write, text if self._exact else printable(text))
        return len(text)

    def flush(self) -> None:
        """Write what is held back. Raises as `write`."""
        self._told(self.raw.flush)

    def writelines(self, lines: Any) -> None:
        """Write texts, one after another."""
        for each in lines:
            self.write(each)

    def _told(self, write: Callable[..., Any], *given: str) -> None:
        if self._broken:  # said once; the interpreter flushes again as it ends
            return
        try:
            write(*given)
        except (OSError, ValueError) as problem:
            self._broken = True
            _let_go(self.raw)
            if not self._needed:
                return
            if isinstance(problem, BrokenPipeError):
                raise
            reason = disk_failure(problem) or f"cannot be written ({problem}); redirect it elsewhere"
            raise DiskError("standard output", reason) from problem

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach"):
            raise AttributeError(name)
        return getattr(self.raw, name)


@contextmanager
def screened() -> Iterator[None]:
    """Inside, `sys.stdout` and `sys.stderr` are screens."""
    before = sys.stdout, sys.stderr
    put_screens()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def put_screens() -> None:
    """From now on `sys.stdout` and `sys.stderr` are screens: stdout escapes where it is a terminal, stderr always."""
    sys.stdout = Screen(sys.stdout, exact=not _is_terminal(sys.stdout), needed=True)
    sys.stderr = Screen(sys.stderr, exact=False, needed=False)


def open_streams() -> None:
    """Give this process the standard streams that it was started without.

    The next file to be opened would get the number of a closed one, and what is printed would land in it.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    while nowhere <= 2:
        nowhere = os.open(os.devnull, os.O_RDWR)
    os.close(nowhere)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def console(stream: Any = None) -> Console:
    """What draws bars and colours on stderr or `stream`, past the screen: everything shown must be `printable`."""
    from rich.console import Console

    stream = stream or sys.stderr
    while isinstance(stream, Screen):
        stream = stream.raw
    return Console(file=stream)


@contextmanager
def drawn(bars: AbstractContextManager[Any]) -> Iterator[None]:
    """Show rich's bars inside; what is printed meanwhile appears above them, and through a screen as ever."""
    forget_first_word()
    with bars, screened():
        yield


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _let_go(stream: TextIO) -> None:
    """Let what the stream still holds back go nowhere: the interpreter would try again as it ends, and complain."""
    with suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()
        if number in (1, 2):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
