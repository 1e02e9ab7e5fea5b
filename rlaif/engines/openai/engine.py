"""Models behind OpenAI-compatible servers. The addresses are where a model is reached, never what it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import Any

import httpx

from rlaif.engines.base import Job, SubmittingEngine
from rlaif.engines.openai import replies
from rlaif.engines.openai.capabilities import capabilities_of
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.draws import ServerDraws
from rlaif.engines.openai.event_loop import Flow, LoopThread
from rlaif.engines.openai.key import key_of
from rlaif.engines.openai.load_balancer import Server, Servers
from rlaif.engines.openai.masked import masked
from rlaif.engines.openai.name import Settings, doubt, parse_name, shown, with_marks
from rlaif.engines.openai.rate_limits import Bucket
from rlaif.engines.openai.request_body import own_field
from rlaif.engines.openai.retries import Asker
from rlaif.engines.openai.scores import Scores
from rlaif.engines.thinking_switches import told_to_think
from rlaif.errors import ModelError
from rlaif.hashing import digest
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage

_log = logging.getLogger(__name__)
Request = GenerateRequest | ScoreRequest
Reply = Generation | Score


class OpenAIEngine(SubmittingEngine):
    """One model on one or more servers. Its fingerprint is what the user declares: model and revision."""

    def __init__(
        self,
        name: str,
        base_urls: Sequence[str],
        model: str,
        revision: str,
        *,
        settings: Settings | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.settings = settings or Settings()
        self.kwargs = dict(chat_template_kwargs or {})
        votes: list[Any] = [self.settings.votes] if self.settings.votes else []
        # a server that could say log-probabilities is another judge where it is told to vote
        votes += ["sampled"] if votes and not self.settings.logprobs else []
        masks = ["mask"] if self.settings.mask else []
        self.fingerprint = digest(
            "server", model, revision, self.kwargs, *votes, *masks, *self.settings.identity
        )
        self._servers = Servers(name, [self._server(url, transport) for url in base_urls], self.settings)
        self._asker = Asker(self._servers, model, self.kwargs)
        self._draws = ServerDraws(self._asker, self._servers, self.settings)
        self._scores = Scores(self._draws, self.settings, self.fingerprint)

    @property
    def window(self) -> int:
        """Calls that are under way or waiting at once: enough that no server waits for us while answers are held."""
        return 3 * self.settings.at_once * len(self._servers.servers)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request, as they finish."""
        return self._each(requests)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Log-probabilities of continuations, as far as the server tells them, as they finish."""
        return self._each(requests)

    def flow(self, received: Callable[[Reply], None] | None = None) -> Flow[Job, Reply]:
        """Calls under way; a job is one request, or neighbouring draws of one prompt (see `groups`)."""
        return Flow(self._thread, self._answer, self.window, received)

    def groups(self, requests: Iterable[Request]) -> Iterator[Job]:
        """Requests as jobs: up to `n` draws of one prompt are one call, where that is wanted."""
        if self.settings.n == 1:
            yield from ((each,) for each in requests)
            return
        for _, alike in groupby(requests, _alike):
            rest = list(alike)
            for start in range(0, len(rest), self.settings.n):
                yield tuple(rest[start : start + self.settings.n])

    def marks_thoughts(self) -> bool:
        """Whether the user says that the model thinks."""
        return writes_thoughts(self.settings, self.kwargs)

    def reach(self) -> None:
        """Find out that a server is there and takes the key; no model is asked. Raises EngineError, ModelError."""
        asyncio.run_coroutine_threadsafe(self._asker.reach(), self._thread.loop).result()

    def recall(self, reply: Reply) -> None:
        """Go on scoring as the recorded scores of this fingerprint were made, whatever a server can do by now."""
        if isinstance(reply, Score):
            self._scores.recall(reply)

    def close(self) -> None:
        """Close all connections."""
        if "_thread" not in self.__dict__:  # nothing was asked
            return
        for each in self._servers.servers:
            asyncio.run_coroutine_threadsafe(each.connections.aclose(), self._thread.loop).result()
        self._thread.close()

    @cached_property
    def _thread(self) -> LoopThread:
        return LoopThread()

    def _server(self, url: str, transport: httpx.AsyncBaseTransport | None) -> Server:
        return Server(
            url=url,
            connections=Connections(url, self.settings, key_of(self.settings.key), transport),
            capabilities=capabilities_of(url, self.model),
            calls=Bucket(self.settings.rpm),
            tokens=Bucket(self.settings.tpm),
        )

    def _each(self, requests: Iterable[Any]) -> Iterator[Any]:
        with self.flow() as flow:
            for job in self.groups(requests):
                while flow.pending >= flow.window:
                    yield from flow.take()
                flow.submit(job)
            while flow.pending:
                yield from flow.take()

    async def _answer(self, job: Job) -> Sequence[Reply]:
        job = tuple(masked(each) for each in job) if self.settings.mask else job
        for each in job:
            if wrong := own_field(each.body):
                raise ModelError(f"{shown(self.name)}: {wrong}")
        first = job[0]
        if isinstance(first, ScoreRequest):
            return [await self._scores.of(first)]
        return await self._draw([each for each in job if isinstance(each, GenerateRequest)])

    async def _draw(self, group: Sequence[GenerateRequest]) -> Sequence[Reply]:
        if len(group) > 1 and self._draws.all_can("n"):
            found = await self._draws.of(group[0], len(group))
            if found.error is None:
                parts = replies.shares(found.used, len(group))
                return [_generation(*each) for each in zip(group, found.texts, parts, strict=True)]
            self._draws.learn_n(found.error)
            parts = replies.shares(found.used, len(group))
            if self._draws.all_can("n"):
                return [_failed(each, found.error, part) for each, part in zip(group, parts, strict=True)]
            singly = [await self._one(each) for each in group]
            return [_dearer(each, part) for each, part in zip(singly, parts, strict=True)]
        return [await self._one(each) for each in group]

    async def _one(self, request: GenerateRequest) -> Generation:
        found = await self._draws.of(request, 1)
        if found.error is not None:
            return _failed(request, found.error, found.used)
        return _generation(request, found.texts[0], found.used)


def open_openai(
    name: str,
    rest: str,
    *,
    chat_template_kwargs: Mapping[str, Any] | None,
    thought_marks: tuple[str, str] | None = None,
) -> OpenAIEngine:
    """The engine of a name (see `rlaif.engines.openai.name`). Without a revision no other run re-uses its calls.

    Raises ModelError for a name that is none, and for marks of thoughts that contradict those of the name.
    """
    urls, model, revision, settings = parse_name(name, rest)
    settings = with_marks(shown(name), settings, thought_marks)
    if question := doubt(rest):
        _log.warning("%s: %s", shown(name), question)
    return OpenAIEngine(
        name, urls, model, revision, settings=settings, chat_template_kwargs=chat_template_kwargs
    )


def writes_thoughts(settings: Settings, chat_template_kwargs: Mapping[str, Any]) -> bool:
    """Whether the user says that the model thinks: no server tells before it is asked."""
    told = told_to_think(chat_template_kwargs, {})
    return settings.says_thoughts if told is None else told


def _generation(request: GenerateRequest, said: replies.Text, used: Usage) -> Generation:
    if said.problem:
        return _failed(request, said.problem, used)
    return Generation(
        request_id=request.id,
        text=said.text,
        finish=said.finish,
        usage=used,
        thought=said.thought,
        open_thought=said.open_thought,
        tool_calls=said.tool_calls,
    )


def _failed(request: GenerateRequest, error: str, used: Usage) -> Generation:
    return Generation(request_id=request.id, text="", finish="stop", usage=used, error=error)


def _dearer(reply: Generation, more: Usage) -> Generation:
    return replace(reply, usage=replies.added([reply.usage, more]))


def _alike(request: Request) -> Any:
    """Equal for requests that are draws of one prompt; a likeliest text is drawn once."""
    if isinstance(request, ScoreRequest) or request.sampling.temperature == 0 or request.schema is not None:
        return request.id
    how = (
        request.tools,
        request.chat_template_kwargs,
        request.body,
        request.assistant_prefix,
        request.begins_thought,
    )
    return (request.messages, request.sampling, how)
