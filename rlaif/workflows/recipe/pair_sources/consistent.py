"""The source `consistent`: the best over the worst, believed as far as two stands of a model rank alike.

CREAM (2410.12735). Each completion of a prompt gets a reward, by the newest model and by the one before it; Kendall's
tau between the two rankings says how far the newest one is to be believed. With C the mean of (tau + 1) / 2 over the
prompts, the loss is C x L(chosen over rejected) + (1 - C) x L(rejected over chosen): the label probability of each pair
is drawn towards, or beyond, one half by as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.feedback.pairing import Candidate
from rlaif.records import Completion, Pair, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe import scored_pairs
from rlaif.workflows.recipe.construction import Sides, artefact_inputs, counts, is_whole, provenance
from rlaif.workflows.recipe.pair_source import Needs, PairSource, SourcedPairs
from rlaif.workflows.recipe.scored_pairs import ComparedPairs
from rlaif.workflows.recipe.step import CheckedStep, Expected, Job, RunJob
from rlaif.workflows.recipe.text_logprobs import is_scored, require_logprobs, text_logprobs

MODEL, BEFORE, BASE = "model", "before", "base"
LIKELIHOOD, JUDGED = "likelihood", "judge"
TOO_FEW, EVEN_REWARDS = "fewer than two", "tie"
EVEN = 0.5
Drawn = Sequence[tuple[Prompt, Completion]]
Rewards = Mapping[str, float]
"""By completion id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistentPairs(ComparedPairs):
    """What ranks, and what decides where a judge ranks."""

    by: Literal["likelihood", "judge"] = setting(
        "likelihood",
        help="What ranks: `likelihood`, log P by the policy over log P by its base; or a `judge`, of two stands.",
    )


def kendall_tau(one: Sequence[float], other: Sequence[float]) -> float:
    """(concordant - discordant) / all comparisons; one that is even in either ranking is neither. Of one value: 1."""
    twos = list(combinations(range(len(one)), 2))
    if not twos:
        return 1.0
    signs = (_sign(one[i] - one[j]) * _sign(other[i] - other[j]) for i, j in twos)
    return sum(signs) / len(twos)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def consistency(taus: Sequence[float]) -> float:
    """C = mean of (tau + 1) / 2."""
    return sum((each + 1) / 2 for each in taus) / len(taus)


def smoothed(label: float, agreed: float) -> float:
    """The label probability whose loss is C x L + (1 - C) x L of the opposite label."""
    return agreed * label + (1 - agreed) * (1 - label)


def ranked_alike(
    drawn: Drawn, now: Rewards, before: Rewards
) -> tuple[list[Sides], list[float], dict[str, int]]:
    """The best over the worst of each prompt by `now`, each prompt's tau, and why others have no pair.

    Only completions that both give a reward count; texts alike count once.
    """
    found: list[Sides] = []
    taus: list[float] = []
    reasons = {TOO_FEW: 0, EVEN_REWARDS: 0}
    for prompt, texts in by_prompt(drawn):
        own = {each.id: each for each in texts if each.id in now and each.id in before and is_whole(each)}
        if len(own) < 2:
            reasons[TOO_FEW] += 1
            continue
        taus.append(kendall_tau([now[name] for name in own], [before[name] for name in own]))
        best, worst = (pick(own, key=lambda name: (now[name], name)) for pick in (max, min))
        if now[best] == now[worst]:
            reasons[EVEN_REWARDS] += 1
        else:
            found.append(Sides(prompt, own[best], own[worst]))
    return found, taus, {name: count for name, count in reasons.items() if count}


def pair(job: RunJob) -> SourcedPairs:
    """Pair the best with the worst, and label by how far the rankings agree."""
    return _by_likelihood(job) if job.settings.options.by == LIKELIHOOD else _by_judge(job)


def _by_likelihood(job: RunJob) -> SourcedPairs:
    drawn: Drawn = job.value("completions")
    now, before, told = _rewards(job, drawn)
    found, taus, reasons = ranked_alike(drawn, now, before)
    agreed = consistency(taus) if taus else EVEN
    pairs = [
        Pair(
            prompt=each.prompt.messages,
            tools=each.prompt.tools,
            chosen=each.better.turns,
            rejected=each.worse.turns,
            label_prob=smoothed(1.0, agreed),
            chosen_score=now[each.better.id],
            rejected_score=now[each.worse.id],
            score_gap=now[each.better.id] - now[each.worse.id],
            round=job.round,
            provenance={**provenance(job, each), "consistency": agreed},
        )
        for each in found
    ]
    said = _said(agreed, told) if taus else {"warnings": told}
    made = counts(drawn, len(found) + sum(reasons.values()), reasons, len(pairs))
    return SourcedPairs(pairs=pairs, counts=made, facts=said)


def _rewards(job: Job, drawn: Drawn) -> tuple[Rewards, Rewards, list[str]]:
    """r = log P by the policy - log P by its base, for the newest policy and for the one before."""
    (base, one), (now, two), (before, three) = (
        text_logprobs(job, key, drawn) for key in (BASE, MODEL, BEFORE)
    )
    newest = {name: value - base[name] for name, value in now.items() if name in base}
    earlier = {name: value - base[name] for name, value in before.items() if name in base}
    return newest, earlier, list(dict.fromkeys([*one, *two, *three]))


def _by_judge(job: RunJob) -> SourcedPairs:
    """Rank by the judgments of the artefact that is named first; those of the second say how far it is believed."""
    first, second = (job.read(each) for each in job.gathered())
    drawn: Drawn = job.value("completions")
    now, before = (scored_pairs.scored(job, drawn, each) for each in (first, second))
    rewards, earlier = (
        {each.completion.id: float(each.score or 0.0) for _, own in scored for each in own}
        for scored in (now, before)
    )
    _, taus, _ = ranked_alike(drawn, rewards, earlier)
    agreed = consistency(taus) if taus else EVEN
    found, few = [], 0
    for prompt, own in now:
        order = scored_pairs.ranked(job, own)
        if len(order) < 2:
            few += 1
        else:
            found.append(Candidate(prompt, order[0], order[-1]))
    done = scored_pairs.decided(job, found, first)
    pairs = [
        replace(
            each,
            label_prob=smoothed(each.label_prob, agreed),
            provenance={**each.provenance, "consistency": agreed},
        )
        for _, each in done.pairs
    ]
    why = {**({TOO_FEW: few} if few else {}), **done.why}
    return SourcedPairs(
        pairs=pairs,
        counts=counts(drawn, len(found) + few, why, len(pairs)),
        comparisons=done.comparisons,
        facts={**scored_pairs.facts([*first, *second], done.comparisons), **_said(agreed, [])},
    )


def _said(agreed: float, told: Sequence[str]) -> dict[str, Any]:
    turned = [
        f"the rankings of two stands of the model agree less than by chance (consistency {agreed:.2f}): the labels are "
        "turned round, as the method has it"
    ]
    warnings = [*told, *(turned if agreed < EVEN else ())]
    return {"figures": {"consistency": agreed}, **({"warnings": warnings} if warnings else {})}


def forecast(job: Job) -> list[Pair]:
    """Ask as many comparisons or likelihoods as there will be at most."""
    if job.settings.options.by == LIKELIHOOD:
        _rewards(job, [each for each in job.value("completions") if is_scored(each[1])])
    else:
        scored_pairs.ask_alike(job, job.value("completions"))
    return []


def needs(options: Any) -> Needs:
    """The completions, or the judgments of two stands of the judge."""
    return (("completions",),) if options.by == LIKELIHOOD else (("judgments",), ("completions",))


def models(options: Any) -> Mapping[str, str]:
    """The policy, the one before it and its base; or the judge that compares."""
    ranks = {MODEL: "policy", BEFORE: "earlier", BASE: "initial"}
    judges = {"judge": "judge"}
    return {**judges, **ranks} if options is None else ranks if options.by == LIKELIHOOD else judges


def check(checked: CheckedStep) -> None:
    """Raise InputError where nothing can be ranked, or nobody compares."""
    options = checked.entry.settings.options
    checked.require_several("pairs need")
    if options.by == LIKELIHOOD:
        if "then" in checked.entry.given or "inconsistent" in checked.entry.given:
            raise InputError(
                "then and inconsistent are of `by: judge`; by likelihood nobody compares: remove them"
            )
        named = checked.task.models
        if named[MODEL] == named[BASE]:
            raise InputError(
                f"in round {checked.task.round} the policy {named[MODEL]} is its own base, and all rewards are 0; name "
                "the model that it was trained from by `base` (a role of `models`), say in which later rounds the step "
                "runs (`round: [2, 3]`), or rank by the judge (`by: judge`)"
            )
        require_logprobs(checked, MODEL, BEFORE, BASE)
        return
    taken = [each for each in checked.task.takes if each.kind == "judgments"]
    if len(taken) != 2:
        raise InputError(
            f"by judge takes the judgments of the same completions by two stands of the judge, and `of` names "
            f"{len(taken)}: the newest one's, then the one's before (a step judge with `judge: earlier`): "
            "`of: [now, before]`"
        )
    drawn = {each.ancestor("completions") for each in taken}
    if len(drawn) != 1:
        raise InputError(
            "the two judgments are of different completions; let both steps judge take the same (`of`)"
        )
    scored_pairs.check(checked)


def work(expected: Expected) -> int:
    """Count the likelihoods of all completions by three models, or the comparisons."""
    if expected.entry.settings.options.by == LIKELIHOOD:
        return int(3 * expected.sizes.get("completions", 0))
    return scored_pairs.work(expected)


def halts(job: Job, said: Mapping[str, Any]) -> str | None:
    """Return why the pairs must not be trained on, or None."""
    return scored_pairs.halts(job, said) if "unreadable_share" in said else None


SOURCE = PairSource(
    name="consistent",
    help="The best over the worst, labelled by how far two stands of a model rank alike (CREAM).",
    options=ConsistentPairs,
    needs=needs,
    gathers=True,
    joins=False,
    models=models,
    pair=pair,
    forecast=forecast,
    inputs=artefact_inputs,
    compares=lambda options: bool(options.by == JUDGED),
    check=check,
    protocols=lambda options: scored_pairs.protocols_of(options) if options.by == JUDGED else [],
    work=work,
    halts=halts,
)
