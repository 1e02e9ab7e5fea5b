"""One line of a judge's reply to what it says of A and B. Pure; the words are those that judges of many makes write.

A line is a statement only as a whole: what is quoted, denied, doubted, compared or addressed to somebody is none.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

from rlaif.judging.own_words import disowned, speaks_for_another

Side = Literal["A", "B"]


LONGEST = 8_000
"""Characters of a line that is read: the patterns go over it more than once."""


class Statement(NamedTuple):
    """That one side is the better one, or (`wins` false) the worse one."""

    side: Side
    wins: bool = True


_LATEX = re.compile(r"\\(?:boxed|text|textbf|mathbf|mathrm)\s*\{([^{}]*)\}")
_MATH = re.compile(r"\\[()\[\]]|\$")
# small letters only: `<B>` is a letter in brackets
_TAGS = re.compile(r"</?(?:b|strong|em|i|u|code|p|br)\s*/?>")
_BOLD = re.compile(r"\*+|(?<!\w)_+|_+(?!\w)")
_AROUND = (
    (r"\[+", r"\]+"),
    (r"\(+", r"\)+"),
    (r"\{+", r"\}+"),
    ("<+", ">+"),
    ("[`\"'“”‘’«]+", "[`\"'“”‘’»]+"),
)
_LETTER_ALONE = re.compile(
    "|".join(rf"{opens}\s*((?:Response\s+)?[AaBb])\s*{closes}" for opens, closes in _AROUND)
)
_BULLET = re.compile(r"^(?:[-•–]|#+)\s+")
_WHOLE_IN_TICKS = re.compile(r"^`([^`]*)`[.!]?$")

_KIND = r"(?:response|answer|option|assistant|model|candidate|completion|output|reply|text|choice)"
_ONE = rf"(?:the\s+)?(?:{_KIND}\s+)?(?P<side>[AB])"
_OTHER = rf"(?:the\s+other(?:\s+(?:one|{_KIND}))?|(?:{_KIND}\s+)?(?P<other>[AB]))"
_WHY = (
    r"(?:(?:based\s+on|given|considering|because\s+of|by)\s+(?:this|that|these|all\s+this|the|my)"
    r"(?:\s+(?:above|rule|analysis|comparison|evaluation|criteria|principles?|reasons?|assessment))*"
    r"|after\s+\w+ing\s+(?:both|the\s+two|them|all\s+of\s+this)(?:\s+\w+)?)"
)
_SO = (
    r"(?:(?:(?:and\s+)?so|thus|therefore|hence|overall|finally|again|i\s+repeat|in\s+(?:conclusion|short|summary|sum)"
    rf"|to\s+(?:conclude|sum\s+up)|for\s+(?:this|these|that)\s+reasons?|{_WHY})\s*[,:]?\s+){{0,2}}"
)
_VERDICT = (
    r"(?:answer|verdict|decision|choice|conclusion|judge?ment|winner|preference|result|pick|selection|vote)"
)
_GOOD = r"(?:final|overall|best|better|chosen|preferred|preferable|winning|correct|right|superior|stronger)"
_BAD = (
    r"(?:worse|worst|rejected|incorrect|wrong|losing|inferior|weaker|bad|other|second[\s-]best|runner[\s-]?up"
    r"|(?:non|not|less|dis|least)[\s-]?preferred)"
)
_HOW = r"(?:(?:clearly|slightly|much|far|significantly|marginally|definitely|simply|overall|somewhat|certainly)\s+)*"
_FOLLOWS = (
    r"(?:follows|satisfies|meets|obeys|adheres\s+to|complies\s+with|fits|applies|respects|fulfil+s|matches"
    r"|aligns\s+with)"
)
_RULE = r"(?:it|(?:(?:the|this|that)\s+)?(?:rule|principle|criterion|instruction))"
_MORE = r"(?:better|best|more\s+\w+|more)"
_BETTER = rf"(?:{_FOLLOWS}\s+(?:{_RULE}\s+)?{_HOW}{_MORE}|{_MORE}\s+{_FOLLOWS}\s+{_RULE})"
_THE = rf"(?:the\s+)?(?:{_KIND}|one)"
_WINNING = (
    rf"(?:(?:(?:my|the|our)\s+)?(?:(?:{_GOOD}\s+)*{_VERDICT}|(?:{_GOOD}\s+)+(?:{_KIND}|one)|{_GOOD})"
    rf"|{_THE}\s+(?:that|which)\s+{_HOW}(?:{_BETTER}|is\s+{_HOW}{_GOOD}))"
)
_LOSING = rf"(?:(?:my|the|our)\s+)?(?:(?:{_GOOD}\s+)*(?:{_BAD}\s+)+(?:{_VERDICT}|{_KIND}|one)|loser|{_BAD})"
_IS = r"\s*(?:[:=]|\bis\b\s*:?|\bwould\s+be\b|\bgoes\s+to\b)\s*"
_WINS = rf"(?:\s+(?:wins|is\s+(?:the\s+)?{_HOW}{_GOOD}|{_HOW}{_BETTER}))?"
_TAIL = r"(?P<tail>(?:\s*[,;(–—-]\s*|\s+(?:because|since|as|for|by|in|at|on|with|overall|here)\b).*)?"

_LABELLED = (
    (re.compile(rf"{_SO}{_WINNING}{_IS}{_ONE}{_WINS}{_TAIL}", re.IGNORECASE), True),
    (re.compile(rf"{_SO}{_LOSING}{_IS}{_ONE}{_TAIL}", re.IGNORECASE), False),
)
_SENTENCES = tuple(
    re.compile(rf"{_SO}{body}{_TAIL}", re.IGNORECASE)
    for body in (
        # B is clearly better than A; B is the winner
        rf"{_ONE}\s+is\s+{_HOW}(?:the\s+)?{_HOW}(?:{_GOOD}|winner)(?:\s+(?:{_KIND}|one|winner))?"
        rf"(?:\s+(?:than|to|over)\s+{_OTHER})?",
        # B follows the rule better than A; B is the one that better follows the rule
        rf"{_ONE}\s+(?:is\s+{_THE}\s+(?:that|which)\s+)?{_HOW}{_BETTER}(?:\s+than\s+{_OTHER})?",
        # I choose B over A
        rf"i(?:\s+(?:would|will)|['’](?:d|ll))?\s+(?:choose|pick|select|prefer|favou?r|go\s+with|vote\s+for|judge\s+for)"
        rf"\s+{_ONE}(?:\s+(?:over|to)\s+{_OTHER})?",
        # B wins; B should be preferred
        rf"{_ONE}\s+(?:wins|should\s+be\s+(?:preferred|chosen))(?:\s+(?:over|to|against)\s+{_OTHER})?",
    )
)
_ALONE = re.compile(rf"(?:{_KIND}\s+)?(?P<side>[AB])", re.IGNORECASE)
_ARENA = re.compile(
    rf"{_SO}(?:{_WINNING}{_IS})?[\[(]*(?P<one>[AB])\s*(?P<sign>>{{1,2}}|<{{1,2}})\s*(?P<two>[AB])",
    re.IGNORECASE,
)
_UNCLEAR = re.compile(
    r"\b(?:not|never|neither|nor|no|hardly|cannot|but|however|although|though|except|or|either|both|equal\w*|tie[ds]?"
    r"|maybe|perhaps|possibly|probably|might|may|could|if|unless|whether|wrong|incorrect|unsure|uncertain|only|while"
    r"|whereas|yet|says?|said|claims?|writes?|wrote|pretends?|wants?|tries|asks?|answer|verdict|assuming|provided\s+that"
    r"|suppos\w+|otherwise|retract\w*|withdr[ae]w\w*|(?:scratch|strike)\s+that|take\s+(?:it|that|this)\s+back|jok(?:e|ing)|kidding|sarcas\w+"
    r"|(?:had|were)\s+(?:it|the|this|that|they|response|[ab])|(?:false|untrue)\W*$)\b|n['’]t\b|\?",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<![\w'’])[AB](?![\w'’])")
_NOT_OTHER = re.compile(rf"\s*,?\s*(?:and\s+)?not\s+(?:{_KIND}\s+)?([AB])\s*", re.IGNORECASE)


def plain(line: str) -> str:
    """A line without its dress: markup, LaTeX, brackets and quotes around a letter, the mark of a list, a last stop.

    Nothing of a line that is too long to be read.
    """
    if len(line) > LONGEST:
        return ""
    text = unicodedata.normalize("NFKC", line).strip()
    while (bare := _LATEX.sub(r"\1", text)) != text:
        text = bare
    text = _TAGS.sub("", _MATH.sub("", text))
    text = _BULLET.sub("", _BOLD.sub("", text).strip())
    if whole := _WHOLE_IN_TICKS.match(text):
        text = whole[1]
    text = _LETTER_ALONE.sub(lambda found: next(filter(None, found.groups())), text)
    text = "".join(each for each in text if unicodedata.category(each) != "So")
    return text.strip().rstrip(".!)]}").rstrip()


def statement(line: str) -> Statement | None:
    """Return what a line states: its last sentence, unless a sentence before denies it."""
    text = plain(line)
    if not text or text.startswith(">"):
        return None
    if lone := _ALONE.fullmatch(text):
        # a small letter may be a word of another language, or the first of many
        return Statement(_side(lone["side"])) if lone["side"].isupper() else None
    if (arena := _ARENA.fullmatch(text)) and arena["one"] != arena["two"]:
        return Statement(_side(arena["one" if arena["sign"][0] == ">" else "two"]))
    sentences = re.split(r"(?<=[.!?;])\s+", text)
    found = [_sentence(each.rstrip(".!;")) for each in sentences]
    last = found[-1]
    if last is None or any(each is not None and _against(each, last) for each in found):
        return None
    if any(speaks_for_another(each) for each in sentences[:-1]) or disowned(" ".join(sentences[:-1])):
        return None
    return next((each for each in reversed(found) if each is not None and each.wins), last)


def _against(one: Statement, other: Statement) -> bool:
    """Whether both cannot be true of two sides of which one is better."""
    return (one.side == other.side) != (one.wins == other.wins)


def labelled(line: str) -> Statement | None:
    """What a line says that is a verdict by its own words (`Answer: A`), and nothing else."""
    return _labelled(plain(line))


def _sentence(text: str) -> Statement | None:
    found = _labelled(text)
    if found is not None:
        return found
    for each in _SENTENCES:
        match = each.fullmatch(text)
        if match is not None and match["side"].isupper() and _clear(match):
            return Statement(_side(match["side"]))
    return None


def _labelled(text: str) -> Statement | None:
    for pattern, wins in _LABELLED:
        match = pattern.fullmatch(text)
        # `Answer: a` is a letter at the end of its line, `Answer: a - nice one` an article
        at_the_end = match is not None and match.end("side") == len(text)
        if match is not None and _clear(match) and (match["side"].isupper() or at_the_end):
            return Statement(_side(match["side"]), wins)
    return None


def _clear(match: re.Match[str]) -> bool:
    """Whether what follows the verdict leaves it alone, and what it is compared with is the other side."""
    side, groups = match["side"].upper(), match.groupdict()
    other, tail = groups.get("other"), match["tail"] or ""
    if other is not None and other.upper() == side:
        return False
    if (denied := _NOT_OTHER.fullmatch(tail)) is not None:
        return denied[1].upper() != side
    return _UNCLEAR.search(tail) is None and set(_LETTER.findall(tail)) <= {side}


def _side(letter: str) -> Side:
    return "A" if letter.upper() == "A" else "B"
