"""The source `west-of-n`: the best and the worst of N by a judge, kept only where both filters let them through.

West-of-N (2401.12086): of the pairs (argmax, argmin) those are kept of which the judge is sure, and whose two sides are
both likely under the policy, so that what is learned lies where the policy goes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.feedback.pairing import Candidate
from rlaif.records import Completion, Pair, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe import scored_pairs
from rlaif.workflows.recipe.construction import artefact_inputs, counts
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.scored_pairs import ComparedPairs
from rlaif.workflows.recipe.step import CheckedStep, Expected, Job, RunJob
from rlaif.workflows.recipe.text_logprobs import require_logprobs, text_logprobs

MODEL = "model"
UNSCORED, TOO_FEW, UNSURE, UNLIKELY = "no likelihood", "fewer than two", "below sure", "below likely"


@dataclass(frozen=True, slots=True, kw_only=True)
class WestOfNPairs(ComparedPairs):
    """What decides, and the two filters."""

    sure: float = setting(
        0.5,
        help="Keep pairs of which P(chosen is better) is at or above this quantile of all pairs.",
        least=0,
        below=1,
    )
    likely: float = setting(
        0.25,
        help="Keep pairs both of whose likelihoods are at or above this quantile of all sides; 0 asks no likelihood.",
        least=0,
        below=1,
    )
    per_word: bool = setting(
        False,
        help="Divide a text's log-probability by its words, so that long texts are not left out for their length.",
        wanted="true: log-probabilities are taken a word",
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, between neighbours by proportion (Hyndman and Fan's 7)."""
    order = sorted(values)
    place = share * (len(order) - 1)
    low = math.floor(place)
    high = min(low + 1, len(order) - 1)
    return order[low] + (place - low) * (order[high] - order[low])


def filtered(
    pairs: Sequence[Pair],
    likelihoods: Sequence[tuple[float | None, float | None]],
    sure: float,
    likely: float,
) -> tuple[list[Pair], Counter[str]]:
    """The pairs that pass both filters, and why others do not.

    `likelihoods` are of the chosen and of the rejected side. With `likely` 0 they are not read.
    """
    why: Counter[str] = Counter()
    known = [
        (pair, both) for pair, both in zip(pairs, likelihoods, strict=True) if not likely or None not in both
    ]
    if lost := len(pairs) - len(known):
        why[UNSCORED] = lost
    if not known:
        return [], why
    least_sure = quantile([pair.label_prob for pair, _ in known], sure)
    sides = [each for _, both in known for each in both if each is not None]
    least_likely = quantile(sides, likely) if likely else -math.inf
    kept = []
    for pair, both in known:
        if pair.label_prob < least_sure:
            why[UNSURE] += 1
        elif likely and any(each is not None and each < least_likely for each in both):
            why[UNLIKELY] += 1
        else:
            kept.append(pair)
    return kept, why


def pair(job: RunJob) -> SourcedPairs:
    """Pair the best with the worst of each prompt, and keep what both filters let through."""
    drawn: list[tuple[Prompt, Completion]] = job.value("completions")
    judgments, options = job.value("judgments"), job.settings.options
    found, few = [], 0
    for prompt, own in scored_pairs.scored(job, drawn, judgments):
        order = scored_pairs.ranked(job, own)
        if len(order) < 2:
            few += 1
        else:
            found.append(Candidate(prompt, order[0], order[-1]))
    done = scored_pairs.decided(job, found, judgments)
    sides = [(one.prompt, each.completion) for one, _ in done.pairs for each in (one.better, one.worse)]
    known, told = text_logprobs(job, MODEL, sides) if options.likely else ({}, [])
    words = {each.id: max(1, len(each.text.split())) if options.per_word else 1 for _, each in sides}

    def likelihood(each: Completion) -> float | None:
        return known[each.id] / words[each.id] if each.id in known else None

    both = [(likelihood(one.better.completion), likelihood(one.worse.completion)) for one, _ in done.pairs]
    kept, left = filtered([each for _, each in done.pairs], both, options.sure, options.likely)
    why = {**({TOO_FEW: few} if few else {}), **done.why, **left}
    return SourcedPairs(
        pairs=kept,
        counts=counts(drawn, len(found) + few, why, len(kept)),
        comparisons=done.comparisons,
        facts={**scored_pairs.facts(judgments, done.comparisons), **({"warnings": told} if told else {})},
    )


def forecast(job: Job) -> list[Pair]:
    """Ask as many comparisons and likelihoods as there will be at most."""
    drawn: list[tuple[Prompt, Completion]] = job.value("completions")
    scored_pairs.ask_alike(job, drawn)
    if job.settings.options.likely:
        taken: Counter[str] = Counter()
        sides = []
        for prompt, each in drawn:
            taken[prompt.id] += 1
            if taken[prompt.id] <= 2:
                sides.append((prompt, each))
        text_logprobs(job, MODEL, sides)
    return []


def check(checked: CheckedStep) -> None:
    """Raise InputError where the policy's likelihoods cannot be had."""
    if checked.entry.settings.options.likely:
        require_logprobs(checked, MODEL)
    checked.require_several("pairs need")
    scored_pairs.check(checked)


def work(expected: Expected) -> int:
    """Count the comparisons, and the likelihoods of both sides."""
    likely = 2 * expected.sizes.get("asked", 0) if expected.entry.settings.options.likely else 0
    return scored_pairs.work(expected) + int(likely)


SOURCE = PairSource(
    name="west-of-n",
    help="The judge's best over its worst, where the judge is sure and both are likely under the policy (West-of-N).",
    options=WestOfNPairs,
    needs=lambda _: (("judgments",), ("completions",)),
    models=lambda options: (
        {"judge": "judge", MODEL: "policy"} if options is None or options.likely else {"judge": "judge"}
    ),
    pair=pair,
    forecast=forecast,
    inputs=artefact_inputs,
    compares=lambda _: True,
    check=check,
    protocols=scored_pairs.protocols_of,
    work=work,
    halts=scored_pairs.halts,
)
