"""Spellings of control tokens broken up in what goes to a server. Pure.

A server encodes text by a tokenizer that is not known here, and many take a spelled `<|im_end|>` for the token. So
the shapes of such tokens are masked, whatever the model: a blank goes behind their first character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rlaif.records import GenerateRequest, Message, ScoreRequest

_WORDS = "s|bos|eos|eod|pad|unk|mask|sep|cls|sop|eop|think|thinking|thought|tool|tools|turn|image|audio|video"
_BRACKETED = "inst|cls|sep|mask|pad|unk|gmask|smask|img|audio|think|[a-z]+_[a-z_]+|tool_calls"
_SHAPE = re.compile(
    r"<\|[^<>\n]{1,60}>|<[^<>\n]{1,60}\|>"  # <|im_end|>, <|turn>, <turn|>
    rf"|</?(?:{_WORDS}|[a-z]+\d*(?:_[a-z0-9]+)+)>"  # </s>, <think>, <end_of_turn>, <unused_1>
    r"|<</?sys>>"
    rf"|\[/?(?:{_BRACKETED})\]|\[\|[^\[\]\n]{{1,60}}\|\]"  # [INST], [TOOL_CALLS], [|user|]
)


def masked(request: GenerateRequest | ScoreRequest) -> GenerateRequest | ScoreRequest:
    """The request with all texts of its turns and tools masked; its id and what is asked of the answer stay."""
    turns = tuple(map(_masked_turn, request.messages))
    tools = tuple(_masked_values(each) for each in request.tools)
    if isinstance(request, GenerateRequest) and request.assistant_prefix:
        request = replace(request, assistant_prefix=masked_text(request.assistant_prefix))
    if turns == request.messages and tools == request.tools:
        return request
    return replace(request, messages=turns, tools=tools)


def masked_text(text: str) -> str:
    """The text with a blank in every spelled control token; other text is the same to the letter."""
    found, end = "", 0
    for spelled in _SHAPE.finditer(_folded(text)):
        found += f"{text[end : spelled.start() + 1]} "
        end = spelled.start() + 1
    return found + text[end:]


def _masked_turn(turn: Message) -> Message:
    """All texts of a turn: what is said, thought and called, and by whom."""
    calls = tuple(
        replace(each, name=masked_text(each.name), arguments=masked_text(each.arguments))
        for each in turn.tool_calls
    )
    return replace(
        turn,
        content=masked_text(turn.content),
        thought=masked_text(turn.thought),
        tool_calls=calls,
        name=None if turn.name is None else masked_text(turn.name),
    )


def _masked_values(value: Any) -> Any:
    """The schema of a tool with its texts masked; the names of its fields stay, as calls are read by them."""
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, Mapping):
        return {name: _masked_values(each) for name, each in value.items()}
    return [_masked_values(each) for each in value] if isinstance(value, list | tuple) else value


def _folded(text: str) -> str:
    """Character for character as a normaliser would see it: tokenizers fold width and case."""
    if text.isascii():
        return text.lower()
    return "".join(_fold(character) for character in text)


def _fold(character: str) -> str:
    found = unicodedata.normalize("NFKC", character).lower()
    return found if len(found) == 1 else character
