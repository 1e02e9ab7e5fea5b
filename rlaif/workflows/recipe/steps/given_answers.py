"""The step `given-answers`: answers that come with the prompts become examples to imitate, their thoughts apart.

A cold start: a model that is to be trained by rewards first sees how what is rewarded looks (DeepSeek-R1, 2501.12948,
section 2.3.1), or a first policy imitates what people wrote (2203.02155).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlaif.engines.thoughts import Split, ThoughtMarks, split, split_unknown
from rlaif.errors import InputError
from rlaif.exchange.answers import answer_turns
from rlaif.hashing import digest
from rlaif.records import Example, Message, Prompt
from rlaif.settings import setting
from rlaif.workflows.generate.rollouts import round_prompts
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

KIND = "demonstration"
LEARNER = "model"
"""Whose marks of thoughts count, where its role names some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswersSettings:
    """Where the answers stand, and what of them is shown."""

    answer: str = setting(
        "answer", help="The column of the prompts' rows that holds the answer: text, or turns."
    )
    thoughts: Literal["keep", "drop"] = setting("keep", help="What becomes of the thought before an answer.")
    prompts: int | None = setting(None, help="Prompts a round; all by default.", least=1)
    kind: str = setting(
        KIND, help="What the examples are called in counts.", wanted="a word for the examples"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswers:
    """The examples, and how many prompts have none, by reason."""

    examples: list[Example]
    thoughts: int
    left_out: Mapping[str, int]


def shown_answers(
    prompts: Sequence[Prompt], settings: GivenAnswersSettings, marks: ThoughtMarks | None = None
) -> ShownAnswers:
    """An example of each prompt whose row has an answer.

    A thought is told by `marks`, or by those of the table of known ones: the rows need not have the learner's own.

    A thought that never ends is followed by no answer, and is left out.
    """
    found: list[Example] = []
    left = {"no answer": 0, "the thought never ends": 0}
    for prompt in prompts:
        said = shown_answer(prompt, settings.answer, marks)
        if said is None:
            left["no answer"] += 1
        elif not said[-1].content and not said[-1].tool_calls:
            left["the thought never ends"] += 1
        else:
            found.append(_example(prompt, said, settings))
    return ShownAnswers(
        examples=found,
        thoughts=sum(any(each.thought for each in one.messages) for one in found),
        left_out={name: count for name, count in left.items() if count},
    )


def shown_answer(prompt: Prompt, column: str, marks: ThoughtMarks | None) -> tuple[Message, ...] | None:
    """The turns of the answer in a prompt's row, thought and answer of the last one apart; None where there is none.

    Raises PromptFileError for a column that holds something else.
    """
    held = prompt.meta.get(column)
    if not held or (isinstance(held, str) and not held.strip()):
        return None
    said = answer_turns({column: held}, f"prompt {prompt.text[:40]!r}", column)
    last = said[-1]
    if last.thought:
        return said
    parts = Split("", last.content) if marks is None else split(last.content, marks)
    if parts.answer == last.content:
        parts = split_unknown(last.content)
    return (*said[:-1], replace(last, thought=parts.thought, content=parts.answer.strip()))


def _example(prompt: Prompt, said: Sequence[Message], settings: GivenAnswersSettings) -> Example:
    turns = [replace(each, thought="") for each in said] if settings.thoughts == "drop" else list(said)
    return Example(
        messages=(*prompt.messages, *turns), tools=prompt.tools, kind=settings.kind, learned=len(turns)
    )


def _shown(job: Job) -> ShownAnswers:
    marks = job.pool(LEARNER).role.marks
    asked = round_prompts(job.value("prompts"), max(1, job.round), job.settings.prompts, job.seed)
    return shown_answers(asked, job.settings, None if marks is None else ThoughtMarks(*marks))


def make(job: RunJob) -> Facts:
    """Write the examples."""
    found = _shown(job)
    job.write(found.examples)
    return {"examples": len(found.examples), "thoughts": found.thoughts, "left_out": dict(found.left_out)}


def forecast(job: Job) -> list[Example]:
    """Return the examples: nobody is asked."""
    return _shown(job).examples


def inputs(job: Job) -> Mapping[str, Any]:
    """Return all that it reads: the answers too, which are no part of what prompts are."""
    column = job.settings.answer
    held = [[each.id, each.meta.get(column)] for each in job.value("prompts")]
    return {**everything(job), "answers": digest("given answers", held)}


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that there is nothing to imitate, or None."""
    if facts["examples"]:
        return None
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(facts["left_out"].items()))
    return (
        f"no prompt has an answer to imitate ({told or 'there are no prompts'}); name the column by `answer`"
    )


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError where no row of a set that the recipe names has the column."""
    taken, column = checked.task.takes[0], checked.entry.settings.answer
    held = () if taken.path else prepared.prompts.get(taken.name, ())
    if held and not any(shown_answer(each, column, None) for each in held):
        known = sorted({name for each in held for name, value in each.meta.items() if value})
        raise InputError(
            f"no row of {taken.name!r} has an answer in a column {column!r}; columns with something in them: "
            f"{', '.join(known) or 'none'}; name one of them by `answer`, or add the answers"
        )


def work(expected: Expected) -> int:
    """Count no call: nobody is asked."""
    settings, held = expected.entry.settings, expected.sizes.get("prompts", 0)
    expected.sizes["examples"] = min(settings.prompts or held, held)
    return 0


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many there are, how many think, and what is none of them."""
    return {"given_answers": dict(facts)} if facts else {}


STEP = Step(
    name="given-answers",
    help="Answers that come with the prompts become examples to imitate, with the thoughts before them.",
    settings=GivenAnswersSettings,
    needs=(("prompts",),),
    makes="examples",
    roles={LEARNER: "policy"},
    asks=lambda _: {},
    takes="train",
    carries=lambda _: frozenset(),
    make=make,
    forecast=forecast,
    inputs=inputs,
    halts=halts,
    fits=fits,
    work=work,
    columns={"given_answers": {}},
    row=row,
)
