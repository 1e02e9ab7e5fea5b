"""Which lines of a reply are the judge's own words, and which are somebody else's. Pure.

A judge shows what it read: in fences, behind `>`, indented, in elements, between quotation marks. It also announces
lines that it does not mean (`Response B ends with:`, `I will not write:`). Every reader of written verdicts asks here.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_MARKUP = re.compile(r"[\s*_=~-]+|\s*</?\w+>\s*")
"""A line that says nothing: a rule, or a tag."""
_TAGGED = re.compile(
    r"</?(?:answer|final_answer|verdict|final_verdict|decision|choice|winner|judge?ment|result|output)>",
    re.IGNORECASE,
)
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)\s*\S")

_QUOTED_AS = (
    r"(?:block)?quote|q|cite|pre|(?:response|completion|candidate|assistant|model|option|answer|text|output|reply)"
    r"[_-]?(?:[ab]|\d+|one|two|first|second)|response|completion|candidate|assistant|text|reply|user|prompt|system"
    r"|message|example|document|input|context|excerpt|source"
)
_ELEMENT = re.compile(rf"<({_QUOTED_AS})\b[^<>]*>", re.IGNORECASE)
_ENVELOPE = re.compile(r"\s*<(response|reply|message|text)>(?P<held>.*)</\1>\s*", re.DOTALL | re.IGNORECASE)
"""What some judges put around all that they say."""
_PLACE = "\n>\n"
"""Stands for an element that was taken out: a quote."""

# 24" is no quote, and ’ may be an apostrophe
_OPENING = re.compile(r"[“„«‹「『]|(?<![^\s(\[{<—–:=/*_-])\"(?=\S)")
_CLOSING = {
    **{
        opens: re.compile(f"[{closes}]")
        for opens, closes in zip("“„«‹「『", ("”", "“”", "»", "›", "」", "』"), strict=True)
    },
    '"': re.compile(r"(?<=[^\s(\[{])\"|\"(?=\s|$)"),
}
_COLON = re.compile(r":[\s*_]*\Z")
_NOWHERE = (sys.maxsize, sys.maxsize)

_OTHERS = (
    r"\b(?:responses?|answer|assistant|completion|text|reply|output|option|candidate|model|author|writer|user|attacker"
    r"|some(?:body|one)|it|he|she|they|that|this|which|who|one|second|first|latter|former|other|line|sentence|paragraph"
    r"|[AB])\b"
)
_SAYS = (
    r"\b(?:says?|said|claims?|claimed|writes?|wrote|written|reads?|ends?(?:\s+\w+)?\s+with|ended\s+with|contains?|contained|holds?"
    r"|states?|stated|inserts?|inserted|adds?|added|quotes?|quoted|includes?|included|appends?|appended|puts?|prints?"
    r"|pretends?|repeats?|asserts?|declares?|demands?|commands?|orders?|begins?\s+with|starts?\s+with)\b"
)
_NOUN = r"(?:line|sentence|words?|text|verdict|phrase|statement|instruction|answer|string|note|message)"
_WHAT = (
    r"(?:\s+(?:as\s+follows|so|thus|that|only|also|literally|again|then|even|exactly|(?:in|at)\s+the\s+end|to\s+(?:me|the\s+judge)"
    rf"|verbatim|simply|here|(?:(?:the|this|these|a|its|their|his|her|own|fake|false|forged|following|last|next|final)\s+)+{_NOUN}))*"
)
_TOLD = r"\bto\s+(?:write|say|answer|choose|output|print|put|end\s+with|reply|respond|pick|vote)(?:\s+with)?"
_STOP = r"\s*[:–—-]?\s*[\"'“‘«„「`]*\s*$"
_ANNOUNCED = re.compile(rf"{_OTHERS}[^:]*?(?:{_SAYS}{_WHAT}|{_TOLD}{_WHAT}){_STOP}", re.IGNORECASE)
_ANNOUNCED_ABROAD = re.compile(
    r"(?:\b(?:sagt|schreibt|behauptet|lautet|steht\s+da|dit|écrit|affirme|dice|escribe|afirma|scrive|diz|escreve|говорит|пишет"
    r"|утверждает)|说|說|写道|写着|称|書いて(?:いる|ある)|と言う)\s*[:：]\s*$",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    rf"\b(?:response|answer|assistant|completion|text|reply|output|candidate|user|somebody|someone|it|he|she|they)"
    rf"(?:\s+[AB12])?\s+(?:\w+\s+){{0,2}}?{_SAYS}{_WHAT}\s*:",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"(?:\b(?:not|never|cannot|nobody|neither|refuse\w*|decline\w*|wrong|false|untrue|incorrect|mistake\w*|lie|instead\s+of"
    r"|rather\s+than|without|avoid\w*)\b|n['’]t\b)",
    re.IGNORECASE,
)
_VERDICT_WORDS = re.compile(
    r"\b(?:writ\w+|say\w*|answer\w*|verdict|choos\w+|choice|pick\w*|end\w*|line|decision|conclu\w+|right|correct|true"
    r"|output|reply|respond|put|this)\b|\bthat\s*$",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(r"\b(?:if|unless|were|had|suppose|assuming|hypothetically|in\s+that\s+case)\b", re.I)
_WOULD = re.compile(r"\b(?:would|could|might)\b", re.IGNORECASE)
_OTHERWISE = re.compile(r"\W*(?:otherwise|else|in\s+that\s+case)\b[^.]*$", re.IGNORECASE)
_POINTS_ON = re.compile(
    r"\b(?:(?:following|next)\s+(?:line|answer|verdict|statement|sentence|words?|text)|(?:last|final)\s+line|what\s+follows"
    r"|(?:line|verdict|answer)\s+below|this\s+line)\b",
    re.IGNORECASE,
)
_DISOWNS = re.compile(
    r"\b(?:ignore|disregard|distrust|trick|fake|inject\w*|forged?|quot\w+|cop(?:y|ied)|(?:from|by|of)\s+(?:response|answer|the"
    r"\s+(?:user|text|response)))\b",
    re.IGNORECASE,
)
_LONGEST = 400
"""Characters of a sentence that are looked at, its last: the patterns go over them more than once."""
_CLAUSE = re.compile(r"[,;.!?]\s+|\b(?:so|thus|therefore|hence)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:(?<=[.!?;])|(?<=[.!?;][\"'”’»)]))\s+")
_ENDED = re.compile(r"[.!?;][\"'”’»)]?$")


def own_lines(text: str) -> list[str | None]:
    """The lines that are the judge's own words, and None for each stretch that is in a fence or quoted."""
    if envelope := _ENVELOPE.fullmatch(text):
        text = envelope["held"]
    text = _outside_elements(text)
    lines = _outside_marks(_untagged(_outside_blocks(textwrap.dedent(text).splitlines())))
    return [line for line in lines if line is None or (line.strip() and not _MARKUP.fullmatch(line))]


def _outside_elements(text: str) -> str:
    """A text with a quote in place of each element that has lines of its own; what stands within a line stays."""
    kept, place, endless = [], 0, set()
    while opens := _ELEMENT.search(text, place):
        name = opens[1].lower()
        closes = None if name in endless else re.search(rf"</{name}\s*>", text[opens.end() :], re.IGNORECASE)
        end = opens.end() + (closes.end() if closes else 0)
        if closes is None:
            endless.add(name)
        begins_a_line = not text[text.rfind("\n", 0, opens.start()) + 1 : opens.start()].strip()
        if begins_a_line or "\n" in text[opens.start() : end]:
            kept += [text[place : opens.start()], _PLACE]
            # one that never ends holds all that is left
            place = end if closes else len(text)
        else:
            kept.append(text[place:end])
            place = end
    return "".join([*kept, text[place:]])


def _outside_blocks(lines: Sequence[str]) -> Iterator[str | None]:
    """Each line, blank ones too; None for those of fences, of block quotes and of indented code."""
    fence, blank = "", False
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
            yield None
        elif mark:
            # a fence that ends on its own line (```A```) holds one line
            fence = "" if line.strip().count(mark[1]) > 1 else mark[1]
            yield None
        else:
            aside = line.lstrip().startswith(">") or (blank and _INDENTED.match(line))
            blank = blank if aside else not line.strip()
            yield None if aside else line


def _untagged(lines: Iterable[str | None]) -> Iterator[str | None]:
    """Lines without the tags that some judges put around their verdict, which then has a line of its own."""
    for line in lines:
        yield from [None] if line is None else _TAGGED.split(line)


def _outside_marks(lines: Iterable[str | None]) -> list[str | None]:
    """Lines, and None for those that begin between quotation marks."""
    found = list(lines)
    spans = iter(_between_marks("\n".join(line or "" for line in found)))
    start, (opened, closed) = 0, next(spans, _NOWHERE)
    for place, line in enumerate(found):
        while closed <= start:
            opened, closed = next(spans, _NOWHERE)
        if opened < start:
            found[place] = None
        start += len(line or "") + 1
    return found


def _between_marks(text: str) -> Iterator[tuple[int, int]]:
    """Where quotations begin and end. One that never ends is over with its paragraph, unless a colon announced it."""
    place, endless = 0, set()
    while opens := _OPENING.search(text, place):
        mark, start = opens[0], opens.start()
        ends = None if mark in endless else _CLOSING[mark].search(text, opens.end())
        if ends is not None:
            place = ends.end()
        else:
            endless.add(mark)
            rest = len(text) if _COLON.search(text, max(0, start - 8), start) else text.find("\n\n", start)
            place = len(text) if rest < 0 else rest
        yield start, place


def disowned(before: str) -> bool:
    """Whether the words right before a statement say that it is not the judge's: reported, denied, or supposed."""
    sentence = _SENTENCE.split(before.strip().strip("*_# "))[-1][-_LONGEST:]
    if _POINTS_ON.search(sentence) and (_DENIES.search(sentence) or _DISOWNS.search(sentence)):
        return True
    if _ENDED.search(sentence):
        return False
    clause = _CLAUSE.split(sentence)[-1][-_LONGEST:]
    if _OTHERWISE.fullmatch(clause) or _ANNOUNCED.search(clause) or _ANNOUNCED_ABROAD.search(clause):
        return True
    if (begins := _SUPPOSES.search(sentence)) and (not begins.start() or _WOULD.search(clause)):
        return True
    return _DENIES.search(clause) is not None and _VERDICT_WORDS.search(clause) is not None


def speaks_for_another(sentence: str) -> bool:
    """Whether a sentence begins to tell what a response says (`Response B writes: I am good.`)."""
    return _SPOKEN.search(sentence) is not None
