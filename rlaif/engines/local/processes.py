"""More processes of this machine that hold a command's models, so that cores which would idle answer waves too.

A shard of requests is a wave, whole: whoever answers it runs the batch that this process would run alone. A process
that dies is started anew a few times; what it had in hand is answered here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.local.load import pick_device
from rlaif.engines.local.process_worker import READY, Changed, Errand, Opening, WorkerTask
from rlaif.engines.weights import WEIGHTS
from rlaif.errors import ModelError

RESTARTS = 4
"""How often a process that died is started anew."""
MOST = 4
"""Processes that a command takes unless it is told, itself counted."""
SMALL = 1 << 29
"""Bytes of weights up to which it does."""
AFTER = 512
"""Calls that a command has made before it takes more processes: each needs seconds of a core to start."""
_THREADS = "OMP_NUM_THREADS"


@dataclass(eq=False, slots=True)
class ProcessShard:
    """Requests that somebody answers together, or an errand."""

    task: WorkerTask | Errand
    finished: SimpleQueue[ProcessShard]
    """Where it is put when it is answered, or cannot be."""
    replies: list[Any] | None = None
    """None until they are there, and where the process that had it died or failed."""
    changed: bool = False
    """Whether the model's directory holds another model by now."""

    def take_in(self, answer: list[Any] | Changed | None) -> None:
        """Hand it back."""
        self.replies = answer if isinstance(answer, list) else None
        self.changed = isinstance(answer, Changed)
        self.finished.put(self)


@dataclass(eq=False, slots=True)
class _Shared:
    """What the threads that serve processes share; none holds on to whoever started them."""

    waiting: deque[ProcessShard] = field(default_factory=deque)
    turn: threading.Condition = field(default_factory=threading.Condition)
    children: list[_Child] = field(default_factory=list)
    closed: bool = False


class Processes:
    """So many processes beside this one; none is started before `after` calls were made."""

    def __init__(self, count: int, *, after: int = 0) -> None:
        self.count = count
        self._after = after
        self._calls = 0
        self._shared: _Shared | None = None
        self._kept: dict[str, int] = {}
        self._end: Any = None

    @property
    def ready(self) -> int:
        """How many are there to answer."""
        return 0 if self._shared is None else sum(each.ready for each in self._shared.children)

    @property
    def pids(self) -> list[int]:
        """Process ids of those that run."""
        return [] if self._shared is None else [each.process.pid for each in self._shared.children]

    def hold(self, fingerprint: str) -> None:
        """A model of this fingerprint is in use."""
        self._kept[fingerprint] = self._kept.get(fingerprint, 0) + 1

    def let_go(self, fingerprint: str) -> None:
        """It no longer is; with the last one the processes end, as they hold nothing that is needed."""
        if (users := self._kept.pop(fingerprint, 1)) > 1:
            self._kept[fingerprint] = users - 1
        if not self._kept:
            self.close()

    def count_calls(self, calls: int) -> None:
        """Calls are about to be made; starts the processes if they are worth it by now."""
        self._calls += calls
        if self._calls > self._after and self._shared is None:
            self._start()

    def submit(
        self, opening: Opening, verb: str, requests: Sequence[Any], to: SimpleQueue[ProcessShard]
    ) -> ProcessShard:
        """Let whoever is free first answer; it comes out of `to`."""
        return self._put(WorkerTask(opening, verb, requests, frozenset(self._kept)), to)

    def call(
        self, call: Callable[..., Any], given: tuple[Any, ...], to: SimpleQueue[ProcessShard]
    ) -> ProcessShard:
        """Let whoever is free first call a function of a module; what it gives is the one reply."""
        import torch

        return self._put(Errand(call, given, os.getcwd(), torch.get_num_threads()), to)

    def _put(self, task: WorkerTask | Errand, to: SimpleQueue[ProcessShard]) -> ProcessShard:
        assert self._shared is not None
        shard = ProcessShard(task, to)
        with self._shared.turn:
            self._shared.waiting.append(shard)
            self._shared.turn.notify()
        return shard

    def take_back(self, to: SimpleQueue[ProcessShard]) -> ProcessShard | None:
        """The oldest shard of those that come out of `to` which nobody has begun; it is the caller's now."""
        if self._shared is None:
            return None
        with self._shared.turn:
            found = next((each for each in self._shared.waiting if each.finished is to), None)
            if found is not None:
                self._shared.waiting.remove(found)
            return found

    def close(self) -> None:
        """End the processes. Another call starts them again."""
        if self._end is not None:
            self._end()
        self._shared = self._end = None

    def _start(self) -> None:
        self._shared = _Shared()
        # also where nobody closes: a process that is not needed must not stay
        self._end = weakref.finalize(self, _close, self._shared)
        for _ in range(self.count):
            threading.Thread(target=_serve, args=(self._shared,), name="rlaif-process", daemon=True).start()


class Beside:
    """One model on the processes."""

    def __init__(self, processes: Processes, name: str, fingerprint: str, options: Mapping[str, Any]) -> None:
        import torch

        self.processes = processes
        self.opening = Opening(name, fingerprint, dict(options), os.getcwd(), torch.get_num_threads())

    def submit(self, verb: str, requests: Sequence[Any], to: SimpleQueue[ProcessShard]) -> ProcessShard:
        """Hand a wave over; it comes out of `to`."""
        return self.processes.submit(self.opening, verb, requests, to)


class _Child:
    """A process and the line to it."""

    def __init__(self) -> None:
        self.ready = False
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _program()],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                # what libraries chatter there, this process has said already
                stderr=subprocess.DEVNULL,
            )
            self.line = Connection(ours.detach())

    def greet(self) -> None:
        """Wait until it can be asked."""
        if self.line.recv() != READY:
            raise EOFError
        self.ready = True

    def ask(self, task: WorkerTask | Errand) -> Any:
        """Its answer. Raises EOFError or OSError where it died."""
        self.line.send(task)
        return self.line.recv()

    def end(self) -> None:
        """End the process; whoever waits for its answer hears that there is none. For any thread."""
        self.ready = False
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End it, and let go of the line: for the thread that serves it alone.

        Were two threads to close the line, the second could close a file of somebody else's that got its number.
        """
        self.end()
        with suppress(OSError):
            self.line.close()


def workers_for(directory: Path, device: str, device_map: str | None) -> int:
    """How many processes answer for a model unless somebody says so, this one counted.

    Several only for a small model on a CPU, where OMP_NUM_THREADS leaves cores that this process does not use.
    """
    threads = os.environ.get(_THREADS, "")
    if not threads.isdecimal() or int(threads) < 1 or device_map is not None:
        return 1
    if _weight_bytes(directory) > SMALL or pick_device(device) != "cpu":
        return 1
    return max(1, min(MOST, _cores() // int(threads)))


def _cores() -> int:
    """Those that this process may use."""
    may = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(may(0)) if may is not None else os.cpu_count() or 1


def accelerated() -> bool:
    """Whether models are trained on an accelerator here, which two processes would share."""
    import torch

    return bool(torch.accelerator.is_available())


def changed(name: str) -> ModelError:
    """The error for a directory whose model is another one than when the command began."""
    return ModelError(
        f"{name}: its files have changed since this command opened it; put the old ones back, or start another run"
    )


def _weight_bytes(directory: Path) -> int:
    places = filter(None, (directory, adapter_base(directory)))
    return sum(path.stat().st_size for place in places for path in place.iterdir() if path.suffix in WEIGHTS)


def _program() -> str:
    # the paths of this interpreter, whichever way they came about; no `__main__` of the user's is run again
    return (
        f"import sys; sys.path[:] = {sys.path!r}; from rlaif.engines.local.process_worker import main; main()"
    )


def _serve(shared: _Shared) -> None:
    """Keep one process busy: give it shards, hand their answers back, replace it where it dies."""
    for _ in range(1 + RESTARTS):
        child = _Child()
        with shared.turn:
            shared.children.append(child)
        shard = None
        try:
            child.greet()
            while (shard := _next(shared)) is not None:
                shard.take_in(child.ask(shard.task))
        except (EOFError, OSError):
            if shard is not None:
                shard.take_in(None)
        _remove(shared, child)
        if shared.closed:
            return


def _next(shared: _Shared) -> ProcessShard | None:
    with shared.turn:
        while not shared.waiting and not shared.closed:
            shared.turn.wait()
        return None if shared.closed else shared.waiting.popleft()


def _remove(shared: _Shared, child: _Child) -> None:
    with shared.turn:
        if child in shared.children:
            shared.children.remove(child)
    child.close()


def _close(shared: _Shared) -> None:
    with shared.turn:
        shared.closed = True
        children = list(shared.children)
        shared.children.clear()
        shared.turn.notify_all()
    for each in children:
        each.end()
