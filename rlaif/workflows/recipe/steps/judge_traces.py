"""The step `judge-traces`: what a judge wrote on pairs whose better side is known, where it got that right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols.kinds import model
from rlaif.judging.traces import ask_traces, keep_traces, known_labels, traceable
from rlaif.records import Pair, Prompt, Sampling
from rlaif.settings import setting
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step

ORDERS = 2
WRITTEN = 3.0
"""What a text of a judge takes, in scores: a first guess, until the step has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeTracesSettings:
    """How traces are drawn, and which are kept."""

    learn: Literal["examples", "pairs"] = setting(
        "examples",
        help="`examples`: the right texts, to imitate; `pairs`: a right text preferred to a wrong one, for dpo.",
    )
    protocol: str = setting(
        "compare-cot",
        help="The protocol by which the judge writes its reasoning with its verdict.",
        wanted="a protocol that compares two completions in writing: compare-cot",
    )
    principles: tuple[str, ...] = setting(
        (),
        help="Ids of the principles that are asked; of pairs that nobody judged by principle, those by which the "
        "chosen side is the better one. All that apply by default.",
    )
    n: int = setting(8, help="Texts per question; each pair and principle has two questions.", least=1)
    temperature: float = setting(0.7, help="Sampling temperature of the texts.", least=0)
    top_p: float = setting(
        0.9, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    keep: int = setting(1, help="Right texts that are kept of one question, at most.", least=1)
    pairs: int | None = setting(None, help="Pairs that are asked about; all by default.", least=1)


def prompts_of(job: Job) -> dict[str, Prompt]:
    """All prompts that the recipe and the completions know, by id: they hold the tags that pairs have not."""
    drawn = job.took("completions")
    own = {prompt.id: prompt for prompt, _ in (job.read(drawn) if drawn is not None else ())}
    return {each.id: each for held in job.prepared.prompts.values() for each in held} | own


def model_judge(job: Job) -> ModelJudge:
    """The judge as a model that is asked in words. Raises InputError for any other."""
    return model(job.judge(), job.settings.protocol)


def known_pairs(job: Job) -> list[Pair]:
    """The pairs that are asked about. Raises InputError where nothing is known of any."""
    found: list[Pair] = job.value("pairs")
    return found[: job.settings.pairs]


def make(job: RunJob) -> Facts:
    """Draw the traces, and keep the right ones."""
    settings = job.settings
    labels, unknown = known_labels(known_pairs(job), job.constitution, settings.principles, prompts_of(job))
    if not labels:
        raise InputError(
            f"{job.task.entry.where}: {STEP.name}: of none of {len(known_pairs(job))} pairs it is known which side is "
            "the better one by a principle that is asked; take pairs that were made with a good and a bad side, or "
            "name `principles` that apply to their prompts"
        )
    kept = keep_traces(_asked(job, labels), most=settings.keep, seed=job.seed + job.round)
    made = kept.pairs if settings.learn == "pairs" else kept.examples
    job.write(made)
    counts = {**kept.counts, **{f"pairs without a label: {name}": count for name, count in unknown.items()}}
    return {"made": len(made), **counts}


def _asked(job: Job, labels: Sequence[Any]) -> list[Any]:
    settings, judge = job.settings, model_judge(job)
    room = judge.options.lengths.verdict
    sampling: Sampling = replace(
        judge.options.writing(room, settings.temperature),
        top_p=settings.top_p,
    )
    return ask_traces(
        judge,
        labels,
        settings.protocol,
        samples=settings.n,
        sampling=sampling,
        seed=job.seed + job.round,
    )


def forecast(job: Job) -> list[Any]:
    """Ask what the making would ask; which texts would be right nobody knows."""
    pairs = known_pairs(job) or planned_pairs(job)[: job.settings.pairs]
    labels, _ = known_labels(pairs, job.constitution, job.settings.principles, prompts_of(job))
    _asked(job, labels)
    return []


def planned_pairs(job: Job) -> list[Pair]:
    """In a dry run, where no pair is made yet: the first two answers to each prompt that has two."""
    drawn = job.took("completions")
    groups = by_prompt(job.read(drawn)) if drawn is not None else []
    return [
        Pair(
            prompt=prompt.messages,
            chosen=texts[0].turns,
            rejected=texts[1].turns,
            label_prob=1.0,
            tools=prompt.tools,
        )
        for prompt, texts in groups
        if len(texts) > 1
    ]


def halts(job: RunJob, facts: Facts) -> str | None:
    """Return why nothing can be learned, or None."""
    if facts["made"]:
        return None
    return (
        f"no trace is left to learn from ({facts['right']} of {facts['texts']} texts are right, {facts['unreadable']} "
        "unreadable): the judge must be better than chance before it can teach itself, and name either side at times"
    )


def check(checked: CheckedStep) -> None:
    """Raise InputError for a protocol without traces, and for a judge that writes none."""
    settings, judge = checked.entry.settings, checked.judge("judge")
    traceable(settings.protocol)
    asking_of(settings.protocol, judge, seed=0, samples=None, again=None)
    if settings.learn == "pairs" and settings.n < 2:
        raise InputError(
            "`learn: pairs` needs a right and a wrong text to one question; raise n to 2 or more"
        )
    if settings.n > 1 and settings.temperature == 0:
        raise InputError(
            f"at temperature 0 all {settings.n} texts to a question are one; raise temperature, or set n to 1"
        )


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError for principles that the constitution has not."""
    known_labels((), prepared.constitution, checked.entry.settings.principles)


def kind_made(entry: RecipeStep, _: tuple[Artefact, ...]) -> str:
    """Return what `learn` names."""
    kind: str = entry.settings.learn
    return kind


def work(expected: Expected) -> int:
    """Count the texts: n in both orders of each pair and principle."""
    settings = expected.entry.settings
    pairs = min(expected.sizes.get("pairs", expected.sizes.get("asked", 0)), settings.pairs or 10**9)
    rules = len(settings.principles) or expected.principles
    return int(pairs * rules * ORDERS * settings.n)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the counts of traces."""
    names = ("texts", "right", "wrong", "unreadable", "kept", "pairs without a right text")
    return {"traces": {name: facts[name] for name in names if name in facts}}


STEP = Step(
    name="judge-traces",
    help="A judge writes several verdicts on pairs whose better side is known; the right ones are kept to learn from.",
    settings=JudgeTracesSettings,
    needs=(("pairs",),),
    makes="examples",
    carries=lambda _: frozenset(),
    makes_as=kind_made,
    roles={"judge": "judge"},
    stem="traces",
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    fits=fits,
    protocols=lambda settings: [settings.protocol],
    work=work,
    unit=lambda _: WRITTEN,
    columns={"traces": {}},
    row=row,
)
