"""Programs of a rules file run in a process of their own, each with its time, its memory and its size of text.

A pattern can take longer than the universe is old, and a schema or somebody's function may never end. The process
ends itself where a program takes too long; who waits for it then has a failed judgment, and the next program a new
process. It ends with the one that started it, however that ends.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from rlaif.boundary import told
from rlaif.judging.verifiers import KINDS, Check
from rlaif.records import Prompt

SECONDS = 1.0
"""Of computing, that one of our programs may take for one text."""
PLUGIN_SECONDS = 60.0
"""By the clock, that a function of another package may take: it may have to wait for something."""
MEMORY = 4 * 2**30
LONGEST = 1_000_000
"""Characters of a text that is checked."""
KEPT = 10_000
"""Answers that are remembered: each completion is compared with several others."""
_READY = "ready"


class RuleAnswer(NamedTuple):
    """What a program said of a text, or why it said nothing."""

    holds: bool | None
    failed: str = ""


class RuleProcess:
    """The programs of a file, by their places in it."""

    def __init__(self, rules: Sequence[tuple[str, Any]]) -> None:
        """`rules`: kind and value of each, as `verifiers.KINDS` has them. Starts nothing yet."""
        self._rules = list(rules)
        self._turn = threading.Lock()
        self._child: _RuleChild | None = None
        self._kept: dict[tuple[int, str, str], RuleAnswer] = {}

    def ask(self, place: int, prompt: Prompt, text: str) -> RuleAnswer:
        """The answer of a program (its place) to a prompt and a text, remembered for a while."""
        key = (place, prompt.id, text)
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = self._asked(place, prompt, text)
        return self._kept[key]

    def _asked(self, place: int, prompt: Prompt, text: str) -> RuleAnswer:
        kind, _ = self._rules[place]
        if len(text) > LONGEST:
            return RuleAnswer(
                None, f"ValueError: `{kind}` reads {LONGEST:,} characters at most, not {len(text):,}"
            )
        with self._turn:
            try:
                if self._child is None:
                    self._child = _RuleChild(self._rules)
                return self._child.ask(place, prompt, text)
            except (EOFError, OSError):
                child, self._child = self._child, None
                why = "could not be started" if child is None else child.ended()
                return RuleAnswer(None, f"TimeoutError: `{kind}` {why}")


class _RuleChild:
    """A process that answers, and the line to it."""

    def __init__(self, rules: Sequence[tuple[str, Any]]) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main()"
            self.process = subprocess.Popen(
                [sys.executable, "-c", program], stdin=theirs.fileno(), stdout=subprocess.DEVNULL
            )
            self.line = Connection(ours.detach())
        self._close = weakref.finalize(self, _ended, self.process, self.line)
        self.line.send((rules, PLUGIN_SECONDS))
        if self.line.recv() != _READY:
            raise EOFError

    def ask(self, place: int, prompt: Prompt, text: str) -> RuleAnswer:
        """Its answer. Raises EOFError or OSError where it ended over it."""
        self.line.send((place, prompt, text))
        holds, failed = self.line.recv()
        return RuleAnswer(holds, failed)

    def ended(self) -> str:
        """How it ended, in words."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        code = self.process.poll()
        self._close()
        if code == -signal.SIGPROF:
            return f"took more than {SECONDS:g} s for this text"
        if code == -signal.SIGALRM:
            return f"gave no answer within {PLUGIN_SECONDS:g} s"
        return f"ended its process ({'signal' if (code or 0) < 0 else 'exit code'} {abs(code or 0)})"


def _ended(process: subprocess.Popen[bytes], line: Connection) -> None:
    process.kill()
    process.wait()
    with suppress(OSError):
        line.close()


def main() -> None:
    """What the process does: answers until nobody asks any more."""
    # who is at the terminal interrupts the process that waits, whose end is the end of this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for end in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(end, signal.SIG_DFL)
    line = Connection(os.dup(0))
    with open(os.devnull, "rb") as nothing:
        # a function of another package that reads its input must not read ours
        os.dup2(nothing.fileno(), 0)
    with suppress(ValueError, OSError):  # not every system limits it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with suppress(EOFError, OSError):
        rules: Sequence[tuple[str, Any]]
        rules, patience = line.recv()
        line.send(_READY)
        checks: dict[int, Check] = {}
        while True:
            place, prompt, text = line.recv()
            kind, value = rules[place]
            line.send(_answer(kind, value, checks, place, (prompt, text), patience))


def _answer(
    kind: str, value: Any, checks: dict[int, Check], place: int, asked: tuple[Prompt, str], patience: float
) -> tuple[bool | None, str]:
    plugin = kind == "python"
    try:
        if place not in checks:
            checks[place] = KINDS[kind](value)
        # by the clock for what may wait, by its own computing for what may not: a busy machine fails no text
        signal.setitimer(*((signal.ITIMER_REAL, patience) if plugin else (signal.ITIMER_PROF, SECONDS)))
        try:
            return checks[place](*asked), ""
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
    except BaseException as problem:  # noqa: BLE001 - whatever it raises, exits included, is the failure of this text
        return None, _failure(kind, value if plugin else None, problem)


def _failure(kind: str, plugin: str | None, problem: BaseException) -> str:
    if plugin is None:
        return f"{type(problem).__name__}: `{kind}`: {told(problem)}"
    lines = traceback.extract_tb(problem.__traceback__)
    where = f" ({lines[-1].filename}:{lines[-1].lineno}, in {lines[-1].name})" if lines else ""
    return f"{type(problem).__name__}: rule {plugin!r}: {told(problem)}{where}"
