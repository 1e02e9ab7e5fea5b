"""The final answer of a text, and whether it is the known one. Pure: every odd answer we were sent is a row of a test.

Where an answer is announced (`\\boxed{...}`, `#### 7`, `The answer is 7`, `Answer: B`), the last announcement counts;
else, of a known answer that is a number, the last number of the text, and of any other its last line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

_BOXED = re.compile(r"\\boxed\s*\{")
_ANNOUNCED = re.compile(
    r"####[ \t]*(?P<hash>[^\n]+)"
    r"|\banswer(?:\s+is|\s*:)[ \t*_:]*(?=(?P<said>[^\n]+))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_NUMBER = re.compile(
    r"(?<![\w.])(?<!\d[-−/:])[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:\s*/\s*\d+)?(?!\w)"
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}")
_EDGES = " \t\n.,;:!?()[]{}\"'`*_$"


def agrees(text: str, known: object) -> bool:
    """Whether the final answer of `text` is `known`: a number, a text, or a list of which any will do.

    Numbers are the same by value (`1,000`, `0.5` and `1/2`), texts but for case, blanks and the marks around them. A
    known answer may be a worked one that announces its result, as those of GSM8K do.
    """
    if isinstance(known, list | tuple):
        return any(agrees(text, each) for each in known)
    wanted = _wanted(str(known))
    found = announced(text)
    value = number(wanted)
    if value is None:
        said = found if found is not None else text.strip().rpartition("\n")[2]
        return _plain(said) == _plain(wanted) != ""
    numbers = list(_numbers(text if found is None else found))
    return bool(numbers) and numbers[-1] == value


def announced(text: str) -> str | None:
    """The answer that a text announces last; None where it announces none."""
    boxed = [(each.start(), _within(text, each.end())) for each in _BOXED.finditer(text)]
    said = [
        (each.start(), each["hash"] or _SENTENCE_END.split(each["said"], maxsplit=1)[0])
        for each in _ANNOUNCED.finditer(text)
    ]
    found = [each for each in (*boxed, *said) if each[1].strip()]
    return max(found)[1].strip() if found else None


def number(text: str) -> Fraction | None:
    """The value of a text that is one number and nothing else but its unit of money or per cent; None: it is none."""
    said = list(_numbers(text))
    rest = _NUMBER.sub("", _plain_fractions(text)).strip(_EDGES + "%€£=")
    return said[0] if len(said) == 1 and not rest else None


def _wanted(known: str) -> str:
    told = announced(known)
    return known.strip() if told is None else told


def _within(text: str, start: int) -> str:
    """What stands up to the brace that closes one opened just before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    return ""


def _numbers(text: str) -> Iterator[Fraction]:
    for each in _NUMBER.finditer(_plain_fractions(text)):
        value, _, divisor = each.group().replace(",", "").replace("−", "-").partition("/")
        if not divisor or int(divisor):
            yield Fraction(value.strip()) / int(divisor or 1)


def _plain_fractions(text: str) -> str:
    return _FRACTION.sub(r"\1/\2", text)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(_EDGES)
