"""Many readings to one label, or the reason why there is none. Pure.

For each principle p is the mean over both orders of P(first better); then logit(label_prob) is the sum of
weight x logit(clip(p)) / T over the principles that apply and could be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rlaif.judging.rubrics import broken as broken_criteria
from rlaif.judging.rubrics import unread_hard
from rlaif.judging.rules import (
    AS_A_WHOLE,
    CLIP,
    RULES,
    TIE_BAND,
    asked,
    better_of,
    breaks,
    principle_of,
    share_of,
    side,
    vote_of,
)
from rlaif.judging.scales import at_temperature
from rlaif.records import Completion, Constitution, Judgment, NoPair, Principle, Prompt, State

MIN_READ = 0.5
"""Below this share of the principles that apply there is no label: the rest says too little of the whole."""
Inconsistent = Literal["drop", "average"]
_REASONS = frozenset(reason.value for reason in NoPair) - {State.TIE.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the judgments of two completions come to; `label_prob` is P(the first is better)."""

    label_prob: float | None
    reason: NoPair | None
    principles: tuple[Mapping[str, Any], ...] = ()
    """`{id, p}` of each principle that was read, p for the first completion."""
    order_consistent: bool = True
    unread: tuple[str, ...] = ()
    """Ids of principles that apply and could not be read in both orders."""


class _Voice(NamedTuple):
    principle: Principle
    first_shown: float
    second_shown: float

    @property
    def p(self) -> float:
        return (self.first_shown + self.second_shown) / 2


def decide(
    constitution: Constitution,
    prompt: Prompt,
    judgments: Sequence[Judgment],
    *,
    first: str,
    checklist: Sequence[Judgment] = (),
    inconsistent: Inconsistent = "drop",
) -> Decision:
    """Decide which of two completions is better, from judgments of both orders.

    `first` is the id of the completion whose probability the decision states. `checklist` holds pointwise judgments of
    the two: hard principles are read there. Judgments on principles that are not in the constitution, or do not apply
    to the prompt, do not count.
    """
    principles = asked(constitution, prompt, judgments)
    second = next((_other(each, first) for each in judgments if first in each.completion_ids), None)
    if second is not None and (ruled := hard_ruling(principles, checklist, first, second)) is not None:
        return ruled
    voices, states = _voices(principles, judgments, first)
    heard = {voice.principle.id for voice in voices}
    shown = tuple({"id": voice.principle.id, "p": voice.p} for voice in voices)
    unread = tuple(each.id for each in principles if each.id not in heard)

    def outcome(label: float | None, reason: NoPair | None, consistent: bool = True) -> Decision:
        return Decision(
            label_prob=label, reason=reason, principles=shown, order_consistent=consistent, unread=unread
        )

    silent = sum(_abstained(each, judgments) for each in principles)
    if not voices or len(voices) < MIN_READ * (len(principles) - silent):
        return outcome(None, _failure(states))
    label = _label(constitution, voices, [voice.p for voice in voices])
    consistent = _consistent(constitution, voices, label)
    if not consistent and inconsistent == "drop":
        return outcome(None, NoPair.INCONSISTENT, consistent)
    if side(label) == 0:
        alike = all(abs(voice.p - 0.5) <= TIE_BAND for voice in voices)
        return outcome(None, NoPair.TIE if alike else NoPair.UNDECIDED, consistent)
    return outcome(label, None, consistent)


def log_odds(constitution: Constitution, decision: Decision) -> float | None:
    """Before any temperature: the log-odds of what each principle said; None where none could be read."""
    known = {each.id: each for each in (*constitution.principles, AS_A_WHOLE)}
    votes = [vote_of(known[row["id"]], row["p"]) for row in decision.principles]
    return RULES[constitution.decide.rule](votes) if votes else None


def _label(constitution: Constitution, voices: Sequence[_Voice], ps: Sequence[float]) -> float:
    votes = [vote_of(voice.principle, p) for voice, p in zip(voices, ps, strict=True)]
    return at_temperature(RULES[constitution.decide.rule](votes), constitution.decide.temperature)


def _consistent(constitution: Constitution, voices: Sequence[_Voice], label: float) -> bool:
    """Whether the label comes from the completions and not from their places.

    Of two sides that are alike in a principle a judge may follow position; that is no evidence, and many such
    principles together must not outshout one that the judge reads alike in both orders. So those that it reads alike
    must lead to the label, in each order; where there is none, and the judge has an opinion, it follows position.
    """
    firm = [voice for voice in voices if side(voice.first_shown) * side(voice.second_shown) > 0]
    if not firm:
        return all(side(voice.first_shown) * side(voice.second_shown) == 0 for voice in voices)
    orders = ([voice.first_shown for voice in firm], [voice.second_shown for voice in firm])
    return all(side(_label(constitution, firm, ps)) * side(label) >= 0 for ps in orders)


def from_checklist(judgments: Sequence[Judgment], first: Completion, second: Completion) -> list[Judgment]:
    """Make comparisons of pointwise judgments: of two that differ, the chance that it is the first.

    Both orders are given, since pointwise judging shows no position.
    """
    said = {(each.completion_ids[0], each.principle_id): each for each in judgments}
    found = []
    for (completion, principle_id), one in said.items():
        other = said.get((second.id, principle_id))
        if completion != first.id or other is None:
            continue
        state, p, detail = State.PREFERENCE, better_of(one, other), ""
        if p is None:
            lost = one if share_of(one) is None else other
            state, detail = lost.state, lost.detail
        for ids, value in (
            ((first.id, second.id), p),
            ((second.id, first.id), None if p is None else 1 - p),
        ):
            found.append(
                Judgment(
                    protocol=one.protocol,
                    judge=one.judge,
                    prompt_id=one.prompt_id,
                    completion_ids=ids,
                    principle_id=principle_id,
                    state=state,
                    value=value,
                    calls=(*one.calls, *other.calls),
                    detail=detail,
                )
            )
    return found


def hard_ruling(
    principles: Sequence[Principle], checklist: Sequence[Judgment], first: str, second: str
) -> Decision | None:
    """Return the decision that hard principles force on two completions, or None where they force none.

    A completion that violates a hard principle loses; where both do, or one could not be read, there is no pair. None
    is returned where no principle is hard, `checklist` has no judgment of them, or neither completion violates one.
    """
    said = {(each.completion_ids[0], each.principle_id): each for each in checklist}
    hard = [each for each in principles if each.hard]
    wholes = {each: said.get((each, None)) for each in (first, second)}
    if not said or (not hard and not any(each.criteria for each in wholes.values() if each is not None)):
        return None
    for row in (row for whole in wholes.values() for row in unread_hard(whole)):
        return Decision(label_prob=None, reason=_reason(State(row["state"])), unread=(str(row["id"]),))
    broken = {completion: len(broken_criteria(whole)) for completion, whole in wholes.items()}
    for principle in hard:
        for completion in broken:
            one = said.get((completion, principle.id))
            verdict = breaks(one)
            if verdict is None:
                state = State.UNREADABLE if one is None else one.state
                if state is State.ABSTAIN:
                    continue
                reason = NoPair.UNREADABLE if state is State.SCORE else _reason(state)
                return Decision(label_prob=None, reason=reason, unread=(principle.id,))
            broken[completion] += verdict
    if not any(broken.values()):
        return None
    if all(broken.values()):
        return Decision(label_prob=None, reason=NoPair.BOTH_VIOLATE)
    label = CLIP if broken[first] else 1 - CLIP
    rows = [{"id": each.id, "p": _alone(said, each.id, first, second)} for each in hard]
    shown = tuple(rows or [{"id": AS_A_WHOLE.id, "p": label}])
    return Decision(label_prob=label, reason=None, principles=shown)


def _alone(said: Mapping[tuple[str, str | None], Judgment], principle: str, first: str, second: str) -> float:
    one, other = (breaks(said.get((each, principle))) for each in (first, second))
    if one is None or other is None or one == other:
        return 0.5
    return CLIP if one else 1 - CLIP


def _abstained(principle: Principle, judgments: Sequence[Judgment]) -> bool:
    """Whether the judge says that a principle has nothing to say here."""
    states = [each.state for each in judgments if principle_of(each) == principle.id]
    return bool(states) and all(each is State.ABSTAIN for each in states)


def _voices(
    principles: Sequence[Principle], judgments: Sequence[Judgment], first: str
) -> tuple[list[_Voice], Counter[State]]:
    shown: dict[tuple[str, bool], Judgment] = {
        (principle_of(each), each.completion_ids[0] == first): each for each in judgments
    }
    voices, states = [], Counter[State]()
    for principle in principles:
        pair = [shown.get((principle.id, is_first)) for is_first in (True, False)]
        states.update(each.state for each in pair if each is not None)
        one, other = (_p(each, is_first) for each, is_first in zip(pair, (True, False), strict=True))
        # a principle that was read in one order only could be position bias
        if one is not None and other is not None:
            voices.append(_Voice(principle, one, other))
    return voices, states


def _p(judgment: Judgment | None, is_first: bool) -> float | None:
    if judgment is None:
        return None
    if judgment.state is State.TIE:
        return 0.5
    if judgment.state is not State.PREFERENCE or judgment.value is None:
        return None
    return judgment.value if is_first else 1 - judgment.value


def _failure(states: Counter[State]) -> NoPair:
    # the most frequent, in the order of the enum on equal counts: the reason must not depend on who came first
    bad = [state for state in State if states[state] and state.value in _REASONS]
    return _reason(max(bad, key=lambda state: states[state])) if bad else NoPair.UNDECIDED


def _reason(state: State) -> NoPair:
    return NoPair(state.value)


def _other(judgment: Judgment, first: str) -> str:
    one, other = judgment.completion_ids
    return other if one == first else one
