"""The step `contrast`: both sides of a pair without a judge, by two instructions that differ in one point.

RLCD (2307.12950): the same model answers each prompt twice, once told to do well and once told to do badly. The
label is known from that. Completions are kept with the prompt as it was, so that what is learned needs no instruction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.feedback.side_texts import Affix, affixes_digest, contrasted, load_affixes, of_draw
from rlaif.records import Completion, Origin, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe.drawing import (
    BOTH,
    DRAW,
    DrawnSides,
    DrawSettings,
    ShownPrompt,
    asked_prompts,
    draw_shown,
)
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

KIND = "contrast"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastSettings(DrawSettings):
    """Which instructions are given, and where they stand."""

    affixes: str = setting(
        "harmless",
        help="The pairs of instructions: harmless, helpful, good-bad (what the bundled models know), or a YAML file.",
    )
    place: Literal["system", "user"] = setting(
        "system", help="Where an instruction stands: in the system turn, or behind the user's last turn."
    )
    crossed: bool = setting(
        True,
        help="Put the other side's instruction behind earlier turns that the assistant has answered.",
        wanted="true: earlier turns carry the other side's instruction",
    )


def _affixes(settings: Any) -> tuple[Affix, ...]:
    return load_affixes(settings.affixes, "affixes")


def _asked(job: Job) -> Iterator[ShownPrompt]:
    settings, affixes = job.settings, _affixes(job.settings)
    for prompt in asked_prompts(job):
        for number in range(settings.n):
            place = of_draw(len(affixes), job.seed, KIND, prompt, number)
            for side in ("good", "bad"):
                affix = affixes[place]
                shown = contrasted(prompt, affix, side, place=settings.place, crossed=settings.crossed)
                yield ShownPrompt(
                    prompt=prompt, shown=shown, origin=Origin(kind=KIND, side=side, note=affix.of(side))
                )


def _drawn(job: Job) -> DrawnSides:
    return draw_shown(job, _asked(job))


def make(job: RunJob) -> Facts:
    """Draw both sides of the round's prompts."""
    found = _drawn(job)
    job.write(found.drawn)
    facts = {"completions": len(found.drawn)}
    return facts | ({"warnings": found.warnings} if found.warnings else {})


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that would be drawn."""
    return _drawn(job).drawn


def inputs(job: Job) -> Mapping[str, Any]:
    """Return all that a step may read, and the instructions themselves, which may stand in a file."""
    return {**everything(job), "affixes": affixes_digest(_affixes(job.settings))}


def check(checked: CheckedStep) -> None:
    """Raise InputError for a list of instructions that there is not, or that does not tell one side from the other."""
    _affixes(checked.entry.settings)


def work(expected: Expected) -> int:
    """Count the completions of a round."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = min(settings.prompts or held, held)
    expected.sizes.update(asked=count, completions=2 * count * settings.n)
    return int(2 * count * settings.n)


STEP = Step(
    name="contrast",
    help="A model answers prompts twice, told to do well and told to do badly: good and bad sides of pairs.",
    settings=ContrastSettings,
    needs=(("prompts",),),
    makes="completions",
    roles={"model": "policy"},
    takes="train",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    work=work,
    unit=lambda _: DRAW,
    sides=lambda _: BOTH,
)
