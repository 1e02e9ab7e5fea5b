"""What can be seen of a text without reading it: length, format, tone. Criteria that nobody wrote down, most often."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats

_LIST = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+\S", re.M)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")
_HEADER = re.compile(r"^#{1,6}\s+\S", re.M)
_CONFIDENT = re.compile(
    r"\b(?:certainly|definitely|absolutely|undoubtedly|clearly|obviously|of course|without (?:a )?doubt|guaranteed?"
    r"|no question|for sure|always works?|never fails?)\b",
    re.I,
)
_FLATTERS = re.compile(
    r"\b(?:(?:great|excellent|wonderful|brilliant|fantastic|amazing|smart|clever|good) (?:question|idea|point|thinking)"
    r"|you(?:'re| are) (?:absolutely |so |very |quite )?(?:right|smart|clever|brilliant|wise)"
    r"|i (?:completely|totally|fully) agree)\b",
    re.I,
)
_REFUSES = re.compile(
    r"\b(?:i (?:can(?:no|')t|cannot|won't|will not|am unable to|'m unable to)|i(?:'m| am) sorry,? but"
    r"|unable to (?:help|assist))\b",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A simple criterion, and the words by which a principle shows that it asks for it."""

    name: str
    wording: str
    """For `prefers ...`."""
    asked_by: re.Pattern[str]


def _criterion(name: str, wording: str, asked_by: str) -> Criterion:
    return Criterion(name=name, wording=wording, asked_by=re.compile(asked_by, re.I))


CRITERIA: Mapping[str, Criterion] = {
    each.name: each
    for each in (
        _criterion(
            "length",
            "longer answers",
            r"\b(?:brief|short|shorter|concise|terse|long|longer|length|detail\w*|thorough|complete\w*|word\w*)\b",
        ),
        _criterion(
            "lists",
            "lists",
            r"\b(?:list\w*|bullet\w*|steps?|number(?:ed|s)?|order(?:ed)?|point\w*|format\w*)\b",
        ),
        _criterion("bold", "bold print", r"\b(?:bold|emphas\w*|mark(?:down|up)|format\w*)\b"),
        _criterion(
            "headers", "headings", r"\b(?:head(?:er|ing)s?|title\w*|section\w*|mark(?:down|up)|format\w*)\b"
        ),
        _criterion("exclaims", "exclamation marks", r"\b(?:excla\w*|enthusias\w*|punctuat\w*|cheer\w*)\b"),
        _criterion(
            "confident",
            "a confident tone",
            r"\b(?:confiden\w*|certain\w*|doubt\w*|sure|unsure|hedg\w*|uncertain\w*|honest\w*|know\w*)\b",
        ),
        _criterion(
            "flatters",
            "flattery and agreement",
            r"\b(?:flatter\w*|prais\w*|compliment\w*|agree\w*|sycophan\w*|please\w*|kind\w*|warm\w*|polite\w*)\b",
        ),
        _criterion(
            "refuses",
            "refusals",
            r"\b(?:refus\w*|declin\w*|harm\w*|safe\w*|danger\w*|illegal\w*|help\w*|comply\w*|answer\w*)\b",
        ),
    )
}


def words(text: str) -> int:
    """How many there are between blanks."""
    return len(text.split())


# most texts have none of these: a look for plain letters is far quicker than an expression of many words
_HINTS: Mapping[str, tuple[str, ...]] = {
    "bold": ("**", "__"),
    "headers": ("#",),
    "confident": (
        "certain", "definite", "absolute", "undoubt", "clearly", "obvious", "of course", "without", "guarantee",
        "no question", "for sure", "always work", "never fail",
    ),
    "flatters": (
        "great", "excellent", "wonderful", "brilliant", "fantastic", "amazing", "smart", "clever", "good ", "you",
        "agree",
    ),
    "refuses": ("i can", "i won", "i will not", "i am", "i'm", "unable to"),
}  # fmt: skip
_COUNTED: Mapping[str, re.Pattern[str]] = {
    "lists": _LIST,
    "bold": _BOLD,
    "headers": _HEADER,
    "confident": _CONFIDENT,
    "flatters": _FLATTERS,
}


def refuses(text: str) -> bool:
    """Whether a completion declines."""
    lower = text.lower()
    return any(hint in lower for hint in _HINTS["refuses"]) and bool(_REFUSES.search(text))


def read_text(text: str) -> dict[str, float]:
    """How many there are of each criterion in one text."""
    lower = text.lower()
    found = {"length": float(words(text))}
    for name, pattern in _COUNTED.items():
        hints = _HINTS.get(name)
        there = hints is None or any(hint in lower for hint in hints)
        found[name] = float(len(pattern.findall(text))) if there else 0.0
    return found | {"exclaims": float(text.count("!")), "refuses": float(refuses(text))}


def read_surface(texts: Sequence[str], places: Sequence[int] | None = None) -> dict[str, Floats]:
    """(texts,) of each criterion: how many there are in each text; only of those at `places`, NaN elsewhere."""
    import numpy as np

    wanted = np.arange(len(texts)) if places is None else np.asarray(places, dtype=int)
    rows = [read_text(texts[place]) for place in wanted]
    found = {}
    for name in read_text(""):
        found[name] = np.full(len(texts), np.nan)
        found[name][wanted] = [row[name] for row in rows]
    return found


def asked_for(criterion: Criterion, principle_texts: Sequence[str]) -> bool:
    """Whether some principle speaks of it, so that a preference for it or against it is no secret."""
    return any(criterion.asked_by.search(text) for text in principle_texts)
