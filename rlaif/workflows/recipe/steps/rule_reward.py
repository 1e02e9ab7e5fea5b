"""The step `rule-reward`: completions get the reward of fitted rules, with or without a reward model below it."""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.rbr import RuleJudge, RuleReward
from rlaif.records import Judgment
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.steps.fit_rbr import BASE, base_of

REWARD = "reward"
"""The protocol that asks for one number of the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRewardSettings:
    """Nothing is chosen here: rules and weights are those of the fit."""


def forecast(job: Job) -> list[Judgment]:
    """Return the reward of each completion: that of the reward model, and of the rules with their weights."""
    judge = RuleJudge("rules", RuleReward(job.value("weights"), job.judge(), base_of(job)))
    return judge_pointwise(judge, job.constitution, job.value("completions"), REWARD)


def make(job: RunJob) -> Facts:
    """Score the completions."""
    found = forecast(job)
    job.write(found)
    return {"judgments": len(found)}


def check(checked: CheckedStep) -> None:
    """Raise InputError where the models are not those that the weights were fitted with."""
    maker = checked.maker("weights")
    if maker is None:
        return
    for key in ("judge", BASE):
        own, fitted = checked.entry.named.get(key), maker.named.get(key)
        if own != fitted:
            raise InputError(
                f"{key} is {own or 'not named'}, and {maker.key!r} fitted its weights with {fitted or 'none named'}; "
                "name the same at both"
            )


def work(expected: Expected) -> int:
    """Count the questions: about five propositions a completion."""
    return 5 * expected.sizes.get("completions", 0)


STEP = Step(
    name="rule-reward",
    help="Completions get the reward of fitted rules.",
    settings=RuleRewardSettings,
    needs=(("completions",), ("weights",)),
    makes="judgments",
    roles={"judge": "judge"},
    may_name={BASE: "the reward model that the weights were fitted with"},
    stem="rewards",
    make=make,
    forecast=forecast,
    check=check,
    protocols=lambda _: [REWARD],
    work=work,
)
