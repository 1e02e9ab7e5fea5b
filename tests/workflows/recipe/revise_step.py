"""A step that somebody else adds: a model rewrites answers by a principle, several times, and they become examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rlaif.feedback.revise import Revisable, revise
from rlaif.records import Completion, Example, Message, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe.step import Job, RunJob, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviseSettings:
    """How answers are rewritten."""

    times: int = setting(1, help="Rewritings of an answer, one after the other.", least=1)


def revised(job: Job) -> list[tuple[Prompt, Completion]]:
    """The answers after the last rewriting."""
    drawn, rules = job.value("completions"), job.constitution.principles
    for time in range(job.settings.times):
        rule = rules[time % len(rules)]
        items = [Revisable(prompt, said, "It could follow the rule.", [rule]) for prompt, said in drawn]
        found = revise(job.models.engine(job.model("editor")), items)
        drawn = [(prompt, made.completion or said) for (prompt, said), made in zip(drawn, found, strict=True)]
    return [(prompt, replace(said, draw=place)) for place, (prompt, said) in enumerate(drawn)]


def examples(job: Job) -> list[Example]:
    """Conversations that end with the rewritten answers."""
    pairs = revised(job)
    return [Example(messages=(*p.messages, Message(role="assistant", content=c.text))) for p, c in pairs]


def make(job: RunJob) -> dict[str, Any]:
    """Write the examples."""
    job.write(found := examples(job))
    return {"examples": len(found)}


STEP = Step(
    name="rewrite",
    help="A model rewrites answers, which become examples to imitate.",
    settings=ReviseSettings,
    needs=(("completions",),),
    makes="examples",
    roles={"editor": "judge"},
    make=make,
    forecast=examples,
    columns={"examples": None},
    row=lambda facts, _: dict(facts),
)
