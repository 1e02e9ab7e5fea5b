"""Texts of a model behind servers: one call for one or several draws, read as texts or as why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from rlaif.engines.beginnings import opened
from rlaif.engines.openai import payloads, replies
from rlaif.engines.openai.load_balancer import Servers
from rlaif.engines.openai.name import Settings
from rlaif.engines.openai.reading import reading
from rlaif.engines.openai.refusals import CONTINUES
from rlaif.engines.openai.retries import Asker, Build
from rlaif.engines.thoughts import THINK
from rlaif.records import GenerateRequest, Usage

CONTINUES_NOT = (
    "the request begins the answer, and this server's name does not say that it goes on with an assistant's turn "
    "(continue_final_message, as vLLM's does); say ?continues=1 in the model name, or ask a local model"
)


class ServerDraw(NamedTuple):
    """The texts of a call or why there are none, and what all attempts have used."""

    texts: list[replies.Text]
    error: str | None
    used: Usage


class ServerDraws:
    """Calls for texts, and what is learned of the servers by them."""

    def __init__(self, asker: Asker, servers: Servers, settings: Settings) -> None:
        self.asker = asker
        self._servers = servers
        self._settings = settings
        self._reading = reading(settings)

    def all_can(self, name: str) -> bool:
        """Whether no server is known to lack something."""
        return all(each.capabilities.can(name) for each in self._servers.servers)

    def some_can(self, *names: str) -> bool:
        """Whether there is a server left that is not known to lack any of these."""
        return any(
            not each.refused and all(map(each.capabilities.can, names)) for each in self._servers.servers
        )

    def learn_n(self, error: str) -> None:
        """Learn from a call that sent one text at every try: or another attempt would have given more."""
        for each in self._servers.servers if error.startswith(replies.SENT_ONE) else ():
            if "n" not in each.capabilities.proved:
                each.capabilities.lose("n", error)

    def think(self) -> bool:
        """Whether the model is known to think before it answers."""
        return any(each.capabilities.thinks for each in self._servers.servers)

    def note_thinking(self) -> None:
        """Know from now on that the model thinks."""
        for each in self._servers.servers:
            each.capabilities.thinks = True

    async def of(self, request: GenerateRequest, count: int, call: str = "") -> ServerDraw:
        """The texts of a chat request; `call` names it where its id does not."""
        if request.assistant_prefix and not self._settings.continues:
            return ServerDraw([], CONTINUES_NOT, Usage())
        sent = request
        if request.begins_thought:
            marks = self._settings.marks or THINK
            sent = replace(request, assistant_prefix=marks.start + opened(marks, request.assistant_prefix))
        build = partial(payloads.draw_body, sent, count, budget_as=self._settings.budget_as)
        return await self.texts(
            call or request.id,
            count,
            build,
            tools=bool(request.tools),
            begun=request.begins_thought,
            needs=(CONTINUES,) if request.assistant_prefix else (),
        )

    async def texts(
        self,
        call: str,
        count: int,
        build: Build,
        *,
        tools: bool = False,
        begun: bool = False,
        needs: Sequence[str] = (),
    ) -> ServerDraw:
        """The `count` texts of a call whose body is `build`.

        `tools`: they were offered; `begun`: a text goes on with a thought that was begun for it; `needs` as `ask` has.
        """
        how = self._reading.offering(tools)
        how = replace(how, begun=True) if begun else how
        check = partial(replies.texts_problem, count=count, how=how)
        answer = await self.asker.ask(call, build, check, needs=needs)
        found = replies.texts(answer.body, count, how) if answer.error is None else answer.error
        if isinstance(found, str):
            return ServerDraw([], found, answer.used)
        return ServerDraw(found, None, answer.used)


def problem_of(texts: Sequence[replies.Text]) -> str | None:
    """Why one of the texts is none."""
    return next((each.problem for each in texts if each.problem), None)
