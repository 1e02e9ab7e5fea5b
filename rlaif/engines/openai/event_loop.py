"""Calls under way on an event loop in a thread of its own, seen from ordinary code: submit, take what has finished."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError as Cancelled
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

Job = TypeVar("Job")
Reply = TypeVar("Reply")
STOP_S = 5.0
"""Longest time that stopping waits for calls to let go of their connections."""


class LoopThread:
    """An event loop that runs as long as the process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        # a daemon: whatever hangs in it does not keep the process
        self._thread = threading.Thread(target=self.loop.run_forever, name="rlaif-calls", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self.loop.close()


class Flow(Generic[Job, Reply]):
    """A bounded number of jobs under way; each gives some replies. Leaving the block cancels what is unfinished.

    `received` is called on the loop's thread as soon as a reply is there, however long it is not taken.
    """

    def __init__(
        self,
        thread: LoopThread,
        work: Callable[[Job], Awaitable[Sequence[Reply]]],
        window: int,
        received: Callable[[Reply], None] | None = None,
    ) -> None:
        self.window = window
        self.pending = 0
        """Jobs that were submitted and not yet taken."""
        self._loop = thread.loop
        self._work = work
        self._received = received
        self._done: SimpleQueue[asyncio.Task[Sequence[Reply]]] = SimpleQueue()
        self._tasks: set[asyncio.Task[Sequence[Reply]]] = set()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, job: Job) -> None:
        """Start a job; the caller sees to it that `pending` stays below `window`."""
        self.pending += 1
        self._loop.call_soon_threadsafe(self._start, job)

    def take(self) -> list[Reply]:
        """The replies of all jobs that have finished, and of the next one that does if there is none yet."""
        replies = self._result(self._done.get())
        return replies + self.ready()

    def ready(self) -> list[Reply]:
        """The replies of all jobs that have finished."""
        replies: list[Reply] = []
        while True:
            try:
                replies += self._result(self._done.get_nowait())
            except Empty:
                return replies

    def close(self) -> None:
        """Cancel what is under way, and wait until it has let go."""
        if self._stopped or self._loop.is_closed():
            return
        self._stopped = True
        stopping = asyncio.run_coroutine_threadsafe(self._cancel(), self._loop)
        try:
            stopping.result(STOP_S)
        except (TimeoutError, Cancelled):
            return

    def _result(self, task: asyncio.Task[Sequence[Reply]]) -> list[Reply]:
        self.pending -= 1
        return list(task.result())

    def _start(self, job: Job) -> None:
        if not self._stopped:
            task = self._loop.create_task(self._run(job))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Sequence[Reply]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # of several that fail alike one is raised, and the others are not to be told of
            self._done.put(task)

    async def _run(self, job: Job) -> Sequence[Reply]:
        replies = await self._work(job)
        if self._received is not None:
            for each in replies:
                self._received(each)
        return replies

    async def _cancel(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
