"""Judge texts to verdicts. Pure: every odd reply a judge has sent is a row of the test table.

Only the last line decides: what stands above it is reasoning, and may quote whom it likes. Where a line above it is
the other verdict and nothing else, the reply gives two, and none counts. What is quoted, or announced as what another
says or as what the judge would not say, is somebody else's; a reply that ends in it has no verdict.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from rlaif.engines.thoughts import split_unknown
from rlaif.judging.own_words import disowned, own_lines
from rlaif.judging.statements import Side, labelled, plain, statement
from rlaif.records import Generation

VERSION = 6
"""Raised when equal replies are read differently; in the provenance of every pair."""

_LABEL = re.compile(r"\banswer\b\W{0,6}?:\W*(?:response\s+)?(\w+)", re.IGNORECASE)
_REFUSALS = re.compile(
    r"\s*(?:i'?m sorry\b|sorry,|i apologi[sz]e|i (?:can(?:no|')?t|cannot|am (?:not able|unable)|won'?t|will not)\b"
    r"|as an ai\b)",
    re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_OPENS = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSES = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[,;>.|-]|->|→|>>)\s*|\s+")
_RISING = re.compile(r"\s*<{1,2}\s*")
_RANKING = re.compile(
    r"(?:(?:so|thus|therefore|hence|overall)\s*,?\s+)?(?:(?:my|the)\s+)?(?:(?:final|overall)\s+)*"
    r"(?:(?:answer|ranking|order|rank)(?:\s+(?:is|from\s+best\s+to\s+worst))?|best\s+to\s+worst|best\s+first)"
    r"\s*(?:\((?:from\s+)?best\s+(?:to\s+worst|first)\))?\s*:\s*",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(\d+)\s*[.):]\s*(?:response\s+)?([A-Z])(?:\W.*)?", re.IGNORECASE)


STILL_THINKING = "the answer ends while it is still thinking"


class ParsedVerdict(NamedTuple):
    """A or B, or why there is none."""

    label: Side | None
    problem: str = ""
    refused: bool = False


class Ranking(NamedTuple):
    """Places in the list that was shown, the best first, or why there is none."""

    order: tuple[int, ...] | None
    problem: str = ""
    refused: bool = False


def said(text: str) -> str | None:
    """What a judge says when it has thought, invisible characters left out; None where it never stops thinking."""
    return behind_thought(_INVISIBLE.sub("", text))


def behind_thought(text: str) -> str | None:
    """A reply without the thought before it, told by the marks of any model; None where it never stops thinking.

    Some chat templates open the thinking themselves, so that a reply only closes it. Behind a thought no other one may
    stand open: a reply that ends within tags of thinking has no end.
    """
    split = split_unknown(text)
    closes = list(_CLOSES.finditer(split.answer))
    rest = split.answer[closes[-1].end() :] if closes else split.answer
    return None if split.open or _OPENS.search(rest) else rest


def own_text(reply: Generation) -> str:
    """What a model wrote to somebody who wants a text, without its thought; empty where there is none, or not all."""
    if reply.error is not None or reply.finish != "stop" or reply.open_thought:
        return ""
    # of a text whose thought is apart already, whatever looks like the end of another is what it says
    return (reply.text if reply.thought else split_unknown(reply.text).answer).strip()


def announced_otherwise(lines: Sequence[str | None]) -> bool:
    """Whether the line above the last one says that the last one is not what the judge means."""
    before = lines[-2] if len(lines) > 1 else None
    return before is not None and disowned(before)


def refuses(text: str) -> bool:
    """Whether a text without any verdict reads as a refusal to judge."""
    return _REFUSALS.match(text) is not None


def parse_verdict(text: str) -> ParsedVerdict:
    """The verdict of a text that ends in `Answer: A` or `Answer: B`, or says as clearly which one is better."""
    text_said = said(text)
    if text_said is None:
        return ParsedVerdict(None, STILL_THINKING)
    lines = own_lines(text_said)
    if not lines:
        return ParsedVerdict(None, "the answer is empty")
    last = lines[-1]
    found = None if last is None else _final(lines)
    if last is None or found is None:
        named = last is not None and _LABEL.search(last) is not None
        problem = "the last line does not end in `Answer: A` or `Answer: B`, nor is it another clear verdict"
        return ParsedVerdict(None, problem, not named and refuses(text_said))
    if announced_otherwise(lines):
        return ParsedVerdict(None, "the line above the last one says that it is not the judge's own verdict")
    above = [labelled(each) for each in lines[:-1] if each is not None]
    if any(each is not None and each.wins and each.side != found for each in above):
        return ParsedVerdict(None, "a line above the last one gives the other answer")
    return ParsedVerdict(found)


def _final(lines: list[str | None]) -> Side | None:
    """What the last line says; of one that names the loser what the line above it says, if that is the other."""
    last = statement(lines[-1] or "")
    if last is None or last.wins:
        return None if last is None else last.side
    before = statement(lines[-2] or "") if len(lines) > 1 else None
    return before.side if before is not None and before.wins and before.side != last.side else None


def parse_ranking(text: str, count: int) -> Ranking:
    """The order of `count` letters from A, each once: the last line (`B > A > D > C`, `BADC`) or a numbered list."""
    text_said = said(text)
    if text_said is None:
        return Ranking(None, STILL_THINKING)
    lines = own_lines(text_said)
    if not lines:
        return Ranking(None, "the answer is empty")
    known = [chr(ord("A") + place) for place in range(count)]
    for letters, height in ((_in_a_row(lines[-1] or "", count), 1), (_numbered(lines[-count:]), count)):
        if sorted(letters) == known and not announced_otherwise(lines[: len(lines) - height + 1]):
            return Ranking(tuple(known.index(each) for each in letters))
    return Ranking(None, f"the last line does not name {' '.join(known)} once each", refuses(text_said))


def _in_a_row(line: str, count: int) -> list[str]:
    text = plain(line).strip("[](){} ")
    text = re.sub(r"\bresponse\s+(?=[A-Z]\b)", "", _RANKING.sub("", text, count=1), flags=re.IGNORECASE)
    text = text.strip("[](){} .")
    if len(text) == count and text.isalpha():
        return list(text)
    if "<" in text and ">" not in text:
        return _RISING.split(text)[::-1]
    return [] if "<" in text else [each for each in _BETWEEN.split(text) if each]


def _numbered(lines: Sequence[str | None]) -> list[str]:
    """The letters of a list whose items are numbered from 1 on."""
    items = [_ITEM.fullmatch(plain(unicodedata.normalize("NFKC", each or ""))) for each in lines]
    if any(each is None or int(each[1]) != place for place, each in enumerate(items, 1)):
        return []
    return [each[2] for each in items if each is not None]
