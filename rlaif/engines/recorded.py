"""An engine that asks the store first. Owns waves: the unit that is planned, run and committed as one.

A wave's calls are looked up together and only the missing ones run, in the given order. So a run that was
killed repeats exactly the batches of its unfinished wave, and gets the same bytes.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal, TypeVar

from rlaif.costs import Budget
from rlaif.engines.base import BaseEngine, Job, SubmittingEngine, capabilities_of
from rlaif.engines.local.overlapped import Overlapped
from rlaif.engines.local.processes import Beside
from rlaif.engines.openai.event_loop import Flow
from rlaif.engines.waves import WAVE, PlannedWave
from rlaif.errors import BudgetError, EngineError
from rlaif.records import Engine, GenerateRequest, Generation, Score, ScoreRequest, Usage
from rlaif.store import Store, call_key
from rlaif.store.wire import Reply, Request, failure
from rlaif.store.writer import Writer

_LOG = logging.getLogger(__name__)
POLL_S = 0.05
SAID_S = 20.0
PATIENCE_S = 900.0
"""Longest wait for a call of another process that still runs; then it is made here too."""
REASONS = 100
"""Different reasons of failed calls that are counted apart."""
LOOKUP = 256
"""Requests to a server that are looked up in the store at once."""
AnyRequest = TypeVar("AnyRequest", GenerateRequest, ScoreRequest)
AnyReply = TypeVar("AnyReply", Generation, Score)
Verb = Literal["generate", "score"]
Progress = Callable[["RecordedEngine"], None]
"""Called with the engine each time that it has counted calls."""


class RecordedEngine(BaseEngine):
    """`engine` behind `store`. Replies come in the order of the requests; failures carry `error`."""

    def __init__(  # noqa: PLR0913 - one call says all
        self,
        engine: Engine,
        store: Store,
        *,
        wave: int = WAVE,
        run_id: str = "",
        commit: Literal["wave", "call"] = "wave",
        within_run: bool = False,
        progress: Progress | None = None,
        budget: Budget | None = None,
        beside: Beside | None = None,
        reopen: Callable[[], tuple[Engine, Beside | None]] | None = None,
    ) -> None:
        """`commit="call"` keeps each reply as it arrives: for servers, which no batch of ours can change.

        Waves are shared with the processes of `beside`, which hold the same model. No call starts that `budget` has
        no room for.
        `within_run` re-uses no call of another run: for a server whose user declares no revision of the model.
        `reopen` opens the engine anew after `release`, when the first call comes that the store does not hold.
        """
        self._engine = engine
        self._open = True
        self._reopen = reopen
        self._capable = capabilities_of(engine)
        self.guides_decoding = self._capable.guides_decoding
        self.store = store
        self.wave = wave
        self.run_id = run_id
        self.commit = commit
        self.within_run = within_run
        self.progress = progress
        self.budget = budget
        self.beside = beside
        self.new_calls = 0
        self.reused_calls = 0
        self.failed_calls = 0
        self.cut_texts = 0
        """New texts that ran out of tokens."""
        self.failures: Counter[str] = Counter()
        """Why they failed, each reason with how often; of many reasons the first `REASONS`."""
        self.usage = Usage()
        self.reused_tokens = 0

    @property
    def name(self) -> str:
        """The name of the engine behind."""
        return self._engine.name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the engine behind; with the run's id where no other run may use its calls."""
        own = self._engine.fingerprint
        return f"{own} {self.run_id}" if self.within_run else own

    def marks_thoughts(self) -> bool:
        """As the engine behind says, which may have to read its tokenizer for it: only when somebody asks."""
        return self._capable.marks_thoughts()

    @property
    def engine(self) -> Engine:
        """The engine behind, opened anew where it was released."""
        if not self._open:
            if self._reopen is None:
                raise RuntimeError(f"{self.name} was released, and nobody can open it")
            self._engine, self.beside = self._reopen()
            self._capable = capabilities_of(self._engine)
            self._open = True
        return self._engine

    def release(self) -> None:
        """Do without the engine behind, which its owner closes now, until a call comes that the store does not hold."""
        self._open, self.beside = False, None

    def reads(self, text: str) -> bool:
        """Whether the model behind knows the words of a text; of one that cannot tell it is taken for granted."""
        return self._capable.reads(text)

    def spell(self, token_ids: Sequence[int]) -> str | None:
        """As the engine behind says."""
        return self._capable.spell(token_ids)

    def alike(self, continuations: Sequence[str]) -> tuple[int, ...] | None:
        """As the engine behind says."""
        return self._capable.alike(continuations)

    def reach(self) -> None:
        """As the engine behind, opened anew where it was released."""
        capabilities_of(self.engine).reach()

    def recall(self, reply: Reply) -> None:
        """The engine behind hears of a recorded reply."""
        self._capable.recall(reply)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request, or repeat the recorded one."""
        return self._waves(requests, "generate")

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Score given continuations, or repeat the recorded scores."""
        return self._waves(requests, "score")

    def key(self, request: GenerateRequest | ScoreRequest) -> str:
        """The store's key of a request: what a pair's provenance names."""
        return call_key(self.fingerprint, request, guides_decoding=self.guides_decoding)

    def allowed(self, calls: int) -> int:
        """How many of so many calls may start; counts them as started when all of them may."""
        if self.budget is None:
            return calls
        room = self.budget.room(calls)
        if room == calls:
            self.budget.start(calls)
        return room

    def out_of_budget(self) -> BudgetError:
        """Why no further call starts."""
        return BudgetError("no call may start") if self.budget is None else self.budget.stop()

    def count_fresh(self, reply: Generation | Score) -> None:
        """Count a call that was run now."""
        self._count(1, reply=reply)

    def count_reused(self, reply: Generation | Score) -> None:
        """Count a call that was there already."""
        self.reused_tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        self._count(1)

    def plan(
        self, requests: Sequence[Any], under_way: Container[str] = (), *, passive: bool = False
    ) -> PlannedWave:
        """What of a wave must run; calls of `under_way` are made by another wave. Counts what need not.

        What must run is claimed until it is taken in. Raises BudgetError where nothing may.
        """
        keys = [self.key(request) for request in requests]
        asked = dict(zip(keys, requests, strict=True))
        found = self._stored(asked)
        absent = [key for key in asked if key not in found and key not in under_way]
        claimed = self.store.claims.take(absent, passive=passive)
        # another process may have kept a reply and let go of the call in between
        late = self._stored({key: asked[key] for key in absent if key in claimed})
        self.store.claims.release(late)
        found |= late
        missing = {key: asked[key] for key in absent if key in claimed and key not in late}
        elsewhere = {key: asked[key] for key in absent if key not in claimed}
        self._count(len(requests) - len(missing) - len(elsewhere))
        self._count_tokens(found)
        try:
            affordable = self._affordable(missing) if missing else missing
        except BudgetError:
            self.store.claims.release(missing)
            raise
        self.store.claims.release(missing.keys() - affordable.keys())
        return PlannedWave(keys, found, affordable, len(affordable) < len(missing), elsewhere)

    def elsewhere(self, requests: Mapping[str, Any], verb: str) -> dict[str, Any]:
        """Replies to calls that another process makes, by key, once they are there; what it leaves is made here."""
        waiting, patience = dict(requests), Patience()
        replies: dict[str, Any] = {}
        while waiting:
            self.store.claims.let_go()
            free = self.store.claims.take(waiting) or patience.lost(waiting)
            if not free:
                continue
            found = self._stored({key: waiting[key] for key in free})
            self.store.claims.release(found)
            self._count(len(found))
            self._count_tokens(found)
            replies |= found
            left = {key: waiting[key] for key in waiting if key in free and key not in found}
            waiting = {key: each for key, each in waiting.items() if key not in free}
            if left:
                replies |= self._made(left, verb)
        return replies

    def let_go(self) -> None:
        """Claim no calls any more that nobody takes in."""
        self.store.claims.let_go()

    def _made(self, missing: dict[str, Any], verb: str) -> dict[str, Any]:
        """Make claimed calls now. Raises BudgetError where not all of them may be made."""
        try:
            affordable = self._affordable(missing)
            made = self.take_in(affordable, getattr(self.engine, verb)(list(affordable.values())))
        finally:
            self.store.claims.release(missing)
        if len(affordable) < len(missing):
            raise self.out_of_budget()
        return made

    def _stored(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        stored = self.store.get_many(list(asked), [request.id for request in asked.values()])
        return {key: self._known(stored[key], each) for key, each in asked.items() if key in stored}

    def _count_tokens(self, found: Mapping[str, Any]) -> None:
        self.reused_tokens += sum(
            each.usage.prompt_tokens + each.usage.completion_tokens for each in found.values()
        )

    def take_in(self, missing: Mapping[str, Any], replies: Iterable[Any]) -> dict[str, Any]:
        """Count and keep the replies to the missing calls of a wave, by key. Raises EngineError where one lacks."""
        by_id = {request.id: key for key, request in missing.items()}
        if len(by_id) != len(missing):
            raise ValueError("two different requests of one wave have the same id")
        ran: dict[str, Any] = {}
        for reply in replies:
            key = by_id[reply.request_id]
            ran[key] = reply if failure(reply) == reply.error else replace(reply, error=failure(reply))
            if self.commit == "call":
                self.store.put_many(self.fingerprint, [(key, missing[key], ran[key])], run_id=self.run_id)
            self._count(1, reply=ran[key])
        if lost := len(missing) - len(ran):
            raise EngineError(
                f"{self.name}: {lost} of {len(missing)} calls came back without an answer; run again"
            )
        if self.commit == "wave":
            calls = [(key, request, ran[key]) for key, request in missing.items()]
            self.store.put_many(self.fingerprint, calls, run_id=self.run_id)
        self.store.claims.release(missing)
        return ran

    def _waves(self, requests: Iterable[AnyRequest], verb: Verb) -> Iterator[Any]:
        if self.commit == "call" and isinstance(engine := self.engine, SubmittingEngine):
            yield from _Submitted(self, engine).run(requests)
            return
        if self.beside is not None and self.commit == "wave":
            yield from Overlapped(self, self.beside, verb).run(requests)
            return
        stream = iter(requests)
        while wave := list(islice(stream, self.wave)):
            yield from self._run(wave, verb)

    def _run(self, wave: Sequence[AnyRequest], verb: Verb) -> list[Any]:
        planned = self.plan(wave)
        ran: dict[str, Any] = {}
        try:
            if planned.missing:
                replies = getattr(self.engine, verb)(list(planned.missing.values()))
                ran = self.take_in(planned.missing, replies)
        finally:
            self.store.claims.release(planned.missing)
        if planned.short:
            raise self.out_of_budget()
        known = planned.found | ran | self.elsewhere(planned.elsewhere, verb)
        return [
            replace(known[key], request_id=request.id)
            for key, request in zip(planned.keys, wave, strict=True)
        ]

    def _known(self, reply: Any, request: Any) -> Any:
        """A stored reply; one from before it was kept which labels are the same tokens is told so by the engine."""
        self.recall(reply)
        if not isinstance(reply, Score) or not isinstance(request, ScoreRequest):
            return reply
        alike = self.alike(request.continuations)
        return reply if alike is None else replace(reply, alike=alike)

    def _affordable(self, missing: dict[str, AnyRequest]) -> dict[str, AnyRequest]:
        """The calls of a wave that the budget has room for: all of them, or none, so that batches stay as planned.

        A budget smaller than a first wave is spent all the same, or it would never come to an end.
        """
        room = self.allowed(len(missing))
        if room == len(missing):
            return missing
        if self.budget is None or self.budget.calls or not room:
            raise self.out_of_budget()
        self.budget.start(room)
        return dict(islice(missing.items(), room))

    def _count(self, calls: int, *, reply: Generation | Score | None = None) -> None:
        """Count calls: a new one with its `reply`, or some that were there already."""
        if reply is None:
            self.reused_calls += calls
        else:
            self.new_calls += calls
            self.failed_calls += reply.error is not None
            self.cut_texts += isinstance(reply, Generation) and reply.finish == "length"
            if reply.error is not None and (reply.error in self.failures or len(self.failures) < REASONS):
                self.failures[reply.error] += 1
            if self.budget is not None:
                self.budget.spend(self.name, reply.usage)
            self.usage = Usage(
                prompt_tokens=self.usage.prompt_tokens + reply.usage.prompt_tokens,
                completion_tokens=self.usage.completion_tokens + reply.usage.completion_tokens,
            )
        if self.progress and calls:
            self.progress(self)


class Patience:
    """How long another process is waited for that makes a call which is needed here too."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._said = False

    def lost(self, waiting: Collection[str]) -> Collection[str]:
        """Wait a moment; all that is waited for, once it is too long: a process that stands still is not dead."""
        time.sleep(POLL_S)
        waited = time.monotonic() - self._began
        if waited > SAID_S and not self._said:
            self._said = True
            _LOG.warning(
                "waits for %d calls that another process with the same store is making", len(waiting)
            )
        return waiting if waited > PATIENCE_S else ()


class _Submitted:
    """One pass over a stream of requests to a server: a rolling window, as no batch of ours changes an answer.

    A reply is handed to the store's writer the moment it arrives, whether or not anybody has asked for it yet. Memory
    is bounded by the flow's window, whatever the stream's length.
    """

    def __init__(self, recorded: RecordedEngine, engine: SubmittingEngine) -> None:
        self._recorded = recorded
        self._engine = engine
        self._asked: dict[str, tuple[str, Request]] = {}
        """Key and request of each call under way, by request id."""
        self._waiting: dict[str, list[str]] = {}
        """Ids of the requests that wait for a key: two that send the same are one call."""
        self._elsewhere: dict[str, Request] = {}
        """Requests that another process makes, by key."""

    def run(self, requests: Iterable[Any]) -> Iterator[Any]:
        """Replies as they come; when the last one is out, every one is committed."""
        recorded = self._recorded
        try:
            with Writer(recorded.store, recorded.fingerprint, recorded.run_id) as writer:

                def received(reply: Reply) -> None:
                    key, request = self._asked[reply.request_id]
                    writer.add(key, request, _checked(reply))

                with self._engine.flow(received) as flow:
                    yield from self._run(iter(requests), writer, flow)
        finally:
            # those that are not committed by now are not made any more
            recorded.store.claims.release(tuple(self._waiting))

    def _run(self, stream: Iterator[Any], writer: Writer, flow: Flow[Job, Reply]) -> Iterator[Reply]:
        while chunk := list(islice(stream, LOOKUP)):
            missing: list[Request] = []
            yield from self._known(chunk, writer, missing)
            yield from self._submit(self._claimed(missing), writer, flow)
            yield from self._settled(flow.ready())
            yield from self._others(writer, flow, most=LOOKUP)
        yield from self._rest(flow)
        yield from self._others(writer, flow, most=0)
        yield from self._rest(flow)

    def _others(self, writer: Writer, flow: Flow[Job, Reply], *, most: int) -> Iterator[Reply]:
        """What other processes get, until no more than `most` calls of theirs are waited for."""
        patience = Patience()
        while len(self._elsewhere) > most:
            yield from self._look(writer, flow, patience)
            yield from self._settled(flow.ready())

    def _submit(self, missing: Sequence[Request], writer: Writer, flow: Flow[Job, Reply]) -> Iterator[Reply]:
        """Ask, and give what comes meanwhile. Raises BudgetError."""
        for job in self._engine.groups(missing):
            while flow.pending >= flow.window:
                yield from self._settled(flow.take())
                writer.check()
            if self._recorded.allowed(len(job)) < len(job):
                yield from self._rest(flow)
                raise self._recorded.out_of_budget()
            flow.submit(job)

    def _claimed(self, missing: Sequence[Request]) -> list[Request]:
        """Those that no other process is asking; the others are looked after later."""
        keys = {self._asked[each.id][0]: each for each in missing}
        free = self._recorded.store.claims.take(keys)
        # another process may have kept a reply and let go of the call in between
        late = self._recorded.store.present(list(free))
        self._elsewhere |= {key: each for key, each in keys.items() if key not in free or key in late}
        return [each for key, each in keys.items() if key in free and key not in late]

    def _look(self, writer: Writer, flow: Flow[Job, Reply], patience: Patience) -> Iterator[Reply]:
        """What other processes have got by now; what they left is asked here."""
        claims = self._recorded.store.claims
        claims.let_go()
        free = claims.take(self._elsewhere) or patience.lost(self._elsewhere)
        asked = {key: self._elsewhere.pop(key) for key in tuple(self._elsewhere) if key in free}
        found = self._recorded.store.get_many(list(asked), [each.id for each in asked.values()])
        claims.release(found)
        for key in found:
            del self._asked[asked[key].id]
            for each in self._waiting.pop(key):
                self._recorded.count_reused(found[key])
                yield replace(found[key], request_id=each)
        yield from self._submit([each for key, each in asked.items() if key not in found], writer, flow)

    def _known(self, chunk: Sequence[Request], writer: Writer, missing: list[Request]) -> Iterator[Reply]:
        """Replies that are there; what is not goes to `missing`, once for each key."""
        keys = [self._recorded.key(each) for each in chunk]
        # in this order: what leaves the writer is in the store
        fresh = {key: writer.uncommitted(key) for key in keys}
        found = self._recorded.store.get_many(keys, [each.id for each in chunk])
        for key, request in zip(keys, chunk, strict=True):
            reply = fresh[key] or found.get(key)
            if reply is not None and reply.error is None:
                self._recorded.recall(reply)
                self._recorded.count_reused(reply)
                yield replace(reply, request_id=request.id)
            elif key in self._waiting:
                self._waiting[key].append(request.id)
            elif request.id in self._asked:
                raise ValueError("two different requests under way have the same id")
            else:
                self._asked[request.id] = (key, request)
                self._waiting[key] = [request.id]
                missing.append(request)

    def _rest(self, flow: Flow[Job, Reply]) -> Iterator[Reply]:
        while flow.pending:
            yield from self._settled(flow.take())

    def _settled(self, replies: Sequence[Reply]) -> Iterator[Reply]:
        for reply in map(_checked, replies):
            key, _ = self._asked.pop(reply.request_id)
            self._recorded.count_fresh(reply)
            first, *others = self._waiting.pop(key)
            yield replace(reply, request_id=first)
            for each in others:
                self._recorded.count_reused(reply)
                yield replace(reply, request_id=each)


def _checked(reply: Reply) -> Reply:
    return reply if failure(reply) == reply.error else replace(reply, error=failure(reply))
