"""Principles that a judge cannot apply, and the pairs that nothing but those decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlaif.feedback import Funnel
from rlaif.records import Pair
from rlaif.workflows.generate.judge_step import MIN_COMPARED, MIN_CONSISTENCY
from rlaif.workflows.generate.principle_tests import MIN_PASSED_SHARE

UNFIT = "unfit"
"""Why a pair is held back, beside the reasons of `NoPair`."""
HINT = "--accept-unfit keeps them"


def unfit_principles(
    table: Mapping[str, Mapping[str, Any]], tests: Mapping[str, Mapping[str, int]]
) -> dict[str, str]:
    """By id: why this judge cannot apply a principle, by its own tests or by the order of its comparisons.

    `table` is how it was compared (`principles_table`), `tests` how many of its own tests it passed.
    """
    found = {}
    for name, row in table.items():
        apart, consistency = row.get("told_apart") or 0, row.get("order_consistency")
        if apart >= MIN_COMPARED and consistency is not None and consistency < MIN_CONSISTENCY:
            found[name] = f"its order consistency is only {consistency:.0%} on {apart}"
    for name, row in tests.items():
        whole, passed = row["tests"], row["passed"]
        if whole and passed < MIN_PASSED_SHARE * whole:
            found[name] = f"passes {passed} of its own {whole} tests"
    return found


def decided_by(pair: Pair) -> set[str]:
    """The principles that speak for the label, which is that the chosen side is better."""
    return {str(each["id"]) for each in pair.principles if float(each.get("p") or 0.0) > 0.5}


def held_back(pairs: Sequence[Pair], unfit: Collection[str]) -> tuple[list[Pair], list[Pair]]:
    """Those that some fit principle speaks for, and those that only unfit ones do."""
    kept: list[Pair] = []
    held: list[Pair] = []
    for pair in pairs:
        by = decided_by(pair)
        (held if by and by <= set(unfit) else kept).append(pair)
    return kept, held


def without(funnel: Funnel, held: int) -> Funnel:
    """The funnel when so many of its pairs are held back."""
    if not held:
        return funnel
    return replace(funnel, kept=funnel.kept - held, no_pair={**funnel.no_pair, UNFIT: held})


def held_sentence(held: int, unfit: Mapping[str, str]) -> list[str]:
    """Return the warning that `held` pairs are held back and why; empty where none is."""
    if not held:
        return []
    why = "; ".join(f"{name}: {reason}" for name, reason in unfit.items())
    return [
        f"{held} pairs are held back: all that speaks for their labels are principles that this judge cannot apply "
        f"({why}); reword them, give them tests (`rlaif constitution test`), or take another judge. {HINT}"
    ]


def warned(pairs: Sequence[Pair], summary: Mapping[str, Any]) -> list[str]:
    """What a training should say of the pairs of a run whose summary this is."""
    unfit = unfit_principles(summary.get("principles") or {}, summary.get("tests") or {})
    _, doubtful = held_back(pairs, unfit)
    if not doubtful:
        return []
    why = "; ".join(f"{name}: {reason}" for name, reason in unfit.items())
    return [
        f"{len(doubtful)} of {len(pairs)} pairs are labelled by nothing but principles that their judge cannot apply "
        f"({why}); they are trained on"
    ]
