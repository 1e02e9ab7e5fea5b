"""Whether a policy got better, as facts: changes paired by prompt, and where they are greatest.

What is kept of it in `run.json` under `helped`; `rlaif.review.verdict` puts it into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from rlaif.auditing.intervals import Resampling
from rlaif.auditing.paired import PairedChange, Readings, by_principle, paired, shares
from rlaif.exchange.measured import MeasuredAnswer
from rlaif.workflows.evaluation.win_rate import WinRate

GOLD, JUDGE = "gold", "judge"
NEAR = 1e-9
Kept = tuple[str, str]
"""A file of answers, inside the run, and the model whose answers in it are meant."""


class ComparisonNames(NamedTuple):
    """What the parts of a comparison are called."""

    judge: str | None
    """None: nobody judged."""
    constitution: str
    """Its name and version."""
    against: str
    """The other model."""


def helped(
    before: Sequence[MeasuredAnswer],
    after: Sequence[MeasuredAnswer],
    *,
    named: ComparisonNames,
    resampling: Resampling,
    won: WinRate | Mapping[str, Any] | None = None,
    preferred: Mapping[str, Mapping[str, float]] | None = None,
    kl: float | None = None,
    answers: tuple[Kept, Kept] | None = None,
) -> dict[str, Any]:
    """The facts of one comparison.

    Args:
        before: The answers of the other model, or of the policy that a run began with.
        after: Those of the policy, to the same prompts.
        named: Who judged, by what, and against whom.
        resampling: How intervals are made.
        won: How often the policy's answers were judged better, where they were compared.
        preferred: By principle and prompt, P(the policy's answer follows it better), where they were compared.
        kl: How far the policy is from the other one, where it was measured.
        answers: Where in the run the answers of both are kept.

    Returns:
        What is known, by name; of prompts that only one of them answered nothing.
    """
    first_last = {GOLD: (_gold(before), _gold(after)), JUDGE: (_judged(before), _judged(after))}
    by = {name: found for name, (one, two) in first_last.items() if (found := _changes(one, two, resampling))}
    decisive = next((first_last[name] for name in by), ({}, {}))
    return {
        **named._asdict(),
        "by": by,
        "won": asdict(won) if isinstance(won, WinRate) else dict(won) if won else None,
        "preferred": _preferred(preferred or {}, resampling),
        "words": _change(_words(before), _words(after), resampling, shares_of=False),
        "kl": kl,
        "samples": _samples(decisive, before, after),
        "answers": [list(each) for each in answers] if answers is not None else None,
    }


def _gold(answers: Sequence[MeasuredAnswer]) -> Readings:
    return {each.prompt.id: each.gold for each in answers if each.gold}


def _judged(answers: Sequence[MeasuredAnswer]) -> Readings:
    # a judge that moved is another one: only who judged before and after says what changed
    found = {each.prompt.id: each.first_judge or each.judge for each in answers}
    return {prompt: read for prompt, read in found.items() if read}


def _words(answers: Sequence[MeasuredAnswer]) -> dict[str, float]:
    return {each.prompt.id: float(len(each.answer.text.split())) for each in answers}


def _changes(before: Readings, after: Readings, resampling: Resampling) -> dict[str, Any] | None:
    """The change of the share of principles that an answer meets, and of each principle; the greatest rise first."""
    whole = _change(*shares(before, after), resampling)
    if whole is None:
        return None
    first, last = by_principle(before), by_principle(after)
    each = {name: _change(first[name], last[name], resampling) for name in last if name in first}
    known = {name: found for name, found in each.items() if found is not None}
    return whole | {"by_principle": dict(sorted(known.items(), key=lambda item: -item[1]["change"]))}


def _change(
    before: Mapping[str, float],
    after: Mapping[str, float],
    resampling: Resampling,
    *,
    shares_of: bool = True,
) -> dict[str, Any] | None:
    limits = {} if shares_of else {"limits": None}
    found: PairedChange | None = paired(
        before, after, resamples=resampling.resamples, seed=resampling.seed, **limits
    )
    return None if found is None else found._asdict()


def _preferred(
    preferred: Mapping[str, Mapping[str, float]], resampling: Resampling
) -> dict[str, dict[str, Any]]:
    """By principle, how often the policy's answer follows it better by the judge, with its interval."""
    found = {}
    for name, own in preferred.items():
        interval = resampling.interval(list(own.values()))
        if interval is not None:
            found[name] = {**interval._asdict(), "prompts": len(own)}
    return dict(sorted(found.items(), key=lambda item: -item[1]["value"]))


def _samples(
    decisive: tuple[Readings, Readings],
    before: Sequence[MeasuredAnswer],
    after: Sequence[MeasuredAnswer],
) -> list[dict[str, Any]]:
    """Prompts where it helped most, where it changed least though the answers differ, and where it hurt most."""
    first, last = shares(*decisive)
    texts = {each.prompt.id: each.answer.text for each in before}
    differ = [
        each.prompt.id for each in after if texts.get(each.prompt.id, each.answer.text) != each.answer.text
    ]
    moved = {prompt: last[prompt] - first[prompt] for prompt in differ if prompt in last}
    if not moved:
        return []
    most = max(moved, key=lambda each: (moved[each], each))
    hurt = min(moved, key=lambda each: (moved[each], each))
    rest = [each for each in moved if each not in (most, hurt)]
    least = min(rest, key=lambda each: (abs(moved[each]), each)) if rest else None
    wanted = (("most", most, moved[most] > NEAR), ("least", least, True), ("hurt", hurt, moved[hurt] < -NEAR))
    return [
        {"where": where, "prompt": prompt, "before": first[prompt], "after": last[prompt]}
        for where, prompt, holds in wanted
        if holds and prompt is not None
    ]
