"""Principles of the microworld as sentences: composed from verbs, objects and frames, and parsed back into `Rule`."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rlaif.hashing import derived_seed
from rlaif.microworld.attributes import ATTRIBUTES, BY_ID, CONDITIONS

Form = Literal["positive", "negative", "both", "but-not", "if", "if-not"]
HELD_OUT_SHARE = 4
"""One phrasing in this many is never shown in training."""

# {b} takes the base form ("greet the user"), {s} the third person ("greets the user")
_POSITIVE = (
    "The response {s}.", "The answer {s}.", "A good response {s}.", "A good answer {s}.", "The response should {b}.",
    "The answer must {b}.", "Always {b}.", "Prefer a response that {s}.", "Choose an answer that {s}.",
)  # fmt: skip
_NEGATIVE = (
    "The response does not {b}.", "The answer does not {b}.", "A good response never {s}.", "A good answer never {s}.",
    "The response should not {b}.", "The answer must not {b}.", "Never {b}.", "Avoid a response that {s}.",
    "Reject an answer that {s}.",
)  # fmt: skip
_BOTH = (
    "The response {s} and {s2}.",
    "The answer {s} and {s2}.",
    "Always {b} and {b2}.",
    "The response should {b} and {b2}.",
)
_BUT_NOT = (
    "The response {s} but does not {b2}.",
    "The answer {s} but does not {b2}.",
    "The response should {b} but not {b2}.",
)
_IF = (
    "If {c}, the response {s}.",
    "If {c}, the answer {s}.",
    "When {c}, the response should {b}.",
    "If {c}, always {b}.",
)
_IF_NOT = (
    "If {c}, the response does not {b}.",
    "If {c}, never {b}.",
    "When {c}, the response should not {b}.",
)
_FRAMES: dict[Form, tuple[str, ...]] = {
    "positive": _POSITIVE, "negative": _NEGATIVE, "both": _BOTH, "but-not": _BUT_NOT, "if": _IF, "if-not": _IF_NOT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """Meaning of a principle: all its parts must hold where the condition (a prompt tag) holds."""

    parts: tuple[tuple[str, bool], ...]
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Phrase:
    """A verb phrase of an attribute in both forms."""

    attribute: str
    base: str
    third: str


def frames() -> list[str]:
    """Every frame of a rule, with its slots."""
    return [frame for each in _FRAMES.values() for frame in each]


@cache
def phrases(attribute: str) -> tuple[Phrase, ...]:
    """Every verb with every object; the first is the canonical one."""
    found = BY_ID[attribute]
    return tuple(
        Phrase(attribute, f"{base} {object_}", f"{third} {object_}")
        for base, third in found.verbs
        for object_ in found.objects
    )


def is_held_out(form: Form, phrase: Phrase, frame: str, second: Phrase | None = None) -> bool:
    """Whether this combination is kept for evaluation; each of its words is trained in others."""
    if frame == _FRAMES[form][0] and all(
        each == phrases(each.attribute)[0] for each in (phrase, second) if each
    ):
        return False  # the plain phrasing is what the first stages and all critiques show
    key = derived_seed("held-out", form, phrase.base, frame, second.base if second else "")
    return key % HELD_OUT_SHARE == 0


def compose(
    form: Form,
    attribute: str,
    rng: random.Random,
    *,
    second: str | None = None,
    condition: str | None = None,
    held_out: bool | None = None,
    canonical: bool = False,
) -> str:
    """A rule sentence of this form about `attribute` (and `second`, under the prompt tag `condition`).

    `held_out` True or False takes only phrasings kept for evaluation, or only trained ones; `canonical`
    takes the one plain phrasing.
    """
    while True:
        frame = _FRAMES[form][0] if canonical else rng.choice(_FRAMES[form])
        phrase = phrases(attribute)[0] if canonical else rng.choice(phrases(attribute))
        other = None
        if second is not None:
            other = phrases(second)[0] if canonical else rng.choice(phrases(second))
        if held_out is None or is_held_out(form, phrase, frame, other) == held_out:
            return frame.format(
                b=phrase.base,
                s=phrase.third,
                b2=other.base if other else "",
                s2=other.third if other else "",
                c=_condition_text(condition),
            )


def _condition_text(tag: str | None) -> str:
    return next((text for text, name in CONDITIONS.items() if name == tag), "")


def fact(attribute: str, positive: bool) -> str:
    """Canonical statement that a response has or lacks the attribute, as critiques say it."""
    phrase = phrases(attribute)[0]
    return f"The response {phrase.third}." if positive else f"The response does not {phrase.base}."


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Form, bool], ...]:
    """One pattern per frame, longest first so that "does not" is never parsed as a verb."""
    found = []
    for form, frames in _FRAMES.items():
        for frame in frames:
            pattern = re.escape(frame).replace(r"\{", "{").replace(r"\}", "}")
            for slot in ("b", "s", "b2", "s2", "c"):
                pattern = pattern.replace("{" + slot + "}", f"(?P<{slot}>.+?)")
            found.append((re.compile(pattern + r"\Z", re.IGNORECASE), form, len(frame)))
    found.sort(key=lambda row: -row[2])
    return tuple((pattern, form, True) for pattern, form, _ in found)


@cache
def _phrase_index() -> dict[str, str]:
    index: dict[str, str] = {}
    for attribute in ATTRIBUTES:
        for phrase in phrases(attribute.id):
            index[phrase.base] = attribute.id
            index[phrase.third] = attribute.id
    return index


@cache
def read_rule(text: str) -> Rule | None:
    """Parse one principle; None when the text is not in the world's language."""
    text = " ".join(text.split())
    for pattern, form, _ in _patterns():
        match = pattern.match(text)
        if match and (rule := _rule(form, match.groupdict())):
            return rule
    return None


def _rule(form: Form, slots: dict[str, str]) -> Rule | None:
    index = _phrase_index()
    first = index.get(slots.get("b") or slots.get("s") or "")
    if first is None:
        return None
    if form in ("both", "but-not"):
        second = index.get(slots.get("b2") or slots.get("s2") or "")
        return None if second is None else Rule(((first, True), (second, form == "both")))
    if form in ("if", "if-not"):
        condition = CONDITIONS.get(slots["c"])
        return None if condition is None else Rule(((first, form == "if"),), condition)
    return Rule(((first, form == "positive"),))
