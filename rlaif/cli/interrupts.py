"""SIGINT of a command: the first stops it cleanly, a second one at once."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


@contextmanager
def interruptible() -> Iterator[None]:
    """The first SIGINT raises KeyboardInterrupt, so that what has arrived is kept; a second one ends the process.

    What is committed stays whole either way. Where somebody else handles the signal, nothing is changed.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def leave() -> NoReturn:
    """End this process as interrupted, while a second SIGINT still ends it with the same code.

    An interpreter that shuts down by itself gives signals back to the system first: one that comes then would kill it.
    """
    signal.signal(signal.SIGINT, _second)
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _first(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _second)
    raise KeyboardInterrupt


def _second(number: int, frame: FrameType | None) -> None:
    # no cleaning up: whatever takes too long is what the user does not wait for
    os.write(2, b"stopped at once; what was committed is kept, the same command goes on\n")
    os._exit(INTERRUPTED)
