"""Models behind OpenAI-compatible servers. The addresses are where a model is reached, never what it is."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import httpx

from rlaif.engines.base import Job, SubmittingEngine
from rlaif.engines.openai import payloads
from rlaif.engines.openai.capabilities import capabilities_of
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.event_loop import Flow, LoopThread
from rlaif.engines.openai.key import key_of
from rlaif.engines.openai.load_balancer import Server, Servers
from rlaif.engines.openai.masked import masked
from rlaif.engines.openai.name import Settings, parse_name
from rlaif.engines.openai.rate_limits import Bucket
from rlaif.engines.openai.retries import Asker, Build
from rlaif.hashing import derived_seed, digest
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage

NO_LOGPROBS = (
    "the server gives no log-probabilities; use a protocol that reads text (--protocol compare-cot), say so in the "
    "model name (?logprobs=0: then verdicts are written), or name a number of sampled votes there (?votes=16)"
)
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
        self.fingerprint = digest("server", model, revision, self.kwargs, *votes, *masks)
        self._servers = Servers(name, [self._server(url, transport) for url in base_urls], self.settings)
        self._asker = Asker(self._servers, model, self.kwargs)

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
        first = job[0]
        if isinstance(first, ScoreRequest):
            return [await self._score(first)]
        return await self._draw([each for each in job if isinstance(each, GenerateRequest)])

    async def _draw(self, group: Sequence[GenerateRequest]) -> Sequence[Reply]:
        if len(group) > 1 and all(each.capabilities.can("n") for each in self._servers.servers):
            found = await self._texts(
                group[0].id, len(group), partial(payloads.draw_body, group[0], len(group))
            )
            if isinstance(found, tuple):
                said, used = found
                parts = payloads.shares(used, len(group))
                return [_generation(*each) for each in zip(group, said, parts, strict=True)]
            if found.startswith(payloads.SENT_ONE):  # every time, or another attempt would have given more
                self._lose_n(found)
            if all(each.capabilities.can("n") for each in self._servers.servers):
                return [_failed(each, found) for each in group]
        return [await self._one(each) for each in group]

    def _lose_n(self, reason: str) -> None:
        for each in self._servers.servers:
            each.capabilities.lose("n", reason)

    async def _one(self, request: GenerateRequest) -> Reply:
        found = await self._texts(request.id, 1, partial(payloads.draw_body, request, 1))
        return (
            _failed(request, found) if isinstance(found, str) else _generation(request, found[0][0], found[1])
        )

    async def _texts(self, call: str, count: int, build: Build) -> tuple[list[payloads.Text], Usage] | str:
        def check(body: Mapping[str, Any]) -> str | None:
            found = payloads.texts(body, count)
            if isinstance(found, str):
                return found
            return next((each.problem for each in found if each.problem and not each.fatal), None)

        answer = await self._asker.ask(call, build, check)
        if answer.error is not None:
            return answer.error
        found = payloads.texts(answer.body, count)
        return found if isinstance(found, str) else (found, payloads.usage(answer.body))

    async def _score(self, request: ScoreRequest) -> Score:
        if payloads.needs_prompt_logprobs(request):
            return await self._score_texts(request)

        def check(body: Mapping[str, Any]) -> str | None:
            found = payloads.top_logprobs(body)
            return found if isinstance(found, str) else None

        if self.settings.logprobs and all(
            each.capabilities.can("logprobs") for each in self._servers.servers
        ):
            answer = await self._asker.ask(request.id, partial(payloads.label_body, request), check)
            known = payloads.top_logprobs(answer.body)
            if answer.error is None and isinstance(known, dict):
                used = payloads.usage(answer.body)
                logprobs = payloads.label_logprobs(request, known)
                if any(map(math.isnan, logprobs)):
                    return Score(request_id=request.id, logprobs=(), usage=used, error=payloads.TOO_FEW)
                return Score(request_id=request.id, logprobs=logprobs, usage=used)
            if answer.error is None:
                answer.able.lose("logprobs", "it was asked for them and gave none")
            elif answer.able.can("logprobs"):
                return Score(request_id=request.id, logprobs=(), error=answer.error)
        if not self.settings.votes:
            return Score(request_id=request.id, logprobs=(), error=NO_LOGPROBS)
        return await self._votes(request)

    async def _votes(self, request: ScoreRequest) -> Score:
        """The share of sampled answers that are each label: a rougher figure, under a fingerprint of its own."""
        said: list[str] = []
        sent = got = 0
        while len(said) < self.settings.votes:
            one_call = all(each.capabilities.can("n") for each in self._servers.servers)
            count = self.settings.votes - len(said) if one_call else 1
            seed = derived_seed("vote", request.id, len(said))
            found = await self._texts(
                f"{request.id}|{len(said)}",
                count,
                partial(payloads.vote_body, request, seed, count),
            )
            if isinstance(found, str):
                if count > 1 and found.startswith(payloads.SENT_ONE):
                    self._lose_n(found)
                if one_call and not all(each.capabilities.can("n") for each in self._servers.servers):
                    continue  # the server has just said that it cannot: several calls
                return Score(request_id=request.id, logprobs=(), error=found)
            said += [each.text for each in found[0]]
            sent, got = sent + found[1].prompt_tokens, got + found[1].completion_tokens
        used = Usage(prompt_tokens=sent, completion_tokens=got)
        return Score(request_id=request.id, logprobs=payloads.vote_logprobs(request, said), usage=used)

    async def _score_texts(self, request: ScoreRequest) -> Score:
        """Whole texts: the prompt's own log-probabilities with the continuation, behind those without it."""
        rows: list[list[tuple[str, float]]] = []
        sent = got = 0
        for text in ("", *request.continuations):
            answer = await self._asker.ask(
                f"{request.id}|{len(rows)}",
                partial(payloads.prompt_logprobs_body, request, text),
                _any,
            )
            found = payloads.prompt_logprobs(answer.body)
            if answer.error is not None or found is None:
                error = (
                    answer.error
                    or "the server gives no log-probabilities of a given text; score with hf: or vllm:"
                )
                return Score(request_id=request.id, logprobs=(), error=error)
            used = payloads.usage(answer.body)
            sent, got = sent + used.prompt_tokens, got + used.completion_tokens
            rows.append(found)
        base, *whole = rows
        if any([name for name, _ in each[: len(base)]] != [name for name, _ in base] for each in whole):
            error = "the server's chat template does not continue a turn; score with hf: or vllm:"
            return Score(request_id=request.id, logprobs=(), error=error)
        logprobs = tuple(sum(value for _, value in each[len(base) :]) for each in whole)
        return Score(
            request_id=request.id,
            logprobs=logprobs,
            usage=Usage(prompt_tokens=sent, completion_tokens=got),
        )


def open_openai(name: str, rest: str, *, chat_template_kwargs: Mapping[str, Any] | None) -> OpenAIEngine:
    """The engine of a name (see `rlaif.engines.openai.name`). Without a revision no other run re-uses its calls."""
    urls, model, revision, settings = parse_name(name, rest)
    return OpenAIEngine(
        name, urls, model, revision, settings=settings, chat_template_kwargs=chat_template_kwargs
    )


def _generation(request: GenerateRequest, said: payloads.Text, used: Usage) -> Generation:
    if said.problem:
        return Generation(request_id=request.id, text="", finish="stop", usage=used, error=said.problem)
    return Generation(request_id=request.id, text=said.text, finish=said.finish, usage=used)


def _failed(request: GenerateRequest, error: str) -> Generation:
    return Generation(request_id=request.id, text="", finish="stop", error=error)


def _alike(request: Request) -> Any:
    """Equal for requests that are draws of one prompt; a likeliest text is drawn once."""
    if isinstance(request, ScoreRequest) or request.sampling.temperature == 0 or request.schema is not None:
        return request.id
    return (request.messages, request.sampling)


def _any(_: Mapping[str, Any]) -> None:
    return None
