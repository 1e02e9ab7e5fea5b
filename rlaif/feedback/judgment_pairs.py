"""Preference pairs of judgments: a question to a judge is the prompt, its best and its worst judgment are the sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.judging.ask import turn
from rlaif.judging.battles import Battle, position_weights, ranked
from rlaif.judging.meta_judging import JudgedQuestion
from rlaif.records import ASKED_OF, Message, Pair, prompt_name


class JudgmentPairs(NamedTuple):
    """The pairs, and what became of the questions."""

    pairs: list[Pair]
    counts: dict[str, int]
    weights: tuple[float, float]
    """What a win of the first shown judgment counted, and of the second."""


def judgment_pairs(
    questions: Sequence[JudgedQuestion],
    battles: Sequence[Sequence[Battle]],
    *,
    longest: int | None = None,
    number: int = 0,
    provenance: Mapping[str, Any] | None = None,
) -> JudgmentPairs:
    """The best and the worst judgment of each question by Elo (2407.19594).

    Args:
        questions: Judged questions.
        battles: The battles of each.
        longest: Characters of a chosen judgment at most; a pair with a longer one is dropped.
        number: The round, which goes into the pairs.
        provenance: What made them, which goes into each pair.

    Returns:
        The pairs with the position weights of all battles, and counts of what was not paired and why.
    """
    every = [each for own in battles for each in own]
    weights = position_weights(every)
    counts = Counter({name: 0 for name in ("pairs", "all equal", "too long")})
    counts.update(f"battles: {each.winner}" for each in every)
    found = []
    for each, own in zip(questions, battles, strict=True):
        order = ranked(each.judgments, own, weights)
        if order is None:
            counts["all equal"] += 1
            continue
        chosen, rejected = each.judgments[order.best], each.judgments[order.worst]
        if longest is not None and len(chosen) > longest:
            counts["too long"] += 1
            continue
        counts["pairs"] += 1
        high, low = order.elo[order.best], order.elo[order.worst]
        found.append(
            Pair(
                prompt=turn(each.text),
                chosen=(Message(role="assistant", content=chosen),),
                rejected=(Message(role="assistant", content=rejected),),
                label_prob=1.0,
                score_gap=high - low,
                chosen_score=high,
                rejected_score=low,
                round=number,
                provenance={**(provenance or {}), ASKED_OF: prompt_name(each.prompt.messages)},
            )
        )
    return JudgmentPairs(found, dict(counts), weights)
