"""JudgeBench: objective pairs, and the outputs of its judges (one judgment an order)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.format import Format, GoldFormat, has
from rlaif.exchange.gold import LOST, GoldPair, GoldSet, Orders, RecordedVerdict
from rlaif.exchange.rows import Row
from rlaif.records import State

COLUMNS = frozenset({"pair_id", "question", "response_A", "response_B", "label"})
_LABELS = {"A>B": 1.0, "B>A": 0.0}
_SWAPPED = {"A>B": "B>A", "B>A": "A>B"}
_TIES = ("A=B", "B=A")


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Pairs by source (mmlu-pro, livebench ...); `category` stands for rows without one."""
    return GoldSet(
        name="judgebench",
        scoring="judgebench",
        pairs=tuple(_pair(row, category) for row in rows),
        question="The response is correct.",
    )


def _pair(row: Row, category: str) -> GoldPair:
    label = fields.one_of(row, "label", tuple(_LABELS))
    judgments = fields.mapping(row).get("judgments")
    source = fields.mapping(row).get("source")
    return GoldPair(
        id=fields.text(row, "pair_id"),
        prompt=fields.prompt(row, "question"),
        texts=(fields.text(row, "response_A"), fields.text(row, "response_B")),
        first_better=_LABELS[label],
        # mmlu-pro-math and its sisters are one source
        category="mmlu-pro" if str(source).startswith("mmlu-pro") else str(source or category),
        recorded=None if judgments is None else _orders(judgments, row.where),
    )


def _orders(judgments: Any, where: str) -> Orders:
    if not isinstance(judgments, list) or len(judgments) not in (1, 2):
        raise PromptFileError(f"{where}: `judgments` must be a list of one or two, one an order")
    forward = _verdict(judgments[0], where, swapped=False)
    return Orders(forward, _verdict(judgments[1], where, swapped=True) if len(judgments) == 2 else None)


def _verdict(said: Any, where: str, *, swapped: bool) -> RecordedVerdict:
    decision = said.get("decision") if isinstance(said, Mapping) else said
    if decision is None:
        return LOST
    if decision in _TIES:
        return RecordedVerdict(State.TIE)
    if not isinstance(decision, str) or decision not in _LABELS:
        raise PromptFileError(f"{where}: a decision is {decision!r}; it must be A>B, B>A, A=B or null")
    return RecordedVerdict(State.PREFERENCE, _LABELS[_SWAPPED[decision] if swapped else decision])


FORMAT = Format(
    name="judgebench",
    help="JudgeBench: objective pairs, and the outputs of its judges",
    gold=GoldFormat(recognises=has(COLUMNS), read=read, rank=40, verdicts=frozenset({"judgments"})),
)
