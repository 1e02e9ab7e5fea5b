"""The step `rubric`: the criteria of each prompt, by which a judge with the protocol `rubric` then judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlaif.constitution import applies
from rlaif.engines.base import capabilities_of
from rlaif.errors import InputError
from rlaif.exchange.rubrics import read_rubrics
from rlaif.feedback.rubrics import (
    TEMPLATES,
    RubricRequest,
    WrittenRubrics,
    consistent,
    from_completions,
    from_pair,
    from_prompt,
    refined,
    tied,
    written,
)
from rlaif.hashing import digest_files
from rlaif.judging.ask import Writing
from rlaif.judging.kinds import judge_kind
from rlaif.judging.model_judge import AGAIN, ModelJudge
from rlaif.judging.pointwise import judge_by_rubrics
from rlaif.judging.rubric_text import MOST
from rlaif.records import (
    Completion,
    Constitution,
    Engine,
    Judgment,
    Prompt,
    Rubric,
    RubricCriterion,
    Sampling,
)
from rlaif.settings import setting
from rlaif.templates import load_template
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything
from rlaif.workflows.recipe.steps.judge import by_rubrics

WRITER = "writer"
CONSTITUTION, PROMPTS, COMPLETIONS, PAIRS = "constitution", "prompts", "completions", "pairs"
WRITTEN = (PROMPTS, COMPLETIONS, PAIRS)
"""Sources of which a model writes rubrics; any other name is that of a file."""
_ONLY = {"candidates": (COMPLETIONS,), "refine": (COMPLETIONS,), "check": (PAIRS,), "reference": (PROMPTS,)}
"""Settings that mean something of some sources alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricSettings:
    """Where rubrics come from, and what they must stand."""

    source: str = setting(
        PROMPTS,
        help="Of what: prompts, completions (candidates are shown), pairs (why one side was chosen), constitution "
        "(the principles that apply), or a file of rubrics.",
        wanted="prompts, completions, pairs, constitution, or a .jsonl file of rubrics",
    )
    criteria: int = setting(8, help="Criteria that a writer is asked for, at most.", least=1, most=MOST)
    candidates: int = setting(4, help="Of `completions`: how many of a prompt are shown.", least=1, most=16)
    reference: str = setting(
        "reference", help="Of `prompts`: the column with an answer that is known to be good."
    )
    check: bool = setting(
        True,
        help="Of `pairs`: keep a rubric only where a judge that holds it gives the label back.",
        wanted="true or false",
    )
    refine: int = setting(
        0,
        help="Of `completions`: how often a rubric that does not tell the best two apart is written anew.",
        least=0,
        most=8,
    )
    protocol: str = setting(
        "rubric", help="How the judge is asked that checks and refines.", wanted="rubric or rubric-list"
    )
    max_tokens: int = setting(768, help="Tokens of a written rubric at most.", least=16)

    @property
    def of(self) -> None:
        """What is taken where the recipe does not say it: the newest there is."""
        return None


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return what the source is made of: pairs, completions, or any prompts."""
    source = entry.settings.source
    return ((source,),) if source in (PAIRS, COMPLETIONS) else (("completions", "prompts"),)


def make(job: RunJob) -> Facts:
    """Make the rubrics, and count what gave none."""
    rubrics, facts = _made(job)
    if not rubrics:
        why = ", ".join(f"{reason}: {count}" for reason, count in facts["lost"].items())
        what = (
            "name a writer that keeps to the form (rlaif run --show-prompt), or a file of rubrics as its source"
            if job.settings.source in WRITTEN
            else f"`source: {job.settings.source}` must have some for these prompts"
        )
        raise InputError(
            f"{job.task.entry.where}: step {job.task.entry.key!r}: no prompt has a rubric ({why or 'none applies'}); "
            f"{what}"
        )
    job.write(rubrics)
    return facts


def _made(job: Job) -> tuple[list[Rubric], dict[str, Any]]:
    settings, prompts = job.settings, _prompts(job)
    if settings.source == CONSTITUTION:
        found = WrittenRubrics(
            rubrics=[each for prompt in prompts if (each := _applied(job.constitution, prompt)) is not None]
        )
    elif settings.source not in WRITTEN:
        own = {each.prompt_id: each for each in read_rubrics(settings.source)}
        found = WrittenRubrics(rubrics=[own[each.id] for each in prompts if each.id in own])
    else:
        found = written(_writer(job), _requests(job), _how(job))
    lost: Counter[str] = Counter(found.lost)
    rubrics = found.rubrics
    if settings.source == PAIRS and settings.check:
        rubrics, why = consistent(rubrics, job.value("pairs"), lambda items, own: _judged(job, items, own))
        lost.update(why)
    further: dict[str, Any] = {}
    if settings.refine:
        rubrics, further = _refined(job, rubrics)
    without = len(prompts) - len({each.prompt_id for each in rubrics})
    count = sum(len(each.criteria) for each in rubrics)
    return rubrics, {
        "rubrics": len(rubrics),
        "criteria": count / len(rubrics) if rubrics else None,
        "without_rubric": without,
        "without_merit": sum(all(own.weight <= 0 for own in each.criteria) for each in rubrics),
        "lost": dict(lost),
        "merged": found.merged,
        **further,
    }


def _prompts(job: Job) -> list[Prompt]:
    """The prompts that rubrics are for, each once."""
    taken = job.task.takes[0]
    if taken.kind == "pairs":
        return list({each.prompt.id: each.prompt for each in _requests(job)}.values())
    value = job.read(taken)
    held = value if taken.kind == "prompts" else [prompt for prompt, _ in value]
    return list({each.id: each for each in held}.values())


def _requests(job: Job) -> list[RubricRequest]:
    settings = job.settings
    if settings.source == PAIRS:
        # of several pairs of a prompt the one that its makers were surest of
        pairs = sorted(job.value("pairs"), key=lambda each: each.label_prob)
        asked = [from_pair(each, settings.criteria) for each in pairs]
        return list({each.prompt.id: each for each in asked}.values())
    if settings.source == COMPLETIONS:
        return [
            from_completions(own[0][0], [each for _, each in own[: settings.candidates]], settings.criteria)
            for own in _by_prompt(job).values()
        ]
    return [
        from_prompt(each, _reference(each, settings.reference), settings.criteria) for each in _prompts(job)
    ]


def _reference(prompt: Prompt, column: str) -> str:
    value = prompt.meta.get(column, "")
    return value.strip() if isinstance(value, str) else ""


def _by_prompt(job: Job) -> dict[str, list[tuple[Prompt, Completion]]]:
    """The different whole completions of each prompt."""
    found: dict[str, dict[str, tuple[Prompt, Completion]]] = {}
    for prompt, each in job.value("completions"):
        if each.finish != "length" and not each.open_thought:
            found.setdefault(prompt.id, {})[each.id] = (prompt, each)
    return {name: list(own.values()) for name, own in found.items()}


def _applied(constitution: Constitution, prompt: Prompt) -> Rubric | None:
    """The principles that apply to a prompt as its rubric; None where none does."""
    said = f"{constitution.name} {constitution.version}"
    criteria = tuple(
        RubricCriterion(id=each.id, text=each.text, weight=each.weight, hard=each.hard, source=said)
        for each in constitution.principles
        if applies(each, prompt)
    )
    if not any(each.weight for each in criteria):
        return None
    return Rubric(
        prompt=prompt.messages,
        tools=prompt.tools,
        criteria=criteria,
        made={"of": CONSTITUTION, "constitution": constitution.digest},
    )


def _refined(job: Job, rubrics: Sequence[Rubric]) -> tuple[list[Rubric], dict[str, Any]]:
    """Write those anew that do not tell the best two apart; what is unreadable leaves the rubric as it was."""
    by_prompt, newest = _by_prompt(job), {each.prompt_id: each for each in rubrics}
    open_ones, changed, lost = list(rubrics), 0, 0
    for _ in range(job.settings.refine):
        alike = tied(by_prompt, open_ones, lambda items, own: _judged(job, items, own))
        asked = [refined(prompt, rubric, best, job.settings.criteria) for rubric, prompt, best in alike]
        if not asked:
            return list(newest.values()), {"refined": changed, "still_tied": 0, "refine_lost": lost}
        found = written(_writer(job), asked, _how(job))
        newest |= {each.prompt_id: each for each in found.rubrics}
        open_ones = found.rubrics
        changed, lost = changed + len(found.rubrics), lost + sum(found.lost.values())
    still = tied(by_prompt, open_ones, lambda items, own: _judged(job, items, own))
    return list(newest.values()), {"refined": changed, "still_tied": len(still), "refine_lost": lost}


def _judged(
    job: Job, items: Sequence[tuple[Prompt, Completion]], rubrics: Sequence[Rubric]
) -> Sequence[Judgment]:
    protocol = job.settings.protocol
    how = asking_of(protocol, job.model("judge"), seed=job.seed, samples=None, again=None)
    # the rubric alone is tried: hard principles of the constitution say nothing of it
    alone = replace(job.constitution, principles=())
    return judge_by_rubrics(job.judge(), alone, items, rubrics, protocol, how)


def _writer(job: Job) -> Engine:
    key = WRITER if WRITER in job.task.models else "judge"
    name = job.model(key)
    role = replace(job.role(key), max_tokens=None, sees=None, think=None)
    engine = job.models.acting(role).writer(name)
    words = " ".join(load_template(each).words for each in TEMPLATES)
    if not capabilities_of(engine).reads(words):
        raise InputError(
            f"{job.task.entry.where}: step {job.task.entry.key!r}: {name} does not know the words of the templates "
            "rubric-*.txt, and cannot write rubrics; name another `writer`, or take `source: constitution` or a file"
        )
    return engine


def _how(job: Job, again: int = AGAIN) -> Writing:
    sampling = Sampling(temperature=0.0, max_tokens=job.settings.max_tokens)
    return Writing(sampling=sampling, seed=job.seed, again=again)


def forecast(job: Job) -> list[Rubric]:
    """Ask what would be asked; a rubric that is yet to be written has as many criteria as were asked for."""
    if job.settings.source not in WRITTEN:
        return _made(job)[0]
    asked = _requests(job)
    written(_writer(job), asked, _how(job, again=0))
    return [
        Rubric(
            prompt=each.prompt.messages,
            tools=each.prompt.tools,
            criteria=tuple(
                RubricCriterion(id=f"c{place}", text=f"The response does what is asked for ({place}).")
                for place in range(1, job.settings.criteria + 1)
            ),
        )
        for each in asked
    ]


def inputs(job: Job) -> dict[str, Any]:
    """Return everything, with the digest of a file of rubrics and of the templates that a writer is asked with."""
    source = job.settings.source
    found = everything(job)
    if source in WRITTEN:
        return found | {"templates": [load_template(each).digest for each in TEMPLATES]}
    return found if source == CONSTITUTION else found | {"file": digest_files([Path(source)])}


def check(checked: CheckedStep) -> None:
    """Raise InputError for settings that the source makes no use of, a file that is none, and a writer that is none."""
    settings, given = checked.entry.settings, checked.entry.given
    for name, sources in _ONLY.items():
        if name in given and settings.source not in sources:
            raise InputError(
                f"{name} says nothing of `source: {settings.source}`; remove it, or take {sources[0]}"
            )
    if not by_rubrics(settings.protocol):
        raise InputError(f"protocol: {settings.protocol!r} asks no rubrics; take rubric or rubric-list")
    asks = settings.source in WRITTEN
    if not asks:
        for name in (WRITER, "criteria", "max_tokens"):
            if name in given or name in checked.entry.named:
                raise InputError(
                    f"{name} says nothing of `source: {settings.source}`, which nobody writes; remove it"
                )
        if settings.source != CONSTITUTION:
            read_rubrics(settings.source)
        return
    key = WRITER if WRITER in checked.task.initial else "judge"
    name = checked.judge(key)
    if not issubclass(judge_kind(name).makes, ModelJudge):
        raise InputError(
            f"{name} is no model that writes rubrics; name one by `writer`, or take another `source`"
        )


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError for a file of rubrics of none of the prompts, and principles of which none is a criterion."""
    source = checked.entry.settings.source
    made = any(STEPS.get(each.step).makes == "prompts" for each in prepared.recipe.round)
    if source in WRITTEN or made:  # prompts that are yet to be written nobody knows
        return
    prompts = {each.id: each for held in prepared.prompts.values() for each in held}
    if source == CONSTITUTION:
        if not any(_applied(prepared.constitution, each) for each in prompts.values()):
            raise InputError(
                f"source: no principle of {prepared.constitution.name} with a weight applies to any of {len(prompts)} "
                "prompts; look at `applies_to` and `weight` of the principles, and at the tags of the prompts"
            )
        return
    if not any(each.prompt_id in prompts for each in read_rubrics(source)):
        raise InputError(
            f"source: {source} has a rubric of none of {len(prompts)} prompts; the `prompt` of a rubric must be that "
            "of the prompt file, turn by turn"
        )


def work(expected: Expected) -> int:
    """Count the rubrics that are written."""
    return expected.sizes.get("asked", 0) if expected.entry.settings.source in WRITTEN else 0


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many prompts have a rubric, and a warning of those that have none."""
    if not facts:
        return {}
    why = ", ".join(f"{reason}: {count}" for reason, count in sorted(facts["lost"].items()))
    lost = facts["without_rubric"]
    warnings = [f"{lost} prompts have no rubric{f' ({why})' if why else ''}"] if lost else []
    if bare := facts.get("without_merit", 0):
        warnings.append(
            f"{bare} of {facts['rubrics']} rubrics have no criterion of a weight above 0: a completion can only "
            "lose by them, and one that says nothing is among the best"
        )
    return {"rubrics": facts["rubrics"], "warnings": warnings}


STEP = Step(
    name="rubric",
    help="The criteria of each prompt: written by a model, derived from pairs, of the constitution, or of a file.",
    settings=RubricSettings,
    needs=(("completions", "prompts", "pairs"),),
    wants=wants,
    makes="rubrics",
    roles={"judge": "judge"},
    may_name={WRITER: "who writes the rubrics; the judge by default"},
    stem="rubrics",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    fits=fits,
    protocols=lambda settings: [settings.protocol] if settings.check and settings.source == PAIRS else [],
    work=work,
    columns={"rubrics": None},
    row=row,
)
