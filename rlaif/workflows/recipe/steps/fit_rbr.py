"""The step `fit-rbr`: weights of propositions, fitted to answers of several classes (2411.01111)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.errors import InputError
from rlaif.judging.protocol import One
from rlaif.judging.rbr import FitConfig, ModelReward, Weights, ask, asker, classes_of, kind_of, questions_of
from rlaif.judging.reward_judge import PREFIX
from rlaif.settings import setting
from rlaif.workflows.rbr.fit import below, fitted_weights, gather_answers
from rlaif.workflows.rbr.load_rules import load_rules, no_kind, reward_model
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

BASE = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRbrSettings:
    """Which rules, and how their weights are fitted: as in the code released with the paper."""

    rules: str = setting(help="A constitution with propositions and `behaviors`, or OpenAI's rules.")
    margin: float = setting(1.0, help="Margin of the hinge loss.", least=0)
    learning_rate: float = setting(0.01, help="Learning rate of AdamW.", above=0)
    weight_decay: float = setting(0.05, help="Weight decay of AdamW.", least=0)
    steps: int = setting(1000, help="Full-batch steps.", least=1)
    held_out: float = setting(0.2, help="Share of the prompts that is held out.", least=0, below=1)
    min_in_order: float | None = setting(
        None, help="Stop when a smaller share of the held-out pairs is in order.", least=0, most=1
    )


def _items(job: Job) -> list[One]:
    """All answers that the step takes, each different one once."""
    drawn = [item for each in job.gathered() for item in job.read(each)]
    whole = [(prompt, each) for prompt, each in drawn if each.finish != "length" and not each.open_thought]
    return list({each.id: (prompt, each) for prompt, each in whole}.values())


def base_of(job: Job) -> ModelReward | None:
    """The reward model that the rules are added to; None where the recipe names none."""
    return reward_model(job.models, job.model(BASE)) if BASE in job.task.models else None


def make(job: RunJob) -> Facts:
    """Fit the weights, and say how many pairs they put in order."""
    settings = job.settings
    rules, items = load_rules(settings.rules), _items(job)
    if all(kind_of(prompt, classes_of(rules)) is None for prompt, _ in items):
        raise InputError(f"{job.task.entry.where}: {no_kind(classes_of(rules))}")
    gathered = gather_answers(rules, items, job.judge(), base_of(job))
    gathered.judge, gathered.base = _made_with(job)
    fitting = FitConfig(
        margin=settings.margin,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        steps=settings.steps,
        held_out=settings.held_out,
        seed=job.seed,
    )
    fitted, weights, warnings = fitted_weights(gathered, {}, fitting, str(job.out), job.report)
    job.write(weights)
    return {
        "answers": len(gathered.examples),
        "left_out": dict(gathered.left_out),
        "in_order": {kind: each.held_out._asdict() for kind, each in fitted.items()},
        "warnings": warnings,
        "unmet": below(fitted, settings.min_in_order),
    }


def forecast(job: Job) -> Weights:
    """Ask what would be asked, and return weights of 0."""
    rules, items, base = load_rules(job.settings.rules), _items(job), base_of(job)
    if base is not None:
        base.heard(items)
    kinds = classes_of(rules)
    for kind, classes in kinds.items():
        own = [item for item in items if kind_of(item[0], kinds) == kind]
        ask(asker(job.judge(), rules), own, classes, questions_of(rules))
    made_with, below = _made_with(job)
    return Weights(kinds={kind: {} for kind in kinds}, rules=rules, judge=made_with, base=below)


def _made_with(job: Job) -> tuple[dict[str, str], dict[str, str] | None]:
    """Name and fingerprint of the judge, and of the reward model, where there is one."""
    who = {key: {"name": job.model(key), "fingerprint": job.fingerprint(key)} for key in job.task.models}
    return who["judge"], who.get(BASE)


def inputs(job: Job) -> Mapping[str, Any]:
    """Return everything, with the digest of the rules."""
    return everything(job) | {"rules": load_rules(job.settings.rules).digest}


def check(checked: CheckedStep) -> None:
    """Raise InputError for rules by which an answer is in no class or in several, and a base that gives no reward."""
    kinds = classes_of(load_rules(checked.entry.settings.rules))
    if slips := [slip for classes in kinds.values() for slip in classes.slips()]:
        raise InputError(f"{slips[0]} (`rlaif rbr check` lists all {len(slips)})")
    if BASE in checked.task.initial and not (name := checked.judge(BASE)).startswith(PREFIX):
        raise InputError(
            f"{BASE} is {name}, which is no reward model; name one as {PREFIX}DIR, or a step that trains one"
        )


def work(expected: Expected) -> int:
    """Count the questions: about five propositions an answer."""
    return 5 * expected.sizes.get("completions", 0)


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return why the weights must not be used, or None."""
    found: str | None = facts.get("unmet")
    return found


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the share of held-out pairs in order, by kind, and what there is to be warned of."""
    shares = {kind: each["both"] for kind, each in facts.get("in_order", {}).items()}
    left = [
        f"{count} answers are no part of the fit: {why}"
        for why, count in facts.get("left_out", {}).items()
        if count
    ]
    return {"rbr_in_order": shares, "warnings": [*left, *facts.get("warnings", [])]} if facts else {}


STEP = Step(
    name="fit-rbr",
    help="Weights of propositions and classes, fitted so that answers of a better class have more reward.",
    settings=FitRbrSettings,
    needs=(("completions",),),
    gathers=True,
    makes="weights",
    roles={"judge": "judge"},
    may_name={BASE: "the reward model that the rules are added to"},
    stem="rbr-weights",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    halts=halts,
    work=work,
    columns={"rbr_in_order": {}},
    row=row,
)
