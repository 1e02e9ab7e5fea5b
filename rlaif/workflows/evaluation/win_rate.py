"""How often one model's answers are judged better than another's: both orders, an interval over prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlaif.auditing.intervals import Resampling
from rlaif.feedback.pairing import as_seen
from rlaif.judging import Judge, decide
from rlaif.judging.pointwise import judge_hard_principles
from rlaif.judging.shown import Sees
from rlaif.records import Completion, Constitution, Judgment, NoPair, Prompt
from rlaif.workflows.evaluation.panel_groups import group_rates, group_scores

EVEN = {NoPair.TIE, NoPair.INCONSISTENT, NoPair.UNDECIDED, NoPair.BOTH_VIOLATE, NoPair.DUPLICATE}
"""Reasons that are a verdict: neither is better. All others are failures of the judge and give no result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """How often a policy's answer is judged better; an even pair counts one half, a failed one not at all."""

    against: str
    win_rate: float | None
    low: float | None
    high: float | None
    wins: int
    losses: int
    even: int
    failed: int


class AnswersCompared(NamedTuple):
    """Answers of two models to the same prompts, compared."""

    rate: WinRate
    scores: Mapping[str, float]
    """By prompt: 1 where ours is better, 0 where theirs is, one half where neither is."""
    by_principle: Mapping[str, Mapping[str, float]]
    """By principle, then by prompt: P(ours follows it better), of what was read in both orders."""
    by_group: Mapping[str, Any] = {}
    """Of a panel: the win rate by each group of its judges, and where groups part; see `group_rates`."""
    judged: Sequence[Judgment] = ()
    """Every comparison that the judge was asked for."""
    checked: Sequence[Judgment] = ()
    """What it said of each answer alone, on hard principles."""


def compare_answers(
    judge: Judge,
    constitution: Constitution,
    prompts: Sequence[Prompt],
    ours: Sequence[Completion],
    theirs: Sequence[Completion],
    *,
    against: str,
    resampling: Resampling,
    sees: Sees = "answer",
) -> AnswersCompared:
    """Compare two models' answers to the same prompts with a judge, in both orders, by the rule that makes pairs.

    A prompt that only one of them answered has no result and counts as failed; a thought that never ended is no answer.
    An answer that is the only one to violate a hard principle loses; where both do, neither wins. The rate is the share
    of wins with ties as a half, with an interval over prompts.
    """
    by_id = {prompt.id: prompt for prompt in prompts}
    other = {each.prompt_id: each for each in theirs if not each.open_thought}
    answered = [each for each in ours if not each.open_thought]
    both = [
        (by_id[each.prompt_id], each, other[each.prompt_id]) for each in answered if each.prompt_id in other
    ]
    asked = [(prompt, one, two) for prompt, one, two in both if as_seen(one, sees) != as_seen(two, sees)]
    judged: dict[str, list[Judgment]] = {}
    for judgment in judge.compare(asked, constitution.principles):
        judged.setdefault(judgment.prompt_id, []).append(judgment)
    checked: dict[str, list[Judgment]] = {}
    for judgment in judge_hard_principles(
        judge, constitution, [(prompt, each) for prompt, *two in asked for each in two]
    ):
        checked.setdefault(judgment.prompt_id, []).append(judgment)
    unlike = {prompt.id for prompt, *_ in asked}
    scores = {prompt.id: 0.5 for prompt, *_ in both if prompt.id not in unlike}
    principles: dict[str, dict[str, float]] = {}
    # of a prompt that one of them could not answer there is nothing to compare
    failed = len(by_id) - len({prompt.id for prompt, *_ in both})
    groups: dict[str, Mapping[str, float]] = {}
    for prompt, one, _ in asked:
        said = judged.get(prompt.id, [])
        if any(each.votes for each in said):
            groups[prompt.id] = group_scores(constitution, prompt, said, one.id, checked.get(prompt.id, []))
        decision = decide(constitution, prompt, said, first=one.id, checklist=checked.get(prompt.id, []))
        for row in decision.principles:
            principles.setdefault(row["id"], {})[prompt.id] = row["p"]
        if decision.label_prob is not None:
            scores[prompt.id] = (
                1.0 if decision.label_prob > 0.5 else 0.0 if decision.label_prob < 0.5 else 0.5
            )
        elif decision.reason in EVEN:
            scores[prompt.id] = 0.5
        else:
            failed += 1
    rate = _rate(list(scores.values()), failed, against, resampling)
    said_of = [[one for each in by.values() for one in each] for by in (judged, checked)]
    return AnswersCompared(rate, scores, principles, group_rates(groups, resampling), *said_of)


def _rate(scores: Sequence[float], failed: int, against: str, resampling: Resampling) -> WinRate:
    found = resampling.interval(scores)
    return WinRate(
        against=against,
        win_rate=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        wins=scores.count(1.0),
        losses=scores.count(0.0),
        even=scores.count(0.5),
        failed=failed,
    )
