"""Two sides side by side: which words only one of them has. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

from rlaif.auditing.turn_texts import call_text
from rlaif.records import Message

# blanks go with the word before them, so that a changed phrase is one piece
_PART = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
MAX_PARTS = 4000
"""Words and marks beyond which two texts are shown whole: the comparison is quadratic."""


class TextPart(NamedTuple):
    """A piece of one text, and whether the other side has it too."""

    text: str
    shared: bool


class TurnParts(NamedTuple):
    """A turn of one side: its content and its calls of tools in pieces. Thoughts are not compared."""

    turn: Message
    content: list[TextPart]
    calls: list[list[TextPart]]


def differences(one: Sequence[Message], other: Sequence[Message]) -> tuple[list[TurnParts], list[TurnParts]]:
    """Each side turn by turn; a word is shared where the other side has it in the same order, in whatever turn."""
    left, right = _compared(_texts(one), _texts(other))
    return _turns(one, left), _turns(other, right)


def marked(parts: Sequence[TextPart], before: str = "[", after: str = "]") -> str:
    """The text with marks around what the other one has not."""
    return "".join(each.text if each.shared else f"{before}{each.text}{after}" for each in parts)


def _texts(turns: Sequence[Message]) -> list[str]:
    return [text for each in turns for text in (each.content, *map(call_text, each.tool_calls))]


def _turns(turns: Sequence[Message], parts: Sequence[list[TextPart]]) -> list[TurnParts]:
    left = iter(parts)
    return [TurnParts(each, next(left), [next(left) for _ in each.tool_calls]) for each in turns]


def _compared(
    ones: Sequence[str], others: Sequence[str]
) -> tuple[list[list[TextPart]], list[list[TextPart]]]:
    """The pieces of every text of either side, which are compared as one sequence of words."""
    mine, theirs = _words(ones), _words(others)
    if len(mine) > MAX_PARTS or len(theirs) > MAX_PARTS:
        return [[TextPart(each, shared=True)] for each in ones], [
            [TextPart(each, shared=True)] for each in others
        ]
    left: list[list[TextPart]] = [[] for _ in ones]
    right: list[list[TextPart]] = [[] for _ in others]
    words, other_words = [word for _, word in mine], [word for _, word in theirs]
    for kind, a, b, c, d in SequenceMatcher(None, words, other_words, autojunk=False).get_opcodes():
        _put(left, mine[a:b], shared=kind == "equal")
        _put(right, theirs[c:d], shared=kind == "equal")
    return left, right


def _words(texts: Sequence[str]) -> list[tuple[int, str]]:
    """Words and marks, each with the place of its text: none reaches over two texts."""
    return [(place, word) for place, text in enumerate(texts) for word in _PART.findall(text)]


def _put(found: list[list[TextPart]], words: Sequence[tuple[int, str]], *, shared: bool) -> None:
    for place, own in groupby(words, key=lambda each: each[0]):
        found[place].append(TextPart("".join(word for _, word in own), shared=shared))
