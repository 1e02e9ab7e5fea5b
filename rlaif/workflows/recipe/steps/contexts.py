"""The step `contexts`: completions become examples for distillation, each with what its teacher is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.feedback.critique import ViolatedPrinciples, critiques
from rlaif.feedback.score import score_completions
from rlaif.feedback.system_turn import CONSTITUTION, SystemTurn
from rlaif.feedback.teacher_contexts import CONTEXTS, RUBRIC, TeacherMaterial, best_siblings, teacher_turns
from rlaif.judging.rules import breaks, share_of
from rlaif.records import Completion, Example, Judgment, Principle, Prompt
from rlaif.settings import setting
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step

JUDGED = ("critique", "principle", "sibling")
"""Forms that are made of judgments."""
CRITIC = "critic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextsSettings:
    """What a teacher is shown."""

    teacher_sees: tuple[str, ...] = setting(
        ("constitution",),
        help=f"What the teacher is shown, of {', '.join(CONTEXTS)}: the first that there is for a completion.",
        wanted=f"a list of {', '.join(CONTEXTS)}",
    )
    threshold: float = setting(
        1.0, help="Of `sibling`: the score that a completion must reach to be shown to its siblings."
    )
    kind: str = setting("distill", help="The kind of the examples.")


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return what is taken: completions, and the judgments and rubrics that the forms are made of."""
    sees = entry.settings.teacher_sees
    judged = (("judgments",),) if any(each in JUDGED for each in sees) else ()
    return (*judged, ("completions",), *((("rubrics",),) if RUBRIC in sees else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was said of the completions."""

    said: Mapping[str, Sequence[Judgment]]
    """By the prompt's id."""
    rubrics: Mapping[str, Sequence[str]]
    """By the prompt's id, the criteria of its rubric."""


def _read(job: Job) -> _Read:
    said: dict[str, list[Judgment]] = {}
    if job.took("judgments") is not None:
        for each in job.value("judgments"):
            said.setdefault(each.prompt_id, []).append(each)
    held = job.value("rubrics") if RUBRIC in job.settings.teacher_sees else ()
    return _Read(
        said=said, rubrics={each.prompt_id: [criterion.text for criterion in each.criteria] for each in held}
    )


def _material(job: Job) -> list[TeacherMaterial]:
    """Each completion that can be learned, with what there is to show of it; critiques are still to be written."""
    read, sees = _read(job), job.settings.teacher_sees
    system = SystemTurn(named=CONSTITUTION, principles=job.constitution.principles)
    found = []
    for prompt, texts in by_prompt(job.value("completions")):
        said = read.said.get(prompt.id, [])
        siblings: dict[str, Completion] = {}
        if "sibling" in sees:
            scored = score_completions(prompt, texts, said, job.constitution)
            siblings = best_siblings(
                [(each.completion, each.score) for each in scored], job.settings.threshold
            )
        for each in texts:
            found.append(
                TeacherMaterial(
                    prompt=prompt,
                    completion=each,
                    constitution=system,
                    faults=_faults(job, prompt, each, said),
                    critique=each.origin.critique if each.origin is not None else "",
                    sibling=siblings.get(each.id),
                    rubric=read.rubrics.get(prompt.id, ()),
                )
            )
    return found


def _faults(job: Job, prompt: Prompt, completion: Completion, said: Sequence[Judgment]) -> list[Principle]:
    """The principles that a completion breaks by its judge, those first that it breaks most surely."""
    rules = {each.id: each for each in job.constitution.principles if applies(each, prompt)}
    own = [
        each
        for each in said
        if each.completion_ids == (completion.id,) and each.principle_id in rules and breaks(each)
    ]
    shares = {each.principle_id: share_of(each) for each in own}
    ordered = sorted(shares, key=lambda name: (shares[name] or 0.0, list(rules).index(str(name))))
    return [rules[str(name)] for name in ordered]


def _criticised(job: Job, held: Sequence[TeacherMaterial]) -> list[TeacherMaterial]:
    """With a critique of each completion that breaks a rule, and for which nothing comes before a critique."""
    sees = job.settings.teacher_sees
    if CRITIC not in job.task.models:
        return list(held)  # those that completions came with
    before = sees[: sees.index("critique")]
    asked = [
        each for each in held if each.faults and not each.critique and teacher_turns(each, before) is None
    ]
    critic = job.pool(CRITIC).writer(job.model(CRITIC))
    # one rule a completion: what is written is then about the rule that the teacher is shown beside it
    faults = [ViolatedPrinciples(each.prompt, each.completion, each.faults[:1]) for each in asked]
    written = critiques(critic, faults)
    wanted = {id(each) for each in asked}
    return [
        replace(each, critique=written.get(each.completion.id, "")) if id(each) in wanted else each
        for each in held
    ]


def _made(job: Job) -> tuple[list[Example], Counter[str]]:
    """The examples, and how many are shown what; under `nothing` those that are left out."""
    counts: Counter[str] = Counter()
    examples = []
    for seen in _criticised(job, _material(job)):
        if seen.completion.open_thought or not seen.completion.text:
            counts["unanswered"] += 1
            continue
        found = teacher_turns(seen, job.settings.teacher_sees)
        if found is None:
            counts["nothing"] += 1
            continue
        form, turns = found
        counts[form] += 1
        own = seen.completion.turns
        examples.append(
            Example(
                messages=(*seen.prompt.messages, *own),
                tools=seen.prompt.tools,
                kind=job.settings.kind,
                learned=len(own),
                teacher=turns,
            )
        )
    return examples, counts


def make(job: RunJob) -> Facts:
    """Write the examples, and count what their teachers are shown."""
    examples, counts = _made(job)
    job.write(examples)
    judged = job.value("judgments") if job.took("judgments") is not None else ()
    failed = failed_judgments(judged)
    return {"examples": len(examples), "contexts": dict(counts), **({"failed": failed} if failed else {})}


def forecast(job: Job) -> list[Example]:
    """Ask what the making would ask: a critique of each completion at most, for which ones its judge says."""
    if CRITIC in job.task.models:
        critic = job.pool(CRITIC).writer(job.model(CRITIC))
        drawn = job.value("completions")
        principles = job.constitution.principles[:1]
        critiques(critic, [ViolatedPrinciples(prompt, each, principles) for prompt, each in drawn])
    read: list[Example] = []
    for prompt, each in job.value("completions"):
        read.append(
            Example(
                messages=(*prompt.messages, *each.turns), teacher=prompt.messages, learned=len(each.turns)
            )
        )
    return read


def halts(job: RunJob, facts: Facts) -> str | None:
    """Return why nothing can be learned, or None."""
    if facts["examples"]:
        return None
    told = ", ".join(f"{count} {name}" for name, count in facts["contexts"].items())
    if failed := facts.get("failed"):
        return f"no completion has anything to show its teacher ({told}). {'; '.join(failed)}"
    return f"no completion has anything to show its teacher ({told}); lower threshold, or add a form to teacher_sees"


def check(checked: CheckedStep) -> None:
    """Raise InputError for forms that there are not, or for a setting that no form reads."""
    settings, entry = checked.entry.settings, checked.entry
    sees = settings.teacher_sees
    if not sees or len(set(sees)) != len(sees):
        raise InputError(
            f"teacher_sees is {list(sees)}; name one or several of {', '.join(CONTEXTS)}, each once"
        )
    if unknown := next((each for each in sees if each not in CONTEXTS), None):
        raise InputError(f"teacher_sees has {unknown!r}, which is none of {', '.join(CONTEXTS)}")
    if "constitution" in sees[:-1]:
        raise InputError("teacher_sees: what stands behind `constitution` is never shown; put that last")
    if "sibling" not in sees and "threshold" in entry.given:
        raise InputError("threshold is of `sibling`, which teacher_sees does not name; remove it")
    if "sibling" in sees:
        checked.require_several("a completion has a sibling where there are")
    if CRITIC in entry.named and "critique" not in sees:
        raise InputError(
            "teacher_sees has no `critique`, so that the critic is asked nothing; remove `critic`"
        )


def work(expected: Expected) -> int:
    """Count the critiques."""
    return expected.sizes.get("completions", 0) if CRITIC in expected.entry.named else 0


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return what teachers are shown, and how many completions are left out."""
    counts = facts.get("contexts", {})
    lost = {name: counts[name] for name in ("nothing", "unanswered") if counts.get(name)}
    why = {
        "nothing": "have nothing to show a teacher (no fault, no better sibling) and are left out",
        "unanswered": "have no answer and are left out",
    }
    total = sum(counts.values())
    told = [f"{count} of {total} completions {why[name]}" for name, count in lost.items()]
    return {"contexts": dict(counts), "warnings": [*facts.get("failed", ()), *told]} if facts else {}


COLUMNS: Mapping[str, Any] = {"contexts": {}}
STEP = Step(
    name="contexts",
    help="Completions become examples for `distill`, each with what its teacher is shown and the student is not.",
    settings=ContextsSettings,
    needs=(("completions",),),
    wants=wants,
    makes="examples",
    carries=lambda _: frozenset({"teacher"}),
    may_name={
        CRITIC: "who writes the critiques; without one only those are shown that completions came with"
    },
    stem="contexts",
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    work=work,
    columns=COLUMNS,
    row=row,
)
