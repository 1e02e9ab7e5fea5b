"""Calls kept as they arrive: batched, each committed at most a second after it was received."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from rlaif.boundary import told
from rlaif.errors import EngineError, RlaifError
from rlaif.store.store import Store
from rlaif.store.wire import Reply, Request

Kept = tuple[str, Request, Reply]
EVERY_S = 0.25
"""Longest wait for further calls to commit with the first."""
BATCH = 512


class Writer:
    """A thread that commits what `add` gives it, so that a slow reader delays no commit.

    Leaving the block commits the rest, also when it is left by an interruption; then raises what went wrong, if no
    other error is on its way.
    """

    def __init__(
        self, store: Store, fingerprint: str, run_id: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._run_id = run_id
        self._clock = clock
        self._queue: SimpleQueue[Kept | None] = SimpleQueue()
        self._waiting: dict[str, Reply] = {}
        self._wrong: RlaifError | None = None
        self._thread = threading.Thread(target=self._run, name="rlaif-writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if kind is None:
            self.check()

    def add(self, key: str, request: Request, reply: Reply) -> None:
        """Keep a call soon. May be called from any thread."""
        self._waiting[key] = reply
        self._queue.put((key, request, reply))

    def uncommitted(self, key: str) -> Reply | None:
        """The reply of a key that is on its way into the store."""
        return self._waiting.get(key)

    def check(self) -> None:
        """Raise what kept a batch from being written: nothing more is kept then."""
        if self._wrong is not None:
            raise self._wrong

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._batch()
            if batch and self._wrong is None:
                try:
                    self._store.put_many(self._fingerprint, batch, run_id=self._run_id)
                except RlaifError as wrong:
                    self._wrong = wrong
                except Exception as wrong:  # noqa: BLE001 - who waits for this thread must hear of it
                    self._wrong = EngineError(
                        f"{self._store.path}: what arrived cannot be kept ({told(wrong)}); run again"
                    )
                    self._wrong.__cause__ = wrong
            for key, _, _ in batch:
                self._waiting.pop(key, None)
            self._store.claims.release(key for key, _, _ in batch)

    def _batch(self) -> tuple[list[Kept], bool]:
        """The next calls, and whether more may come."""
        first = self._queue.get()
        if first is None:
            return [], False
        batch, until = [first], self._clock() + EVERY_S
        while len(batch) < BATCH:
            try:
                each = self._queue.get(timeout=max(0.0, until - self._clock()))
            except Empty:
                break
            if each is None:
                return batch, False
            batch.append(each)
        return batch, True
