"""The step `judge-questions`: pairs whose better side is known become a judge's questions, each with its right verdict.

The pairs are made in the recipe, or stand in the columns of its prompts. The questions are prompts: reinforcement
learning draws a judge's reasoning and verdicts for them, and the parts of `verdict:PART` say which are right (J1,
2505.10320; RM-R1, 2505.02387).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.ask import turn
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.traces import KnownLabel, asked_in_both_orders, known_labels, traceable
from rlaif.judging.verdict_judge import VERDICT
from rlaif.records import TOGETHER, Constitution, Message, Pair, Principle, Prompt
from rlaif.settings import setting
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything
from rlaif.workflows.recipe.step_inputs import columns_of
from rlaif.workflows.recipe.steps.judge_traces import (
    ORDERS,
    known_pairs,
    model_judge,
    planned_pairs,
    prompts_of,
)

PROMPTS = "prompts"
OF_ROW = "of its row"
"""The id of a principle that a row brings with it, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeQuestionsSettings:
    """Which pairs are asked about, and how."""

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
    better: str = setting("better", help="Of prompts: the column that holds the better answer.")
    worse: str = setting("worse", help="Of prompts: the column that holds the worse answer.")
    principle: str = setting(
        "principle",
        help="Of prompts: the column of the principle by which it is better: an id of the constitution, or a sentence; "
        "rows without one are asked about `principles`.",
    )
    sure: float = setting(0.8, help="Labels of at least this probability are asked about.", above=0.5, most=1)
    pairs: int | None = setting(None, help="Pairs that are asked about; all by default.", least=1)


def questions(judge: ModelJudge, labels: Sequence[KnownLabel], protocol: str) -> Iterator[Prompt]:
    """Both orders of each label's pair, word for word as the judge is asked, each with its verdict."""
    chosen = traceable(protocol)
    for label in labels:
        asked = list(asked_in_both_orders(judge, label, chosen.templates[0]))
        # a comparison is its answers and its principle, whichever is shown first
        name = digest("judge question", sorted(each.text for _, each, _ in asked))
        for _, each, better in asked:
            yield Prompt(
                messages=turn(each.text),
                meta={VERDICT: better, TOGETHER: name, "principle": label.principle.id},
            )


def make(job: RunJob) -> Facts:
    """Write the questions."""
    labels, counts = _labels(job)
    if not labels:
        told = ", ".join(f"{name} {count}" for name, count in counts.items()) or "there are none"
        raise InputError(
            f"{job.task.entry.where}: {STEP.name}: of no pair it is known with probability {job.settings.sure:g} which "
            f"side is the better one by a principle that is asked ({told}); lower `sure`, or take pairs that were made "
            "with a good and a bad side"
        )
    made = _asked(job, labels)
    job.write(made)
    return {"questions": len(made), **counts}


def _labels(job: Job) -> tuple[list[KnownLabel], dict[str, int]]:
    """What is known, and how much is not, by reason."""
    if job.task.takes[0].kind == PROMPTS:
        return labels_of_rows(job.value(PROMPTS)[: job.settings.pairs], job.constitution, job.settings)
    pairs = known_pairs(job) or planned_pairs(job)[: job.settings.pairs]
    found, unknown = known_labels(pairs, job.constitution, job.settings.principles, prompts_of(job))
    sure = [each for each in found if each.certainty >= job.settings.sure]
    counts = {f"pairs without a label: {name}": count for name, count in unknown.items()}
    if lost := len(found) - len(sure):
        counts["labels that are not sure"] = lost
    return sure, counts


def labels_of_rows(
    prompts: Sequence[Prompt], constitution: Constitution, settings: JudgeQuestionsSettings
) -> tuple[list[KnownLabel], dict[str, int]]:
    """The labels that rows of prompts hold, and how many rows hold none, by reason."""
    known = {each.id: each for each in constitution.principles}
    found: list[KnownLabel] = []
    left = {"rows without two answers": 0, "rows of no principle that is asked": 0}
    for each in prompts:
        sides = [str(each.meta.get(name) or "").strip() for name in (settings.better, settings.worse)]
        named = each.meta.get(settings.principle)
        asked = settings.principles or tuple(known) if named is None else (str(named),)
        rules = [known[name] for name in asked if name in known and applies(known[name], each)]
        if named is not None and str(named) not in known and " " in str(named).strip():
            rules = [Principle(id=OF_ROW, text=str(named).strip())]
        left["rows without two answers"] += not all(sides)
        left["rows of no principle that is asked"] += all(sides) and not rules
        if all(sides):
            found += [KnownLabel(pair=_pair(each, *sides), principle=rule) for rule in rules]
    return found, {name: count for name, count in left.items() if count}


def _pair(prompt: Prompt, better: str, worse: str) -> Pair:
    one, other = (Message(role="assistant", content=text) for text in (better, worse))
    return Pair(prompt=prompt.messages, tools=prompt.tools, chosen=(one,), rejected=(other,), label_prob=1.0)


def _asked(job: Job, labels: Sequence[KnownLabel]) -> list[Prompt]:
    made = questions(model_judge(job), labels, job.settings.protocol)
    return list({each.id: each for each in made}.values())


def forecast(job: Job) -> list[Prompt]:
    """Return about the questions that there would be: nobody is asked."""
    return _asked(job, _labels(job)[0])


def check(checked: CheckedStep) -> None:
    """Raise InputError for a protocol without reasoning, and for a judge that writes none."""
    settings = checked.entry.settings
    traceable(settings.protocol)
    asking_of(settings.protocol, checked.judge("judge"), seed=0, samples=None, again=None)


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError for principles that the constitution has not, and for prompts of which nothing is known."""
    settings, taken = checked.entry.settings, checked.task.takes[0]
    known_labels((), prepared.constitution, settings.principles)
    held = prepared.prompts.get(taken.name, ()) if taken.kind == PROMPTS and not taken.path else ()
    if held and not labels_of_rows(held, prepared.constitution, settings)[0]:
        known = sorted({name for each in held for name, value in each.meta.items() if value})
        raise InputError(
            f"no row of {taken.name!r} has two answers in columns {settings.better!r} and {settings.worse!r}, and a "
            f"principle of {prepared.constitution.name} that applies; columns with something in them: "
            f"{', '.join(known) or 'none'}"
        )


def inputs(job: Job) -> Mapping[str, Any]:
    """Return all that it reads: of prompts their columns too."""
    read = columns_of(job.value(PROMPTS)) if job.task.takes[0].kind == PROMPTS else {}
    return {**everything(job), **({"columns": digest("columns", read)} if read else {})}


def work(expected: Expected) -> int:
    """Count no call: nobody is asked."""
    taken = expected.sizes.get("pairs") or expected.sizes.get(PROMPTS, 0)
    expected.sizes[PROMPTS] = ORDERS * taken
    return 0


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many questions there are, and of what nothing is known."""
    return {"judge_questions": dict(facts)} if facts else {}


COLUMNS: Mapping[str, Any] = {"judge_questions": {}}
STEP = Step(
    name="judge-questions",
    help="Pairs whose better side is known become a judge's questions in both orders, to learn by reinforcement.",
    settings=JudgeQuestionsSettings,
    needs=(("pairs", PROMPTS),),
    makes=PROMPTS,
    roles={"judge": "judge"},
    stem="judge-questions",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    fits=fits,
    protocols=lambda settings: [settings.protocol],
    work=work,
    columns=COLUMNS,
    row=row,
)
