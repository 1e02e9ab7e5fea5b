"""Accuracy and consistency of a judge on pairs of known truth. A missing verdict counts as wrong, never as a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.auditing.intervals import Interval, mean, mean_interval
from rlaif.exchange.counted_texts import answer_text
from rlaif.exchange.gold import GoldPair, Orders, RecordedVerdict
from rlaif.records import State

FAILED = frozenset({State.UNREADABLE, State.TRUNCATED, State.TRANSPORT})
"""States in which there is no verdict for want of an answer that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A pair of known truth, with the judge's verdict in each order."""

    pair: GoldPair
    orders: Orders
    log_odds: float | None = None
    """Of the first, over both orders and all principles, before any temperature; None where an order says nothing."""

    @property
    def better(self) -> int:
        """0 where the first text is the better one, else 1."""
        return 0 if self.pair.first_better > 0.5 else 1

    @property
    def winners(self) -> tuple[int | None, ...]:
        """For each order the text that the judge prefers; None for a tie and for no verdict."""
        return tuple(winner(each) for each in self.orders.judged)

    @property
    def right(self) -> tuple[bool, ...]:
        """For each order whether the better text won."""
        return tuple(each == self.better for each in self.winners)

    @property
    def both(self) -> bool:
        """Whether both orders were judged."""
        return self.orders.swapped is not None

    @property
    def consistent(self) -> bool:
        """Whether the orders name one winner, or none."""
        return len(set(self.winners)) == 1

    @property
    def told(self) -> bool:
        """Whether every order is a verdict that can be read, and some of them a preference."""
        return all(map(readable, self.orders.judged)) and any(each is not None for each in self.winners)

    @property
    def longer(self) -> int | None:
        """The longer answer, in characters over all turns of the assistant; None where they are as long."""
        one, other = _lengths(self.pair)
        return None if one == other else int(other > one)


def readable(verdict: RecordedVerdict) -> bool:
    """Whether it says something of the two texts, and be it that they are as good."""
    return verdict.p is not None or verdict.state is State.TIE


def winner(verdict: RecordedVerdict) -> int | None:
    """0, 1, or None where neither is preferred."""
    if verdict.p is None or verdict.p == 0.5:
        return None
    return int(verdict.p < 0.5)


Measure = Callable[[Judged], list[float]]


def _right(judged: Judged) -> list[float]:
    return [float(each) for each in judged.right]


def _both_right(judged: Judged) -> list[float]:
    return [float(all(judged.right))] if judged.both else []


def _consistent(judged: Judged) -> list[float]:
    return [float(judged.consistent)] if judged.both and judged.told else []


def _first_slot(judged: Judged) -> list[float]:
    # in the swapped order the second text stands first
    return [
        float(won == order) for order, won in enumerate(judged.winners) if won is not None and judged.both
    ]


def _longer(judged: Judged) -> list[float]:
    longer = judged.longer
    return [] if longer is None else [float(won == longer) for won in judged.winners if won is not None]


MEASURES: Mapping[str, Measure] = {
    "accuracy": _right,
    "both_correct": _both_right,
    "consistent": _consistent,
    "first_slot": _first_slot,
    "prefers_longer": _longer,
}
"""Every figure as the values that a pair adds to its mean.

`accuracy`: the better text won, over both orders. `consistent`: the orders agree, over pairs of which both could be
read and one prefers a text: failures agree in nothing, and of ties there is no order. `first_slot`: the text shown
first won, over verdicts, .5 is fair. `prefers_longer`: over verdicts on texts of different length.
"""


def figures(judged: Sequence[Judged], *, seed: int = 0) -> dict[str, Interval | None]:
    """Each of `MEASURES` with its interval over prompts; None where nothing counts for it."""
    return {
        name: mean_interval([(each.pair.prompt.id, v) for each in judged for v in measure(each)], seed=seed)
        for name, measure in MEASURES.items()
    }


def plain_figures(judged: Sequence[Judged]) -> dict[str, float | None]:
    """Each of `MEASURES` without intervals."""
    return {
        name: mean(value for each in judged for value in measure(each)) for name, measure in MEASURES.items()
    }


def baselines(pairs: Iterable[GoldPair]) -> dict[str, float]:
    """What one who reads nothing would score on these pairs, both orders judged; equal lengths count one half.

    `first` and `coin` score one half by construction: both orders are judged.
    """
    listed = list(pairs)
    longer = mean(_longer_wins(each) for each in listed) or 0.0
    return {"longer": longer, "shorter": 1 - longer, "first": 0.5, "coin": 0.5}


def states(judged: Sequence[Judged]) -> dict[str, int]:
    """How many verdicts are in each state."""
    return dict(Counter(verdict.state.value for each in judged for verdict in each.orders.judged))


def failed_shares(judged: Sequence[Judged]) -> dict[str, float]:
    """Shares of the verdicts that could not be read, and that are refusals."""
    verdicts = [verdict for each in judged for verdict in each.orders.judged]
    whole = max(1, len(verdicts))
    return {
        "unreadable": sum(each.state in FAILED for each in verdicts) / whole,
        "refused": sum(each.state is State.JUDGE_REFUSED for each in verdicts) / whole,
    }


def by_category(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """A row for each category, in order of first appearance."""
    groups: dict[str, list[Judged]] = {}
    for each in judged:
        groups.setdefault(each.pair.category, []).append(each)
    return {
        name: {
            "pairs": len(rows),
            **plain_figures(rows),
            **failed_shares(rows),
            "interval": mean_interval([(row.pair.prompt.id, v) for row in rows for v in _right(row)]),
            "longer": baselines(row.pair for row in rows)["longer"],
        }
        for name, rows in groups.items()
    }


def retested(first: Sequence[Judged], second: Sequence[Judged]) -> float | None:
    """Share of the verdicts that are the same when the same questions are put again; joined by pair and order.

    Over what could be read both times; None where nothing could.
    """
    again = {each.pair.id: each.orders.judged for each in second}
    return mean(
        float(winner(one) == winner(other))
        for each in first
        if each.pair.id in again
        for one, other in zip(each.orders.judged, again[each.pair.id], strict=True)
        if readable(one) and readable(other)
    )


def _longer_wins(pair: GoldPair) -> float:
    one, other = _lengths(pair)
    if one == other:
        return 0.5
    return float((one > other) == (pair.first_better > 0.5))


def _lengths(pair: GoldPair) -> tuple[int, int]:
    one, other = pair.texts if pair.sides is None else map(answer_text, pair.sides)
    return len(one), len(other)
