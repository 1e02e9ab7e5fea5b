"""Waves behind the store that several processes answer at once. Each is planned and run as it would be alone.

Replies come in the order of the requests. A wave is committed as soon as it is answered, whichever was first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from rlaif.engines.local.processes import Beside, ProcessShard, changed
from rlaif.engines.waves import WaveRecorder
from rlaif.errors import BudgetError
from rlaif.store.wire import Reply, Request

QUEUED = 2
"""Waves ahead for each who answers: one to work on, one at hand."""


@dataclass(eq=False, slots=True)
class _Wave:
    """Requests with what is known of their replies."""

    keys: Sequence[str]
    requests: Sequence[Request]
    replies: dict[str, Reply]
    """By key; those of calls that another wave makes are taken from there at the end."""
    missing: dict[str, Request]
    others: dict[str, _Wave] = field(default_factory=dict)
    """The waves before that make calls which this one needs too."""
    elsewhere: dict[str, Request] = field(default_factory=dict)
    """Requests that another process makes."""
    short: bool = False
    """Whether the budget has no room for the whole of it."""
    done: bool = False


class Overlapped:
    """One pass over a stream of requests."""

    def __init__(self, recorded: WaveRecorder, beside: Beside, verb: str) -> None:
        self._recorded = recorded
        self._beside = beside
        self._verb = verb
        self._finished: SimpleQueue[ProcessShard] = SimpleQueue()
        self._out: dict[ProcessShard, _Wave] = {}
        """Waves that were handed over."""
        self._making: dict[str, _Wave] = {}
        """Which wave makes the call of a key that is under way."""

    def run(self, requests: Iterable[Any]) -> Iterator[Any]:
        """Replies in the order of the requests; with the last one, every one is committed."""
        stream = iter(requests)
        ahead: deque[_Wave] = deque()
        stop: BudgetError | None = None
        try:
            while True:
                stop = stop or self._plan(stream, ahead)
                if not ahead:
                    break
                self._finish(ahead[0])
                if ahead[0].short:
                    raise self._recorded.out_of_budget()
                yield from self._replies(ahead.popleft())
            if stop is not None:
                raise stop
        except BaseException as why:
            self._leave(keep=not isinstance(why, GeneratorExit))
            self._recorded.let_go()
            raise

    def _plan(self, stream: Iterator[Any], ahead: deque[_Wave]) -> BudgetError | None:
        """Plan waves as far as there are people for them; the error of a budget that has no room for the next."""
        while len(ahead) < self._depth and not (ahead and ahead[-1].short):
            try:
                wave = self._next(stream)
            except BudgetError as stop:
                # what is under way is finished and kept
                return stop
            if wave is None:
                break
            ahead.append(wave)
        return None

    @property
    def _depth(self) -> int:
        ready = self._beside.processes.ready
        return QUEUED * (ready + 1) if ready else 1

    def _next(self, stream: Iterator[Any]) -> _Wave | None:
        recorded, processes = self._recorded, self._beside.processes
        requests = list(islice(stream, recorded.wave))
        if not requests:
            return None
        planned = recorded.plan(requests, self._making, passive=True)
        wave = _Wave(planned.keys, requests, planned.found, planned.missing, short=planned.short)
        wave.elsewhere = planned.elsewhere
        wave.others = {key: self._making[key] for key in planned.keys if key in self._making}
        self._making |= dict.fromkeys((*wave.missing, *wave.elsewhere), wave)
        processes.count_calls(len(wave.missing))
        if wave.missing and processes.ready:
            self._out[self._beside.submit(self._verb, list(wave.missing.values()), self._finished)] = wave
        return wave

    def _finish(self, wave: _Wave) -> None:
        """Work, or wait, until a wave is answered."""
        if wave not in self._out.values() and not wave.done:
            self._answer(wave)
        while not wave.done:
            if (shard := self._beside.processes.take_back(self._finished)) is not None:
                self._answer(self._out.pop(shard))
            else:
                self._settle(self._finished.get())
            self._settle_all()
        if wave.elsewhere:
            wave.replies |= self._recorded.elsewhere(wave.elsewhere, self._verb)
            for key in wave.elsewhere:
                del self._making[key]
            wave.elsewhere = {}

    def _settle_all(self) -> None:
        while True:
            try:
                self._settle(self._finished.get_nowait())
            except Empty:
                return

    def _settle(self, shard: ProcessShard) -> None:
        wave = self._out.pop(shard)
        if shard.changed:
            raise changed(self._recorded.name)
        if shard.replies is None:
            self._answer(wave)
        else:
            self._keep(wave, shard.replies)

    def _answer(self, wave: _Wave) -> None:
        """Answer a wave in this process."""
        if wave.missing:
            verb = getattr(self._recorded.engine, self._verb)
            self._keep(wave, verb(list(wave.missing.values())))
        wave.done = True

    def _keep(self, wave: _Wave, replies: Iterable[Reply]) -> None:
        wave.replies |= self._recorded.take_in(wave.missing, replies)
        wave.done = True
        for key in wave.missing:
            del self._making[key]

    def _replies(self, wave: _Wave) -> Iterator[Reply]:
        for key, request in zip(wave.keys, wave.requests, strict=True):
            found = wave.replies[key] if key in wave.replies else wave.others[key].replies[key]
            yield replace(found, request_id=request.id)

    def _leave(self, *, keep: bool) -> None:
        """Let nobody begin what is left, and `keep` what has been answered."""
        while self._beside.processes.take_back(self._finished) is not None:
            continue
        while keep:
            try:
                shard = self._finished.get_nowait()
            except Empty:
                return
            if shard in self._out and shard.replies is not None:
                self._keep(self._out.pop(shard), shard.replies)
