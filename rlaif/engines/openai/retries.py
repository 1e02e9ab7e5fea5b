"""One call to a model: attempts until there is an answer, to this call, by this model, that can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rlaif.engines.openai import replies
from rlaif.engines.openai.answering_model import listed_models, other_model, same_model
from rlaif.engines.openai.attempt import MODELS, AttemptFault, AttemptOutcome, attempt, look
from rlaif.engines.openai.capabilities import NEEDED, Capabilities, Lesson
from rlaif.engines.openai.load_balancer import Server, Servers
from rlaif.engines.openai.name import OMITTABLE
from rlaif.engines.openai.rate_limits import backoff
from rlaif.engines.openai.refusals import EITHER, asked_for
from rlaif.engines.openai.request_body import KWARGS
from rlaif.errors import ModelError
from rlaif.records import Usage

HOLD_S = 0.1
"""Time for which an answer is held until no other call has got the same."""
HOLD_TURNS = 10
"""Turns of the loop after it: on a busy machine what has arrived meanwhile is yet to be read."""
NAMED = 5
"""Models of a server that a message names."""
_EITHER = ("temperature", "top_p")
Build = Callable[[Capabilities], dict[str, Any]]
Check = Callable[[Mapping[str, Any]], replies.Problem | None]


class Answer(NamedTuple):
    """A server's JSON, or why there is none, and what all attempts together have used."""

    body: Mapping[str, Any]
    error: str | None
    used: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Asker:
    """The attempts of every call of one engine."""

    servers: Servers
    model: str
    kwargs: Mapping[str, Any]
    """Of the chat template, for servers that take them."""

    async def ask(self, call: str, build: Build, check: Check, *, needs: Sequence[str] = ()) -> Answer:
        """Attempts until one gives an answer that `check` has nothing against, or none is left.

        `needs` are capabilities: servers without them are asked only where all lack some.
        """
        tried = 0
        used: list[Usage] = []

        def failed(reason: str) -> Answer:
            return Answer({}, reason, replies.added(used))

        while True:
            # what is sent differs by server only in small ways: any of them tells its size
            cost = _cost(build(self.servers.servers[0].capabilities)) if self.servers.settings.tpm else 0.0
            server = await self.servers.acquire(cost, needs)
            outcome = AttemptOutcome(fault=AttemptFault.AGAIN, reason="stopped")
            try:
                sent = self._sent(build(server.capabilities))
                unable = _unable(sent, server.capabilities)
                if unable is None and "n" in sent:
                    unable = server.capabilities.missing.get("n")
                if unable is not None:
                    return failed(unable)
                outcome = await attempt(server.connections, sent, self.servers.settings.total)
                outcome = self._judged(server, outcome, check)
            finally:
                used.append(replies.usage(outcome.body))
                spare = cost - used[-1].prompt_tokens - used[-1].completion_tokens if outcome.body else 0.0
                self.servers.release(server, spare)
            lesson = _lesson(server.capabilities, sent, outcome)
            if lesson is Lesson.LEARNED:
                continue
            if lesson is Lesson.DOUBTED:
                outcome = replace(outcome, fault=AttemptFault.AGAIN)
            self.servers.note(server, outcome, call)
            tried += 1
            if outcome.fault is None and await self._ours(server, call, outcome, tried):
                server.capabilities.prove(sent)
                return Answer(outcome.body, None, replies.added(used))
            if outcome.fault is None:
                outcome = AttemptOutcome(
                    fault=AttemptFault.AGAIN, reason="the server sent one answer to several calls"
                )
            if outcome.fault is AttemptFault.CALL or tried >= self.servers.settings.tries:
                return failed(f"{outcome.reason} (attempt {tried} of {self.servers.settings.tries})")
            if outcome.fault is AttemptFault.AGAIN:
                await asyncio.sleep(backoff(self.servers.settings.wait, tried, call))

    async def reach(self) -> None:
        """Return once a server is there. Raises EngineError where none is reached for `reach` seconds, ModelError where
        all refuse the key, or one neither lists the model nor answers for it.

        It costs no call where the model is listed, or nothing is. A list may leave out names that a server knows (a
        proxy's aliases, llama.cpp's any name), so that it alone refuses nobody: the model is asked for one token.
        """
        settings = self.servers.settings
        while True:
            server = await self.servers.acquire(0.0)
            try:
                outcome = await look(server.connections, min(settings.reach, settings.total))
            finally:
                self.servers.release(server, 0.0)
            if outcome.fault is None:
                return await self._known(listed_models(outcome.body))
            self.servers.note(server, outcome, MODELS)

    async def _known(self, listed: Sequence[str]) -> None:
        """Whether the model answers, where a server lists others alone."""
        if not listed or any(same_model(self.model, each) for each in listed):
            return
        asked = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        try:
            answer = await self.ask(MODELS, lambda _: asked, lambda _: None)
        except ModelError as refused:
            raise ModelError(self._unknown(listed, str(refused))) from None
        if answer.error:
            raise ModelError(self._unknown(listed, answer.error))

    def _unknown(self, listed: Sequence[str], why: str) -> str:
        names = ", ".join(listed[:NAMED]) + (
            f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
        )
        return (
            f"the server lists no model {self.model!r} but {names}, and does not answer for it ({why}): "
            "correct the name"
        )

    def _sent(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body as it is sent: with the model, without what the user wants left out."""
        left_out = self.servers.settings.left_out
        sent = {name: value for name, value in body.items() if name not in left_out}
        kwargs = {**self.kwargs, **sent.get(KWARGS, {})}
        return {**sent, "model": self.model, **({KWARGS: kwargs} if kwargs else {})}

    async def _ours(self, server: Server, call: str, outcome: AttemptOutcome, tried: int) -> bool:
        """Whether no other call got the same answer. Of two that overtake each other the second comes soon."""
        claimed = server.ids.claim(outcome.body, call)
        if claimed is None:
            return True
        await asyncio.sleep(HOLD_S)
        for _ in range(HOLD_TURNS):
            await asyncio.sleep(0)
        return not server.ids.disputed(claimed, tried=tried)

    def _judged(self, server: Server, outcome: AttemptOutcome, check: Check) -> AttemptOutcome:
        """The outcome, or the fault that its body has."""
        if outcome.fault is not None:
            return outcome
        if other := other_model(self.model, outcome.body, self.servers.settings.answers_as):
            reason = (
                f"answers as {other!r}, not as {self.model!r}; if that is what you mean, say ?answers_as={other} "
                "in the model's name"
            )
            return replace(outcome, fault=AttemptFault.WRONG, reason=reason)
        problem = check(outcome.body)
        if problem is None:
            return outcome
        if problem.lacks:
            server.capabilities.doubt(problem.lacks, problem.reason)
        fault = AttemptFault.CALL if problem.fatal else AttemptFault.AGAIN
        return replace(outcome, fault=fault, reason=problem.reason)


def _lesson(able: Capabilities, sent: Mapping[str, Any], outcome: AttemptOutcome) -> Lesson:
    """What a refusal told of the server: some word it as forbidden (403), some as a fault of their own."""
    if not outcome.words or outcome.fault is None:
        return Lesson.NOTHING
    if outcome.fault is AttemptFault.CALL:
        return able.learn(sent, outcome.words)
    if outcome.status in (200, 403, 404, 405, 500, 501):
        return able.learn(sent, outcome.words, plain=False)
    return Lesson.NOTHING


def _unable(sent: Mapping[str, Any], able: Capabilities) -> str | None:
    """Why this server cannot be asked this at all."""
    asked = asked_for(sent)
    lacking = next((name for name in NEEDED if name in asked and not able.can(name)), None)
    if lacking is not None:
        value = f" but its own, and this call is at {sent[lacking]!r}" if lacking in _EITHER else ""
        remedy = f"; leave it to the server with ?omit={lacking}" if lacking in OMITTABLE else ""
        return f"the server has no {lacking}{value}: {able.missing[lacking]}{remedy}"
    if not able.can(EITHER) and sent.keys() >= set(_EITHER):
        values = " and ".join(f"{name} {sent[name]!r}" for name in _EITHER)
        return (
            f"the server takes temperature or top_p, not both, and this call is at {values}: {able.missing[EITHER]}; "
            "set one of them to 1, or leave it to the server with ?omit=top_p"
        )
    return None


def _cost(body: Mapping[str, Any]) -> float:
    """Tokens that a call may take: about a third of the letters sent, and all it may write."""
    letters = sum(len(each["content"] or "") for each in body["messages"]) + len(str(body.get("tools", "")))
    most = body.get("max_tokens") or body.get("max_completion_tokens") or 1
    return letters / 3 + most * int(body.get("n") or 1)
