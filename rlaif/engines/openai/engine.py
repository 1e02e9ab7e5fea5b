"""Models behind OpenAI-compatible servers. The addresses are where a model is reached, never what it is."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import groupby
from typing import Any, NamedTuple

import httpx

from rlaif.engines.base import Job, SubmittingEngine
from rlaif.engines.openai import payloads, replies
from rlaif.engines.openai.capabilities import capabilities_of, scored_by
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.event_loop import Flow, LoopThread
from rlaif.engines.openai.key import key_of
from rlaif.engines.openai.label_scores import TOO_FEW, label_logprobs, may_be_shares, vote_logprobs
from rlaif.engines.openai.load_balancer import Server, Servers
from rlaif.engines.openai.masked import masked
from rlaif.engines.openai.name import Settings, doubt, parse_name, shown
from rlaif.engines.openai.rate_limits import Bucket
from rlaif.engines.openai.retries import Asker, Build
from rlaif.hashing import derived_seed, digest
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage

NO_LOGPROBS = (
    "the server gives no log-probabilities; use a protocol that reads text (--protocol compare-cot), say so in the "
    "model name (?logprobs=0: then verdicts are written), or name a number of sampled votes there (?votes=16)"
)
NO_MORE_LOGPROBS = (
    "the server gives no log-probabilities, and scores of this model by log-probabilities are there: votes are another "
    "figure; ask the server that gives them, or say ?logprobs=0 in the model name, which is another judge"
)
NO_PROMPT_LOGPROBS = "the server gives no log-probabilities of a given text; score with hf: or vllm:"
NO_VOTE = (
    "the model thinks before it answers, and a vote ended in its thoughts; use a protocol that reads text "
    "(?logprobs=0 without ?votes)"
)
LOGPROBS, VOTES = "log-probabilities", "votes"
"""Ways in which labels are scored: one for each fingerprint."""
_log = logging.getLogger(__name__)
Request = GenerateRequest | ScoreRequest
Reply = Generation | Score


class _Texts(NamedTuple):
    """The texts of a call or why there are none, and what all attempts have used."""

    texts: list[replies.Text]
    error: str | None
    used: Usage


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

    def recall(self, reply: Reply) -> None:
        """Go on scoring as the recorded scores of this fingerprint were made, whatever a server can do by now."""
        if not self.settings.votes or not isinstance(reply, Score) or not reply.logprobs:
            return
        if reply.votes:
            self._scored_by(VOTES)
        elif not may_be_shares(
            reply.logprobs, self.settings.votes
        ):  # else perhaps of a time when it was not noted
            self._scored_by(LOGPROBS)

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
        if len(group) > 1 and self._all_can("n"):
            found = await self._texts(
                group[0].id, len(group), partial(payloads.draw_body, group[0], len(group))
            )
            if found.error is None:
                parts = replies.shares(found.used, len(group))
                return [_generation(*each) for each in zip(group, found.texts, parts, strict=True)]
            self._learn_n(found.error)
            parts = replies.shares(found.used, len(group))
            if self._all_can("n"):
                return [_failed(each, found.error, part) for each, part in zip(group, parts, strict=True)]
            singly = [await self._one(each) for each in group]
            return [_dearer(each, part) for each, part in zip(singly, parts, strict=True)]
        return [await self._one(each) for each in group]

    def _all_can(self, name: str) -> bool:
        return all(each.capabilities.can(name) for each in self._servers.servers)

    def _some_can(self, name: str) -> bool:
        return any(not each.refused and each.capabilities.can(name) for each in self._servers.servers)

    def _learn_n(self, error: str) -> None:
        """Learn from a call that sent one text at every try: or another attempt would have given more."""
        for each in self._servers.servers if error.startswith(replies.SENT_ONE) else ():
            if "n" not in each.capabilities.proved:
                each.capabilities.lose("n", error)

    async def _one(self, request: GenerateRequest) -> Generation:
        found = await self._texts(request.id, 1, partial(payloads.draw_body, request, 1))
        if found.error is not None:
            return _failed(request, found.error, found.used)
        return _generation(request, found.texts[0], found.used)

    async def _texts(self, call: str, count: int, build: Build) -> _Texts:
        answer = await self._asker.ask(call, build, partial(replies.texts_problem, count=count))
        found = replies.texts(answer.body, count) if answer.error is None else answer.error
        return _Texts([], found, answer.used) if isinstance(found, str) else _Texts(found, None, answer.used)

    async def _score(self, request: ScoreRequest) -> Score:
        if payloads.needs_prompt_logprobs(request):
            return await self._score_texts(request)
        used = Usage()
        if self.settings.logprobs and self._scored_by() != VOTES and self._some_can("logprobs"):
            score = await self._by_logprobs(request)
            # what an answer without them has cost is paid, whoever answers in the end
            used = score.usage
            if self._scored_by() != VOTES and (score.error is None or self._some_can("logprobs")):
                return score
        if self._scored_by(VOTES if self.settings.votes else "") == LOGPROBS:
            return Score(request_id=request.id, logprobs=(), usage=used, error=NO_MORE_LOGPROBS)
        if not self.settings.votes:
            return Score(request_id=request.id, logprobs=(), usage=used, error=NO_LOGPROBS)
        score = await self._votes(request)
        return replace(score, usage=replies.added([used, score.usage]))

    def _scored_by(self, way: str = "") -> str:
        return scored_by(self.fingerprint, way)

    async def _by_logprobs(self, request: ScoreRequest) -> Score:
        def check(body: Mapping[str, Any]) -> replies.Problem | None:
            found = replies.candidates(body)
            return found if isinstance(found, replies.Problem) else None

        build = partial(payloads.label_body, request)
        answer = await self._asker.ask(request.id, build, check, needs="logprobs")
        failed = Score(request_id=request.id, logprobs=(), usage=answer.used, error=answer.error)
        if answer.error is not None:
            return failed
        if self._scored_by(LOGPROBS) != LOGPROBS:
            return replace(failed, error=NO_LOGPROBS)
        known = replies.candidates(answer.body)
        assert not isinstance(known, replies.Problem)
        logprobs = label_logprobs(request, known)
        if any(map(math.isnan, logprobs)):
            return replace(failed, error=TOO_FEW)
        return Score(request_id=request.id, logprobs=logprobs, usage=answer.used)

    async def _votes(self, request: ScoreRequest) -> Score:
        """The share of sampled answers that are each label: a rougher figure than log-probabilities."""
        said: list[replies.Text] = []
        used: list[Usage] = []
        while len(said) < self.settings.votes:
            one_call = self._all_can("n")
            count = self.settings.votes - len(said) if one_call else 1
            seed = derived_seed("vote", request.id, len(said))
            build = partial(payloads.vote_body, request, seed, count)
            found = await self._texts(f"{request.id}|{len(said)}", count, build)
            used.append(found.used)
            if found.error is not None:
                if count > 1:
                    self._learn_n(found.error)
                if one_call and not self._all_can("n"):
                    continue  # the server has just said that it cannot: several calls
                return Score(request_id=request.id, logprobs=(), usage=replies.added(used), error=found.error)
            said += found.texts
        problem = next((each.problem for each in said if each.problem), None)
        if problem is None and any(each.finish == "length" and not each.text for each in said):
            problem = NO_VOTE
        if problem is not None:
            return Score(request_id=request.id, logprobs=(), usage=replies.added(used), error=problem)
        logprobs = vote_logprobs(request, [each.text for each in said])
        return Score(
            request_id=request.id, logprobs=logprobs, usage=replies.added(used), votes=self.settings.votes
        )

    async def _score_texts(self, request: ScoreRequest) -> Score:
        """Whole texts: the prompt's own log-probabilities with the continuation, behind those without it."""
        rows: list[list[tuple[str, float]]] = []
        used: list[Usage] = []
        for text in ("", *request.continuations):
            answer = await self._asker.ask(
                f"{request.id}|{len(rows)}",
                partial(payloads.prompt_logprobs_body, request, text),
                replies.prompt_problem,
                needs="prompt_logprobs",
            )
            used.append(answer.used)
            found = replies.prompt_logprobs(answer.body)
            if answer.error is not None or found is None:
                error = answer.error if self._some_can("prompt_logprobs") else NO_PROMPT_LOGPROBS
                return Score(request_id=request.id, logprobs=(), usage=replies.added(used), error=error)
            rows.append(found)
        base, *whole = rows
        if any([name for name, _ in each[: len(base)]] != [name for name, _ in base] for each in whole):
            error = "the server's chat template does not continue a turn; score with hf: or vllm:"
            return Score(request_id=request.id, logprobs=(), usage=replies.added(used), error=error)
        logprobs = tuple(sum(value for _, value in each[len(base) :]) for each in whole)
        return Score(request_id=request.id, logprobs=logprobs, usage=replies.added(used))


def open_openai(name: str, rest: str, *, chat_template_kwargs: Mapping[str, Any] | None) -> OpenAIEngine:
    """The engine of a name (see `rlaif.engines.openai.name`). Without a revision no other run re-uses its calls."""
    urls, model, revision, settings = parse_name(name, rest)
    if question := doubt(rest):
        _log.warning("%s: %s", shown(name), question)
    return OpenAIEngine(
        name, urls, model, revision, settings=settings, chat_template_kwargs=chat_template_kwargs
    )


def _generation(request: GenerateRequest, said: replies.Text, used: Usage) -> Generation:
    if said.problem:
        return _failed(request, said.problem, used)
    return Generation(request_id=request.id, text=said.text, finish=said.finish, usage=used)


def _failed(request: GenerateRequest, error: str, used: Usage) -> Generation:
    return Generation(request_id=request.id, text="", finish="stop", usage=used, error=error)


def _dearer(reply: Generation, more: Usage) -> Generation:
    return replace(reply, usage=replies.added([reply.usage, more]))


def _alike(request: Request) -> Any:
    """Equal for requests that are draws of one prompt; a likeliest text is drawn once."""
    if isinstance(request, ScoreRequest) or request.sampling.temperature == 0 or request.schema is not None:
        return request.id
    return (request.messages, request.sampling)
