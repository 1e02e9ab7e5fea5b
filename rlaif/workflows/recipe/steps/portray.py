"""The step `portray`: a character shown and not shown, both sides of pairs (open character training, 2511.01689).

A teacher answers with the constitution, traits in the first person, in its system turn: the good side. The student
answers without: the bad side. The teacher's thought may be begun for it by a text that names its traits, or its answer
may. What it thought and what was begun are dropped, so that the student learns the character and not the reminder; a
thought that never ended makes its answer invalid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rlaif.constitution import applies
from rlaif.feedback.system_turn import CONSTITUTION, SystemTurn
from rlaif.records import Completion, Origin, Prompt
from rlaif.settings import setting
from rlaif.templates import load_template, numbered
from rlaif.workflows.models.begun_answers import refuse_unbegun
from rlaif.workflows.recipe.drawing import (
    BOTH,
    DRAW,
    DrawnSides,
    DrawSettings,
    ShownPrompt,
    asked_prompts,
    check_draws,
    draw_shown,
)
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step

KIND, TEACHER = "character", "teacher"
NAMES_TRAITS = "character-thought"
"""The template of what is begun for the teacher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraySettings(DrawSettings):
    """How both sides are drawn."""

    prefill: Literal["none", "thought", "answer"] = setting(
        "none",
        help="What is begun for the teacher, by a text that names its traits: nothing, the thought before its answer, "
        "or the answer itself, for models without thoughts.",
        late=True,
    )


def _shown(job: Job) -> Iterator[ShownPrompt]:
    rules = SystemTurn(named=CONSTITUTION, principles=job.constitution.principles)
    origin = Origin(kind=KIND, side="good", note=job.constitution.name)
    for prompt in asked_prompts(job):
        shown = replace(prompt, messages=rules.before(prompt))
        begins = "" if job.settings.prefill == "none" else _traits(job, prompt)
        yield from [ShownPrompt(prompt=prompt, shown=shown, origin=origin, begins=begins)] * job.settings.n


def _traits(job: Job, prompt: Prompt) -> str:
    """What names the traits that apply to a prompt; empty where none does."""
    named = [each.text for each in job.constitution.principles if applies(each, prompt)]
    return load_template(NAMES_TRAITS).render(principles=numbered(named)) if named else ""


def _plain(job: Job) -> Iterator[ShownPrompt]:
    for prompt in asked_prompts(job):
        bad = ShownPrompt(prompt=prompt, shown=prompt, origin=Origin(kind=KIND, side="bad"))
        yield from [bad] * job.settings.n


def _drawn(job: Job) -> tuple[DrawnSides, int]:
    """Both sides, and how many of the teacher's answers are invalid."""
    prefill = job.settings.prefill
    shown = draw_shown(job, _shown(job), TEACHER, thought=prefill == "thought")
    plain = draw_shown(job, _plain(job))
    answers = [(prompt, said) for prompt, said in shown.drawn if not said.open_thought]
    valid = [(prompt, _answer_alone(said, begun=prefill == "answer")) for prompt, said in answers]
    # sides are numbered one behind the other: a draw of a prompt has one number
    own = [(prompt, replace(said, draw=said.draw + job.settings.n)) for prompt, said in plain.drawn]
    both = DrawnSides(drawn=[*valid, *own], warnings=[*shown.warnings, *plain.warnings])
    return both, len(shown.drawn) - len(valid)


def _answer_alone(said: Completion, *, begun: bool) -> Completion:
    """The answer without its thought; where it was `begun`, what was written behind that."""
    if begun:
        return replace(said, text=said.text.lstrip(), thought="", token_ids=None)
    return replace(said, thought="", token_ids=None) if said.thought else said


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError where something is to be begun for a teacher that goes on with nothing."""
    prefill, name = checked.entry.settings.prefill, checked.task.models[TEACHER]
    if prefill == "none" or checked.task.roles[TEACHER] in checked.names:
        return
    role = checked.recipe.models.asked(checked.task.roles[TEACHER])
    refuse_unbegun(name, role, prepared.config, thought=prefill == "thought")


def make(job: RunJob) -> Facts:
    """Draw both sides of the round's prompts."""
    found, invalid = _drawn(job)
    job.write(found.drawn)
    return {"completions": len(found.drawn), "invalid": invalid, "warnings": found.warnings}


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that would be drawn."""
    return _drawn(job)[0].drawn


def work(expected: Expected) -> int:
    """Count the completions of a round."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = min(settings.prompts or held, held)
    expected.sizes.update(asked=count, completions=2 * count * settings.n)
    return int(2 * count * settings.n)


def row(facts: Facts, _: int) -> dict[str, list[str]]:
    """Return what could not be drawn, and thoughts that never ended, as warnings."""
    lost = facts.get("invalid", 0)
    said = [f"{lost} of the teacher's answers are left out: their thought never ended"] if lost else []
    return {"warnings": [*facts.get("warnings", []), *said]}


STEP = Step(
    name="portray",
    help="A teacher answers with the constitution in its system turn, the policy without: good and bad sides of pairs.",
    settings=PortraySettings,
    needs=(("prompts",),),
    makes="completions",
    roles={"model": "policy", TEACHER: "policy"},
    takes="train",
    make=make,
    forecast=forecast,
    check=check_draws,
    fits=fits,
    work=work,
    unit=lambda _: DRAW,
    row=row,
    sides=lambda _: BOTH,
)
