"""Calls to servers behind the store: a rolling window instead of waves, as no batch of ours changes an answer.

A reply is handed to the store's writer the moment it arrives, whether or not anybody has asked for it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, cast

from rlaif.engines.openai.event_loop import Flow
from rlaif.store.wire import Reply, Request, failure
from rlaif.store.writer import Writer

if TYPE_CHECKING:
    from rlaif.engines.recorded import RecordedEngine

LOOKUP = 256
"""Requests that are looked up in the store at once."""
Job = tuple[Request, ...]


class Flowing(Protocol):
    """An engine whose calls are submitted one by one and come back when they are done."""

    def flow(self, received: Callable[[Reply], None] | None = None) -> Flow[Job, Reply]:
        """Calls under way."""

    def groups(self, requests: Iterable[Request]) -> Iterator[Job]:
        """Requests as jobs."""


def flowing(engine: object) -> Flowing | None:
    """The engine, if calls can be submitted to it one by one."""
    return cast(Flowing, engine) if hasattr(engine, "flow") and hasattr(engine, "groups") else None


class Streamed:
    """One pass over a stream of requests. Memory is bounded by the flow's window, whatever the stream's length."""

    def __init__(self, recorded: RecordedEngine, engine: Flowing) -> None:
        self._recorded = recorded
        self._engine = engine
        self._asked: dict[str, tuple[str, Request]] = {}
        """Key and request of each call under way, by request id."""
        self._waiting: dict[str, list[str]] = {}
        """Ids of the requests that wait for a key: two that send the same are one call."""

    def run(self, requests: Iterable[Any]) -> Iterator[Any]:
        """Replies as they come; when the last one is out, every one is committed."""
        recorded, stream = self._recorded, iter(requests)
        with Writer(recorded.store, recorded.fingerprint, recorded.run_id) as writer:

            def received(reply: Reply) -> None:
                key, request = self._asked[reply.request_id]
                writer.add(key, request, _checked(reply))

            with self._engine.flow(received) as flow:
                while chunk := list(islice(stream, LOOKUP)):
                    missing: list[Request] = []
                    yield from self._known(chunk, writer, missing)
                    for job in self._engine.groups(missing):
                        while flow.pending >= flow.window:
                            yield from self._settled(flow.take())
                            writer.check()
                        if recorded.allowed(len(job)) < len(job):
                            yield from self._rest(flow)
                            raise recorded.out_of_budget()
                        flow.submit(job)
                    yield from self._settled(flow.ready())
                yield from self._rest(flow)

    def _known(self, chunk: Sequence[Request], writer: Writer, missing: list[Request]) -> Iterator[Reply]:
        """Replies that are there; what is not goes to `missing`, once for each key."""
        keys = [self._recorded.key(each) for each in chunk]
        # in this order: what leaves the writer is in the store
        fresh = {key: writer.uncommitted(key) for key in keys}
        found = self._recorded.store.get_many(keys, [each.id for each in chunk])
        for key, request in zip(keys, chunk, strict=True):
            reply = fresh[key] or found.get(key)
            if reply is not None and reply.error is None:
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
