"""What a teacher is shown that its student is not (2601.20802): rules, a critique, a rubric, a better sibling.

Each form makes the turns that stand for a prompt's own, or None where it has nothing to show: then the next form
is tried, and a completion for which none has anything is left out, never taught by nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rlaif.feedback.system_turn import SystemTurn
from rlaif.judging.ask import turn
from rlaif.judging.shown import shown, shown_prompt
from rlaif.records import Completion, Message, Principle, Prompt
from rlaif.templates import Template, load_template, numbered

BROKEN = "The response breaks the rule."
"""Stands for a critique where only the broken rule is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherMaterial:
    """A completion with all that a teacher could be shown of it."""

    prompt: Prompt
    completion: Completion
    constitution: SystemTurn
    faults: Sequence[Principle] = ()
    """Principles that it breaks by its judge, the likeliest first."""
    critique: str = ""
    """What was said against it."""
    criterion: Principle | None = None
    """The principle that the critique is about, where that is known."""
    sibling: Completion | None = None
    """A better completion of the same prompt: never this one, nor one of the same text."""
    rubric: Sequence[str] = ()
    """What a good completion of the prompt does."""


Turns = tuple[Message, ...]
RUBRIC = "rubric"
"""The form that shows what a good completion does."""


def by_constitution(seen: TeacherMaterial) -> Turns | None:
    """The rules that apply, as a system turn; None where none does."""
    turns = seen.constitution.before(seen.prompt)
    return None if turns == seen.prompt.messages else turns


def by_critique(seen: TeacherMaterial) -> Turns | None:
    """The completion and what was said against it, to be written anew."""
    about = seen.criterion or (seen.faults[0] if seen.faults else None)
    return _revising(seen, seen.critique, about) if seen.critique and about is not None else None


def by_principle(seen: TeacherMaterial) -> Turns | None:
    """The completion and the rule that it most likely breaks, to be written anew."""
    return _revising(seen, BROKEN, seen.faults[0]) if seen.faults else None


def by_sibling(seen: TeacherMaterial) -> Turns | None:
    """A better completion of the same prompt."""
    if seen.sibling is None:
        return None
    return _asked(seen.prompt, load_template("teacher-sibling"), sibling=shown(seen.sibling))


def by_rubric(seen: TeacherMaterial) -> Turns | None:
    """What a good completion does."""
    if not seen.rubric:
        return None
    return _asked(seen.prompt, load_template("teacher-rubric"), criteria=numbered(list(seen.rubric)))


CONTEXTS: Mapping[str, Callable[[TeacherMaterial], Turns | None]] = {
    "constitution": by_constitution,
    "critique": by_critique,
    "principle": by_principle,
    RUBRIC: by_rubric,
    "sibling": by_sibling,
}


def teacher_turns(seen: TeacherMaterial, forms: Sequence[str]) -> tuple[str, Turns] | None:
    """The first of the forms that has something to show, and the turns; None where none has."""
    for form in forms:
        if (turns := CONTEXTS[form](seen)) is not None:
            return form, turns
    return None


def best_siblings(
    scores: Sequence[tuple[Completion, float | None]], threshold: float
) -> dict[str, Completion]:
    """For each completion of one prompt the best other one that reaches `threshold`, where there is one.

    An equal text is no sibling, whoever drew it: who wrote the best is shown the second best. Of equal scores the first
    drawn is taken. One without a score is nobody's sibling, and may have one.
    """
    good = sorted(
        ((each, score) for each, score in scores if score is not None and score >= threshold),
        key=lambda held: -held[1],
    )
    found = {}
    for each, _ in scores:
        other = next((held for held, _ in good if held.id != each.id), None)
        if other is not None:
            found[each.id] = other
    return found


def _revising(seen: TeacherMaterial, critique: str, principle: Principle) -> Turns:
    rule = f"{principle.text} {principle.revise}" if principle.revise else principle.text
    return turn(
        load_template("revise").render(
            prompt=shown_prompt(seen.prompt),
            response=shown(seen.completion),
            critique=critique,
            principle=rule,
        )
    )


def _asked(prompt: Prompt, template: Template, **slots: str) -> Turns:
    """The prompt's own turns, the last one with more in it."""
    last = prompt.messages[-1]
    return (*prompt.messages[:-1], replace(last, content=template.render(turn=last.content, **slots)))
