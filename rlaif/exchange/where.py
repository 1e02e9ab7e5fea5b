"""`--where`: a small language of comparisons over the fields of a pair. Reads nothing else and runs no code.

label_prob > .8 and round == 2 and tag == harmful
not (judge == "b2:12" or principle in [brief, honest]) and p.brief >= .5 and chosen contains "sorry"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlaif.errors import InputError
from rlaif.exchange.counted_texts import answer_text, asked_text, thought_text
from rlaif.records import Pair

Value = float | str | bool | None | tuple[str, ...]
Test = Callable[[Pair, Sequence[str]], bool]
"""Whether a pair, whose prompt has these tags, is wanted."""
MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    |(?P<text>"[^"]*"|'[^']*')
    |(?P<word>[A-Za-z_][\w.:/@-]*)
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))""",
    re.VERBOSE,
)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
OPERATORS = ("==", "!=", *_ORDER, "in", "contains")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None}


class Field(NamedTuple):
    """What a name stands for: number, text, flag, or words (several of them: any may fit)."""

    kind: str
    of: Callable[[Pair, Sequence[str]], Value]


def _numbers(*names: str) -> dict[str, Field]:
    return {name: Field("number", lambda pair, _, name=name: getattr(pair, name)) for name in names}  # type: ignore[misc]


def _texts(*names: str) -> dict[str, Field]:
    return {name: Field("text", lambda pair, _, name=name: getattr(pair, name)) for name in names}  # type: ignore[misc]


def _said(pair: Pair, name: str) -> Value:
    value = pair.provenance.get(name)
    value = value.get("name") if isinstance(value, Mapping) else value
    return None if value is None else str(value)


FIELDS: dict[str, Field] = {
    **_numbers("label_prob", "weight", "score_gap", "chosen_score", "rejected_score", "round"),
    **_texts("id", "critique", "revision_of"),
    "truncated": Field("text", lambda pair, _: pair.truncated or None),
    "order_consistent": Field("flag", lambda pair, _: pair.order_consistent),
    "tag": Field("words", lambda _, tags: tuple(tags)),
    "principle": Field("words", lambda pair, _: tuple(str(each["id"]) for each in pair.principles)),
    "judge": Field("text", lambda pair, _: _said(pair, "judge")),
    "constitution": Field("text", lambda pair, _: _said(pair, "constitution")),
    "policy": Field("words", lambda pair, _: tuple(map(str, pair.provenance.get("policy") or ()))),
    "prompt": Field("text", lambda pair, _: asked_text(pair.prompt)),
    "chosen": Field("text", lambda pair, _: answer_text(pair.chosen)),
    "rejected": Field("text", lambda pair, _: answer_text(pair.rejected)),
    "chosen_thought": Field("text", lambda pair, _: thought_text(pair.chosen)),
    "rejected_thought": Field("text", lambda pair, _: thought_text(pair.rejected)),
    "turns": Field("number", lambda pair, _: len(pair.prompt)),
    "chosen_chars": Field("number", lambda pair, _: len(answer_text(pair.chosen))),
    "rejected_chars": Field("number", lambda pair, _: len(answer_text(pair.rejected))),
}
_FITTING: dict[str, tuple[type, ...]] = {
    "number": (float, type(None)),
    "text": (str, type(None)),
    "flag": (bool,),
    "words": (str, type(None)),
}


@dataclass(frozen=True, slots=True)
class Where:
    """A condition as it was written, and what it asks."""

    text: str
    test: Test
    fields: tuple[str, ...]
    """The names that it reads."""

    def __call__(self, pair: Pair, tags: Sequence[str] = ()) -> bool:
        """Whether the pair is wanted."""
        return self.test(pair, tags)


def parse_where(text: str) -> Where:
    """Read a condition. Raises InputError naming the place and what was expected there."""
    parser = _Parser(text)
    return Where(text, parser.whole(), tuple(dict.fromkeys(parser.fields)))


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent: `or` binds loosest, then `and`, then `not`, then a comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.place = 0
        self.depth = 0
        self.fields: list[str] = []

    def whole(self) -> Test:
        test = self._or()
        if self._now.kind != "end":
            self._refuse("`and`, `or` or the end")
        return test

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                raise InputError(f"--where {self.text!r}: cannot read {self.text[at]!r} at column {at + 1}")
            kind = str(match.lastgroup)
            found.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return [*found, _Token("end", "the end", len(self.text))]

    @property
    def _now(self) -> _Token:
        return self.tokens[self.place]

    def _take(self, *texts: str) -> str | None:
        if self._now.kind in ("word", "sign") and self._now.text in texts:
            self.place += 1
            return self.tokens[self.place - 1].text
        return None

    def _refuse(self, wanted: str) -> None:
        now = self._now
        shown = "it ends" if now.kind == "end" else f"there is {now.text!r}"
        raise InputError(f"--where {self.text!r}: {shown} at column {now.at + 1}; expected {wanted}")

    def _or(self) -> Test:
        tests = [self._and()]
        while self._take("or"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda pair, tags: any(each(pair, tags) for each in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._take("and"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda pair, tags: all(each(pair, tags) for each in tests)

    def _not(self) -> Test:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError(f"--where: nested more than {MAX_DEPTH} deep; write it flatter")
        try:
            if self._take("not"):
                inner = self._not()
                return lambda pair, tags: not inner(pair, tags)
            if self._take("("):
                inner = self._or()
                if not self._take(")"):
                    self._refuse("`)`")
                return inner
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Test:
        name, field = self._field()
        sign = self._take(*OPERATORS)
        if sign is None:
            self._refuse(f"one of {' '.join(OPERATORS)}")
        if sign == "in":
            values = self._list(name, field)
            return lambda pair, tags: any(_equal(field.of(pair, tags), each) for each in values)
        at = self._now
        value = self._value(name, field)
        if sign in ("==", "!="):
            wanted = sign == "=="
            return lambda pair, tags: _equal(field.of(pair, tags), value) is wanted
        if sign == "contains":
            if field.kind not in ("text", "words") or not isinstance(value, str):
                raise InputError(f"--where {self.text!r}: `contains` asks a text for a text, not {name}")
            return lambda pair, tags: value in (field.of(pair, tags) or "")  # type: ignore[operator]
        if field.kind != "number" or not isinstance(value, float):
            raise InputError(
                f"--where {self.text!r}: {sign} at column {at.at + 1} compares numbers; {name} is "
                f"{_kind(field.kind)}"
            )
        order = _ORDER[str(sign)]
        return lambda pair, tags: (found := field.of(pair, tags)) is not None and order(found, value)

    def _field(self) -> tuple[str, Field]:
        name = self._now.text
        if self._now.kind != "word":
            self._refuse("a field")
        field = _principle(name) if name.startswith("p.") and len(name) > 2 else FIELDS.get(name)
        if field is None:
            known = ", ".join([*FIELDS, "p.PRINCIPLE"])
            raise InputError(f"--where {self.text!r}: no field is called {name!r}; fields: {known}")
        self.place += 1
        self.fields.append(name)
        return name, field

    def _list(self, name: str, field: Field) -> list[Value]:
        if not self._take("["):
            self._refuse("`[`")
        values = [self._value(name, field)]
        while self._take(","):
            values.append(self._value(name, field))
        if not self._take("]"):
            self._refuse("`,` or `]`")
        return values

    def _value(self, name: str, field: Field) -> Value:
        now = self._now
        if now.kind not in ("number", "text", "word") or now.text in ("and", "or", "not", *OPERATORS):
            self._refuse("a value")
        self.place += 1
        value: Value
        if now.kind == "number":
            value = float(now.text)
        elif now.kind == "text":
            value = now.text[1:-1]
        else:
            value = _CONSTANTS.get(now.text, now.text)
        # a number may be the name of a tag
        if isinstance(value, float) and field.kind in ("text", "words"):
            value = now.text
        if not isinstance(value, _FITTING[field.kind]):
            raise InputError(
                f"--where {self.text!r}: {name} is {_kind(field.kind)}, and {now.text!r} at column "
                f"{now.at + 1} is none"
            )
        return value


def _principle(name: str) -> Field:
    wanted = name.removeprefix("p.")

    def p(pair: Pair, _: Sequence[str]) -> Value:
        return next((each["p"] for each in pair.principles if each["id"] == wanted), None)

    return Field("number", p)


def _equal(found: Value, value: Value) -> bool:
    if isinstance(found, tuple):
        return not found if value is None else value in found
    return found == value


def _kind(kind: str) -> str:
    return {"number": "a number", "text": "a text", "flag": "true or false", "words": "one of several words"}[
        kind
    ]
