"""Signals that end a command: the first stops it cleanly, a second one at once."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # as in typing, which takes its time
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn, Self

INTERRUPTED = 130
SAID = "interrupted; what is finished is kept, the same command goes on"
_ASKED = [signal.SIGTERM, *(getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name))]
"""Beside SIGINT: what a scheduler, a service or a terminal that is closed sends."""


class Interruption:
    """Inside, the first SIGINT raises KeyboardInterrupt, so that what has come is kept; a second one ends the process.

    What is committed stays whole either way. Where somebody else handles the signal, nothing is changed.
    """

    def __init__(self, *, process: bool = False) -> None:
        """`process`: the whole process is ours. SIGTERM and SIGHUP do the same, and all stays as it is afterwards."""
        self.come = False
        """Whether a signal has come."""
        self._process = process
        self._taken: list[tuple[int, Any]] = []

    def __enter__(self) -> Self:
        if self._process:
            sys.unraisablehook = self._hook(sys.unraisablehook)
            for each in _ASKED:
                self._take(each, signal.SIG_DFL)
        self._take(signal.SIGINT, signal.default_int_handler)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._process:
            for number, before in self._taken:
                signal.signal(number, before)

    def _take(self, number: int, usual: Any) -> None:
        if signal.getsignal(number) is usual:
            try:
                signal.signal(number, self._first)
            except ValueError:  # not the main thread, which alone may
                return
            self._taken.append((number, usual))

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.come = True
        for each, _ in self._taken:
            signal.signal(each, _second)
        raise KeyboardInterrupt

    def _hook(self, before: Any) -> Any:
        """For errors that nobody can catch: silent about those that are the interruption itself."""

        def told(problem: Any) -> None:
            if not (self.come and issubclass(problem.exc_type, KeyboardInterrupt)):
                before(problem)

        return told


def done(code: int) -> None:
    """The command has said its last word: whatever signal comes while the interpreter shuts down changes nothing."""
    for each in (signal.SIGINT, *_ASKED):
        if callable(signal.getsignal(each)):
            signal.signal(each, lambda number, frame: os._exit(code))


def leave() -> NoReturn:
    """End this process as interrupted, while a second signal still ends it with the same code.

    An interpreter that shuts down by itself gives signals back to the system first: one that comes then would kill it.
    """
    import atexit

    signal.signal(signal.SIGINT, _second)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _second(number: int, frame: FrameType | None) -> None:
    # no cleaning up: whatever takes too long is what the user does not wait for
    os.write(2, b"stopped at once; what was committed is kept, the same command goes on\n")
    os._exit(INTERRUPTED)
