"""Two texts side by side: which words only one of them has. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

# blanks go with the word before them, so that a changed phrase is one piece
_PART = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
MAX_PARTS = 4000
"""Words and marks beyond which two texts are shown whole: the comparison is quadratic."""


class TextPart(NamedTuple):
    """A piece of one text, and whether the other text has it too."""

    text: str
    shared: bool


def differences(one: str, other: str) -> tuple[list[TextPart], list[TextPart]]:
    """Each text as pieces that put together give it back, byte for byte."""
    mine, theirs = _PART.findall(one), _PART.findall(other)
    if len(mine) > MAX_PARTS or len(theirs) > MAX_PARTS:
        return [TextPart(one, shared=True)], [TextPart(other, shared=True)]
    left: list[TextPart] = []
    right: list[TextPart] = []
    for kind, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if a < b:
            left.append(TextPart("".join(mine[a:b]), kind == "equal"))
        if c < d:
            right.append(TextPart("".join(theirs[c:d]), kind == "equal"))
    return left, right


def marked(parts: list[TextPart], before: str = "[", after: str = "]") -> str:
    """The text with marks around what the other one has not."""
    return "".join(each.text if each.shared else f"{before}{each.text}{after}" for each in parts)
