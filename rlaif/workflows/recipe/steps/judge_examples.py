"""The step `judge-examples`: known labels become examples for a judge, in several formats, with caps and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.errors import InputError
from rlaif.judging.label_formats import (
    FORMATS,
    KnownGrade,
    Rendered,
    classification_rows,
    critique_rows,
    labels_of_tests,
    mixture,
    pairwise_rows,
    pointwise_rows,
    tail_patch,
)
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols import pointwise
from rlaif.judging.protocols.kinds import model
from rlaif.judging.traces import KnownLabel, known_labels
from rlaif.records import Example, Judgment, Pair, State
from rlaif.settings import Setting, setting
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.steps.judge_traces import prompts_of

PAIRS, JUDGMENTS, TESTS = SOURCES = ("pairs", "judgments", "tests")
_OF_FORMATS = {name: Setting(help="", least=0) for name in FORMATS}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeExamplesSettings:
    """Which labels become examples, and in which formats."""

    formats: tuple[str, ...] = setting(
        tuple(FORMATS),
        help="Formats of the examples: pairwise, pointwise, classification, critique.",
        wanted="a list of: pairwise, pointwise, classification, critique",
    )
    sources: tuple[str, ...] = setting(
        (PAIRS, JUDGMENTS),
        help="Where labels come from: pairs, judgments of single answers, the tests of the constitution's principles.",
        wanted="a list of: pairs, judgments, tests",
    )
    sure: float = setting(
        0.8, help="Labels of at least this probability are learned from.", above=0.5, most=1
    )
    cap: int = setting(
        256,
        help="Examples of a task, a format with a principle, at most; half of them with one label.",
        least=2,
    )
    weights: Mapping[str, float] = setting(
        default_factory=dict,
        help="Weight of each format; 1 by default, 0 leaves it out.",
        keys=_OF_FORMATS,
    )
    gains: Mapping[str, float] = setting(
        default_factory=dict,
        help="What training on each format alone gained, from which its weight follows: 1, .3 or 0 (a tail patch).",
        keys={name: Setting(help="") for name in FORMATS},
    )
    margin: float = setting(0.005, help="Gains within this distance of 0 count as none.", least=0)


def _weights(settings: JudgeExamplesSettings) -> Mapping[str, float]:
    return tail_patch(settings.gains, settings.margin) if settings.gains else settings.weights


def make(job: RunJob) -> Facts:
    """Render the labels."""
    settings = job.settings
    made = mixture(_rows(job), cap=settings.cap, weights=_weights(settings), seed=job.seed + job.round)
    if not made.examples:
        raise InputError(
            f"{job.task.entry.where}: {STEP.name}: nothing of {', '.join(settings.sources)} has a label of probability "
            f"{settings.sure} or more for {', '.join(settings.formats)}; lower `sure`, or add a source"
        )
    job.write(made.examples)
    return {"examples": len(made.examples), **made.counts}


def forecast(_: Job) -> list[Example]:
    """Return nothing: no model is asked, and which labels there will be nobody knows."""
    return []


def _rows(job: Job) -> Iterator[Rendered]:
    settings = job.settings
    judge, labels, known, pairs = model(job.judge(), STEP.name), *_labels(job)
    rendered = {
        "pairwise": lambda: pairwise_rows(judge, labels),
        "pointwise": lambda: pointwise_rows(judge, known),
        "classification": lambda: classification_rows(
            judge, [each for each in known if _sure(each, settings)]
        ),
        "critique": lambda: critique_rows(judge, pairs, job.constitution),
    }
    for name in settings.formats:
        yield from rendered[name]()


def _labels(job: Job) -> tuple[list[KnownLabel], list[KnownGrade], list[Pair]]:
    settings = job.settings
    labels: list[KnownLabel] = []
    known: list[KnownGrade] = []
    pairs: list[Pair] = job.value("pairs") if PAIRS in settings.sources else []
    if pairs:
        own, _ = known_labels(pairs, job.constitution, prompts=prompts_of(job))
        labels += [each for each in own if each.certainty >= settings.sure]
    if JUDGMENTS in settings.sources:
        known += _judged(job)
    if TESTS in settings.sources:
        compared, tested = labels_of_tests(job.constitution)
        labels, known = [*labels, *compared], [*known, *tested]
    return labels, known, pairs


def _sure(known: KnownGrade, settings: JudgeExamplesSettings) -> bool:
    return max(known.follows, 1 - known.follows) >= settings.sure


def _judged(job: Job) -> Iterator[KnownGrade]:
    """Judgments of single answers by principle, as shares of their protocol's scale."""
    judgments: list[Judgment] = job.value("judgments")
    texts = {said.id: (prompt, said) for prompt, said in job.value("completions")}
    principles = {each.id: each for each in job.constitution.principles}
    for each in judgments:
        rule = principles.get(each.principle_id or "")
        if each.state is State.SCORE and each.value is not None and rule is not None:
            prompt, said = texts[each.completion_ids[0]]
            yield KnownGrade(prompt, said, rule, pointwise(each.protocol).scale.share(each.value))


def needs_of(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return the kinds that its sources are."""
    return tuple((each,) for each in (PAIRS, JUDGMENTS) if each in entry.settings.sources)


def check(checked: CheckedStep) -> None:
    """Raise InputError for formats and sources that there are not, and for weights that leave nothing."""
    settings = checked.entry.settings
    for named, known, noun in (
        (settings.formats, FORMATS, "format"),
        (settings.sources, SOURCES, "source"),
    ):
        for each in named:
            if each not in known:
                raise InputError(
                    f"there is no {noun} {each!r} of judge examples; there are: {', '.join(known)}"
                )
        if len(set(named)) < len(named):
            raise InputError(f"{noun}s names one twice: {', '.join(named)}; remove it")
        if not named:
            raise InputError(f"{noun}s is an empty list; name one of: {', '.join(known)}")
    if settings.weights and settings.gains:
        raise InputError("`gains` are what weights are made of; give one of `weights` and `gains`")
    if not any(_weights(settings).get(each, 1.0) > 0 for each in settings.formats):
        raise InputError("all formats have weight 0, so that no example is left; raise one")
    if "critique" in settings.formats and len(settings.formats) == 1 and PAIRS not in settings.sources:
        raise InputError("critiques are of rejected answers; add pairs to `sources`")
    judge = checked.judge("judge")
    from rlaif.judging.kinds import judge_kind

    if not issubclass(judge_kind(judge).makes, ModelJudge):
        raise InputError(
            f"{judge}: is no model that reads and writes, and learns from no example; name one as judge"
        )


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the counts of examples by format."""
    return {"judge_examples": dict(facts)} if facts else {}


STEP = Step(
    name="judge-examples",
    help="Known labels become examples for a judge: pairs, ratings, yes and no, critiques, with caps and weights.",
    settings=JudgeExamplesSettings,
    needs=((PAIRS,), (JUDGMENTS,)),
    wants=needs_of,
    makes="examples",
    carries=lambda _: frozenset(),
    roles={"judge": "judge"},
    stem="judge-examples",
    make=make,
    forecast=forecast,
    check=check,
    columns={"judge_examples": {}},
    row=row,
)
