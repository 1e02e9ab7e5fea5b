"""Spellings of control tokens broken up in what goes to a server. Pure.

A server encodes text by a tokenizer that is not known here, and many take a spelled `<|im_end|>` for the token. So
the shapes of such tokens are masked, whatever the model: a blank goes behind their first character.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from rlaif.records import GenerateRequest, ScoreRequest

_WORDS = "s|bos|eos|eod|pad|unk|mask|sep|cls|sop|eop|think|thinking|thought|tool|tools|turn|image|audio|video"
_BRACKETED = "inst|cls|sep|mask|pad|unk|gmask|smask|img|audio|think|[a-z]+_[a-z_]+|tool_calls"
_SHAPE = re.compile(
    r"<\|[^<>\n]{1,60}>|<[^<>\n]{1,60}\|>"  # <|im_end|>, <|turn>, <turn|>
    rf"|</?(?:{_WORDS}|[a-z]+\d*(?:_[a-z0-9]+)+)>"  # </s>, <think>, <end_of_turn>, <unused_1>
    r"|<</?sys>>"
    rf"|\[/?(?:{_BRACKETED})\]|\[\|[^\[\]\n]{{1,60}}\|\]"  # [INST], [TOOL_CALLS], [|user|]
)


def masked(request: GenerateRequest | ScoreRequest) -> GenerateRequest | ScoreRequest:
    """The request with every message masked; its id and what is asked of the answer stay."""
    turns = tuple(replace(each, content=masked_text(each.content)) for each in request.messages)
    return request if turns == request.messages else replace(request, messages=turns)


def masked_text(text: str) -> str:
    """The text with a blank in every spelled control token; other text is the same to the letter."""
    found, end = "", 0
    for spelled in _SHAPE.finditer(_folded(text)):
        found += f"{text[end : spelled.start() + 1]} "
        end = spelled.start() + 1
    return found + text[end:]


def _folded(text: str) -> str:
    """Character for character as a normaliser would see it: tokenizers fold width and case."""
    if text.isascii():
        return text.lower()
    return "".join(_fold(character) for character in text)


def _fold(character: str) -> str:
    found = unicodedata.normalize("NFKC", character).lower()
    return found if len(found) == 1 else character
