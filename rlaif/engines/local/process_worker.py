"""What runs in a process of `processes.py`: engines of the models that it is asked with, one shard after another.

Its standard input is the line to the process that started it. Where that one ends, however it ends, the line breaks
and so does this process, in the middle of whatever it does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, NamedTuple

from rlaif.engines.open import open_engine
from rlaif.records import Engine


class Opening(NamedTuple):
    """How a model is opened."""

    name: str
    fingerprint: str
    options: Mapping[str, Any]
    folder: str
    """Working directory, to which a model's path is relative."""
    threads: int
    """With which a sum is taken: another number may give another last digit."""


class WorkerTask(NamedTuple):
    """Requests that are answered together, as a wave is."""

    opening: Opening
    verb: str
    requests: Sequence[Any]
    kept: Collection[str]
    """Fingerprints of the models that are still in use; all others are let go."""


class Errand(NamedTuple):
    """Something else to do: a function of a module, and what it is given."""

    call: Callable[..., Any]
    given: tuple[Any, ...]
    folder: str
    threads: int


class Changed(NamedTuple):
    """The answer where a model directory holds another model by now."""

    name: str


READY = "ready"


class Engines:
    """The models that this process holds, by fingerprint."""

    def __init__(self) -> None:
        self._open: dict[str, Engine] = {}

    def answer(self, task: WorkerTask | Errand) -> list[Any] | Changed | None:
        """The replies to a task's requests; None where it failed: whoever asked does it himself, and tells why."""
        try:
            if isinstance(task, Errand):
                _stand(task.folder, task.threads)
                return [task.call(*task.given)]
            engine = self._engine(task)
            if engine is None:
                return Changed(task.opening.name)
            return list(getattr(engine, task.verb)(task.requests))
        except Exception:  # noqa: BLE001 - whatever it was, whoever asked meets it too
            return None

    def _engine(self, task: WorkerTask) -> Engine | None:
        opening = task.opening
        for fingerprint in set(self._open) - set(task.kept):
            del self._open[fingerprint]
        _stand(opening.folder, opening.threads)
        if opening.fingerprint not in self._open:
            engine = open_engine(opening.name, **opening.options)
            if engine.fingerprint != opening.fingerprint:
                return None
            self._open[opening.fingerprint] = engine
        return self._open[opening.fingerprint]


def _stand(folder: str, threads: int) -> None:
    """Stand where whoever asks stands, and sum as it does."""
    import torch

    os.chdir(folder)
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def main() -> None:
    """Answer tasks until the line breaks."""
    # who is at the terminal interrupts the process that started this one, which ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    line = Connection(os.dup(0))
    with open(os.devnull, "r+b") as nowhere:
        for stream in (0, 1):
            os.dup2(nowhere.fileno(), stream)
    tasks: SimpleQueue[WorkerTask | Errand] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, tasks), daemon=True).start()
    import rlaif.engines.local.engine  # noqa: F401 - the long part of a start, done before anything waits for it

    line.send(READY)
    engines = Engines()
    while True:
        line.send(engines.answer(tasks.get()))


def _listen(line: Connection, tasks: SimpleQueue[WorkerTask | Errand]) -> None:
    try:
        while True:
            tasks.put(line.recv())
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main()
    sys.exit()
