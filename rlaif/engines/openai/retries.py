"""One call to a model: attempts until there is an answer, to this call, by this model, that can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlaif.engines.openai import payloads
from rlaif.engines.openai.attempt import AttemptFault, AttemptOutcome, attempt
from rlaif.engines.openai.capabilities import Capabilities
from rlaif.engines.openai.load_balancer import Server, Servers
from rlaif.engines.openai.rate_limits import backoff

HOLD_S = 0.1
"""Time for which an answer is held until no other call has got the same."""
HOLD_TURNS = 10
"""Turns of the loop after it: on a busy machine what has arrived meanwhile is yet to be read."""
Build = Callable[[Capabilities], dict[str, Any]]
Check = Callable[[Mapping[str, Any]], str | None]


class Answer(NamedTuple):
    """A server's JSON and who gave it, or why there is none."""

    body: Mapping[str, Any]
    error: str | None
    able: Capabilities


@dataclass(frozen=True, slots=True)
class Asker:
    """The attempts of every call of one engine."""

    servers: Servers
    model: str
    kwargs: Mapping[str, Any]
    """Of the chat template, for servers that take them."""

    async def ask(self, call: str, build: Build, check: Check) -> Answer:
        """Attempts until one gives an answer that `check` has nothing against, or none is left."""
        tried = 0
        while True:
            # what is sent differs by server only in small ways: any of them tells its size
            cost = _cost(build(self.servers.servers[0].capabilities)) if self.servers.settings.tpm else 0.0
            server = await self.servers.acquire(cost)
            outcome = AttemptOutcome(fault=AttemptFault.AGAIN, reason="stopped")
            try:
                sent = {**build(server.capabilities), "model": self.model}
                if self.kwargs:
                    sent["chat_template_kwargs"] = self.kwargs
                if unable := _unable(sent, server.capabilities):
                    return Answer({}, unable, server.capabilities)
                outcome = await attempt(server.connections, sent, self.servers.settings.total)
                outcome = self._judged(outcome, check)
            finally:
                used = payloads.usage(outcome.body)
                spare = cost - used.prompt_tokens - used.completion_tokens if outcome.body else 0.0
                self.servers.release(server, spare)
            if _learned(server.capabilities, sent, outcome):
                if "n" in sent and not server.capabilities.can("n"):
                    return Answer({}, outcome.reason, server.capabilities)
                continue
            self.servers.note(server, outcome, call)
            tried += 1
            if outcome.fault is None and await self._ours(server, call, outcome, tried):
                return Answer(outcome.body, None, server.capabilities)
            if outcome.fault is None:
                outcome = AttemptOutcome(
                    fault=AttemptFault.AGAIN, reason="the server sent one answer to several calls"
                )
            if outcome.fault is AttemptFault.CALL or tried >= self.servers.settings.tries:
                return Answer(
                    {},
                    f"{outcome.reason} (attempt {tried} of {self.servers.settings.tries})",
                    server.capabilities,
                )
            if outcome.fault is AttemptFault.AGAIN:
                await asyncio.sleep(backoff(self.servers.settings.wait, tried, call))

    async def _ours(self, server: Server, call: str, outcome: AttemptOutcome, tried: int) -> bool:
        """Whether no other call got the same answer. Of two that overtake each other the second comes soon."""
        name = server.claim(outcome.body, call)
        if name is None:
            return True
        await asyncio.sleep(HOLD_S)
        for _ in range(HOLD_TURNS):
            await asyncio.sleep(0)
        return not server.disputed(name, tried=tried)

    def _judged(self, outcome: AttemptOutcome, check: Check) -> AttemptOutcome:
        """The outcome, or the fault that its body has."""
        if outcome.fault is not None:
            return outcome
        if other := payloads.other_model(self.model, outcome.body):
            reason = f"answers as {other!r}, not as {self.model!r}"
            return AttemptOutcome(fault=AttemptFault.WRONG, reason=reason, status=outcome.status)
        if problem := check(outcome.body):
            return AttemptOutcome(fault=AttemptFault.AGAIN, reason=problem)
        return outcome


def _learned(able: Capabilities, sent: Mapping[str, Any], outcome: AttemptOutcome) -> bool:
    """Whether a refusal told something of the server: some word it as forbidden (403), some as a fault of their own."""
    if outcome.fault is AttemptFault.CALL:
        return able.learn(sent, outcome.reason)
    return outcome.status in (403, 405, 500, 501) and able.learn(sent, outcome.reason, plain=False)


def _unable(sent: Mapping[str, Any], able: Capabilities) -> str | None:
    """Why this server cannot be asked this at all."""
    for name in ("logprobs", "prompt_logprobs", "continue_final_message"):
        if name in sent and not able.can(name):
            return f"the server has no {name}: {able.missing[name]}"
    return None


def _cost(body: Mapping[str, Any]) -> float:
    """Tokens that a call may take: about a third of the letters sent, and all it may write."""
    letters = sum(len(each["content"]) for each in body["messages"])
    most = body.get("max_tokens") or body.get("max_completion_tokens") or 1
    return letters / 3 + most * int(body.get("n") or 1)
