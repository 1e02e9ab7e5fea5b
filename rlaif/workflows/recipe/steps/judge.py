"""The step `judge`: a judge rates each completion by itself (pointwise), or ranks a prompt's completions (listwise)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rlaif.engines.kinds import judges_in_writing
from rlaif.judging.pointwise import judge_by_rubrics, judge_pointwise
from rlaif.judging.protocols import PROTOCOLS, Asking, pointwise
from rlaif.records import Judgment
from rlaif.settings import setting
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """How a judge is asked."""

    protocol: str = setting(
        "checklist",
        help="How the judge is asked.",
        wanted="a protocol that judges one completion: checklist, score, rank ...",
    )
    samples: int | None = setting(
        None, help="Texts a question, where the protocol takes a vote of several; one by default.", least=1
    )
    ask_again: int | None = setting(
        None, help="How often an unreadable text is asked for once more.", least=0
    )
    truncated: Literal["drop", "judge"] = setting(
        "drop",
        help="Completions that were cut off: dropped, or judged as the others, as a later `pairs` with `truncated: "
        "reject` needs them.",
        late=True,
    )


def form_of(job: Job, judge: str) -> dict[str, bool]:
    """Return what a step's key has beside its inputs where the judge writes its verdicts."""
    return {"in_writing": True} if judges_in_writing(judge, job.models.in_writing) else {}


def asking(job: Job, protocol: str) -> Asking:
    """Return how a step's judge is asked by a protocol."""
    settings = job.settings
    return asking_of(
        protocol, job.model("judge"), seed=job.seed, samples=settings.samples, again=settings.ask_again
    )


def make(job: RunJob) -> Facts:
    """Judge the completions."""
    found = forecast(job)
    job.write(found)
    return {"judgments": len(found), **_without_rubric(job)}


def by_rubrics(protocol: str) -> bool:
    """Whether a protocol asks the criteria of each prompt's rubric."""
    return protocol in PROTOCOLS and bool(getattr(PROTOCOLS.get(protocol), "by_rubrics", False))


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return what is taken: completions, and rubrics where the protocol asks them."""
    return (*STEP.needs, *((("rubrics",),) if by_rubrics(entry.settings.protocol) else ()))


def _without_rubric(job: Job) -> dict[str, Any]:
    """How many prompts have no rubric, and were judged by nothing; nothing where all have one."""
    if not by_rubrics(job.settings.protocol):
        return {}
    held = {each.prompt_id for each in job.value("rubrics")}
    asked = {prompt.id for prompt, _ in job.value("completions")}
    return {"without_rubric": len(asked - held), "asked": len(asked)} if asked - held else {}


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many prompts were judged by nothing, as a warning."""
    if not (lost := facts.get("without_rubric")):
        return {}
    return {
        "warnings": [f"{lost} of {facts['asked']} prompts have no rubric: their completions were not judged"]
    }


def forecast(job: Job) -> list[Judgment]:
    """Return the judgments of the completions."""
    protocol, judge, drawn = job.settings.protocol, job.judge(), job.value("completions")
    how, cut = asking(job, protocol), job.settings.truncated == "judge"
    if by_rubrics(protocol):
        rubrics = job.value("rubrics")
        return judge_by_rubrics(judge, job.constitution, drawn, rubrics, protocol, how, truncated=cut)
    return judge_pointwise(judge, job.constitution, drawn, protocol, how, truncated=cut)


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the judge, the completions and how it is asked of them."""
    return {
        "judge": job.fingerprint("judge"),
        "completions": job.digest("completions"),
        "constitution": job.constitution.digest,
        "protocol": job.settings.protocol,
        "asking": asdict(asking(job, job.settings.protocol)),
        **({"truncated": job.settings.truncated} if job.settings.truncated != "drop" else {}),
        **({"rubrics": job.digest("rubrics")} if by_rubrics(job.settings.protocol) else {}),
        **form_of(job, job.model("judge")),
        **job.told("judge"),
    }


def check(checked: CheckedStep) -> None:
    """Raise InputError for a protocol that there is not, or that cannot ask such a judge."""
    settings, judge = checked.entry.settings, checked.judge("judge")
    name = pointwise(settings.protocol).name
    asking_of(name, judge, seed=checked.recipe.seed, samples=settings.samples, again=settings.ask_again)


def work(expected: Expected) -> int:
    """Count the questions: one of each completion and principle."""
    return round(expected.sizes.get("completions", 0) * expected.principles)


STEP = Step(
    name="judge",
    help="A judge rates each completion by itself.",
    settings=JudgeSettings,
    needs=(("completions",),),
    makes="judgments",
    roles={"judge": "judge"},
    stem="judgments",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    wants=wants,
    row=row,
    protocols=lambda settings: [settings.protocol],
    work=work,
)
