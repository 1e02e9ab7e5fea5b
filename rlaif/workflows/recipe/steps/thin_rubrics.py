"""The step `thin-rubrics`: rubrics without criteria that do not differ, or with a random part of them."""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.judging.rubric_versions import pruned, spreads, with_dropout
from rlaif.records import Rubric
from rlaif.settings import setting
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.steps.judge import by_rubrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinSettings:
    """Which criteria are left out."""

    spread: float | None = setting(
        None,
        help="Leave out criteria whose P(true) has a smaller standard deviation over the completions of the prompt.",
        above=0,
        most=0.5,
    )
    dropout: float = setting(
        0.0,
        help="Leave out this share of the criteria that are not hard, others in each round.",
        least=0,
        below=1,
    )


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return what is taken: rubrics, and the judgments by them where their spread is looked at."""
    return (*STEP.needs, *((("judgments",),) if entry.settings.spread is not None else ()))


def _thinned(job: Job) -> tuple[list[Rubric], Facts]:
    settings = job.settings
    known = {} if settings.spread is None else spreads(job.value("judgments"))
    kept, before, held = [], 0, job.value("rubrics")
    for each in held:
        found: Rubric | None = each
        if settings.spread is not None:
            found = pruned(each, known.get(each.prompt_id, {}), settings.spread)
        if found is not None and settings.dropout:
            found = with_dropout(found, settings.dropout, seed=job.seed, round=job.round)
        before += len(each.criteria)
        if found is not None:
            kept.append(found)
    after = sum(len(each.criteria) for each in kept)
    return kept, {"rubrics": len(held), "kept": len(kept), "criteria_before": before, "criteria_after": after}


def make(job: RunJob) -> Facts:
    """Leave criteria out. Raises InputError where no rubric is left."""
    kept, facts = _thinned(job)
    if not kept:
        raise InputError(
            f"{job.task.entry.where}: step {job.task.entry.key!r}: no criterion differs by so much over the "
            "completions of its prompt; lower `spread`"
        )
    job.write(kept)
    return facts


def forecast(job: Job) -> list[Rubric]:
    """Return the rubrics as they are: what a judge will say of criteria is not known yet."""
    held: list[Rubric] = job.value("rubrics")
    return held if job.settings.spread is not None else _thinned(job)[0]


def check(checked: CheckedStep) -> None:
    """Raise InputError where nothing would be left out, or no judgments are by rubrics."""
    settings = checked.entry.settings
    if settings.spread is None and not settings.dropout:
        raise InputError("leaves nothing out; give `spread` or `dropout`")
    maker = checked.maker("judgments")
    if settings.spread is None or maker is None:
        return
    if not by_rubrics(str(getattr(maker.settings, "protocol", ""))):
        raise InputError(f"`spread` is read from judgments by rubrics, and {maker.key!r} asks none")


def row(facts: Facts, _: int) -> dict[str, list[str]]:
    """Return how many prompts have no criterion left, as a warning."""
    lost = facts.get("rubrics", 0) - facts.get("kept", 0)
    return {
        "warnings": [f"{lost} prompts have no criterion left that distinguishes completions"] if lost else []
    }


STEP = Step(
    name="thin-rubrics",
    help="Rubrics without criteria that do not differ, or with a random part of their criteria.",
    settings=ThinSettings,
    needs=(("rubrics",),),
    wants=wants,
    makes="rubrics",
    stem="thinned",
    make=make,
    forecast=forecast,
    check=check,
    row=row,
)
