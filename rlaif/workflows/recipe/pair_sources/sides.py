"""The source `sides`: what was made to be good over what was made to be bad, without a judge.

RLCD (2307.12950) and its kin: contrast prompts, good and bad system turns, canned refusals, other instructions. The
label is what the making says (`label`), or a judge's (`rescore`: RLCD-rescore).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.records import Completion, Pair, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe import construction
from rlaif.workflows.recipe.construction import Constructed, Sides, gathered_completions, paired
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.step import CheckedStep, Job, RunJob

GOOD, BAD = "good", "bad"
ONE_SIDED = "one side"


@dataclass(frozen=True, slots=True, kw_only=True)
class SidesPairs(Constructed):
    """How many pairs there are of a prompt, and how they are labelled."""

    every: bool = setting(
        False,
        help="Set each good completion against each bad one; else the first good against the first bad, and so on.",
        wanted="true: each good completion against each bad one",
    )


def sides_of(
    drawn: Sequence[tuple[Prompt, Completion]], *, every: bool
) -> tuple[list[Sides], dict[str, int]]:
    """The pairs of each prompt, and how many prompts have one side alone."""
    groups: dict[str, tuple[Prompt, dict[str, list[Completion]]]] = {}
    for prompt, each in drawn:
        side = each.origin.side if each.origin is not None else ""
        groups.setdefault(prompt.id, (prompt, {}))[1].setdefault(side, []).append(each)
    found: list[Sides] = []
    reasons: Counter[str] = Counter()
    for prompt, own in groups.values():
        good, bad = own.get(GOOD, []), own.get(BAD, [])
        if not good or not bad:
            reasons[ONE_SIDED] += 1
        elif every:
            found += [Sides(prompt, one, other) for one in good for other in bad]
        else:
            found += [Sides(prompt, one, other) for one, other in zip(good, bad, strict=False)]
    return found, dict(reasons)


def pair(job: RunJob) -> SourcedPairs:
    """Pair the sides of each prompt."""
    drawn = gathered_completions(job)
    found, reasons = sides_of(drawn, every=job.settings.options.every)
    return paired(job, drawn, found, reasons)


def forecast(job: Job) -> list[Pair]:
    """Ask what the labelling would ask."""
    return construction.forecast(
        job, sides_of(gathered_completions(job), every=job.settings.options.every)[0]
    )


def check(checked: CheckedStep) -> None:
    """Raise InputError where no step before makes sides, or the labels cannot be asked for."""
    construction.require_sides(checked)
    construction.check(checked)


SOURCE = PairSource(
    name="sides",
    help="What was made to be good over what was made to be bad: contrast prompts, canned refusals, system turns.",
    options=SidesPairs,
    needs=lambda _: (("completions",),),
    gathers=True,
    models=construction.models_of,
    pair=pair,
    forecast=forecast,
    inputs=construction.artefact_inputs,
    compares=construction.compares,
    check=check,
    protocols=construction.protocols_of,
    work=construction.work,
)
