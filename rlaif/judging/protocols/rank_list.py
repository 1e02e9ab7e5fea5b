"""`rank-list`: lists of four, best first, each shown in an order and in its reverse; read by Bradley and Terry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from rlaif.constitution import applies
from rlaif.judging.ask import Replies, ask_texts
from rlaif.judging.bradley_terry import rounds_of
from rlaif.judging.labels import CallReading
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.parse import parse_ranking
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.protocols.rank import RankedGroup, grouped, judgments, record
from rlaif.judging.scales import ORDER
from rlaif.records import Judgment, Principle, State

SIZE = 4
"""Responses in one list, as many as the template has places for."""


class _List(NamedTuple):
    """Players of a group in the order that they are shown in, and the principle to rank by."""

    group: RankedGroup
    shown: tuple[int, ...]
    principle: Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """P(a completion beats one of middling strength). A prompt with fewer than four completions is not asked about."""
    ranker = model(judge, "rank-list")
    groups = grouped(items, how.seed)
    asked = [each for group in groups for each in _lists(group, principles)]
    # each list and its reverse are neighbours: one operation, and a judge that follows position says nothing
    for there, back in zip(*(_ranked(ranker, asked, how, turned) for turned in (False, True)), strict=True):
        _count(there[0], there[1], back[1])
    return judgments("rank-list", ranker, groups, principles, items)


def _lists(group: RankedGroup, principles: Sequence[Principle]) -> Iterator[_List]:
    count = len(group.players)
    if count < SIZE:
        return
    # rotations by a stride that grows, so that everybody meets different rivals
    for turn in range(rounds_of(count)):
        order = [(place * (2 * turn + 1) + turn) % count for place in range(count)]
        order = list(dict.fromkeys([*order, *range(count)]))
        for start in range(0, count, SIZE):
            shown = tuple(order[(min(start, count - SIZE) + place)] for place in range(SIZE))
            for principle in principles:
                if applies(principle, group.prompt):
                    yield _List(group, shown, principle)


def _ranked(
    judge: ModelJudge, lists: Sequence[_List], how: Asking, turned: bool
) -> Iterator[tuple[_List, Replies]]:
    questions = (
        judge.asked(
            "rank",
            each.group.prompt,
            [each.group.players[player] for player in (each.shown[::-1] if turned else each.shown)],
            each.principle,
        )
        for each in lists
    )
    writing = how.writing(options=judge.options, max_tokens=judge.options.lengths.ranking)
    yield from zip(lists, ask_texts(judge.engine, "rank-list", questions, _read, writing), strict=True)


def _read(text: str) -> CallReading:
    """The order as digits in the detail: a list is no number."""
    ranking = parse_ranking(text, SIZE)
    if ranking.order is None:
        return CallReading(
            State.JUDGE_REFUSED if ranking.refused else State.UNREADABLE, detail=ranking.problem
        )
    return CallReading(State.SCORE, 1.0, detail="".join(map(str, ranking.order)))


def _count(asked: _List, there: Replies, back: Replies) -> None:
    """Six games of a list, each as its two orders tell it."""
    group, name = asked.group, asked.principle.id
    told = (
        _placed(asked.shown, there.readings[0]),
        _placed(asked.shown[::-1], back.readings[0]),
    )
    for player in asked.shown:
        group.calls.setdefault((player, name), []).extend((*there.calls, *back.calls))
    for one, other in combinations(asked.shown, 2):
        forward = _game(there, told[0], one, other)
        backward = _game(back, told[1], other, one)
        record(group, name, (one, other), forward, backward)


def _placed(shown: Sequence[int], reading: CallReading) -> dict[int, int]:
    """The place of each player in the ranking; empty where it could not be read."""
    if reading.value is None:
        return {}
    return {shown[int(letter)]: place for place, letter in enumerate(reading.detail)}


def _game(written: Replies, places: dict[int, int], one: int, other: int) -> Judgment:
    reading = written.readings[0]
    if places:
        reading = CallReading(State.PREFERENCE, 1.0 if places[one] < places[other] else 0.0)
    return written.asked.judgment("rank-list", "", (), reading)


PROTOCOL = Pointwise(
    name="rank-list",
    says="lists of four, the best first, each also shown in reverse",
    ask=ask,
    judges=(ModelJudge,),
    templates=("rank",),
    writes=True,
    reads_text=True,
    scale=ORDER,
    sample_reply="\nA > B > C > D",
    decides=False,
)
