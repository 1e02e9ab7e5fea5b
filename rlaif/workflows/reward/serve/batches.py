"""Requests that wait are asked of the judge together: a trainer that sends row by row gets batches all the same."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from rlaif.records import Completion, Prompt
from rlaif.workflows.reward.serve.shape import AskedRows

Score = Callable[[Sequence[Prompt], Sequence[Completion]], Sequence[float | None]]
Found = list[float | None]


class Batches:
    """Asks the judge in one thread, batch after batch; what comes meanwhile waits for the next one."""

    def __init__(self, score: Score, *, executor: Executor, most_rows: int) -> None:
        """`executor` has one thread: that in which the judge was opened. A batch has at most `most_rows` rows,
        unless one request has more."""
        self._score, self._executor, self._most = score, executor, most_rows
        self._waiting: deque[tuple[AskedRows, asyncio.Future[Found | BaseException]]] = deque()
        self._work: asyncio.Task[None] | None = None
        self.asking = False
        """Whether the judge is asked just now."""
        self.last_s = 0.0
        """Seconds that the last batch took."""

    async def scored(self, rows: AskedRows) -> Found | BaseException:
        """One reward a row, None where there is none; what was raised, where nothing could be judged."""
        future: asyncio.Future[Found | BaseException] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft()]
            room = self._most - len(batch[0][0])
            while self._waiting and len(self._waiting[0][0]) <= room:
                batch.append(self._waiting.popleft())
                room -= len(batch[-1][0])
            # nobody waits any more for an answer whose connection is gone
            batch = [each for each in batch if not each[1].done()]
            for (_, future), found in zip(batch, await self._asked([each for each, _ in batch]), strict=True):
                if not future.done():
                    future.set_result(found)

    async def _asked(self, batch: Sequence[AskedRows]) -> list[Found | BaseException]:
        if not batch:
            return []
        loop = asyncio.get_running_loop()
        [found] = await asyncio.gather(
            loop.run_in_executor(self._executor, self._together, batch), return_exceptions=True
        )
        if not isinstance(found, BaseException):
            return found
        # no request has to suffer for another one's rows
        return [found] if len(batch) == 1 else [(await self._asked([each]))[0] for each in batch]

    def _together(self, batch: Sequence[AskedRows]) -> list[Found | BaseException]:
        start, self.asking = time.monotonic(), True
        try:
            rewards = self._score(
                [prompt for rows in batch for prompt in rows.prompts],
                [each for rows in batch for each in rows.completions],
            )
        finally:
            self.asking, self.last_s = False, time.monotonic() - start
        left = iter(rewards)
        return [[_number(next(left)) for _ in range(len(rows))] for rows in batch]


def _number(reward: float | None) -> float | None:
    """A reward that JSON can say; NaN and the infinities are no rewards."""
    return reward if reward is not None and math.isfinite(reward) else None
