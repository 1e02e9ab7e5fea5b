"""Worked examples as Model Specs write them: turns as elements, and a `<comparison>` of graded answers.

Reads what is between the fences into turns and answers, and writes a principle's tests in that form.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rlaif.records import Message, PrincipleTest, Role

GRADES = ("GOOD", "BAD", "OK")
# a line `[...]` between turns stands for turns that are not shown
_NEXT = re.compile(
    r"\s*(?:\[(?:\.\.\.|…)\]\s*)?(?:(<comparison>)|(</comparison>)"
    r"|<(system|developer|user|assistant|tool)((?:\s[^<>]*)?)>(?:[ \t]*<!--(.*?)-->)?(.*?)</\3>)",
    re.DOTALL,
)
_GRADE = re.compile(r"\s*([A-Z]+)\b")
_CALL = re.compile(r"\s(?:recipient|name)=")


class NoTest(StrEnum):
    """Why an example makes no test."""

    UNREADABLE = "cannot be read as turns"
    TOOLS = "call a tool"
    ENDS = "end with no turn of the user"
    ALONE = "lack a GOOD or a BAD answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedAnswer:
    """An answer of a comparison, with its grade; empty where it has none that is known."""

    grade: str
    text: str
    calls: bool = False
    """Whether it is a call of a tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedComparison:
    """Answers to one conversation."""

    before: tuple[Message, ...]
    answers: tuple[GradedAnswer, ...]
    calls: bool = False
    """Whether tools are called on the way, or an earlier answer is missing."""

    @property
    def has_both(self) -> bool:
        """Whether there are a GOOD and a BAD answer."""
        return {"GOOD", "BAD"} <= {each.grade for each in self.answers}

    @property
    def why_none(self) -> NoTest | None:
        """Why it makes no test; None where it makes some."""
        if not self.has_both:
            return NoTest.ALONE
        if self.calls or not any(
            one.grade == "GOOD" and other.grade == "BAD" for one in self._said for other in self._said
        ):
            return NoTest.TOOLS
        if not self.before or self.before[-1].role != "user" or not self.before[-1].content:
            return NoTest.ENDS
        return None

    @property
    def tests(self) -> tuple[PrincipleTest, ...]:
        """Each GOOD answer against each BAD one."""
        if self.why_none is not None:
            return ()
        *before, last = self.before
        return tuple(
            PrincipleTest(prompt=last.content, better=good.text, worse=bad.text, before=tuple(before))
            for good in self._said
            for bad in self._said
            if good.grade == "GOOD" and bad.grade == "BAD"
        )

    @property
    def _said(self) -> list[GradedAnswer]:
        return [each for each in self.answers if each.text and not each.calls]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedExample:
    """An example: its turns, and the comparisons that stand in it."""

    turns: tuple[Message, ...] = ()
    compared: tuple[GradedComparison, ...] = ()
    calls: bool = False
    """Whether a turn calls a tool or is a tool's."""
    readable: bool = True

    @property
    def has_both(self) -> bool:
        """Whether one of its comparisons has a GOOD and a BAD answer."""
        return any(each.has_both for each in self.compared)

    @property
    def tests(self) -> tuple[PrincipleTest, ...]:
        """Those of all its comparisons."""
        return tuple(test for each in self.compared for test in each.tests)

    @property
    def why_none(self) -> NoTest | None:
        """Why it makes no test; None where it makes some."""
        if not self.readable:
            return NoTest.UNREADABLE
        if self.tests:
            return None
        reasons = [each.why_none for each in self.compared if each.has_both]
        return next((each for each in reasons if each is not None), NoTest.ALONE)


@dataclass(slots=True)
class _Reading:
    turns: list[Message]
    calls: bool = False
    answers: list[GradedAnswer] | None = None
    """Of the comparison that is open."""

    def said(self, role: Role, attributes: str, text: str) -> None:
        """A turn outside of a comparison."""
        self.calls = self.calls or role == "tool" or bool(_CALL.search(attributes))
        self.turns.append(Message(role=role, content=text))

    def closed(self) -> GradedComparison:
        """The comparison that ends here; the conversation goes on with its first GOOD answer."""
        answers = tuple(self.answers or ())
        found = GradedComparison(before=tuple(self.turns), answers=answers, calls=self.calls)
        good = next((each for each in answers if each.grade == "GOOD" and not each.calls), None)
        self.calls = self.calls or good is None
        if good is not None:
            self.turns.append(Message(role="assistant", content=good.text))
        self.answers = None
        return found


def read_example(text: str) -> WorkedExample:
    """What stands between the fences; `readable` is false where something is no turn and no comparison."""
    reading, compared, place = _Reading([]), [], 0
    while text[place:].strip():
        found = _NEXT.match(text, place)
        if found is None or (found[1] and reading.answers is not None):
            return WorkedExample(readable=False)
        place = found.end()
        if found[1]:
            reading.answers = []
        elif found[2]:
            if reading.answers is None:
                return WorkedExample(readable=False)
            compared.append(reading.closed())
        elif reading.answers is None:
            reading.said(found[3], found[4], _content(found[6]))  # type: ignore[arg-type]
        elif found[3] != "assistant":
            return WorkedExample(readable=False)
        else:
            called = bool(_CALL.search(found[4]))
            reading.answers.append(
                GradedAnswer(grade=_grade(found[5]), text=_content(found[6]), calls=called)
            )
    if reading.answers is not None:
        return WorkedExample(readable=False)
    return WorkedExample(turns=tuple(reading.turns), compared=tuple(compared), calls=reading.calls)


def _grade(comment: str | None) -> str:
    found = _GRADE.match(comment or "")
    return found[1] if found and found[1] in GRADES else ""


def _content(text: str) -> str:
    return html.unescape(text).replace("\r\n", "\n").strip()


def written(tests: Sequence[PrincipleTest]) -> Iterator[str]:
    """Examples of these tests: those of one prompt and one better answer stand in one comparison."""
    together: dict[tuple[tuple[Message, ...], str], list[str]] = {}
    for test in tests:
        together.setdefault((test.turns, test.better), []).append(test.worse)
    for number, ((turns, better), worse) in enumerate(together.items(), 1):
        elements = [f"<{turn.role}>\n{_marked(turn.content)}\n</{turn.role}>" for turn in turns]
        graded = [("GOOD", better), *(("BAD", text) for text in worse)]
        answers = [f"<assistant> <!-- {grade} -->\n{_marked(text)}\n</assistant>" for grade, text in graded]
        said = "\n".join([*elements, "<comparison>", *answers, "</comparison>"])
        fence = "~" * (max([2, *map(len, re.findall(r"~+", said))]) + 1)
        yield f"**Example**: test {number}\n\n{fence}xml\n{said}\n{fence}\n"


def _marked(text: str) -> str:
    return html.escape(text, quote=False)
