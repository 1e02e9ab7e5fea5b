"""The source `cell`: answers that differ in the principle of a cell, and are alike in all others.

Targeted comparisons: what is learned of them is that principle, and not how the answers differ beside it. The label is
that of two independent readings, P = p (1 - q) / (p (1 - q) + q (1 - p)), with p and q the judge's P(yes) of the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.records import Completion, Judgment, Pair, Prompt, State
from rlaif.settings import setting
from rlaif.workflows.recipe import construction
from rlaif.workflows.recipe.construction import Constructed, Sides, is_whole, paired
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.step import CheckedStep, Job, RunJob
from rlaif.workflows.recipe.steps.worst_cell import CELL

NO_CELL, UNREAD, ALIKE, OTHERWISE = "no cell", "unread", "alike in the cell", "differ in other principles"
CLIP = 0.02
"""As far as a reading of one judge is believed: its P(yes) is taken as no surer than .02 and .98."""
Readings = Mapping[str, Mapping[str, float]]
"""By completion id and principle id the judge's P(yes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPairs(Constructed):
    """How far two answers must differ in the principle of the cell, and how far they may in the others."""

    gap: float = setting(
        0.4, help="How much the judge's P(yes) of the cell's principle must differ.", above=0, most=1
    )
    others: float = setting(
        0.15, help="How much its mean over the other principles may differ at most.", least=0, most=1
    )


def readings_of(judgments: Sequence[Judgment]) -> dict[str, dict[str, float]]:
    """What could be read of each completion by itself."""
    found: dict[str, dict[str, float]] = {}
    for each in judgments:
        if each.state is State.SCORE and each.value is not None and each.principle_id is not None:
            found.setdefault(each.completion_ids[0], {})[each.principle_id] = each.value
    return found


def label_of(better: float, worse: float) -> float:
    """P(the first follows the principle and the second does not | exactly one does), of two P(yes)."""
    p, q = (min(1 - CLIP, max(CLIP, each)) for each in (better, worse))
    return p * (1 - q) / (p * (1 - q) + q * (1 - p))


def sides_of(
    drawn: Sequence[tuple[Prompt, Completion]], readings: Readings, gap: float, others: float
) -> tuple[list[Sides], dict[str, int]]:
    """Of each prompt the two answers that differ most in its cell's principle and are alike in the others; or why not.

    Other principles are compared over those that were read of both.
    """
    found: list[Sides] = []
    reasons: Counter[str] = Counter()
    for prompt, own in by_prompt(drawn):
        principle = prompt.meta.get(CELL)
        known = [each for each in own if is_whole(each) and principle in readings.get(each.id, {})]
        if principle is None or len(known) < 2:
            reasons[NO_CELL if principle is None else UNREAD] += 1
            continue
        two = [(one, other) for one in known for other in known if one.id != other.id]
        far = [each for each in two if _gap(each, readings, principle) >= gap]
        fitting = [each for each in far if _beside(each, readings, principle) <= others]
        if not fitting:
            reasons[OTHERWISE if far else ALIKE] += 1
            continue
        one, other = max(
            fitting,
            key=lambda each: (
                _gap(each, readings, principle) - _beside(each, readings, principle),
                each[0].id,
                each[1].id,
            ),
        )
        label = label_of(readings[one.id][principle], readings[other.id][principle])
        found.append(Sides(prompt, one, other, label=label))
    return found, dict(reasons)


def _gap(two: tuple[Completion, Completion], readings: Readings, principle: str) -> float:
    return readings[two[0].id][principle] - readings[two[1].id][principle]


def _beside(two: tuple[Completion, Completion], readings: Readings, principle: str) -> float:
    """How much the means over the other principles differ; 0 where there is none that was read of both."""
    one, other = (readings[each.id] for each in two)
    both = [name for name in one if name in other and name != principle]
    return abs(fmean(one[name] for name in both) - fmean(other[name] for name in both)) if both else 0.0


def pair(job: RunJob) -> SourcedPairs:
    """Pair the answers of each prompt that differ in its cell."""
    options = job.settings.options
    drawn: list[tuple[Prompt, Completion]] = job.value("completions")
    found, reasons = sides_of(drawn, readings_of(job.value("judgments")), options.gap, options.others)
    return paired(job, drawn, found, reasons)


def forecast(job: Job) -> list[Pair]:
    """Ask what the labelling would ask, were there a pair of each prompt."""
    found = []
    for prompt, own in by_prompt(job.value("completions")):
        texts = list({each.id: each for each in own}.values())[:2]
        if len(texts) == 2:
            found.append(Sides(prompt, texts[0], texts[1]))
    return construction.forecast(job, found)


def check(checked: CheckedStep) -> None:
    """Raise InputError where the completions answer no prompts of a cell."""
    construction.check(checked)
    checked.check_judged()
    checked.require_several("pairs of a cell need")
    names = {each.step for each in checked.recipe.round}
    if WORST_CELL not in names:
        raise InputError(
            f"source cell pairs answers to prompts of a cell, and no step finds one; add `step: {WORST_CELL}`"
        )


WORST_CELL = "worst-cell"
SOURCE = PairSource(
    name="cell",
    help="Answers that differ in the principle that a step worst-cell found to be failed, and are alike in all others.",
    options=CellPairs,
    needs=lambda _: (("judgments",), ("completions",)),
    models=construction.models_of,
    # the prompts come from judgments too, those in which the cell was found
    joins=False,
    pair=pair,
    forecast=forecast,
    inputs=construction.artefact_inputs,
    compares=construction.compares,
    check=check,
    protocols=construction.protocols_of,
    work=construction.work,
)
