"""The step `evaluate`: a policy is measured on held-out prompts, by gold, by its judge, and against other models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rlaif.atomic import write_text
from rlaif.engines.kinds import judges_in_writing
from rlaif.errors import InputError
from rlaif.exchange.measured import MeasuredAnswer, read_measured, write_measured
from rlaif.feedback.system_turn import SystemTurn, system_turn, tag_line
from rlaif.hashing import digest
from rlaif.judging.protocols import PER_PAIR, PER_PRINCIPLE
from rlaif.records import Prompt, Sampling
from rlaif.runs.identity import described_prompts
from rlaif.settings import setting
from rlaif.workflows.evaluation.behaviours import BEHAVIOURS
from rlaif.workflows.evaluation.policy_metrics import Measured, measure
from rlaif.workflows.evaluation.rounds_compared import called, strength_rows
from rlaif.workflows.models.gold import has_gold
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.recipe.flow import role_of
from rlaif.workflows.recipe.recipe import INITIAL, PREVIOUS
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.step_cache import COMPLETE, Since
from rlaif.workflows.recipe.step_inputs import columns_of
from rlaif.workflows.recipe.steps.judge import form_of
from rlaif.workflows.recipe.task import Task, file_of

BEFORE_FEEDBACK = (INITIAL, PREVIOUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """What a policy is measured on, and against whom."""

    on: str = setting("held_out", help="The prompts to measure on.", wanted="the name of one of `prompts`")
    gold: bool = setting(
        False,
        help="Also measure by the gold that prompt rows name.",
        wanted="true: measure by the gold that prompt rows name",
    )
    against: tuple[str, ...] = setting(
        (),
        help="Models whose answers the policy's are compared with.",
        wanted="a list of: initial, previous, model names",
    )
    prompts: int | None = setting(
        None,
        help="Prompts to measure on; all by default.",
        least=1,
        wanted="how many prompts: a whole number, 1 or above",
    )
    max_tokens: int | None = setting(
        None, help="Tokens of an answer at most; 256 where neither step nor role says it.", least=1, late=True
    )
    max_thought_tokens: int | None = setting(
        None, help="Tokens of the thought before an answer at most: then it is ended.", least=0, late=True
    )
    system: str | None = setting(
        None,
        help="The system turn under which is drawn: none, constitution, good, bad, a file or a text.",
        late=True,
    )
    tag: Literal["good", "bad"] | None = setting(
        None, help="The tag in front of each prompt that asks for a good or a bad answer.", late=True
    )
    cells: bool = setting(
        False,
        help="Also tell how far answers follow each principle on each kind of prompt.",
        wanted="true: cells of principle x kind of prompt are told",
        late=True,
    )
    behaviours: bool = setting(
        False,
        help="Ask the judge for sycophancy, flattery, made-up facts, doubt and over-refusal, where no gold says it.",
        wanted="true: ask the judge which behaviours answers show",
        late=True,
    )
    rounds: bool = setting(
        False,
        help="Compare the policy with that of every earlier round, by the judge that the run began with, and rank all "
        "of them (Bradley-Terry), also at equal lengths.",
        wanted="true: the policy is compared with that of every earlier round",
        late=True,
    )


def _prompts(job: Job) -> list[Prompt]:
    held: list[Prompt] = job.value("prompts")
    return held[: job.settings.prompts]


def _measured(job: Job) -> Measured:
    settings, stands = job.settings, job.task.stands
    made = {each.makes.name for each in job.prepared.tasks if each.makes and each.makes.kind == "model"}

    def known(name: str) -> bool:
        # before any feedback there is nobody else to compare with, and what is made later is not there yet
        if job.round == 0:
            return name not in BEFORE_FEEDBACK and name not in made
        return name in stands or name not in made

    against = {name: stands.get(name, name) for name in settings.against if known(name)}
    return Measured(
        policy=job.model("model"),
        judge=job.model("judge"),
        initial=stands[INITIAL],
        first_judge=job.task.initial["judge"],
        against=against,
        gold=settings.gold and has_gold(_prompts(job)),
        options=_options(job, against),
        limits=_limits(job),
        system=_system(job),
        cells=settings.cells,
        behaviours=settings.behaviours,
        rounds={each.round: each.models["model"] for each in _earlier(job)} if settings.rounds else {},
    )


def _earlier(job: Job) -> list[Task]:
    """This step in the rounds before."""
    return [
        each for each in job.prepared.tasks if each.entry.key == job.task.entry.key and each.round < job.round
    ]


def _strengths(job: RunJob, answers: Sequence[MeasuredAnswer]) -> list[dict[str, Any]]:
    """The table of all rounds so far: what earlier rounds beat stands in their answers."""
    names = {each.round: file_of(each.entry, each.round, "measured", ".jsonl") for each in _earlier(job)}
    before = {number: read_measured(job.run / name) for number, name in names.items()}
    return strength_rows({**before, job.round: answers}, job.seed)


def _system(job: Job) -> SystemTurn | None:
    tag = job.settings.tag
    return tag_line(tag) if tag is not None else system_turn(job.settings.system, job.constitution)


def _options(job: Job, against: Iterable[str]) -> dict[str, RoleOptions]:
    """How each model is asked. The lengths of answers are the step's: all models have the same."""
    roles = job.prepared.recipe.models
    writers = {"policy": job.role("model"), "initial": roles.asked(INITIAL)}
    writers |= {name: roles.asked(role_of(job.prepared.recipe, name)) for name in against}
    found = {key: replace(each, max_tokens=None, max_thought_tokens=None) for key, each in writers.items()}
    return {**found, "judge": job.role("judge"), "first_judge": job.role("judge")}


def _limits(job: Job) -> Sampling:
    settings, role = job.settings, job.role("model")
    usual, room = Sampling(), settings.max_thought_tokens
    return replace(
        usual,
        max_tokens=settings.max_tokens or role.max_tokens or usual.max_tokens,
        max_thought_tokens=role.max_thought_tokens if room is None else room,
    )


def _told(what: Measured) -> dict[str, Any]:
    """What the key has beside of how models are asked, only where something is said."""
    options = {key: each.set_ones for key, each in what.options.items() if each.set_ones}
    late = {
        "options": options,
        "limits": what.limits.identity if what.limits != Sampling() else {},
        "system": what.system.identity if what.system is not None else {},
        "cells": what.cells,
        "behaviours": what.behaviours,
    }
    if what.rounds:
        late["rounds"] = len(what.rounds)
    return {name: value for name, value in late.items() if value}


def make(job: RunJob) -> Facts:
    """Measure the policy."""
    found = measure(job.models, job.constitution, _prompts(job), _measured(job), job.seed)
    if job.settings.rounds and (ranked := _strengths(job, found.answers)):
        found.row["strengths"] = ranked
    figures, answers = outputs(job)
    write_text(job.run / figures, json.dumps(found.row, indent=1, ensure_ascii=False) + "\n")
    write_measured(job.run / answers, found.answers)
    return found.row


def forecast(job: Job) -> None:
    """Ask what the measuring would ask."""
    measure(job.models, job.constitution, _prompts(job), _without_gold(_measured(job)), job.seed)


def _without_gold(what: Measured) -> Measured:
    return replace(what, gold=False)


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the models by what they are to the measuring, the prompts, and whether gold is asked."""
    what, models = _measured(job), job.models
    return {
        "models": {
            name: what.models(models, name).fingerprint(getattr(what, name))
            for name in ("policy", "judge", "initial", "first_judge")
        },
        "against": {
            name: what.models(models, name).fingerprint(model) for name, model in what.against.items()
        }
        | {
            called(number): what.models(models, "policy").fingerprint(each)
            for number, each in what.rounds.items()
        },
        "gold": what.gold,
        "prompts": described_prompts(_prompts(job)),
        "constitution": job.constitution.digest,
        "seed": job.seed,
        **form_of(job, what.judge),
        **_told(what),
    }


def since(job: Job) -> Since:
    """Return what earlier keys lacked: the columns that gold reads, and how the first judge says its verdicts."""
    what = _measured(job)
    found: dict[str, str] = {}
    read = columns_of(_prompts(job)) if what.gold or is_control(what.judge) else {}
    if read:
        found["columns"] = digest("columns", read)
    writes = judges_in_writing(what.first_judge, job.models.in_writing)
    if writes != judges_in_writing(what.judge, job.models.in_writing):
        found["first_judge_in_writing"] = str(writes)

    def alike(_: Path, __: str, ___: Mapping[str, Any]) -> bool:
        # an older measuring does not say which columns its prompts had: only where none is read it was the same
        return not found

    return Since(found, alike, complete=COMPLETE)


def outputs(job: Job) -> list[str]:
    """Return the file of figures, and that of the answers that they are of."""
    return [job.file("evaluation", ".json"), job.file("measured", ".jsonl")]


def check(checked: CheckedStep) -> None:
    """Raise InputError where two things are to stand in front of the prompts."""
    if checked.entry.settings.tag is not None and checked.entry.settings.system is not None:
        raise InputError("`tag` and `system` both say what stands in front of the prompts; give one")


def work(expected: Expected) -> int:
    """Count the calls: draws, questions, log-probabilities, and comparisons in both orders."""
    settings, rules = expected.entry.settings, expected.principles
    prompts = len(expected.prepared.prompts[settings.on])
    own = 2 + rules + (len(BEHAVIOURS) if settings.behaviours else 0)
    if expected.round:
        drift = rules if expected.prepared.recipe.models.judge == PREVIOUS else 0
        rounds = expected.round if settings.rounds else 0
        own += 2 + drift + (1 + 2 * rules) * (len(settings.against) + rounds)
    return round(min(settings.prompts or prompts, prompts) * own)


def row(facts: Facts, number: int) -> dict[str, Any]:
    """Return the columns that say what the policy is worth."""
    figures = {name: value for name, value in facts.items() if name not in ("ungraded", "unanswered")}
    # said once: what gold cannot read it cannot read in any round
    ungraded = [] if number else facts.get("ungraded", [])
    return {**figures, "warnings": [*ungraded, *facts.get("unanswered", [])]}


COLUMNS: Mapping[str, Any] = {
    "gold_mean": None,
    "gold_greedy": None,
    "gold_by_principle": {},
    "judge_mean": None,
    "judge_by_principle": {},
    "judge_read": None,
    "judge_accuracy_on_policy": None,
    "kl": None,
    "length_mean": None,
    "behaviours": {},
    "judge_drift": None,
}
STEP = Step(
    name="evaluate",
    help="A policy is measured on held-out prompts, by gold, by its judge and against other models.",
    settings=EvaluateSettings,
    needs=(("prompts",),),
    roles={"model": "policy", "judge": "judge"},
    of="on",
    make=make,
    forecast=forecast,
    inputs=inputs,
    since=since,
    outputs=outputs,
    measures=True,
    check=check,
    always_asks=(PER_PRINCIPLE, PER_PAIR),
    work=work,
    columns=COLUMNS,
    row=row,
)
