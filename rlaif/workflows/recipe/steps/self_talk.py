"""The step `self-talk`: two copies of the policy talk with each other, and what each said is to be learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.errors import InputError
from rlaif.feedback.self_talk import COPIES, Talks, examples_of, talk
from rlaif.feedback.system_turn import CONSTITUTION, RULES, TEXT, SystemTurn, system_turn
from rlaif.records import Example, Sampling
from rlaif.settings import setting
from rlaif.templates import load_template, numbered
from rlaif.workflows.recipe.drawing import DRAW, asked_prompts, writers
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step

SPEAKER, NEUTRAL = "model", "neutral"
"""The key that names who talks, and the system turn that says no more than what this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTalkSettings:
    """How often, how long and under what two copies talk."""

    n: int = setting(1, help="Conversations of each opening.", least=1)
    turns: int = setting(10, help="Turns of a conversation, those of both together.", least=COPIES)
    prompts: int | None = setting(
        None,
        help="Openings a round, of the prompts that are taken; all by default.",
        least=1,
        wanted="how many prompts a round takes: a whole number, 1 or above",
    )
    system: str = setting(
        NEUTRAL,
        help="The system turn of both: neutral, none, constitution, good, bad, a file or a text.",
    )
    temperature: float = setting(1.0, help="Sampling temperature; 0 is greedy.", least=0)
    top_p: float = setting(
        1.0, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    max_tokens: int = setting(
        256, help="Tokens of a turn at most; one that breaks off ends its talk.", least=1
    )
    kind: str = setting("self-talk", help="What the examples are called in counts.")


def _system(job: Job) -> SystemTurn | None:
    """One text for both copies."""
    given = job.settings.system
    if given == NEUTRAL:
        return SystemTurn(named=NEUTRAL, text=load_template("system-self-talk").render())
    found = system_turn(given, job.constitution)
    if found is None or found.named != CONSTITUTION:
        return found
    # the second copy is asked by no prompt of its own, so that all principles are said to both
    rules = numbered([each.text for each in job.constitution.principles])
    return SystemTurn(named=TEXT, text=load_template(RULES).render(principles=rules))


def _talks(job: Job) -> tuple[Talks, SystemTurn | None]:
    settings, system = job.settings, _system(job)
    how = Sampling(temperature=settings.temperature, top_p=settings.top_p, max_tokens=settings.max_tokens)
    found = talk(
        writers(job, SPEAKER).writer(job.model(SPEAKER)),
        asked_prompts(job),
        n=settings.n,
        turns=settings.turns,
        system=system,
        sampling=how,
        seed=job.seed,
    )
    return found, system


def make(job: RunJob) -> Facts:
    """Let them talk, and write both halves of each conversation."""
    found, system = _talks(job)
    examples = examples_of(found.talks, system, job.settings.kind)
    job.write(examples)
    said = sum(len(each.said) for each in found.talks)
    return {"talks": len(found.talks), "said": said, "examples": len(examples), "ended_early": found.ended}


def forecast(job: Job) -> list[Example]:
    """Return the examples that there would be."""
    found, system = _talks(job)
    return examples_of(found.talks, system, job.settings.kind)


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that nobody said anything, or None."""
    if facts["examples"]:
        return None
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(facts["ended_early"].items()))
    return f"no copy said a whole turn ({told or 'there are no openings'}); raise max_tokens"


def check(checked: CheckedStep) -> None:
    """Raise InputError where several conversations of an opening would be one."""
    settings = checked.entry.settings
    if settings.n > 1 and settings.temperature == 0:
        raise InputError(
            f"at temperature 0 all {settings.n} conversations of an opening are one; raise temperature, or set n to 1"
        )


def work(expected: Expected) -> int:
    """Count the turns."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    talks = min(settings.prompts or held, held) * settings.n
    expected.sizes["examples"] = talks * COPIES
    return int(talks * settings.turns)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many conversations there were, how long, and why some ended early."""
    if not facts:
        return {}
    lost = sum(facts["ended_early"].values())
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(facts["ended_early"].items()))
    warned = [f"{lost} of {facts['talks']} talks ended early: {told}"] if 2 * lost > facts["talks"] else []
    return {"self_talk": {name: facts[name] for name in ("talks", "said", "ended_early")}, "warnings": warned}


COLUMNS: Mapping[str, Any] = {"self_talk": {}}
STEP = Step(
    name="self-talk",
    help="Two copies of a model talk with each other, each turn of both an example to imitate.",
    settings=SelfTalkSettings,
    needs=(("prompts",),),
    makes="examples",
    roles={SPEAKER: "policy"},
    takes="train",
    carries=lambda _: frozenset(),
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    work=work,
    unit=lambda _: DRAW,
    columns=COLUMNS,
    row=row,
)
