"""Judged completions to preference pairs, with a reason for every one that is not made.

Scores choose the candidates, a comparison in both orders decides, and a comparison that contradicts the scores
makes no pair: two readings of one judge that disagree are not evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.feedback.assemble import assemble, criticised, pointwise_by_prompt
from rlaif.feedback.chosen_principles import ALL
from rlaif.feedback.funnel import Funnel
from rlaif.feedback.pairing import (
    BY_SCORE,
    NO_PAIRWISE,
    PAIRINGS,
    Candidate,
    PairPlan,
    as_seen,
    candidate_pairs,
    compared_by,
    is_cut,
)
from rlaif.feedback.score import ScoredCompletion, score_completions
from rlaif.judging import Decision, Judge, decide, from_checklist, share_of
from rlaif.judging.ask_protocol import ask_pairwise
from rlaif.judging.decide import hard_ruling
from rlaif.judging.protocol import Two
from rlaif.judging.protocols import Asking, pairwise
from rlaif.records import (
    EVEN,
    Completion,
    Constitution,
    Engine,
    Judgment,
    NoPair,
    Pair,
    Principle,
    Prompt,
    State,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What a round of pairing came to."""

    pairs: list[Pair]
    """In prompt order."""
    funnel: Funnel
    comparisons: list[Judgment]
    """All that was said of two completions, also of those that made no pair: what an audit reads."""


@dataclass(slots=True)
class _Tally:
    """What is counted on the way."""

    failed: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    truncated: int = 0
    judged: int = 0
    reasons: Counter[NoPair] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    flipped: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    told_apart: Counter[str] = field(default_factory=Counter)
    told_apart_flipped: Counter[str] = field(default_factory=Counter)


def make_pairs(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    judgments: Sequence[Judgment],
    *,
    judge: Judge,
    constitution: Constitution,
    plan: PairPlan | None = None,
    critic: Engine | None = None,
    failed: Mapping[str, int] | None = None,
) -> Paired:
    """Pairs in prompt order, and where everything else went.

    `judgments` are those of `judge.checklist` (or of `rate`); `critic` writes what the rejected side does wrong;
    `failed` says by prompt id how many completions could not be drawn.
    """
    plan = plan or PairPlan()
    if plan.pairing not in PAIRINGS and not plan.among:
        raise InputError(f"pairing {plan.pairing!r} is not known; known: {', '.join(PAIRINGS)}")
    tally = _Tally(failed=failed or {})
    chosen = _candidates(prompts, completions, judgments, constitution, plan, tally)
    asked = contested(chosen, plan)
    tally.reasons[NoPair.TIE] += len(chosen) - len(asked)
    compared = readings_of(asked, judgments, judge, constitution, plan)
    checked = pointwise_by_prompt(judgments)
    decided: list[tuple[Candidate, Decision]] = []
    for each in asked:
        readings, pointwise_said = compared.get(each.ids, []), checked.get(each.prompt.id, [])
        decision, reason = settle(each, readings, pointwise_said, constitution, plan)
        _count(tally, decision, readings, each, pointwise_said, in_both_orders=plan.then != NO_PAIRWISE)
        if reason is not None:
            tally.reasons[reason] += 1
        else:
            decided.append((each, decision))
    counts = Counter(each.prompt.id for each in chosen)
    made = assemble(decided, compared, checked, judge, constitution, plan, counts)
    made = criticised(made, constitution, critic, plan.judge_sees)
    said = _all(compared)
    return Paired(
        pairs=[pair for _, pair in made],
        funnel=_funnel(prompts, completions, [*judgments, *said], tally, len(made)),
        comparisons=[] if plan.then == NO_PAIRWISE else said,
    )


def find_candidates(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    judgments: Sequence[Judgment],
    constitution: Constitution,
    plan: PairPlan,
) -> list[Candidate]:
    """Return the two completions per prompt that `plan` compares, chosen by pointwise judgments. Asks nothing."""
    return _candidates(prompts, completions, judgments, constitution, plan, _Tally())


def contested(chosen: Sequence[Candidate], plan: PairPlan) -> list[Candidate]:
    """Those that are worth a comparison: of equal scores nothing would agree with it."""
    return [
        each for each in chosen if each.better.rank_key != each.worse.rank_key or plan.pairing not in BY_SCORE
    ]


def settle(
    candidate: Candidate,
    readings: Sequence[Judgment],
    pointwise_said: Sequence[Judgment],
    constitution: Constitution,
    plan: PairPlan,
) -> tuple[Decision, NoPair | None]:
    """Return the decision on one candidate by its readings, and the reason why it is no pair (None: it is one)."""
    decision = _decided(candidate, readings, pointwise_said, constitution, plan)
    told = candidate.better.rank_key != candidate.worse.rank_key
    reason = _reason(decision, plan, told=told)
    turned = decision.label_prob is not None and decision.label_prob < EVEN
    if reason is None and turned and is_cut(candidate.worse.completion):
        reason = NoPair.TRUNCATED  # what was cut off is no one's choice
    return decision, reason


def _decided(
    candidate: Candidate,
    readings: Sequence[Judgment],
    pointwise_said: Sequence[Judgment],
    constitution: Constitution,
    plan: PairPlan,
) -> Decision:
    first, second = candidate.better.completion.id, candidate.worse.completion.id
    meant = compared_by(constitution, candidate, plan)
    if meant is not constitution:
        # whichever principles were drawn, what violates a hard one loses
        hard = [each for each in constitution.principles if each.hard and applies(each, candidate.prompt)]
        if (ruled := hard_ruling(hard, pointwise_said, first, second)) is not None:
            return _clamped(ruled, plan)
    decision = decide(
        meant,
        candidate.prompt,
        readings,
        first=first,
        checklist=pointwise_said,
        inconsistent=plan.inconsistent,
    )
    return _clamped(decision, plan)


def _clamped(decision: Decision, plan: PairPlan) -> Decision:
    label, most = decision.label_prob, plan.clamp
    if label is None or most is None:
        return decision
    return replace(decision, label_prob=min(max(label, 1 - most), most))


def _candidates(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    judgments: Sequence[Judgment],
    constitution: Constitution,
    plan: PairPlan,
    tally: _Tally,
) -> list[Candidate]:
    texts: dict[str, list[Completion]] = {}
    for each in completions:
        texts.setdefault(each.prompt_id, []).append(each)
    said = pointwise_by_prompt(judgments)
    found = []
    for prompt in {each.id: each for each in prompts}.values():
        unique = _unique(texts.get(prompt.id, []), plan, tally)
        scored = score_completions(prompt, unique, said.get(prompt.id, []), constitution)
        with_score = [each for each in scored if each.score is not None]
        tally.judged += len(with_score)
        usable = scored if plan.pairing == "random" and not said else with_score
        pairs = candidate_pairs(usable, plan.pairing, plan.seed, plan.among)
        if not pairs:
            own = texts.get(prompt.id, [])
            undrawn = len(own) < 2 and tally.failed.get(prompt.id, 0) > 0
            outdone = len(usable) >= 2 and any(is_cut(each.completion) for each in usable)
            reason = NoPair.TRUNCATED if outdone else _too_few(own, unique, scored, plan)
            tally.reasons[NoPair.DRAW_FAILED if undrawn else reason] += 1
        found += [Candidate(prompt, better, worse) for better, worse in pairs]
    return found


def _unique(texts: Sequence[Completion], plan: PairPlan, tally: _Tally) -> list[Completion]:
    # behind a thought that never ended there is no answer
    answers = [each for each in texts if not each.open_thought]
    whole, cut = ([each for each in answers if is_cut(each) == wanted] for wanted in (False, True))
    tally.truncated += len(texts) - len(whole)
    # of one text that ended once and was cut off once, the one that ended
    usable = [*whole, *cut] if plan.truncated == "reject" else whole
    unique = list({as_seen(each, plan.judge_sees): each for each in reversed(usable)}.values())[::-1]
    tally.duplicates += len(usable) - len(unique)
    return unique


def _too_few(
    texts: Sequence[Completion],
    unique: Sequence[Completion],
    scored: Sequence[ScoredCompletion],
    plan: PairPlan,
) -> NoPair:
    if len(unique) >= 2:
        states: Counter[State] = Counter()
        for each in scored:
            states.update({state: n for state, n in each.states.items() if state is not State.SCORE})
        worst = max(states.values(), default=0)
        # without any failure no principle applies to this prompt, so that nothing can be decided
        return next(
            (NoPair(state.value) for state in State if worst and states[state] == worst), NoPair.UNDECIDED
        )
    distinct = len({as_seen(each, plan.judge_sees) for each in texts})
    if distinct > len(unique):
        return NoPair.TRUNCATED
    return NoPair.DUPLICATE if len(texts) > distinct else NoPair.UNDECIDED


def readings_of(
    asked: Sequence[Candidate],
    judgments: Sequence[Judgment],
    judge: Judge,
    constitution: Constitution,
    plan: PairPlan,
) -> dict[frozenset[str], list[Judgment]]:
    """Return the judgments that decide each candidate, by the ids of its two completions.

    These are pairwise judgments in both orders, asked here; or, with `--then none`, the pointwise ones that are there.
    """
    items = [(each.prompt, each.better.completion, each.worse.completion) for each in asked]
    found: Iterable[Judgment]
    if plan.then == NO_PAIRWISE:
        said = pointwise_by_prompt(judgments)
        found = [
            judgment
            for prompt, one, other in items
            for judgment in from_checklist(said.get(prompt.id, []), one, other)
        ]
    else:
        how = plan.asking or Asking(seed=plan.seed)
        by_principles: dict[tuple[Principle, ...], list[Two]] = {}
        for candidate, item in zip(asked, items, strict=True):
            for group in _groups(compared_by(constitution, candidate, plan), plan):
                by_principles.setdefault(group, []).append(item)
        found = [
            judgment
            for principles, own in by_principles.items()
            for judgment in ask_pairwise(pairwise(plan.then), judge, own, principles, how)
        ]
    grouped: dict[frozenset[str], list[Judgment]] = {}
    for each in found:
        grouped.setdefault(frozenset(each.completion_ids), []).append(each)
    return grouped


def _groups(meant: Constitution, plan: PairPlan) -> list[tuple[Principle, ...]]:
    """Principles that are asked about together: all, or where each two completions have their own, one by one."""
    if plan.choice == ALL:
        return [meant.principles]
    return [(each,) for each in meant.principles]


def _reason(decision: Decision, plan: PairPlan, *, told: bool) -> NoPair | None:
    if decision.label_prob is None:
        return decision.reason or NoPair.UNDECIDED
    # equal scores contradict nothing
    contradicts = told and decision.label_prob < 0.5 and plan.pairing != "random"
    return NoPair.UNDECIDED if contradicts else None


def _count(
    tally: _Tally,
    decision: Decision,
    readings: Sequence[Judgment],
    candidate: Candidate,
    checked: Sequence[Judgment],
    *,
    in_both_orders: bool,
) -> None:
    tally.unread.update(decision.unread)
    first, second = candidate.better.completion.id, candidate.worse.completion.id
    said: dict[str, list[float]] = {}
    for each in readings:
        if each.principle_id is not None and each.state is State.PREFERENCE and each.value is not None:
            is_first = each.completion_ids[0] == first
            said.setdefault(each.principle_id, []).append(each.value if is_first else 1 - each.value)
    pointwise_said = {(each.completion_ids[0], each.principle_id): share_of(each) for each in checked}
    for principle, values in said.items():
        if len(values) == 2:
            flipped = (values[0] > 0.5) != (values[1] > 0.5)
            tally.compared[principle] += 1
            # what was decided by pointwise judgments was shown in no order
            if in_both_orders:
                tally.flipped[principle] += flipped
            one, other = pointwise_said.get((first, principle)), pointwise_said.get((second, principle))
            # of two sides that are alike in this principle a judge may say anything
            if one is not None and other is not None and (one > 0.5) != (other > 0.5):
                tally.told_apart[principle] += 1
                if in_both_orders:
                    tally.told_apart_flipped[principle] += flipped


def _funnel(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    judgments: Sequence[Judgment],
    tally: _Tally,
    kept: int,
) -> Funnel:
    states = Counter(each.state for each in judgments)
    reasons = {reason.value: tally.reasons[reason] for reason in NoPair if tally.reasons[reason]}
    return Funnel(
        prompts=len({each.id for each in prompts}),
        completions=len(completions),
        failed_draws=sum(tally.failed.values()),
        duplicates=tally.duplicates,
        truncated=tally.truncated,
        judged=tally.judged,
        candidates=kept + sum(reasons.values()),
        no_pair=reasons,
        kept=kept,
        states={state.value: states[state] for state in State if states[state]},
        unread=dict(sorted(tally.unread.items())),
        order_inconsistent=dict(sorted(tally.flipped.items())),
        compared=dict(sorted(tally.compared.items())),
        told_apart=dict(sorted(tally.told_apart.items())),
        told_apart_inconsistent=dict(sorted(tally.told_apart_flipped.items())),
    )


def _all(compared: Mapping[frozenset[str], Sequence[Judgment]]) -> list[Judgment]:
    return [each for judgments in compared.values() for each in judgments]
