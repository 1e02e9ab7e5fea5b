"""A process reward model asked of every step of a completion, and one number made of the steps.

The model was taught what answers are up to the end of a step (`rlaif train process-reward`): its number of such a
beginning is the log-odds that the step is right. It knows no text behind the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from rlaif.errors import InputError
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, refusal
from rlaif.judging.protocols.steps import steps_of
from rlaif.judging.scales import ORDER, at_temperature
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import Completion, Judgment, Principle, State

NO_STEP = "the completion has no step"


def beginnings(text: str) -> list[str]:
    """The text up to the end of each of its steps (`steps_of`), as it stands; the last one is the whole text."""
    found, place = [], 0
    for step in steps_of(text):
        place = text.index(step, place) + len(step)
        found.append(text[:place])
    return [*found[:-1], text] if found else []


def begun(completion: Completion, text: str) -> Completion:
    """A completion of which only a beginning was written."""
    return completion if text == completion.text else replace(completion, text=text, token_ids=None)


def process_protocol(name: str, says: str, together: Callable[[Sequence[float]], float]) -> Pointwise:
    """The protocol whose number of a completion is `together` of P(right) of its steps."""

    def ask(
        judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking
    ) -> list[Judgment]:
        """Return one judgment per completion, with P(right) of each step beside it; principles are not asked about."""
        if not isinstance(judge, ScoringJudge):
            raise InputError(f"{judge.name}: {refusal(name, (ScoringJudge,))}")
        parts = {
            each.id: [begun(each, text) for text in ([] if each.tool_calls else beginnings(each.text))]
            for _, each in items
        }
        unique = {part.id: (prompt, part) for prompt, each in items for part in parts[each.id]}
        found = judge.scored(list(unique.values())) if unique else {}
        return [
            _judgment(name, judge, (prompt, each), [found[part.id] for part in parts[each.id]], together)
            for prompt, each in items
        ]

    return Pointwise(name=name, says=says, ask=ask, judges=(ScoringJudge,), scale=ORDER)


def _judgment(
    name: str,
    judge: ScoringJudge,
    item: One,
    found: Sequence[RewardReading],
    together: Callable[[Sequence[float]], float],
) -> Judgment:
    prompt, completion = item
    shares = [
        None if each.reading.value is None else at_temperature(each.reading.value, 1.0) for each in found
    ]
    known = [each for each in shares if each is not None]
    # one step that could not be read may be the wrong one
    failed = next((each.reading for each in found if each.reading.value is None), None)
    state, detail = (failed.state, failed.detail) if failed is not None else (State.SCORE, "")
    if not found:
        state, detail = State.ABSTAIN, NO_STEP
    return Judgment(
        protocol=name,
        judge=judge.fingerprint,
        prompt_id=prompt.id,
        completion_ids=(completion.id,),
        principle_id=None,
        state=state,
        value=together(known) if found and failed is None else None,
        detail=detail,
        calls=tuple(call for each in found for call in each.calls),
        steps=tuple(
            {"step": number, "turn": len(completion.turns), "state": each.reading.state.value, "p": share}
            for number, (each, share) in enumerate(zip(found, shares, strict=True), 1)
        ),
    )


def least(shares: Sequence[float]) -> float:
    """The least right step (2312.08935)."""
    return min(shares)


def product(shares: Sequence[float]) -> float:
    """All steps are right, were they independent (2305.20050); long answers have less."""
    return math.prod(shares)


def last(shares: Sequence[float]) -> float:
    """The whole answer, as an outcome reward model has it."""
    return shares[-1]
