"""The step `item-gap`: of pairs by rubrics, the share whose sides differ most in a single criterion (2507.18624)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.errors import InputError
from rlaif.feedback.rubrics import sides_of
from rlaif.judging.rubric_versions import round_half_up
from rlaif.records import Judgment, Pair
from rlaif.settings import setting
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.steps.judge import by_rubrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGapSettings:
    """How many pairs stay."""

    keep: float = setting(
        0.4, help="Share of the pairs that is kept: those of the largest gap.", above=0, most=1
    )


def item_gap(pair: Pair, judgments: Mapping[str, Judgment]) -> float | None:
    """The largest difference of P(true) of one criterion between the sides; None where none was read of both."""
    sides = [judgments.get(each.id) for each in sides_of(pair)]
    read = [
        {row["id"]: row["p"] for row in each.criteria if "p" in row} for each in sides if each is not None
    ]
    if len(read) < len(sides):
        return None
    chosen, rejected = read
    return max((abs(chosen[name] - rejected[name]) for name in chosen.keys() & rejected.keys()), default=None)


def kept_pairs(
    pairs: Sequence[Pair], judgments: Sequence[Judgment], keep: float
) -> tuple[list[Pair], dict[str, Any]]:
    """The pairs of the largest gaps in their order, and what is said of them; one without a gap is not kept."""
    by_id = {each.completion_ids[0]: each for each in judgments if each.criteria}
    gaps = {place: gap for place, each in enumerate(pairs) if (gap := item_gap(each, by_id)) is not None}
    count = max(1, round_half_up(keep * len(pairs)))
    best = sorted(sorted(gaps, key=lambda place: (-gaps[place], place))[:count])
    facts = {
        "pairs_before": len(pairs),
        "pairs": len(best),
        "without_gap": len(pairs) - len(gaps),
        "smallest_gap": min((gaps[place] for place in best), default=None),
    }
    return [pairs[place] for place in best], facts


def make(job: RunJob) -> Facts:
    """Keep the pairs."""
    kept, facts = kept_pairs(job.value("pairs"), job.value("judgments"), job.settings.keep)
    job.write(kept)
    return facts


def forecast(job: Job) -> list[Pair]:
    """Return the pairs that would be kept."""
    return kept_pairs(job.value("pairs"), job.value("judgments"), job.settings.keep)[0]


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return why the pairs must not be trained on, or None."""
    if facts["pairs"]:
        return None
    return f"of none of {facts['pairs_before']} pairs one criterion was read of both sides"


def check(checked: CheckedStep) -> None:
    """Raise InputError where the pairs were not judged by rubrics."""
    maker = checked.maker("judgments")
    if maker is not None and not by_rubrics(str(getattr(maker.settings, "protocol", ""))):
        raise InputError(
            f"the pairs are of judgments of {maker.key!r}, which asks no rubrics; name `protocol: rubric` there"
        )


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many pairs are left, and how many had no gap."""
    if not facts:
        return {}
    lost = facts["without_gap"]
    told = [f"{lost} pairs had no criterion that was read of both sides, and were left out"] if lost else []
    return {"pairs": facts["pairs"], "warnings": told}


STEP = Step(
    name="item-gap",
    help="Of pairs by rubrics, the share whose sides differ most in a single criterion.",
    settings=ItemGapSettings,
    needs=(("pairs",), ("judgments",)),
    makes="pairs",
    stem="pairs-by-gap",
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    row=row,
)
