"""Rows of training text: one shared prefix and several independent suffixes, byte for byte as judging renders them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from rlaif.templates import load_template

USER, SYSTEM, ASSISTANT, END = "<|user|>", "<|system|>", "<|assistant|>", "<|end|>"
_SLOT = "\0"


@dataclass(frozen=True, slots=True)
class PackedRow:
    """One packed row: a shared prefix, and suffixes (prompt, answer) that do not attend to each other."""

    skill: str
    prefix: str
    endings: tuple[tuple[str, str], ...]


@cache
def _halves(template: str, slots: tuple[str, ...]) -> tuple[str, ...]:
    """The template around its slots, in their order in the text; a fence is three backticks (no text has any)."""
    text = load_template(template).render(**{slot: f"{_SLOT}{slot}{_SLOT}" for slot in slots})
    return tuple(text.split(_SLOT))


def ask(template: str, **slots: str) -> str:
    """A rendered template; the same bytes as the judging code renders."""
    parts = _halves(template, tuple(slots))
    return "".join(slots[part] if index % 2 else part for index, part in enumerate(parts))


def shared_row(skill: str, template: str, endings: Sequence[tuple[str, str]], **slots: str) -> PackedRow:
    """A row whose suffixes are principles (text, answer) at the template's end."""
    beginning = ask(template, **slots, principle="").removesuffix(" ")
    return PackedRow(
        skill, USER + beginning, tuple((f" {text}{END}{ASSISTANT}", answer + END) for text, answer in endings)
    )


def tails_row(
    skill: str, template: str, slots: Mapping[str, str], endings: Sequence[tuple[Mapping[str, str], str]]
) -> PackedRow:
    """A row whose suffixes differ in the last slots of the template."""
    names = tuple(endings[0][0])
    marked = ask(template, **slots, **dict.fromkeys(names, _SLOT))
    beginning = marked[: marked.index(_SLOT)].removesuffix(" ")
    rest = []
    for tail, answer in endings:
        content = ask(template, **slots, **tail)
        rest.append((content[len(beginning) :] + END + ASSISTANT, answer + END))
    return PackedRow(skill, USER + beginning, tuple(rest))


def single_row(skill: str, content: str, answer: str) -> PackedRow:
    """A row of one user turn and its answer."""
    return PackedRow(skill, f"{USER}{content}{END}{ASSISTANT}", (("", answer + END),))


def system_row(skill: str, system: str, prompt: str, answers: Sequence[str]) -> PackedRow:
    """A row of answers under a system turn."""
    beginning = f"{SYSTEM}{system}{END}{USER}{prompt}{END}{ASSISTANT}"
    return PackedRow(skill, beginning, tuple(("", answer + END) for answer in answers))
