"""Two ways in which a judge fails altogether: it refuses to judge, or it grades the prompt and not the answer."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple

from rlaif.auditing.intervals import bootstrap, clustered, wilson
from rlaif.auditing.labels import Labelled, kappa_within, kappa_within_limits
from rlaif.judging.parse import refuses as refusal_text
from rlaif.records import State

MAX_REFUSED = 0.01
"""Share of cells without a label of the set above which a judge refuses."""
BLIND = 0.2
"""Agreement beyond chance within groups of prompts (kappa: `slight`) below which a judge looks past the answer."""

LEAST = 30
"""Answers, in groups that hold good and bad ones, below which nothing is said: a bootstrap of few sees no spread."""


class Flag(NamedTuple):
    """Whether it fires, the figure behind it, and a sentence for people; `fires` is None where it cannot be told."""

    fires: bool | None
    value: float | None
    why: str


class Swaps(NamedTuple):
    """Of the prompts that were shown with another prompt's answer, how often the label moved."""

    moved: int
    shown: int


def is_refusal(said: str) -> bool:
    """Whether what stands where a label belongs refuses to give one."""
    return said == State.JUDGE_REFUSED or refusal_text(said)


def judge_refuses(
    said: Sequence[str], known: Collection[str], prompts: Sequence[Hashable] | None = None
) -> Flag:
    """Fires where more than `MAX_REFUSED` of the cells hold no label of the set, or refusal text.

    `prompts` says whose cells belong together, for the interval; without it each stands for itself.
    """
    if not said:
        return Flag(None, None, "nothing was judged")
    off = [each for each in said if each not in known]
    prose = sum(map(is_refusal, off))
    groups = range(len(said)) if prompts is None else prompts
    found = clustered([(group, float(each not in known)) for group, each in zip(groups, said, strict=True)])
    share = len(off) / len(said)
    span = f", 95 % interval {found.low:.3f} to {found.high:.3f}" if found else ""
    why = f"{len(off)} of {len(said)} cells hold no label of the set ({prose} of them refusal text{span})"
    return Flag(share > MAX_REFUSED, share, why)


def grades_the_prompt(rows: Sequence[Labelled], swaps: Swaps | None = None, *, seed: int = 0) -> Flag:
    """Fires where, among prompts of one group, the label has nothing to do with what is true of the answer.

    The figure is `kappa_within`; it fires where even the upper end of its interval over clusters is below `BLIND`.
    Where answers were swapped across prompts, the label must not move with them either: a judge that cannot tell a
    good answer from a subtly bad one, and notices one to another question, does read the answer.
    """
    found = bootstrap(
        rows,
        kappa_within,
        lambda row: row.cluster or id(row),
        limits=kappa_within_limits,
        resamples=1000,
        seed=seed,
    )
    if found is None:
        return Flag(None, None, "within a group of prompts all answers are alike: it cannot be told")
    span = f"{found.value:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}"
    moved = wilson(swaps.moved, swaps.shown) if swaps else None
    if moved is not None:
        span += f"; it moves in {moved.value:.3f} of {swaps.shown if swaps else 0} swaps of answers across prompts"
        if moved.low >= BLIND:
            return Flag(False, found.value, f"the label depends on the answer (kappa {span})")
    if found.value <= -BLIND:
        return Flag(
            False, found.value, f"the label depends on the answer, and says the opposite (kappa {span})"
        )
    told = _telling(rows) >= LEAST
    if told and found.high < BLIND and (moved is None or moved.high < BLIND):
        why = f"given the kind of prompt, the label does not depend on the answer (kappa {span})"
        return Flag(True, found.value, why)
    if found.value < BLIND:
        return Flag(None, found.value, f"too few answers to tell (kappa given the kind of prompt {span})")
    return Flag(
        False, found.value, f"the label depends on the answer (kappa given the kind of prompt {span})"
    )


def _telling(rows: Sequence[Labelled]) -> int:
    """How many answers stand in a group with answers of another label."""
    truths: dict[str, list[str]] = {}
    for row in rows:
        truths.setdefault(row.group, []).append(row.gold)
    return sum(len(held) for held in truths.values() if len(set(held)) > 1)
