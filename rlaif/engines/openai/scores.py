"""Scores of a model behind servers: log-probabilities of labels, of whole texts, or shares of sampled votes.

A model that thinks first writes its thought, and the labels are read behind it: the assistant's turn is continued by
thought, end mark and prefix. Of a server that continues no turn, whole texts are drawn, and the verdict behind each
thought is a vote.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from rlaif.engines.openai import payloads, replies
from rlaif.engines.openai.capabilities import scored_by
from rlaif.engines.openai.draws import ServerDraw, ServerDraws, problem_of
from rlaif.engines.openai.label_scores import (
    MIN_TOLD,
    TOO_FEW,
    label_logprobs,
    may_be_shares,
    verdict_of,
    vote_logprobs,
)
from rlaif.engines.openai.masked import masked_text
from rlaif.engines.openai.name import Settings
from rlaif.engines.openai.refusals import CONTINUES
from rlaif.engines.thoughts import THINK
from rlaif.hashing import derived_seed
from rlaif.records import Sampling, Score, ScoreRequest, Usage

NO_LOGPROBS = (
    "the server gives no log-probabilities; use a protocol that reads text (--protocol compare-cot), say so in the "
    "model name (?logprobs=0: then verdicts are written), or name a number of sampled votes there (?votes=16)"
)
NO_MORE_LOGPROBS = (
    "the server gives no log-probabilities, and scores of this model by log-probabilities are there: votes are another "
    "figure; ask the server that gives them, or say ?logprobs=0 in the model name, which is another judge"
)
NO_PROMPT_LOGPROBS = "the server gives no log-probabilities of a given text; score with hf: or vllm:"
NO_CONTINUING = (
    "the server does not go on with an assistant's turn, so that no label can be read behind a thought; use a protocol "
    "that reads text (--protocol compare-cot), or name a number of sampled votes in the model name (?votes=16)"
)
NO_MORE_CONTINUING = (
    "the server does not go on with an assistant's turn, and scores of this model by log-probabilities are there: "
    "votes behind a thought are another figure; say ?logprobs=0&votes=16 in the model name, which is another judge"
)
NO_VOTE = (
    "the model thinks before it answers, and all votes ended in their thoughts; give them more room (the tokens of the "
    "thought, or ?thought_tokens=), or use a protocol that reads text (?logprobs=0 without ?votes)"
)
THINKS = (
    "the model thinks before it answers, and the first token of its answer is one of the thought; let it think first "
    "(--judge-think), ask for votes (?logprobs=0&votes=16 in the model name), or switch its thinking off"
)
ANEW = "the server did not go on with the assistant's turn: the model began to think anew"
LOGPROBS, VOTES = "log-probabilities", "votes"
"""Ways in which labels are scored: one for each fingerprint."""


_Scoring = Callable[[ScoreRequest], Awaitable[Score]]


class _Begun(NamedTuple):
    """A question whose thought is written, or why there is none."""

    request: ScoreRequest
    thought: str
    error: str | None
    used: Usage


class Scores:
    """The scoring of one engine. Under its fingerprint all scores are of one kind."""

    def __init__(self, draws: ServerDraws, settings: Settings, fingerprint: str) -> None:
        self._draws = draws
        self._settings = settings
        self._fingerprint = fingerprint

    def recall(self, reply: Score) -> None:
        """Go on scoring as the recorded scores of this fingerprint were made, whatever a server can do by now."""
        if not self._settings.votes or not reply.logprobs:
            return
        if reply.votes:
            self._scored_by(VOTES)
        elif not may_be_shares(
            reply.logprobs, self._settings.votes
        ):  # else perhaps of a time when it was not noted
            self._scored_by(LOGPROBS)

    async def of(self, request: ScoreRequest) -> Score:
        """The score of one request, by log-probabilities where the server tells them."""
        if payloads.needs_prompt_logprobs(request):
            return await self._behind_thought(request, self._of_texts)
        used = Usage()
        if self._settings.logprobs and self._scored_by() != VOTES and self._can_tell(request):
            score = await self._behind_thought(request, self._by_logprobs)
            # what an answer without them has cost is paid, whoever answers in the end
            used = score.usage
            if self._scored_by() != VOTES and (score.error is None or self._can_tell(request)):
                return score
        failed = Score(request_id=request.id, logprobs=(), usage=used)
        lacks_turn = request.thinking is not None and not self._draws.some_can(CONTINUES)
        if self._scored_by(VOTES if self._settings.votes else "") == LOGPROBS:
            return replace(failed, error=NO_MORE_CONTINUING if lacks_turn else NO_MORE_LOGPROBS)
        if not self._settings.votes:
            return replace(failed, error=NO_CONTINUING if lacks_turn else NO_LOGPROBS)
        score = await self._votes(request)
        return replace(score, usage=replies.added([used, score.usage]))

    def _can_tell(self, request: ScoreRequest) -> bool:
        """Whether some server may tell the log-probabilities that a request asks for."""
        return self._draws.some_can("logprobs", *((CONTINUES,) if request.thinking is not None else ()))

    def _scored_by(self, way: str = "") -> str:
        return scored_by(self._fingerprint, way)

    async def _behind_thought(self, request: ScoreRequest, score: _Scoring) -> Score:
        """A score, behind the thought that the request asks for, if any."""
        if request.thinking is None:
            return await score(request)
        begun = await self._begun(request, request.thinking)
        if begun.error is not None:
            return Score(request_id=request.id, logprobs=(), usage=begun.used, error=begun.error)
        found = await score(begun.request)
        return replace(found, usage=replies.added([begun.used, found.usage]), thought=begun.thought)

    async def _begun(self, request: ScoreRequest, how: Sampling) -> _Begun:
        """The request with its thought written and closed: what is behind the thought is not read."""
        drawn = await self._draws.of(
            payloads.thought_request(request, _thought_alone(how), request.seed), 1, f"{request.id}|thought"
        )
        error = drawn.error or problem_of(drawn.texts)
        if error is not None:
            return _Begun(request, "", error, drawn.used)
        [said] = drawn.texts
        thought = said.thought or said.text
        # a judge repeats what it judges: sent back, that must be masked as it was before
        written = masked_text(thought) if self._settings.mask else thought
        if said.thought:
            marks = said.marks or self._settings.marks or THINK
            written = f"{marks.start}\n{written}{marks.written_closing}"
        prefix = written + request.assistant_prefix
        return _Begun(replace(request, assistant_prefix=prefix, thinking=None), thought, None, drawn.used)

    async def _by_logprobs(self, request: ScoreRequest) -> Score:
        def check(body: Mapping[str, Any]) -> replies.Problem | None:
            found = replies.candidates(body)
            if isinstance(found, replies.Problem):
                return found
            anew = request.assistant_prefix and not _tells(request, found) and replies.opens_thought(found)
            return replies.Problem(ANEW, lacks=CONTINUES) if anew else None

        answer = await self._draws.asker.ask(
            request.id, partial(payloads.label_body, request), check, needs=_needs(request, "logprobs")
        )
        failed = Score(request_id=request.id, logprobs=(), usage=answer.used, error=answer.error)
        if answer.error is not None:
            return failed
        known = replies.candidates(answer.body)
        assert not isinstance(known, replies.Problem)
        begun = bool(request.assistant_prefix)
        if not begun and not _tells(request, known) and replies.thinks_first(answer.body, known):
            return replace(failed, error=THINKS)
        if self._scored_by(LOGPROBS) != LOGPROBS:
            return replace(failed, error=NO_LOGPROBS)
        logprobs = label_logprobs(request, known)
        if any(map(math.isnan, logprobs)):
            return replace(failed, error=TOO_FEW)
        return Score(request_id=request.id, logprobs=logprobs, usage=answer.used)

    async def _votes(self, request: ScoreRequest) -> Score:
        """The share of sampled answers that are each label: a rougher figure than log-probabilities.

        A model that thinks gets room for its thoughts, also where it is found out by a vote that ended in them.
        """
        room = self._room(request)
        drawn = await self._sampled(request, room)
        beginnings = room is None and not request.assistant_prefix
        if beginnings and drawn.error is None and any(map(_ended_in_thought, drawn.texts)):
            self._draws.note_thinking()
            more = await self._sampled(request, self._room(request))
            drawn = more._replace(used=replies.added([drawn.used, more.used]))
        failed = Score(request_id=request.id, logprobs=(), usage=drawn.used)
        problem = drawn.error or problem_of(drawn.texts)
        if problem is None and all(map(_ended_in_thought, drawn.texts)):
            problem = NO_VOTE
        if problem is not None:
            return replace(failed, error=problem)
        # one that ended in its thought is a vote for nothing
        logprobs = vote_logprobs(request, [verdict_of(request, each.text) for each in drawn.texts])
        thought = drawn.texts[0].thought or drawn.texts[0].text if request.thinking is not None else ""
        return replace(failed, logprobs=logprobs, votes=self._settings.votes, thought=thought)

    def _room(self, request: ScoreRequest) -> Sampling | None:
        """How whole texts are drawn for votes; None: the model is not known to think, and beginnings are enough."""
        if request.thinking is not None:
            how = _thought_alone(request.thinking)
            # at temperature 0 all votes were one
            hot = how if how.temperature > 0 else replace(how, temperature=payloads.NEUTRAL)
            return replace(hot, max_tokens=payloads.VOTE_TOKENS, max_thought_tokens=how.max_tokens, stop=())
        # a turn that is begun with a text of its own is past its thought
        if self._draws.think() and not request.assistant_prefix:
            most = self._settings.thought_tokens
            return Sampling(max_tokens=payloads.VOTE_TOKENS, max_thought_tokens=most)
        return None

    async def _sampled(self, request: ScoreRequest, room: Sampling | None) -> ServerDraw:
        """As many texts as there are votes, in one call where that is to be had."""
        said: list[replies.Text] = []
        used: list[Usage] = []
        while len(said) < self._settings.votes:
            one_call = self._draws.all_can("n")
            count = self._settings.votes - len(said) if one_call else 1
            seed = derived_seed("vote", request.id, len(said))
            call = f"{request.id}|{len(said)}"
            if room is None:
                build = partial(payloads.vote_body, request, seed, count)
                found = await self._draws.texts(call, count, build)
            else:
                found = await self._draws.of(payloads.thought_request(request, room, seed), count, call)
            used.append(found.used)
            if found.error is not None:
                if count > 1:
                    self._draws.learn_n(found.error)
                if one_call and not self._draws.all_can("n"):
                    continue  # the server has just said that it cannot: several calls
                return ServerDraw([], found.error, replies.added(used))
            said += found.texts
        return ServerDraw(said, None, replies.added(used))

    async def _of_texts(self, request: ScoreRequest) -> Score:
        """Whole texts: the prompt's own log-probabilities with the continuation, behind those without it."""
        rows: list[list[tuple[str, float]]] = []
        used: list[Usage] = []
        for text in ("", *request.continuations):
            answer = await self._draws.asker.ask(
                f"{request.id}|{len(rows)}",
                partial(payloads.prompt_logprobs_body, request, text),
                replies.prompt_problem,
                needs=_needs(request, "prompt_logprobs"),
            )
            used.append(answer.used)
            found = replies.prompt_logprobs(answer.body)
            if answer.error is not None or found is None:
                error = answer.error if self._draws.some_can("prompt_logprobs") else NO_PROMPT_LOGPROBS
                return Score(request_id=request.id, logprobs=(), usage=replies.added(used), error=error)
            rows.append(found)
        base, *whole = rows
        if any([name for name, _ in each[: len(base)]] != [name for name, _ in base] for each in whole):
            error = "the server's chat template does not continue a turn; score with hf: or vllm:"
            return Score(request_id=request.id, logprobs=(), usage=replies.added(used), error=error)
        logprobs = tuple(sum(value for _, value in each[len(base) :]) for each in whole)
        return Score(request_id=request.id, logprobs=logprobs, usage=replies.added(used))


def _thought_alone(how: Sampling) -> Sampling:
    """How a thought is drawn behind which nothing is to be written: all room is its own."""
    if how.max_thought_tokens is None:
        return how
    return replace(how, max_tokens=how.max_thought_tokens, max_thought_tokens=None)


def _needs(request: ScoreRequest, name: str) -> tuple[str, ...]:
    """The capabilities without which a server cannot be asked this."""
    return (name, CONTINUES) if request.assistant_prefix else (name,)


def _tells(request: ScoreRequest, known: Mapping[str, float]) -> bool:
    """Whether the labels are most of what the model would say."""
    told = {*request.continuations} & known.keys()
    return math.fsum(math.exp(known[each]) for each in told) >= MIN_TOLD


def _ended_in_thought(said: replies.Text) -> bool:
    """Whether there is no answer, because all room or the whole turn went into a thought."""
    return not said.problem and (said.open_thought or (said.finish == "length" and not said.text))
