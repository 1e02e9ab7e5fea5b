"""How a review stands: what is decided, how far reviewers agree with the judge and with each other, what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from rlaif.auditing.agreement import cohen
from rlaif.auditing.intervals import Interval, wilson
from rlaif.exchange.turns import turn_rows
from rlaif.records import Pair, is_plain
from rlaif.review import charts
from rlaif.review.index import PairIndex, ShownSide, sides
from rlaif.store.decisions import TIE, ReviewDecision

PAUSE_S = 300.0
"""Longer than this between two decisions, somebody was away: it says nothing of how long one takes."""
SHOWN_FROM = 5
"""Decisions from which agreement is shown: of fewer it would tell the label of the last pair."""


class Rater(NamedTuple):
    """What one reviewer decided, beside the judge and beside the one who reads this."""

    name: str
    decided: int
    agree: Interval | None
    """Share of the blind decisions for a side that are for the judge's, with its 95 % interval."""
    kappa: float | None
    """Cohen's, with whom this page is for; None where they share no pair."""
    shared: int
    seen: int = 0
    """Decisions after what the judge says was seen; they count in no agreement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewStanding:
    """How a review stands."""

    decided: int
    total: int
    left_s: float | None
    """Seconds until all pairs are decided, at the pace so far; None before there is one."""
    agree: Interval | None
    growth: str
    """A curve: the agreement after each decision."""
    raters: Sequence[Rater]


def review_standing(index: PairIndex, said: Sequence[ReviewDecision], reviewer: str) -> ReviewStanding:
    """The standing of a run's review for one reviewer; of pairs that are still being read, nothing is known yet.

    Args:
        index: The run's pairs.
        said: All decisions of the store, oldest first.
        reviewer: For whom.
    """
    known = [each for each in said if index.ready and each.pair in index.places]
    by: dict[str, list[ReviewDecision]] = {}
    for each in known:
        by.setdefault(each.reviewer, []).append(each)
    own = by.get(reviewer, [])
    hits = _hits(index, own)
    agree = wilson(sum(hits), len(hits)) if len(hits) >= SHOWN_FROM else None
    words = {each.pair: each.prefers for each in own if each.prefers and not each.seen}
    raters = [_rater(index, name, each, words if name != reviewer else {}) for name, each in by.items()]
    return ReviewStanding(
        decided=len(own),
        total=len(index),
        left_s=_left(own, len(index)),
        agree=agree,
        growth=_growth(hits) if agree is not None else "",
        raters=sorted(raters, key=lambda each: (each.name != reviewer, each.name)),
    )


def _hits(index: PairIndex, said: Sequence[ReviewDecision]) -> list[bool]:
    """Of each decision for a side that was made blind, oldest first, whether it is for the judge's."""
    found = []
    for each in said:
        if each.prefers not in (None, TIE) and not each.seen:
            found.append(index.pair(index.places[each.pair]).completion_ids[0] == each.prefers)
    return found


def _rater(index: PairIndex, name: str, said: Sequence[ReviewDecision], mine: Mapping[str, str]) -> Rater:
    hits = _hits(index, said)
    # sides are named by the ids of their texts: as categories they are A and B, whichever pair it is
    both = list(_as_sides(index, said, mine))
    kappa = cohen([one for one, _ in both], [other for _, other in both]) if both else None
    seen = sum(each.seen and each.prefers is not None for each in said)
    return Rater(name, len(said), wilson(sum(hits), len(hits)) if hits else None, kappa, len(both), seen)


def _as_sides(
    index: PairIndex, said: Sequence[ReviewDecision], mine: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for each in said:
        if each.prefers and not each.seen and each.pair in mine:
            first, _ = sides(index.pair(index.places[each.pair]))
            yield _side(mine[each.pair], first.id), _side(each.prefers, first.id)


def _side(prefers: str, first: str) -> str:
    return TIE if prefers == TIE else "A" if prefers == first else "B"


def _growth(hits: Sequence[bool]) -> str:
    so_far, rising = 0, []
    for count, hit in enumerate(hits, 1):
        so_far += hit
        rising.append(so_far / count)
    return charts.lines(
        "agreement with the judge, after each decision",
        {"agreement": rising},
        at=[float(each) for each in range(1, len(rising) + 1)],
    )


def _left(own: Sequence[ReviewDecision], total: int) -> float | None:
    gaps = [after.at - before.at for before, after in pairwise(own) if 0 < after.at - before.at < PAUSE_S]
    return median(gaps) * max(0, total - len(own)) if len(gaps) >= SHOWN_FROM else None


def decision_rows(index: PairIndex, said: Sequence[ReviewDecision]) -> Iterator[dict[str, Any]]:
    """Decisions on a run's pairs as rows of the format `two-answers`, which `rlaif import` reads.

    A pair that was only flagged or noted has no `winner`; an import counts it as one without a verdict.
    """
    for each in said:
        place = index.places.get(each.pair)
        if place is None:
            continue
        pair = index.pair(place)
        first, second = sides(pair)
        yield {
            **_texts(pair, first, second),
            "winner": None if each.prefers is None else {TIE: "tie", first.id: "a"}.get(each.prefers, "b"),
            "reviewer": each.reviewer,
            "flag": each.flag,
            "note": each.note,
            "seen": each.seen,
            "at": each.at,
            "pair": each.pair,
        }


def _texts(pair: Pair, first: ShownSide, second: ShownSide) -> dict[str, Any]:
    """Question and answers as text; of answers with thoughts, calls or several turns, both whole dialogues."""
    if is_plain(first.turns) and is_plain(second.turns):
        alone = len(pair.prompt) == 1 and pair.prompt[0].role == "user"
        asked: Any = pair.prompt[0].content if alone else turn_rows(pair.prompt)
        return {"prompt": asked, "response_a": first.turns[0].content, "response_b": second.turns[0].content}
    return {
        f"conversation_{name}": turn_rows((*pair.prompt, *each.turns))
        for name, each in (("a", first), ("b", second))
    }
