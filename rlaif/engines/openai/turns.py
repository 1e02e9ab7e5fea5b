"""Turns as JSON of a chat request. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rlaif.engines.openai.refusals import DEVELOPER, THOUGHTS
from rlaif.engines.openai.tool_calls import calls_json, made_id
from rlaif.records import Message


def turns(messages: Sequence[Message], can: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The turns as this server takes them: `can` tells what it has refused.

    A developer's turn is the system's to a server that knows no developer. Thoughts of earlier turns go with them,
    under both names that servers read (vLLM reads one of them, DeepSeek and SGLang the other): what of them the model
    sees is its chat template's affair, as it is locally. To a server that refuses them they are not sent.
    """
    sent = []
    waiting: list[str] = []
    for place, each in enumerate(messages):
        if each.tool_calls:
            waiting = [call.id or made_id(place, n) for n, call in enumerate(each.tool_calls)]
        sent.append(_turn(each, place, can))
        if each.role == "tool":
            answered = each.tool_call_id or (waiting[0] if waiting else "")
            waiting = [own for own in waiting if own != answered]
            if answered:
                sent[-1]["tool_call_id"] = answered
    return sent


def _turn(message: Message, place: int, can: Callable[[str], bool]) -> dict[str, Any]:
    role = "system" if message.role == "developer" and not can(DEVELOPER) else message.role
    turn: dict[str, Any] = {"role": role, "content": message.content}
    if message.name is not None:
        turn["name"] = message.name
    if message.tool_calls:
        turn |= {"content": message.content or None, "tool_calls": calls_json(message.tool_calls, place)}
    if message.thought and can(THOUGHTS):
        turn |= {"reasoning_content": message.thought, "reasoning": message.thought}
    return turn
