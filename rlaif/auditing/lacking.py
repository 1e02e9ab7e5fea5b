"""Figures that an audit could not compute, and what each needs: an absent figure is not a good one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence
    from rlaif.auditing.resample import Estimate

NEEDS = {
    "order_disagreement": "order consistency and position bias: comparisons in both orders, which `generate`, "
    "`judge` and `run` keep as comparisons.jsonl",
    "looks_agree": "pointwise scores against pairwise verdicts: a pointwise protocol, `checklist` or `score`",
    "cyclic": "cycles: comparisons of all pairs of three answers or more (`--pairing all`)",
    "rationale_contradicts": "verdict against rationale: a judge that reasons before it decides (`compare-cot`)",
    "retest_differs": "test-retest: a second run of the same judge, named with --again",
    "people_agree": "agreement with reviewers: their decisions (`rlaif review RUN`)",
    "fleiss": "agreement between reviewers: pairs that two of them decided (`rlaif review RUN --reviewer NAME`)",
    "calibration_error": "calibration: reviewers' decisions (`rlaif review RUN`), or prompts with gold",
    "contaminated": "contamination: the prompts of your evaluation, named with --evaluation",
    "training_uncovered": "coverage: the prompts of your training, named with --training",
}


def not_looked_at(evidence: Evidence, figures: Mapping[str, Estimate]) -> dict[str, str]:
    """For each absent figure what it is and what it needs."""
    found = {name: why for name, why in NEEDS.items() if name not in figures}
    own = evidence.own[evidence.texts.policy] if len(evidence.texts.policy) else evidence.own
    if own.all() or not own.any():
        whose = "all answers are" if own.all() and len(own) else "no answer is"
        found["effect:own"] = (
            f"self-preference: {whose} of the judge's own weights or family; mix in answers of another policy"
        )
    if evidence.gold is None:
        found["gain"] = "the generator-discriminator gap: prompts with gold, several answers to each"
    return found
