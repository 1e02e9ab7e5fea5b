"""Decided candidates to pairs with all that made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlaif.feedback.critique import ViolatedPrinciples, critiques
from rlaif.feedback.pairing import Candidate, PairPlan, is_cut
from rlaif.feedback.score import ScoredCompletion
from rlaif.judging import Decision, Judge, PanelJudge
from rlaif.judging.ask_protocol import templates_of
from rlaif.judging.dealt_judge import DealtJudge
from rlaif.judging.parse import VERSION
from rlaif.judging.protocols import protocols
from rlaif.judging.shown import Sees
from rlaif.records import Constitution, Engine, Judgment, Pair
from rlaif.version import __version__


def assemble(
    decided: Sequence[tuple[Candidate, Decision]],
    compared: Mapping[frozenset[str], Sequence[Judgment]],
    checked: Mapping[str, Sequence[Judgment]],
    judge: Judge,
    constitution: Constitution,
    plan: PairPlan,
    candidates: Mapping[str, int],
) -> list[tuple[Candidate, Pair]]:
    """A pair for each decided candidate, which then names the chosen one first.

    `candidates` says how many each prompt had: its pairs share one weight, so that a prompt with many answers
    has no more of the loss than one with two (InstructGPT's 1/C(K,2), where every two are compared).
    """
    shared = _provenance(judge, constitution, plan.seed)
    made = []
    for candidate, decision in decided:
        label = decision.label_prob
        assert label is not None
        prompt, chosen, rejected = candidate
        principles = decision.principles
        if label < 0.5:
            chosen, rejected, label = rejected, chosen, 1 - label
            principles = tuple({**each, "p": 1 - float(each["p"])} for each in principles)
        readings = [
            *(each for each in checked.get(prompt.id, []) if each.completion_ids[0] in candidate.ids),
            *compared.get(candidate.ids, []),
        ]
        calls = sorted({call for each in readings for call in each.calls})
        policies = list(dict.fromkeys((chosen.completion.policy, rejected.completion.policy)))
        pair = Pair(
            prompt=prompt.messages,
            tools=prompt.tools,
            chosen=chosen.completion.turns,
            rejected=rejected.completion.turns,
            label_prob=label,
            weight=1 / candidates[prompt.id],
            score_gap=_gap(chosen, rejected),
            chosen_score=chosen.score,
            rejected_score=rejected.score,
            principles=principles,
            order_consistent=decision.order_consistent,
            round=plan.round,
            truncated="rejected" if is_cut(rejected.completion) else "",
            provenance={
                **shared,
                "templates": _templates(judge, readings),
                "policy": policies,
                "calls": calls,
                **_votes(readings),
                **_rubrics(readings),
                **plan.provenance,
            },
        )
        made.append((Candidate(prompt, chosen, rejected), pair))
    return made


def _provenance(judge: Judge, constitution: Constitution, seed: int) -> dict[str, Any]:
    return {
        "constitution": {
            "name": constitution.name,
            "version": constitution.version,
            "digest": constitution.digest,
        },
        # not its name: a path would make equal runs in two places differ
        "judge": judge.fingerprint,
        "parser": VERSION,
        "rlaif": __version__,
        "seed": seed,
    }


def _templates(judge: Judge, readings: Sequence[Judgment]) -> dict[str, str]:
    asked = {each.protocol for each in readings}
    if isinstance(judge, DealtJudge):
        return _templates(judge.inner, readings)
    if isinstance(judge, PanelJudge):
        found: dict[str, str] = {}
        for member in judge.members:
            own = {judge.asked_by(member, name) for name in asked}
            found |= _digests(member.judge, own)
        return dict(sorted(found.items()))
    return _digests(judge, asked)


def _digests(judge: Judge, asked: Iterable[str]) -> dict[str, str]:
    known = protocols()
    found: dict[str, str] = {}
    for name in asked:
        if name in known:
            found |= templates_of(known[name], judge)
    return dict(sorted(found.items()))


def _votes(readings: Sequence[Judgment]) -> dict[str, Any]:
    """What each member of a panel said, comparison by comparison; nothing where one judge decided."""
    rows = [
        {"principle": each.principle_id, "completions": list(each.completion_ids), "votes": list(each.votes)}
        for each in readings
        if each.votes
    ]
    return {"votes": rows} if rows else {}


def _rubrics(readings: Sequence[Judgment]) -> dict[str, Any]:
    """The digests of the rubrics that were judged by; nothing where there were none."""
    found = sorted({each.rubric for each in readings if each.rubric})
    return {"rubrics": found} if found else {}


def criticised(
    made: Sequence[tuple[Candidate, Pair]],
    constitution: Constitution,
    critic: Engine | None,
    sees: Sees = "answer",
) -> list[tuple[Candidate, Pair]]:
    """The pairs with what their rejected side does wrong, in the words of `critic`, who sees what the judge does."""
    if critic is None:
        return list(made)
    by_id = {each.id: each for each in constitution.principles}

    def fault(candidate: Candidate, pair: Pair) -> ViolatedPrinciples:
        against = sorted(pair.principles, key=lambda each: -float(each["p"]))
        named = [by_id[each["id"]] for each in against if each["id"] in by_id]
        return ViolatedPrinciples(candidate.prompt, candidate.worse.completion, named)

    faults = [fault(candidate, pair) for candidate, pair in made]
    texts = critiques(critic, [each for each in faults if each.principles], sees=sees)
    return [
        (candidate, replace(pair, critique=texts.get(candidate.worse.completion.id)))
        for candidate, pair in made
    ]


def pointwise_by_prompt(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    """Judgments of single completions by prompt id."""
    found: dict[str, list[Judgment]] = {}
    for each in judgments:
        if len(each.completion_ids) == 1:
            found.setdefault(each.prompt_id, []).append(each)
    return found


def _gap(chosen: ScoredCompletion, rejected: ScoredCompletion) -> float | None:
    return None if chosen.score is None or rejected.score is None else chosen.score - rejected.score
