"""Lint: findings about a constitution that loads but may not mean what its author thinks. Pure; stops no run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rlaif.constitution.baselines import LIMIT, too_easy
from rlaif.constitution.contradictions import contradictions
from rlaif.constitution.half_characters import HALF, half_characters
from rlaif.records import Constitution, Principle, Prompt

LONG_TEXT_WORDS = 80
MANY_PRINCIPLES = 24
Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding."""

    level: Level
    line: int | None
    principle: str | None
    message: str
    source: str = field(default="", compare=False)
    """The file of `line`, which may be one that the constitution extends."""

    def located(self, otherwise: str) -> str:
        """`file:line: level: principle: message`; `otherwise` is the file where none is known."""
        return f"{self.place(otherwise)}: {self.said}"

    def place(self, otherwise: str) -> str:
        """`file:line: level`; `otherwise` is the file where none is known."""
        return f"{self.source or otherwise}:{self.line or 1}: {self.level}"

    @property
    def said(self) -> str:
        """`principle: message`."""
        return f"{self.principle}: {self.message}" if self.principle else self.message


def applies(principle: Principle, prompt: Prompt) -> bool:
    """Whether `principle` applies to `prompt`: they share a tag, or one of them has none."""
    return not principle.applies_to or not prompt.tags or bool(set(principle.applies_to) & set(prompt.tags))


def lint(constitution: Constitution) -> list[Finding]:
    """Findings in the order of the file."""
    found = [finding for each in constitution.principles for finding in _principle(each)]
    return [*found, *_same_texts(constitution), *_contradictions(constitution), *_whole(constitution)]


def _principle(principle: Principle) -> Iterator[Finding]:
    def say(level: Level, message: str) -> Finding:
        return _finding(level, principle, message)

    if broken := half_characters(principle):
        yield say("error", HALF.format(", ".join(broken)))
    for number, test in enumerate(principle.tests, 1):
        if test.better.strip() == test.worse.strip():
            yield say("error", f"test {number} has the same text as better and as worse")
    if principle.weight == 0:
        yield say("warning", "weight 0: a judge is asked and not heard; remove it or give it weight")
    if principle.applies_to:
        tags = ", ".join(principle.applies_to)
        yield say("warning", f"applies to prompts tagged {tags}, and also to every prompt without any tag")
    if (words := len(principle.text.split())) > LONG_TEXT_WORDS:
        yield say("warning", f"{words} words; small judges follow one short rule better: split it")
    if not principle.tests:
        yield say("info", "no tests: nothing shows whether a judge applies it as you mean it")


def _same_texts(constitution: Constitution) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for each in constitution.principles:
        text = " ".join(each.text.lower().split())
        if text in first:
            message = f"has the same text as {first[text]!r}: it counts twice"
            yield _finding("warning", each, message)
        first.setdefault(text, each.id)


def _contradictions(constitution: Constitution) -> Iterator[Finding]:
    for each in contradictions(constitution):
        yield _finding("error" if each.sure else "warning", each.principle, each.message)


def _finding(level: Level, principle: Principle, message: str) -> Finding:
    return Finding(
        level=level,
        line=principle.line,
        principle=principle.id,
        message=message,
        source=principle.source,
    )


def _whole(constitution: Constitution) -> Iterator[Finding]:
    def say(level: Level, message: str) -> Finding:
        return Finding(level=level, line=None, principle=None, message=message)

    file = Path(constitution.source)
    if file.suffix in (".yaml", ".yml") and file.stem not in (constitution.name, "constitution"):
        yield say(
            "warning",
            f"is named {constitution.name!r}, and is found by that name in {constitution.name}{file.suffix} only",
        )
    if len(constitution.principles) > MANY_PRINCIPLES:
        yield say("warning", f"{len(constitution.principles)} principles: each costs a question a completion")
    if constitution.principles and all(each.weight == 0 for each in constitution.principles):
        yield say("error", "every weight is 0: no pair can be decided")
    for name, score in too_easy(constitution).items():
        yield say(
            "error",
            f"`{name}` alone passes {score:.0%} of the tests, more than {LIMIT:.0%}: a judge that reads no rule "
            "would look good; add tests in which the other side is the better one",
        )
    grouped = sum(each.group is not None for each in constitution.principles)
    if grouped and constitution.decide.rule != "lexicographic":
        yield say(
            "warning",
            f"{grouped} principles have a `group`, which only `decide: {{rule: lexicographic}}` hears: set it, or "
            "leave the groups out",
        )
    if constitution.propositions and not constitution.behaviors:
        yield say("warning", "propositions without `behaviors`: no class of answers depends on them")
