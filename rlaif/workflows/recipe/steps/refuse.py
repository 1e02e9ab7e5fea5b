"""The step `refuse`: canned refusals against a model's own answers, on harmful prompts and on their mirror.

On a harmful prompt the refusal is the good side and an answer that complies the bad one. On a harmless prompt that
looks like one it is the other way round: without this mirror a model learns to refuse everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlaif.errors import InputError
from rlaif.feedback.side_texts import Refusals, load_refusals, of_draw
from rlaif.records import Completion, Origin, Prompt
from rlaif.settings import setting
from rlaif.workflows.generate.rollouts import round_prompts
from rlaif.workflows.recipe.drawing import BOTH, DRAW, DrawSettings, ShownPrompt, draw_shown
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

KIND, CANNED = "refusal", "canned"
COMPLIES, ANSWERS = "harmful", "benign"
"""What a prompt is: one to refuse, or its mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseSettings(DrawSettings):
    """Which prompts are to be refused, and in which words."""

    refusals: str = setting(
        "plain", help="The refusals: plain, micro (in the bundled models' language), or a YAML file."
    )
    harmful: tuple[str, ...] = setting(("harmful",), help="Tags of prompts that are to be refused.")
    benign: tuple[str, ...] = setting(
        ("benign",), help="Tags of harmless prompts that look like them, which are to be answered."
    )


class RefusedSides(NamedTuple):
    """What was made, and what of the model's answers was left out."""

    drawn: list[tuple[Prompt, Completion]]
    prompts: Mapping[str, int]
    """By what they are."""
    left_out: Mapping[str, int]
    """Answers that were what they should not be: refusals, by what their prompt is."""
    warnings: list[str]


def side_of(prompt: Prompt, settings: Any) -> str:
    """What a prompt is: `harmful`, `benign`, or nothing of the two. One with tags of both is harmful."""
    tags = set(prompt.tags)
    if tags & set(settings.harmful):
        return COMPLIES
    return ANSWERS if tags & set(settings.benign) else ""


def _prompts(job: Job) -> list[Prompt]:
    """The round's prompts, half of them of each kind where there are enough of both."""
    held = list({each.id: each for each in job.value("prompts")}.values())
    kinds = [[each for each in held if side_of(each, job.settings) == kind] for kind in (COMPLIES, ANSWERS)]
    count, number = job.settings.prompts, max(1, job.round)
    if count is None:
        return [each for kind in kinds for each in kind]
    half = min(len(kinds[0]), max(count // 2, count - len(kinds[1])))
    shares = (half, min(count - half, len(kinds[1])))
    return [
        each
        for kind, share in zip(kinds, shares, strict=True)
        if share
        for each in round_prompts(kind, number, share, job.seed)
    ]


def _made(job: Job) -> RefusedSides:
    settings, refusals = job.settings, load_refusals(job.settings.refusals, "refusals")
    prompts = _prompts(job)
    asked = [
        ShownPrompt(prompt=each, shown=each, origin=_origin(each, settings, canned=False))
        for each in prompts
        for _ in range(settings.n)
    ]
    sides = draw_shown(job, asked)
    own: dict[str, list[Completion]] = {}
    left: Counter[str] = Counter()
    for prompt, each in sides.drawn:
        if refusals.refuses(each.text):
            # to a harmful prompt it is no bad answer, to a harmless one no good one
            left[side_of(prompt, settings)] += 1
        else:
            own.setdefault(prompt.id, []).append(each)
    drawn = []
    for prompt in prompts:
        for number, each in enumerate(own.get(prompt.id, [])):
            drawn += [(prompt, each), (prompt, _canned(job, refusals, prompt, number))]
    counts = Counter(side_of(each, settings) for each in prompts)
    return RefusedSides(drawn, dict(counts), dict(left), sides.warnings)


def _origin(prompt: Prompt, settings: Any, *, canned: bool) -> Origin:
    good = canned == (side_of(prompt, settings) == COMPLIES)
    return Origin(kind=CANNED if canned else KIND, side="good" if good else "bad")


def _canned(job: Job, refusals: Refusals, prompt: Prompt, number: int) -> Completion:
    text = refusals.texts[of_draw(len(refusals.texts), job.seed, CANNED, prompt, number)]
    origin = _origin(prompt, job.settings, canned=True)
    return Completion(
        prompt_id=prompt.id, text=text, policy=CANNED, draw=number, finish="given", origin=origin
    )


def make(job: RunJob) -> Facts:
    """Draw the model's answers, and set refusals beside them."""
    made = _made(job)
    job.write(made.drawn)
    settings = job.settings
    said = [
        f"no prompt has one of the tags {', '.join(tags)}: {lacking}"
        for kind, tags, lacking in (
            (COMPLIES, settings.harmful, "only answering is taught, and nothing is to be refused"),
            (ANSWERS, settings.benign, "only refusing is taught, and a model learns to refuse everything"),
        )
        if not made.prompts.get(kind)
    ]
    warnings = [*said, *made.warnings]
    facts = {"completions": len(made.drawn), "prompts": dict(made.prompts), "left_out": dict(made.left_out)}
    return facts | ({"warnings": warnings} if warnings else {})


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that there would be if no answer of the model refuses."""
    return _made(job).drawn


def inputs(job: Job) -> Mapping[str, Any]:
    """Return all that a step may read, and the refusals themselves, which may stand in a file."""
    return {**everything(job), "refusals": load_refusals(job.settings.refusals, "refusals").digest}


def check(checked: CheckedStep) -> None:
    """Raise InputError for refusals that there are not, and for a tag that is of both kinds."""
    settings = checked.entry.settings
    load_refusals(settings.refusals, "refusals")
    if both := sorted(set(settings.harmful) & set(settings.benign)):
        raise InputError(f"the tag {both[0]!r} is in `harmful` and in `benign`; a prompt cannot be both")


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError where no prompt is to be refused or its mirror."""
    settings = checked.entry.settings
    taken = next(each for each in checked.task.takes if each.kind == "prompts")
    held = prepared.prompts.get(taken.name, ()) if not taken.path else ()
    if held and not any(side_of(each, settings) for each in held):
        known = sorted({tag for each in held for tag in each.tags})
        raise InputError(
            f"no prompt of {taken.name!r} has one of the tags {', '.join((*settings.harmful, *settings.benign))}; "
            f"its tags are: {', '.join(known) or 'none'}; say which are to be refused (`harmful`) and which look like "
            "them and are to be answered (`benign`)"
        )


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return why nothing can follow, or None."""
    if facts["completions"]:
        return None
    left = ", ".join(f"{count} to {kind} prompts" for kind, count in facts["left_out"].items())
    return (
        f"no answer of the model can stand against a refusal: all that it gave refuse ({left or 'none came'})"
    )


def work(expected: Expected) -> int:
    """Count the model's answers of a round."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = min(settings.prompts or held, held)
    expected.sizes.update(asked=count, completions=2 * count * settings.n)
    return int(count * settings.n)


STEP = Step(
    name="refuse",
    help="Refusals beside a model's own answers, to harmful prompts and to their mirror: both sides of pairs.",
    settings=RefuseSettings,
    needs=(("prompts",),),
    makes="completions",
    roles={"model": "policy"},
    takes="train",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    fits=fits,
    halts=halts,
    work=work,
    unit=lambda _: DRAW,
    sides=lambda _: BOTH,
)
