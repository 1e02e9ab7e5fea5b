"""Sums in prose: which are asked, which are claimed, and what is said. Pure and exact, in fractions.

What may be a date, a telephone number, a range or a part of something else is no sum.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple


class Number(NamedTuple):
    """A value, and how many decimals it was written with."""

    value: Fraction
    decimals: int = 0

    def means(self, result: Fraction) -> bool | None:
        """Whether it is this result; None where it is the result rounded or cut, which no decimals would write out."""
        if self.value == result:
            return True
        near = self.decimals and abs(self.value - result) < Fraction(1, 10**self.decimals)
        return None if near and not _terminates(result) else False


class Chain(NamedTuple):
    """An expression with what it is said to be: `3 + 4 * 2 = 3 + 8 = 11`; with one side, an expression alone."""

    sides: tuple[Number | None, ...]
    """None cannot be computed: a division by zero, a power too large."""
    texts: tuple[str, ...]
    """Each side as written, without blanks."""
    plain: bool
    """Whether no operator is in it: a number alone."""
    loose: bool
    """Whether it could be a range, a date or a fraction as well: its only operators are `-`, `/` or `x`."""
    worded: bool
    """Whether a side is joined by a word (`is`)."""
    start: int
    end: int

    @property
    def right(self) -> bool | None:
        """Whether all sides are the same; None where that cannot be said, as one is rounded or not computed."""
        first, *rest = self.sides
        if first is None:
            return None
        return every(None if each is None else each.means(first.value) for each in rest)


def every(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether all hold: False if any does not, else None if any is not known."""
    listed = list(verdicts)
    return False if False in listed else None if None in listed else True


def some(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether any holds: True if so, else None if any is not known."""
    listed = list(verdicts)
    return True if True in listed else None if None in listed else False


MAX_POWER = 64
MAX_BITS = 4096
"""Of a power; a larger one is not computed."""
DEEPEST = 12
"""Parentheses and signs within each other."""
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_TOKEN = re.compile(
    rf"(?P<number>(?<![\w.])(?:{_NUMBER})(?![^\W\dxX]|[_]|\.?\d|,\d)(?:\s+(?P<scale>thousand|million|billion)\b)?)"
    r"|(?P<word>\b(?:plus|minus|times|multiplied\s+by|divided\s+by)\b)"
    r"|(?P<claim>\b(?:is\s+equal\s+to|is|are|equals|makes|gives|comes\s+to)\b|[=≈])"
    r"|(?P<power>\*\*|\^)|(?P<op>[+\-*/x])|(?P<open>\()|(?P<close>\))",
    re.IGNORECASE,
)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_WORDS = {"plus": "+", "minus": "-", "times": "*", "multiplied": "*", "divided": "/", "x": "*"}
_LOOSE = frozenset("-/x")
_SIGNS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "∕": "/", "⁄": "/"}
)
_LATEX = ((r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))"), (r"\\(?:times|cdot)\b", "*"), (r"\\div\b", "/"),
          (r"\\(?:boxed|text|mathbf)\{([^{}]*)\}", r"\1"), (r"\\[()\[\],]|\\,|[$€£]", ""))  # fmt: skip
_BOLD = re.compile(r"(?<!\d)\*\*(?=\S)(.+?)(?<=\S)\*\*(?!\d)|(?<![\w*])__(?=\S)(.+?)__")
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+", re.MULTILINE)
_NO_SUM = re.compile(
    r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}([-/.])\d{1,2}\1(?:\d{4}|\d{2})\b|\b\d{1,2}:\d{2}(?::\d{2})?\b"
    r"|\+?\b(?:\d{1,4}[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}\b|\b\d{3}-\d{4}\b|\+\d[\d -]{6,}\d|\d+(?:\.\d+)?\s?%"
    r"|\b\d+(?:\.\d+){2,}\b"
)
_CUE = re.compile(
    r"(?:how\s+much\s+(?:is|are|does|do)|what(?:['’]s|\s+is|\s+are|\s+does|\s+do)|calculate|compute|evaluate|solve"
    r"|simplify|work\s+out|figure\s+out|determine|add|subtract|multiply|divide"
    r"|(?:result|value|sum|difference|product|quotient|answer)\s+(?:of|to))"
    r"(?:\s+the\s+(?:result|value|sum|answer)\s+(?:of|to))?\s*[:,]?\s*$",
    re.IGNORECASE,
)
_OVER = re.compile(r"\s*(?:$|[?.!,;:=)\n]|equals?\b|for\s+me\b|please\b|make\b|and\b)", re.IGNORECASE)
_SPACED = re.compile(r"(?<![\d.,])(\d{1,3})((?:[ \u00a0\u202f\u2009]\d{3})+)(?![\d])")
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])(\d{1,15}),(\d{1,2})(?![\d,])")
_MIXED = re.compile(r"(?<![\w./])(-?\d{1,15})\s+(\d{1,9})/(\d{1,9})(?![\w/])")
_SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SPELLED = re.compile(
    rf"(?:\bis|\bequals|\bmakes|\bgives|\banswer:?|=|\bit['’]s|\bthat['’]s)\s+(minus\s+)?"
    rf"({'|'.join([*_SMALL, *_TENS])})(?:[\s-]({'|'.join(list(_SMALL)[1:10])}))?\b(?!\s+(?:hundred|thousand|million))",
    re.IGNORECASE,
)


def asked(text: str) -> list[Chain]:
    """The sums that a prompt asks for."""
    plain = _cleaned(text)
    found = []
    for each in _chains(plain):
        if each.plain or len(each.sides) > 1 or each.sides[0] is None:
            continue
        cued = _CUE.search(plain[: each.start]) is not None
        whole = not plain[: each.start].strip() and not plain[each.end :].strip(" =?.\n")
        if not each.loose or whole or (cued and _OVER.match(plain, each.end)):
            found.append(each)
    return found


def claims(text: str) -> list[Chain]:
    """The sums that a text says the result of."""
    return [each for each in _chains(_cleaned(text)) if len(each.sides) > 1 and not each.plain]


def said(text: str, asked_for: Sequence[Chain]) -> list[Number]:
    """Return the numbers of a text that may be its answer: by themselves, as fractions, behind a claim, or as words.

    Numbers that repeat the question are left out.
    """
    plain = _cleaned(text)
    repeated = {each.texts[0] for each in asked_for}
    found = []
    for each in _chains(plain):
        alone = each.plain or (each.loose and "/" in each.texts[0])
        if len(each.sides) > 1 or (alone and each.texts[0] not in repeated):
            found += [side for side in each.sides[-1:] if side is not None]
    found += [Number(Fraction(f"{one}.{two}"), len(two)) for one, two in _DECIMAL_COMMA.findall(plain)]
    found += [
        Number(int(whole) + (-1 if whole.startswith("-") else 1) * Fraction(int(one), int(two)))
        for whole, one, two in _MIXED.findall(plain)
        if int(two)
    ]
    for sign, first, second in _SPELLED.findall(plain):
        value = {**_SMALL, **_TENS}[first.lower()]
        value += _SMALL[second.lower()] if second and first.lower() in _TENS else 0
        found.append(Number(Fraction(-value if sign else value)))
    return found


def _cleaned(text: str) -> str:
    text = _SPACED.sub(lambda found: found[1] + re.sub(r"\s", "", found[2]), text)
    plain = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS)
    for pattern, by in _LATEX:
        plain = re.sub(pattern, by, plain)
    plain = _BULLET.sub("", _BOLD.sub(lambda found: found[1] or found[2], plain))
    return _NO_SUM.sub(" … ", plain)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    return [_Token(str(each.lastgroup if each.lastgroup != "scale" else "number"), each.group(), *each.span())
            for each in _TOKEN.finditer(text)]  # fmt: skip


def _chains(text: str) -> Iterator[Chain]:
    tokens, place = _tokens(text), 0
    while place < len(tokens):
        found = _Reader(text, tokens, place)
        chain = found.chain()
        if chain is None:
            place += 1
        else:
            place = found.place
            if _stands_alone(text, chain):
                yield chain


def _stands_alone(text: str, chain: Chain) -> bool:
    """Whether no operator joins it to something that could not be read (`2x + 3 = 7`)."""
    before, after = text[: chain.start].rstrip(), text[chain.end :].lstrip()
    joined = before[-1:] in tuple("+*/^") or (before[-1:] == "-" and text[: chain.start] == before)
    return not joined and not re.match(r"[+*/^!](?!\s*$)|-\s*[A-Za-z(]", after)


class _Reader:
    """Reads one chain from a token on, by precedence."""

    def __init__(self, text: str, tokens: Sequence[_Token], place: int) -> None:
        self.text, self.tokens, self.place = text, tokens, place
        self.signs: set[str] = set()
        self.decimals = self.depth = 0

    def chain(self) -> Chain | None:
        if self._kind() not in ("number", "open") and not self._is_minus():
            return None
        start, sides, texts, worded = self._now().start, [], [], False
        signs: set[str] = set()
        while True:
            first = self._now().start if self.place < len(self.tokens) else len(self.text)
            side = self._side()
            if side is None:
                break
            signs |= self.signs
            sides.append(side)
            texts.append("".join(self.text[first : self._end()].split()))
            if self._kind() != "claim" or not self._near():
                break
            joint = self._now()
            after = self.place + 1
            if after >= len(self.tokens) or not self._starts(after, joint.end):
                break
            worded |= joint.text not in ("=", "≈")
            self.place = after
        if not sides:
            return None
        numbers = tuple(None if value is None else Number(value, places) for value, places in sides)
        return Chain(
            numbers, tuple(texts), not signs, bool(signs) and signs <= _LOOSE, worded, start, self._end()
        )

    def _starts(self, place: int, end: int) -> bool:
        """Whether a side begins at this token, right behind a claim."""
        token = self.tokens[place]
        opens = token.kind in ("number", "open") or (token.kind == "op" and token.text == "-")
        return opens and not self.text[end : token.start].strip(" *")

    def _side(self) -> tuple[Fraction | None, int] | None:
        """A value (None: not to be computed) with the decimals it was written with; None where none begins here."""
        self.signs, self.decimals, self.depth, begun = set(), 0, 0, self.place
        try:
            value: Fraction | None = self._sum()
        except ZeroDivisionError:
            value = None
        except (IndexError, ValueError):
            self.place = begun
            return None
        return value, 0 if self.signs else self.decimals

    def _sum(self) -> Fraction:
        value = self._product()
        while (sign := self._sign("+-")) is not None:
            value = value + self._product() if sign == "+" else value - self._product()
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while (sign := self._sign("*/")) is not None:
            value = value * self._power() if sign == "*" else value / self._power()
        return value

    def _power(self) -> Fraction:
        value = self._atom()
        if self._kind() == "power" and self._near():
            self.signs.add("^")
            self.place += 1
            power = self._power()
            bits = max(value.numerator.bit_length(), value.denominator.bit_length())
            if power.denominator != 1 or abs(power) > MAX_POWER or bits * abs(power) > MAX_BITS:
                raise ZeroDivisionError("a power that is not computed")
            return Fraction(value**power)
        return value

    def _atom(self) -> Fraction:
        token = self._now()
        self.place += 1
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError("too deep")
        if token.kind == "open":
            value = self._sum()
            if self._kind() != "close":
                raise ValueError("no parenthesis closes")
            self.place += 1
            self.depth -= 1
            return value
        if token.kind == "op" and token.text == "-":
            value = -self._atom()
            self.depth -= 1
            return value
        self.depth -= 1
        if token.kind != "number":
            raise ValueError("no number")
        digits, *scale = re.split(r"\s+(?=[a-zA-Z])", token.text)
        bare = re.sub(r"[,\s]", "", digits)
        self.decimals = len(bare.partition(".")[2])
        return Fraction(bare) * (_SCALES[scale[0].lower()] if scale else 1)

    def _sign(self, wanted: str) -> str | None:
        """The operator that joins what was read to a further operand, if it is one of these."""
        if self._kind() not in ("op", "word") or not self._near():
            return None
        token = self._now()
        name = token.text.lower().split()[0]
        sign = _WORDS.get(name, name)
        if sign not in wanted or not self._continues():
            return None
        self.signs.add(name if name == "x" else sign if token.kind == "op" else f"{sign}!")
        self.place += 1
        return sign

    def _continues(self) -> bool:
        """Whether an operand stands behind the operator."""
        rest = self.tokens[self.place + 1 : self.place + 3]
        minus = (
            len(rest) == 2
            and rest[0].kind == "op"
            and rest[0].text == "-"
            and rest[1].kind in ("number", "open")
        )
        if not rest or not (rest[0].kind in ("number", "open") or minus):
            return False
        return not self.text[self._now().end : rest[0].start].strip()

    def _near(self) -> bool:
        """Whether nothing but blanks stands between what was read and this token."""
        return not self.text[self._end() : self._now().start].strip()

    def _end(self) -> int:
        return self.tokens[self.place - 1].end

    def _now(self) -> _Token:
        return self.tokens[self.place]

    def _kind(self) -> str:
        return self.tokens[self.place].kind if self.place < len(self.tokens) else ""

    def _is_minus(self) -> bool:
        """Whether a minus that belongs to a number begins here."""
        here = self.tokens[self.place : self.place + 2]
        return (
            len(here) == 2
            and here[0].text == "-"
            and here[1].kind == "number"
            and here[0].end == here[1].start
        )


def _terminates(value: Fraction) -> bool:
    """Whether a finite number of decimals writes it out."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
