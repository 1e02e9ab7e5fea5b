"""`meta`: a judge of judgments (2407.19594). Both verdicts are put to it; how right it finds each is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rlaif.judging.labels import YES_NO, CallReading, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise, model
from rlaif.records import Judgment, Principle, State

SIDES = ("A", "B")


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Two calls an order and principle: P(yes, the judgment is right) of `A` and of `B`."""
    asked = model(judge, "meta")
    read = partial(read_share, YES_NO, "yes", State.SCORE)
    right = {}
    for side in SIDES:
        questions = asked.both_orders(asked.before_label("meta"), items, principles, judgment=side)
        right[side] = asked.labelled("meta", questions, YES_NO, read)
    return [_joined(for_a, for_b) for for_a, for_b in zip(right["A"], right["B"], strict=True)]


def _joined(for_a: Judgment, for_b: Judgment) -> Judgment:
    """Of the two verdicts exactly one is right: the odds that it is A."""
    calls = (*for_a.calls, *for_b.calls)
    failed = next((each for each in (for_a, for_b) if each.value is None), None)
    if for_a.value is None or for_b.value is None:
        assert failed is not None
        reading = CallReading(failed.state, None, failed.label_mass, failed.detail)
    else:
        is_a, is_b = for_a.value * (1 - for_b.value), for_b.value * (1 - for_a.value)
        mass = min(for_a.label_mass or 0.0, for_b.label_mass or 0.0)
        both = is_a + is_b
        reading = CallReading(State.PREFERENCE, is_a / both if both > 0 else 0.5, mass)
    return Judgment(
        protocol="meta",
        judge=for_a.judge,
        prompt_id=for_a.prompt_id,
        completion_ids=for_a.completion_ids,
        principle_id=for_a.principle_id,
        state=reading.state,
        value=reading.value,
        label_mass=reading.label_mass,
        calls=calls,
        detail=reading.detail,
    )


PROTOCOL = Pairwise(
    name="meta",
    says="both verdicts are put to the judge: how right it finds each, in both orders",
    ask=ask,
    judges=(ModelJudge,),
    templates=("meta",),
    labels=("meta",),
)
