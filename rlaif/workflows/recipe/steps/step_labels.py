"""The step `step-labels`: which steps of answers are right, by rollouts from their ends or by a judge (2312.08935)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.feedback.step_labels import LabelledStep, label_by_judgments, label_by_rollouts, step_examples
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.judging.protocol import One
from rlaif.records import Example, Sampling
from rlaif.settings import setting
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
from rlaif.workflows.training.methods.process_reward import LABELS

DRAW = 3.0
"""What a rollout takes, in scores: a first guess."""
STEPS_AN_ANSWER = 5
"""Steps of an answer: a first guess."""
AT_LEAST = 0.5
"""From this number of the judge on an answer is right."""
ROLLOUTS, JUDGMENTS = "rollouts", "judgments"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLabelsSettings:
    """Who says which steps are right."""

    by: Literal["rollouts", "judgments"] = setting(
        "rollouts",
        help="`rollouts`: the share of right answers among those that `model` goes on with from a step, as `judge` "
        "says; `judgments`: what a judge said of each step (protocol steps).",
    )
    n: int = setting(8, help="Rollouts from a step.", least=1)
    labels: Literal["soft", "hard"] = setting(
        "soft",
        help="`hard`: a step is right where any rollout is, or where the judge finds that likelier than not.",
    )
    steps: Literal["all", "last"] = setting(
        "all", help="Which steps are labelled; `last`: the outcome alone, for an outcome reward model."
    )
    temperature: float = setting(1.0, help="Sampling temperature of the rollouts.", above=0)
    max_tokens: int = setting(
        256, help="Tokens of a rollout at most; one that breaks off counts nothing.", least=1
    )


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return completions, and with them what a judge said of their steps, where that is to be learned."""
    return (("completions",), ("judgments",)) if entry.settings.by == JUDGMENTS else (("completions",),)


def asks(entry: RecipeStep) -> Mapping[str, str]:
    """Return who is asked: nobody, where a judge was asked before."""
    return {} if entry.settings.by == JUDGMENTS else {"model": "policy", "judge": "judge"}


def _labelled(job: Job) -> tuple[list[LabelledStep], int]:
    """The steps of all completions, and how many rollouts failed."""
    settings, items = job.settings, job.value("completions")
    if settings.by == JUDGMENTS:
        found = label_by_judgments(items, job.value("judgments"))
        return (
            [each for each in found if each.text == each.completion.text]
            if settings.steps == "last"
            else found
        ), 0
    part = PointwisePart("right", job.judge(), JudgedBy(constitution=job.constitution))

    def check(answers: Sequence[One]) -> dict[str, float | None]:
        groups = [PromptGroup(prompt, [each]) for prompt, each in answers]
        said = part.readings(groups, step=0, seed=job.seed)
        numbers = {each.id: reading.value for (_, each), reading in zip(answers, said, strict=True)}
        return {name: None if each is None else float(each >= AT_LEAST) for name, each in numbers.items()}

    rolled = label_by_rollouts(
        job.pool("model").writer(job.model("model")),
        items,
        check,
        n=settings.n,
        sampling=Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens),
        seed=job.seed + job.round,
        only_last=settings.steps == "last",
    )
    return rolled.steps, len(rolled.failed)


def make(job: RunJob) -> Facts:
    """Write the labelled steps as examples, and count them."""
    found, failed = _labelled(job)
    told = [each for each in found if each.p is not None]
    made = step_examples(found, hard=job.settings.labels == "hard")
    job.write(made)
    return {
        "examples": len(made),
        "steps": len(told),
        "right": sum(each.p for each in told if each.p is not None) / len(told) if told else None,
        "without": len(found) - len(told),
        "failed": failed,
    }


def forecast(job: Job) -> list[Example]:
    """Ask what the making would ask; which steps there are nobody knows."""
    return step_examples(_labelled(job)[0])


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that no step has a label, or None."""
    if facts["examples"]:
        return None
    return (
        f"no step has a label ({facts['without']} could not be told, {facts['failed']} rollouts failed); name a judge "
        "that says of each answer whether it is right"
    )


def check(checked: CheckedStep) -> None:
    """Raise InputError where the truth that a run is measured by would be learned from."""
    if checked.entry.settings.by == ROLLOUTS and is_control(name := checked.judge("judge")):
        raise InputError(
            f"judge is {name}, the truth that runs are measured by; name a judge that may be learned from"
        )


def work(expected: Expected) -> int:
    """Count the rollouts."""
    settings = expected.entry.settings
    answers = expected.sizes.get("completions", 0)
    return (
        answers * STEPS_AN_ANSWER * settings.n
        if settings.by == ROLLOUTS and settings.steps == "all"
        else answers
    )


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many steps have a label, and the share of them that are right."""
    if not facts:
        return {}
    warnings = []
    if facts["without"]:
        warnings.append(
            f"step-labels: {facts['without']} steps have no label: nothing could be told of their answers"
        )
    if facts["failed"]:
        warnings.append(f"step-labels: {facts['failed']} rollouts failed")
    return {"steps_right": facts["right"], "warnings": warnings}


STEP = Step(
    name="step-labels",
    help="Steps of completions are labelled right or wrong, by rollouts from their ends or by a judge.",
    settings=StepLabelsSettings,
    needs=(("completions",),),
    wants=wants,
    makes="examples",
    carries=lambda _: frozenset({LABELS}),
    roles={"model": "policy", "judge": "judge"},
    asks=asks,
    stem="step-labels",
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    work=work,
    unit=lambda _: DRAW,
    columns={"steps_right": None},
    row=row,
)
