"""The source `given`: answers that the data give over the policy's own, without a judge.

SPIN (2401.01335): the policy learns to tell the given answers from what it writes itself, round after round; it is done
when it writes as the data do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.records import Completion, Origin, Pair, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe import construction
from rlaif.workflows.recipe.construction import (
    Constructed,
    Sides,
    artefact_inputs,
    gathered_completions,
    paired,
)
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Job, RunJob

KIND = "given"
NO_ANSWER = "no given answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPairs(Constructed):
    """Where the given answers stand."""

    answer: str = setting("answer", help="The column of the prompts' rows that holds the given answer.")


def given_answer(prompt: Prompt, column: str) -> str:
    """The answer of a prompt's row; empty where the column is missing, or holds no text."""
    held = prompt.meta.get(column)
    return held.strip() if isinstance(held, str) else ""


def over_own(drawn: Sequence[tuple[Prompt, Completion]], column: str) -> tuple[list[Sides], dict[str, int]]:
    """The given answer of each prompt over each of the policy's own, and how many prompts have none."""
    found: list[Sides] = []
    without: set[str] = set()
    for prompt, each in drawn:
        if text := given_answer(prompt, column):
            better = Completion(
                prompt_id=prompt.id, text=text, policy=KIND, finish="given", origin=Origin(kind=KIND)
            )
            found.append(Sides(prompt, better, each))
        else:
            without.add(prompt.id)
    reasons = Counter({NO_ANSWER: len(without)} if without else {})
    return found, dict(reasons)


def pair(job: RunJob) -> SourcedPairs:
    """Set the given answers over the policy's own."""
    drawn = gathered_completions(job)
    found, reasons = over_own(drawn, job.settings.options.answer)
    return paired(job, drawn, found, reasons)


def forecast(job: Job) -> list[Pair]:
    """Ask what the labelling would ask."""
    return construction.forecast(job, over_own(gathered_completions(job), job.settings.options.answer)[0])


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError where no row of the prompts that are answered has the column."""
    column = checked.entry.settings.options.answer
    taken = [each.ancestor("prompts") for each in checked.task.takes]
    held = [
        one
        for each in taken
        if each is not None and not each.path
        for one in prepared.prompts.get(each.name, ())
    ]
    if held and not any(given_answer(each, column) for each in held):
        known = sorted({name for each in held for name, value in each.meta.items() if isinstance(value, str)})
        raise InputError(
            f"no row of the prompts has a given answer: a column {column!r} with text; "
            f"columns with text: {', '.join(known) or 'none'}; name one of them by `answer`, or add the answers"
        )


SOURCE = PairSource(
    name="given",
    help="The answers that the data give over the policy's own (SPIN).",
    options=GivenPairs,
    needs=lambda _: (("completions",),),
    gathers=True,
    models=construction.models_of,
    pair=pair,
    forecast=forecast,
    inputs=artefact_inputs,
    compares=construction.compares,
    check=construction.check,
    fits=fits,
    protocols=construction.protocols_of,
    work=construction.work,
)
