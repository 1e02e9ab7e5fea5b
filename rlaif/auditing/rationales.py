"""Prose against verdict: a rationale that praises one answer in front of a verdict for the other. Pure."""

from __future__ import annotations

import re

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


def leaning(text: str) -> int:
    """Clauses that speak for the first answer less those for the second; those that name both or none do not count."""
    total = 0
    for clause in _CLAUSE.split(text):
        sides = {(each["side"] or each["place"]).lower() in FIRST for each in _NAMED.finditer(clause)}
        if len(sides) != 1:
            continue
        good, bad = len(_GOOD.findall(clause)), len(_BAD.findall(clause))
        if _NOT.search(clause):
            good, bad = bad, good
        sign = (good > bad) - (good < bad)
        total += sign if sides == {True} else -sign
    return total


def contradicts(text: str, first: bool) -> bool | None:
    """Whether prose leans to the answer that the verdict does not name; None where it leans nowhere."""
    sign = leaning(text)
    return None if sign == 0 else (sign > 0) != first
