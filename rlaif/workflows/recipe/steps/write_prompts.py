"""The step `write-prompts`: a model writes new prompts in the manner of given ones, none of them a held-out one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rlaif.auditing.cells import KIND
from rlaif.auditing.sameness import near_duplicates, uncovered
from rlaif.errors import InputError
from rlaif.feedback.write_prompts import DraftedPrompt, write_prompts
from rlaif.hashing import digest
from rlaif.records import Message, Prompt, Sampling, prompt_name
from rlaif.runs.identity import described_prompts
from rlaif.settings import setting
from rlaif.workflows.generate.rollouts import round_prompts
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything
from rlaif.workflows.recipe.steps.worst_cell import CELL, CELL_KIND

DRAW = 4.0
"""What a prompt takes to write, in scores: a first guess."""
WRITER = "writer"
CARRIED = (KIND, CELL, CELL_KIND)
"""Columns that a written prompt has from the one that it is like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePromptsSettings:
    """How many prompts are asked for, and how."""

    n: int = setting(100, help="Prompts that are asked for; fewer stay.", least=1)
    shots: int = setting(
        1, help="Given prompts that are shown in a request; the bundled models know one.", least=1
    )
    given: int | None = setting(
        None, help="Given prompts that are shown from, drawn by the seed; all by default.", least=1
    )
    temperature: float = setting(1.0, help="Sampling temperature; 0 is greedy.", least=0)
    top_p: float = setting(
        1.0, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    max_tokens: int = setting(
        256, help="Tokens of a prompt at most; one that breaks off is left out.", least=1
    )


def _given(job: Job) -> list[Prompt]:
    return round_prompts(job.value("prompts"), 1, job.settings.given, job.seed)


def _apart(job: Job) -> list[Prompt]:
    """Prompts of the recipe's other sets: what is measured on is never written."""
    taken = job.takes("prompts")
    return [
        each for name, own in job.prepared.prompts.items() if taken.path or name != taken.name for each in own
    ]


def _asked(job: Job) -> tuple[list[DraftedPrompt], int]:
    settings = job.settings
    shown = _given(job)
    if few := _too_few(job.settings, len(shown)):
        raise InputError(f"{job.task.entry.where}: {few}")
    how = Sampling(temperature=settings.temperature, top_p=settings.top_p, max_tokens=settings.max_tokens)
    engine = job.pool(WRITER).writer(job.model(WRITER))
    found = write_prompts(
        engine,
        shown,
        n=settings.n,
        shots=settings.shots,
        sampling=how,
        seed=job.seed,
        round=job.round,
    )
    return found.read, found.unreadable


def kept(
    written: Sequence[DraftedPrompt], given: Sequence[Prompt], apart: Sequence[Prompt]
) -> tuple[list[DraftedPrompt], dict[str, int]]:
    """Those that are new, and how many are not, by reason.

    One that a set apart holds, or nearly holds, is a held-out one; one that was given or written before is a duplicate.
    Nearly: `sameness.near_duplicates`; the same: but for case and blanks.
    """
    texts = [each.text for each in written]
    held = {_same(each.text) for each in apart} if apart else set()
    known = {_same(each.text) for each in given}
    near_held = (
        {place for place, _ in near_duplicates(texts, [each.text for each in apart])} if apart else set()
    )
    near_given = {place for place, _ in near_duplicates(texts, [each.text for each in given])}
    near_own: dict[int, list[int]] = {}
    for one, other in near_duplicates(texts):
        near_own.setdefault(other, []).append(one)
    counts = {"held out": 0, "duplicates": 0}
    found: dict[int, DraftedPrompt] = {}
    for place, each in enumerate(written):
        same = _same(each.text)
        if place in near_held or same in held:
            counts["held out"] += 1
        elif place in near_given or same in known or any(one in found for one in near_own.get(place, ())):
            counts["duplicates"] += 1
        else:
            known.add(same)
            found[place] = each
    return list(found.values()), counts


def _same(text: str) -> str:
    return prompt_name((Message(role="user", content=text),))


def _prompt(written: DraftedPrompt, writer: str) -> Prompt:
    """The prompt, with the tags and the gold of the one that it is like."""
    last = written.like[-1]
    return Prompt(
        messages=(Message(role="user", content=written.text),),
        tags=last.tags,
        gold=last.gold,
        meta={"written_by": writer, "like": [each.id for each in written.like], **_carried(last)},
    )


def _carried(like: Prompt) -> dict[str, Any]:
    """The columns of a prompt that are true of one like it: its kind, and the cell that it was found in."""
    return {name: like.meta[name] for name in CARRIED if name in like.meta}


def coverage(given: Sequence[str], written: Sequence[str]) -> float | None:
    """Share of the given prompts that some written one is about: it has three words of ten with it (`uncovered`)."""
    return 1 - len(uncovered(given, written)) / len(given) if given and written else None


def distinct(texts: Sequence[str]) -> float | None:
    """Distinct-2: different runs of two words among all of them (1510.03055)."""
    words = [each.lower().split() for each in texts]
    runs = [two for own in words for two in pairwise(own)]
    return len(set(runs)) / len(runs) if runs else None


def make(job: RunJob) -> Facts:
    """Write the prompts that are new, and count the others."""
    (written, unreadable), given = _asked(job), job.value("prompts")
    new, counts = kept(written, given, _apart(job))
    writer = job.fingerprint(WRITER)
    prompts = [_prompt(each, writer) for each in new]
    job.write(prompts)
    texts = [each.text for each in prompts]
    return {
        "written": len(prompts),
        "not_written": {name: count for name, count in {"unreadable": unreadable, **counts}.items() if count},
        "coverage": coverage([each.text for each in given], texts),
        "distinct_2": distinct(texts),
    }


def forecast(job: Job) -> list[Prompt]:
    """Return the prompts that would be written, were all of them new."""
    return [_prompt(each, "") for each in _asked(job)[0]]


def inputs(job: Job) -> Mapping[str, Any]:
    """Return everything, the prompts of the other sets too."""
    apart = {each.id: each for each in _apart(job)}
    return {**everything(job), "apart": digest(described_prompts(list(apart.values())))}


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that nothing new was written, or None."""
    if facts["written"]:
        return None
    told = ", ".join(f"{reason} {count}" for reason, count in facts["not_written"].items())
    return f"no new prompt was written ({told}); name another `writer`, or raise the temperature"


def check(checked: CheckedStep) -> None:
    """Raise InputError for fewer prompts to show from than a request shows."""
    settings = checked.entry.settings
    if settings.given is not None and settings.given < settings.shots:
        raise InputError(
            f"a request shows {settings.shots} prompts, and `given` is {settings.given}; lower shots or raise given"
        )


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError for fewer prompts than a request shows, of a set that the recipe names."""
    taken = checked.task.takes[0]
    if not taken.path and (few := _too_few(checked.entry.settings, len(prepared.prompts[taken.name]))):
        raise InputError(few)


def _too_few(settings: WritePromptsSettings, there: int) -> str:
    if there >= settings.shots:
        return ""
    return (
        f"a request shows {settings.shots} prompts, and {there} are given; lower shots, or give more prompts"
    )


def work(expected: Expected) -> int:
    """Count the requests."""
    count: int = expected.entry.settings.n
    expected.sizes["prompts"] = count
    return count


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many prompts are new, why others are not, and how far they reach."""
    return {} if not facts else {name: facts[name] for name in COLUMNS}


COLUMNS: Mapping[str, Any] = {"written": 0, "not_written": {}, "coverage": None, "distinct_2": None}
STEP = Step(
    name="write-prompts",
    help="A model writes new prompts in the manner of given ones, deduplicated, none of them a held-out one.",
    settings=WritePromptsSettings,
    needs=(("prompts",),),
    makes="prompts",
    roles={WRITER: "policy"},
    takes="train",
    make=make,
    forecast=forecast,
    inputs=inputs,
    halts=halts,
    check=check,
    fits=fits,
    work=work,
    unit=lambda _: DRAW,
    columns=COLUMNS,
    row=row,
)
