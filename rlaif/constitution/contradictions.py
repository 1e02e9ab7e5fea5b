"""Contradictions visible in the wording: two principles that no response can both follow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from rlaif.records import Constitution, Principle, PrincipleTest

_WORD = re.compile(r"[^\W_]+")
_CONTRACTED = re.compile(r"n['’]t\b")
_NOT = {"not", "no", "never", "without", "avoid", "refrain", "nor", "cannot", "none", "nothing"}
# they change with the negation, or say nothing that could be denied
_FREE = {
    "do",
    "does",
    "did",
    "a",
    "an",
    "the",
    "any",
    "some",
    "from",
    "ever",
    "always",
    "must",
    "should",
    "can",
}
# `uses slang` and `avoids slang`, `has a summary` and `gives no summary`: which of them stands there says nothing
_LIGHT = {"use", "contain", "include", "have", "has", "make", "give", "offer", "be", "is", "are", "there"}
# with the length of the shortest word they deny: `inform` is no denial of `form`
_PREFIXES = {"un": 4, "non": 4, "in": 6, "im": 5, "dis": 5, "ir": 6, "il": 5}
_OPPOSITES = (
    ("brief", "long"), ("short", "long"), ("formal", "casual"), ("polite", "rude"), ("include", "omit"),
    ("accept", "refuse"), ("comply", "refuse"), ("answer", "refuse"), ("more", "fewer"), ("more", "less"),
    ("first", "last"), ("before", "after"), ("with", "without"), ("agree", "disagree"), ("true", "false"),
    ("simple", "complex"), ("cautious", "bold"), ("start", "end"), ("allow", "forbid"),
)  # fmt: skip


class Contradiction(NamedTuple):
    """A principle and the earlier one that it contradicts."""

    principle: Principle
    other: Principle
    message: str
    sure: bool
    """True: no response can follow both. False: their tests want opposite sides, and the weights decide."""


def contradictions(constitution: Constitution) -> list[Contradiction]:
    """Contradictions between texts, then between tests; each pair of principles once per kind."""
    return [*_of_texts(constitution), *_of_tests(constitution)]


def _of_texts(constitution: Constitution) -> Iterator[Contradiction]:
    meanings = [(each, _meaning(each.text)) for each in constitution.principles]
    for (one, mine), (other, its) in combinations(meanings, 2):
        if not _meet(one, other) or not mine.words or not its.words:
            continue
        why = None
        if mine.denied != its.denied and _bare(mine.words) == _bare(its.words):
            why = "says the opposite of"
        elif mine.denied == its.denied and (words := _opposite(mine.words, its.words)):
            why = f"says {words[1]!r} where {words[0]!r} stands in"
        if why is not None:
            message = (
                f"{why} {other_name(one)}: no response can follow both; drop one, or give each its own tags"
            )
            yield Contradiction(other, one, message, True)


def other_name(principle: Principle) -> str:
    """The id and the line, as far as it is known."""
    return repr(principle.id) + (f" (line {principle.line})" if principle.line else "")


def _of_tests(constitution: Constitution) -> Iterator[Contradiction]:
    first: dict[tuple[str, str, str], Principle] = {}
    told: set[tuple[str, str]] = set()
    for principle in constitution.principles:
        for number, test in enumerate(principle.tests, 1):
            earlier = first.get(_key(test, swapped=True))
            if earlier is not None and (principle.id, earlier.id) not in told and test.better != test.worse:
                told.add((principle.id, earlier.id))
                yield _test_message(principle, earlier, number)
            first.setdefault(_key(test), principle)


def _test_message(principle: Principle, earlier: Principle, number: int) -> Contradiction:
    if principle.id == earlier.id:
        message = f"test {number} wants the opposite of an earlier one, on the same two texts: mend one"
        return Contradiction(principle, earlier, message, True)
    message = (
        f"test {number} wants the opposite of a test of {other_name(earlier)}, on the same two texts: "
        "the weights alone decide such a pair"
    )
    return Contradiction(principle, earlier, message, False)


def _key(test: PrincipleTest, swapped: bool = False) -> tuple[str, str, str]:
    better, worse = (" ".join(text.split()) for text in (test.better, test.worse))
    asked = " ".join(" ".join(turn.content for turn in test.turns).split())
    return (asked, worse, better) if swapped else (asked, better, worse)


def _meet(one: Principle, other: Principle) -> bool:
    """Whether there are tagged prompts to which both apply."""
    return not one.applies_to or not other.applies_to or bool({*one.applies_to} & {*other.applies_to})


class _Meaning(NamedTuple):
    words: tuple[str, ...]
    denied: bool


def _meaning(text: str) -> _Meaning:
    plain = _CONTRACTED.sub(" not", text.lower().replace("can't", "can not").replace("won't", "will not"))
    words = _WORD.findall(plain)
    denials = sum(word in _NOT or _stem(word) in _NOT for word in words)
    kept = tuple(_stem(word) for word in words if word not in _FREE and not {word, _stem(word)} & _NOT)
    return _Meaning(kept, denials % 2 == 1)


def _bare(words: tuple[str, ...]) -> list[str]:
    """The text without its leading verb and negation; a text of such verbs only stays as it is."""
    return [word for word in words if word not in _LIGHT] or [*words]


def _stem(word: str) -> str:
    """`greets` and `greet`, `avoids` and `avoid` are one word; `ing` falls off for "refrains from greeting"."""
    for end in ("ing", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith("ss"):
            stem = word[: -len(end)]
            return stem if end != "es" or stem.endswith(("s", "x", "ch", "sh", "z")) else word[:-1]
    return word


def _opposite(mine: tuple[str, ...], its: tuple[str, ...]) -> tuple[str, str] | None:
    """The two words in which texts of equal length differ, when they are opposites; else None."""
    if len(mine) != len(its):
        return None
    apart = [both for both in zip(mine, its, strict=True) if both[0] != both[1]]
    if len(apart) != 1:
        return None
    one, other = apart[0]
    known = (one, other) in _DENIALS or _prefixed(one, other) or _prefixed(other, one)
    return (one, other) if known else None


def _prefixed(one: str, other: str) -> bool:
    return any(other == prefix + one and len(one) >= least for prefix, least in _PREFIXES.items())


_DENIALS: Mapping[tuple[str, str], None] = dict.fromkeys(
    (_stem(one), _stem(other)) for each in _OPPOSITES for one, other in (each, each[::-1])
)
