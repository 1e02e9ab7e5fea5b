"""A model that thinks before it answers, as servers of several makes serve it: behind the fake server, or alone.

A word is a token. It writes `<think>`, its thought, `</think>` and its answer, and what a server makes of that is told
by `spelling`: a field of its own, as with a reasoning parser, or the marks inside of the text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

THOUGHT = "first I look at both and then I say that B is better"
START, END = "<think>", "</think>"


@dataclass
class ThinkingModel:
    """Answers `answer` behind `thought`; its labels are sure behind a thought, and unknown in front of it."""

    spelling: str = "reasoning_content"
    """`reasoning_content`, `reasoning`, `both`; `marks` in the text; `begun`: the template wrote the start mark."""
    thought: str = THOUGHT
    answer: str = "B"
    budget: str = ""
    """The field by which a thought is limited, with dots into objects; "": it takes no notice of any."""
    unknown: tuple[str, ...] = ()
    """Fields that are refused."""
    roles: tuple[str, ...] = ("system", "developer", "user", "assistant", "tool")
    continues: bool = True
    """Whether it goes on with an assistant's turn; else it refuses that."""
    logprobs: bool = True
    never_ends: bool = False
    """Whether the model ends its turn inside of its thought."""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, body: Mapping[str, Any]) -> str | None:
        """Why a body is refused, in the words of servers."""
        self.bodies.append(dict(body))
        name = next((each for each in self.unknown if each in body), None)
        if name is not None:
            return f"Unrecognized request argument supplied: {name}"
        if not self.continues and body["messages"][-1]["role"] == "assistant":
            return "Assistant response prefill is incompatible with enable_thinking."
        role = next((each["role"] for each in body["messages"] if each["role"] not in self.roles), None)
        if role is not None:
            return f"'{role}' is not one of {list(self.roles)} - 'messages.0.role'"
        if any(name in each for each in body["messages"] for name in self.unknown):
            return "Extra inputs are not permitted: body.messages.1.assistant.reasoning_content"
        return None

    def serve(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Choices and usage of the answer to a body."""
        begun = body["messages"][-1]["content"] if body.get("continue_final_message") else None
        written = [] if begun is not None else self._thought(body)
        most = int(body.get("max_tokens") or body["max_completion_tokens"])
        closed = [] if begun is not None or self.never_ends else [END]
        answer = [] if self.never_ends else self.answer.split()
        whole = [*written, *closed, *answer][:most]
        ended = len(whole) == len(written) + len(closed) + len(answer)
        choice = {"message": self._message(whole, begun), "finish_reason": "stop" if ended else "length"}
        if body.get("logprobs") and self.logprobs:
            choice["logprobs"] = {"content": [{"top_logprobs": self._top(begun)}]}
        count = int(body.get("n") or 1)
        used = {"prompt_tokens": 7, "completion_tokens": len(whole) * count}
        return {"choices": [{"index": place, **choice} for place in range(count)], "usage": used}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """As a transport without a socket."""
        body = json.loads(request.content)
        if why := self.refuse(body):
            return httpx.Response(400, json={"error": {"message": why}})
        return httpx.Response(200, json=self.serve(body))

    def _thought(self, body: Mapping[str, Any]) -> list[str]:
        words = self.thought.split()
        most: Any = body
        for name in filter(None, self.budget.split(".")):
            most = most.get(name) if isinstance(most, Mapping) else None
        return words[:most] if self.budget and isinstance(most, int) else words

    def _message(self, whole: list[str], begun: str | None) -> dict[str, Any]:
        closed = END in whole
        place = whole.index(END) if closed else len(whole)
        if begun is not None:
            return {"role": "assistant", "content": " ".join(whole)}
        thought, answer = " ".join(whole[:place]), " ".join(whole[place + 1 :])
        if self.spelling in ("marks", "begun"):
            start = f"{START}\n" if self.spelling == "marks" else ""
            return {
                "role": "assistant",
                "content": f"{start}{thought}" + (f"\n{END}\n\n{answer}" if closed else ""),
            }
        names = ("reasoning", "reasoning_content") if self.spelling == "both" else (self.spelling,)
        told = {name: f"{thought}\n" for name in names}
        return {"role": "assistant", "content": f"\n\n{answer}" if answer else None, **told}

    def _top(self, begun: str | None) -> list[dict[str, Any]]:
        """Behind the thought the label that it comes to has .9; in front of it the start mark has all."""
        if begun is not None and self.thought.split()[-1] in begun:
            chances = {"B": 0.9, "A": 0.1}
        else:
            chances = {START: 0.98, "A": 0.01}
        return [{"token": token, "logprob": math.log(p)} for token, p in chances.items()]
