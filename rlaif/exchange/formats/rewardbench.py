"""RewardBench 1 (`chosen`, `rejected`, `subset`) and 2 (lists of both, `num_correct`)."""

from __future__ import annotations

from collections.abc import Iterator

from rlaif.exchange import fields
from rlaif.exchange.format import Format, GoldFormat, has
from rlaif.exchange.gold import GoldChoice, GoldPair, GoldSet
from rlaif.exchange.rows import Row
from rlaif.hashing import digest

COLUMNS = frozenset({"prompt", "chosen", "rejected", "subset"})


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Version 1: one chosen, one rejected."""
    return GoldSet(name="rewardbench", scoring="rewardbench", pairs=tuple(_pair(row) for row in rows))


def read_choices(rows: Iterator[Row], category: str) -> GoldSet:
    """Version 2: chosen ones and rejected ones; `id` of the ties subset is `ref:N` or `tied:N`."""
    return GoldSet(name="rewardbench-2", scoring="rewardbench-2", choices=tuple(_choice(row) for row in rows))


def _pair(row: Row) -> GoldPair:
    prompt = fields.prompt(row, "prompt")
    texts = (fields.text(row, "chosen"), fields.text(row, "rejected"))
    return GoldPair(
        id=digest("rewardbench", prompt.id, *texts),
        prompt=prompt,
        texts=texts,
        first_better=1.0,
        category=fields.text(row, "subset"),
    )


def _choice(row: Row) -> GoldChoice:
    chosen, rejected = fields.texts(row, "chosen"), fields.texts(row, "rejected")
    return GoldChoice(
        id=str(fields.mapping(row).get("id", row.where)),
        prompt=fields.prompt(row, "prompt"),
        texts=(*chosen, *rejected),
        right=len(chosen),
        category=fields.text(row, "subset"),
    )


FORMAT = (
    Format(
        name="rewardbench-2",
        help="RewardBench 2: the right answers of a prompt among wrong ones",
        gold=GoldFormat(
            recognises=lambda row: row.keys() >= COLUMNS and isinstance(row["rejected"], list),
            read=read_choices,
            rank=20,
        ),
    ),
    Format(
        name="rewardbench",
        help="RewardBench 1: a chosen and a rejected answer of each prompt",
        gold=GoldFormat(recognises=has(COLUMNS), read=read, rank=30),
    ),
)
