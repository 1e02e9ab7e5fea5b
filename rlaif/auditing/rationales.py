"""Prose against verdict: a rationale or a thought that praises one answer in front of a label for the other. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from rlaif.judging.own_words import own_lines
from rlaif.judging.statements import statement

_SIDE = r"(?:response|answer|completion|assistant|option)\s+(?P<side>a|b|1|2|one|two|first|second)\b"
_NAMED = re.compile(_SIDE + r"|\bthe (?P<place>first|second)\b(?: (?:response|answer|completion|one))?", re.I)
_GOOD = re.compile(
    r"\b(?:better|best|follows?|satisf\w+|meets?|complies|stronger|superior|preferred|more helpful|safer|wins?"
    r"|correct(?:ly)?)\b",
    re.I,
)
_BAD = re.compile(
    r"\b(?:worse|worst|violat\w+|fails?|failed|breaks?|ignores?|weaker|inferior|harmful|wrong(?:ly)?|incorrect\w*|lacks?|misses)\b",
    re.I,
)
_NOT = re.compile(r"\b(?:not|n't|never|no|neither|nor|hardly|without)\b|n't\b", re.I)
_CLAUSE = re.compile(r"[.;!?\n]+|,|\b(?:but|while|whereas|however|although|though)\b", re.I)
FIRST = frozenset({"a", "1", "one", "first"})


TAIL = 6000
"""Characters of the end of a thought that are read: what it weighs at its beginning is not what it comes to."""
KEPT = 4096
"""Thoughts whose leaning is remembered: every figure and list asks for it again."""
LAST_LINES = 3
"""Lines at the end of a thought in which a written verdict is its conclusion."""
STATES = 0.6
"""Share of a principle's words that a clause must have to speak of the principle."""
_PLAIN = re.compile(r"[a-z]{3,}")
_STOP = {"the", "does", "did", "response", "answer", "completion", "assistant", "option", "its", "their"}
_STOP |= {"that", "this", "with", "and"}
_END = re.compile(r"(?:ing|ed|es|s|e)$")


def leaning(text: str, principle: str = "") -> int:
    """Clauses that speak for the first answer less those for the second; those that name both or none do not count.

    A clause that says of an answer what `principle` asks for speaks for it, one that denies it against it; elsewhere
    words of praise and blame count, but not those that the principle itself is written in.
    """
    total, asked = 0, _stems(principle)
    for clause in _CLAUSE.split(text):
        sides = {(each["side"] or each["place"]).lower() in FIRST for each in _NAMED.finditer(clause)}
        if len(sides) != 1:
            continue
        sign = _sign(clause, principle, asked)
        total += sign if sides == {True} else -sign
    return total


def contradicts(text: str, first: bool, principle: str = "") -> bool | None:
    """Whether prose leans to the answer that the verdict does not name; None where it leans nowhere."""
    sign = leaning(text, principle)
    return None if sign == 0 else (sign > 0) != first


@lru_cache(maxsize=KEPT)
def leans_to_first(thought: str, principle: str = "") -> bool | None:
    """Whether the end of a thought leans to the first shown answer (A); None where it leans nowhere.

    What it concludes in one of its last lines counts (`Answer: A`). A thought that goes on behind its conclusion leans
    by the words of all its clauses, and nowhere where these speak against that conclusion.
    """
    end = thought[-TAIL:]
    lines = [line for line in own_lines(end) if line is not None]
    places = [place for place, line in enumerate(lines) if (said := statement(line)) and said.wins]
    concluded = statement(lines[places[-1]]) if places else None
    if concluded is not None and places[-1] >= len(lines) - LAST_LINES:
        return concluded.side == "A"
    sign = leaning(end, principle)
    if concluded is None or sign == 0:
        return None if sign == 0 else sign > 0
    return sign > 0 if (sign > 0) == (concluded.side == "A") else None


def _sign(clause: str, principle: str, asked: frozenset[str]) -> int:
    denied = bool(_NOT.search(clause))
    if asked and len(asked & _stems(clause)) >= STATES * len(asked):
        return 1 if denied == bool(_NOT.search(principle)) else -1
    good, bad = (
        sum(not _stems(word) & asked for word in pattern.findall(clause)) for pattern in (_GOOD, _BAD)
    )
    if denied:
        good, bad = bad, good
    return (good > bad) - (good < bad)


def _stems(text: str) -> frozenset[str]:
    return frozenset(_END.sub("", word)[:6] for word in _PLAIN.findall(text.lower()) if word not in _STOP)
