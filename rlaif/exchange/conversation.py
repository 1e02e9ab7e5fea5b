"""What makes turns a conversation: one system turn, and a call before each result of a tool."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rlaif.errors import UnkeptError
from rlaif.records import Message

LEADS = ("system", "developer")
"""Roles of the turn that says how to answer: a conversation has one of them."""
_WRITTEN_CALL = re.compile(r"<tool_calls?>|<function_?calls?>|<\|tool_calls?_begin\|>|\[TOOL_CALLS\]")
"""A call that stands in the text, as some sets write it: which one a result answers cannot be told then."""


def check_conversation(messages: Sequence[Message], where: str, column: str) -> None:
    """Raise UnkeptError, with the turn's place in `column`, for turns that no model can have been given.

    These are a second system turn (`developer` is one too), the result of a tool that nobody called, and two calls
    that have one id at a time.
    """
    _one_system_turn(messages, where, column)
    calls = _Calls()
    for place, each in enumerate(messages):
        wrong = calls.wrong(each)
        if wrong is not None:
            raise UnkeptError(where, f"{column}[{place}] {wrong[0]}", wrong[1])


def _one_system_turn(messages: Sequence[Message], where: str, column: str) -> None:
    places = [place for place, each in enumerate(messages) if each.role in LEADS]
    if len(places) > 1:
        first, second = (messages[place].role for place in places[:2])
        raise UnkeptError(
            where,
            f"{column}[{places[1]}] is a second system turn ({second}, and {first} before it)",
            "join the two in one turn",
        )


class _Calls:
    """The calls so far, and those that have no result yet."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._open: list[str | None] = []
        self._in_text = False

    def wrong(self, turn: Message) -> tuple[str, str] | None:
        """What is wrong with the next turn, and what to do; None where nothing is."""
        if turn.role == "tool":
            return self._result(turn.tool_call_id)
        for call in turn.tool_calls:
            if call.id is not None and call.id in self._open:
                return f"has a second call with the id {call.id!r:.60}", "give each call an id of its own"
            self._open.append(call.id)
            self._known |= {call.id} if call.id is not None else set()
        if turn.role == "assistant" and _WRITTEN_CALL.search(turn.content):
            self._in_text = True
        return None

    def _result(self, call: str | None) -> tuple[str, str] | None:
        if self._in_text:
            return None
        if call is not None and call not in self._known:
            return (
                f"is the result of a call {call!r:.60} that nobody made before it",
                "put the assistant's turn with that call (`tool_calls`) before it, or leave out such rows",
            )
        if call is None and not self._open:
            return (
                "is the result of a tool that nobody called before it",
                "put the assistant's turn with the call (`tool_calls`) before it, or leave out such rows",
            )
        if call is None:
            self._open.pop(0)
        elif call in self._open:
            self._open.remove(call)
        return None
