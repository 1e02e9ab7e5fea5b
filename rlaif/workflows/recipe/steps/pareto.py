"""The step `pareto`: several policies by several objectives on held-out prompts, and which of them are on the front."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.pareto import front, mean_of, standard_error
from rlaif.constitution import load_principles
from rlaif.errors import InputError
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.records import Completion, Constitution, Prompt, Sampling
from rlaif.settings import setting
from rlaif.workflows.generate.rollouts import answers
from rlaif.workflows.models.gold import grade, has_gold, share_met
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

DRAW = 3.0
"""What an answer takes, in scores: a first guess."""
FEWEST = 2
"""Policies and objectives that a front is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoSettings:
    """Which policies are compared, and by what."""

    policies: tuple[str, ...] = setting(
        (),
        help="Models that steps made, or initial.",
        wanted="a list of names of models: [initial, rl-0, rl-50]",
    )
    objectives: tuple[str, ...] = setting(
        (),
        help="Constitutions; by each the judge says what share of its principles an answer meets.",
        wanted="a list of constitutions, files or names",
    )
    on: str = setting("held_out", help="The prompts to measure on.", wanted="the name of one of `prompts`")
    gold: bool = setting(
        False,
        help="Also measure by the gold that prompt rows name; the front is then told by it.",
        wanted="true: measure by the gold that prompt rows name",
    )
    prompts: int | None = setting(None, help="Prompts to measure on; all by default.", least=1)
    max_tokens: int = setting(256, help="Tokens of an answer at most.", least=1)


def _prompts(job: Job) -> list[Prompt]:
    held: list[Prompt] = job.value("prompts")
    return held[: job.settings.prompts]


def _objectives(settings: ParetoSettings) -> dict[str, Constitution]:
    return {name: load_principles(name) for name in settings.objectives}


def _answers(job: Job) -> dict[str, list[tuple[Prompt, Completion]]]:
    """What each policy answers, one answer a prompt, those that were cut off left out."""
    settings, found = job.settings, {}
    for name in settings.policies:
        sampling = Sampling(max_tokens=settings.max_tokens)
        drawn = answers(job.pool(name), job.model(name), _prompts(job), sampling, job.seed).drawn
        found[name] = [
            (prompt, each) for prompt, each in drawn if each.finish != "length" and not each.open_thought
        ]
    return found


def _judged(job: Job, rules: Constitution, drawn: list[tuple[Prompt, Completion]]) -> list[float]:
    """The judge's numbers; what it could not read is left out."""
    part = PointwisePart("objective", job.judge(), JudgedBy(constitution=rules))
    said = part.readings([PromptGroup(prompt, [each]) for prompt, each in drawn], step=0, seed=job.seed)
    return [each.value for each in said if each.value is not None]


def _figures(numbers: list[float], prefix: str = "") -> dict[str, Any]:
    return {
        f"{prefix}mean": mean_of(numbers),
        f"{prefix}se": standard_error(numbers),
        f"{prefix}n": len(numbers),
    }


def make(job: RunJob) -> Facts:
    """Measure the policies, and tell the front."""
    settings, drawn = job.settings, _answers(job)
    by_gold = settings.gold and has_gold(_prompts(job))
    points: dict[str, dict[str, dict[str, Any]]] = {}
    for name, own in drawn.items():
        points[name] = {}
        for objective, rules in _objectives(settings).items():
            figures = _figures(_judged(job, rules, own))
            if by_gold:
                met = (share_met(grade(prompt, each, rules)) for prompt, each in own)
                figures |= _figures([share for share in met if share is not None], "gold_")
            points[name][objective] = figures
    told_by = "gold_mean" if by_gold else "mean"
    numbers = {name: [each[told_by] for each in own.values()] for name, own in points.items()}
    found = {"told_by": "gold" if by_gold else "judge", "front": front(numbers), "points": points}
    (file,) = outputs(job)
    write_text(job.run / file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return found


def forecast(job: Job) -> None:
    """Ask what the measuring would ask."""
    for own in _answers(job).values():
        for rules in _objectives(job.settings).values():
            _judged(job, rules, own)


def inputs(job: Job) -> Mapping[str, Any]:
    """Return everything, with the digests of the objectives."""
    return everything(job) | {
        "objectives": {name: each.digest for name, each in _objectives(job.settings).items()}
    }


def outputs(job: Job) -> list[str]:
    """Return the file of figures."""
    return [job.file("pareto", ".json")]


def check(checked: CheckedStep) -> None:
    """Raise InputError for fewer than two policies or objectives: there is no front of them."""
    settings = checked.entry.settings
    for noun, own in (("policies", settings.policies), ("objectives", settings.objectives)):
        if len(set(own)) < FEWEST:
            raise InputError(f"a front is of {FEWEST} {noun} or more, and `{noun}` names {len(set(own))}")
    _objectives(settings)


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError where gold is to measure, and no prompt names one."""
    settings = checked.entry.settings
    if settings.gold and not has_gold(prepared.prompts[settings.on]):
        raise InputError("gold is to measure, and no prompt's row names one; leave gold out")


def work(expected: Expected) -> int:
    """Count the answers and the questions."""
    settings = expected.entry.settings
    there = len(expected.prepared.prompts[settings.on])
    asked = 1 + round(expected.principles) * len(settings.objectives)
    return min(settings.prompts or there, there) * asked * len(settings.policies)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the numbers of each policy by objective, those on the front marked."""
    if not facts:
        return {}
    told_by = "gold_mean" if facts["told_by"] == "gold" else "mean"
    return {
        "pareto": {
            f"{name} (front)" if name in facts["front"] else name: {
                objective: each[told_by] for objective, each in own.items()
            }
            for name, own in facts["points"].items()
        }
    }


STEP = Step(
    name="pareto",
    help="Several policies are measured by several objectives on held-out prompts, and the Pareto front is marked.",
    settings=ParetoSettings,
    needs=(("prompts",),),
    roles={"judge": "judge"},
    also_asks=lambda settings: settings.policies,
    of="on",
    make=make,
    forecast=forecast,
    inputs=inputs,
    outputs=outputs,
    check=check,
    fits=fits,
    work=work,
    unit=lambda _: DRAW,
    columns={"pareto": {}},
    row=row,
)
