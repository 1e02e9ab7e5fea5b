"""RewardBench 1 (`chosen`, `rejected`, `subset`) and 2 (lists of both, `num_correct`), as gold and as pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rlaif.exchange import fields
from rlaif.exchange.columns import Columns
from rlaif.exchange.format import Format, Found, GoldFormat, PairFormat, each_row, has, said
from rlaif.exchange.gold import GoldChoice, GoldPair, GoldSet
from rlaif.exchange.rated import SAME_TEXT, policies
from rlaif.exchange.rows import Row
from rlaif.hashing import digest
from rlaif.records import Pair

COLUMNS = frozenset({"prompt", "chosen", "rejected", "subset"})


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Version 1: one chosen, one rejected."""
    return GoldSet(name="rewardbench", scoring="rewardbench", pairs=tuple(_pair(row) for row in rows))


def read_choices(rows: Iterator[Row], category: str) -> GoldSet:
    """Version 2: chosen ones and rejected ones; `id` of the ties subset is `ref:N` or `tied:N`."""
    return GoldSet(name="rewardbench-2", scoring="rewardbench-2", choices=tuple(_choice(row) for row in rows))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


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


def pair_of(row: Row) -> Pair | str:
    """Version 1: the chosen answer against the rejected one; the subset goes to the provenance."""
    values = fields.mapping(row)
    chosen, rejected = fields.text(row, "chosen"), fields.text(row, "rejected")
    if chosen == rejected:
        return SAME_TEXT
    return Pair(
        prompt=fields.prompt(row, "prompt").messages,
        chosen=said(chosen),
        rejected=said(rejected),
        label_prob=1.0,
        provenance={
            **policies(values.get("chosen_model"), values.get("rejected_model")),
            "subset": fields.text(row, "subset"),
        },
    )


def read_pairs(rows: Iterator[Row]) -> Iterator[Found]:
    """Version 2: right answers meet wrong ones in turn, as many pairs as there are of the more frequent kind."""
    for row in rows:
        values = Columns(fields.mapping(row))
        row = Row(row.where, values)
        chosen, rejected = fields.texts(row, "chosen"), fields.texts(row, "rejected")
        prompt, subset = fields.prompt(row, "prompt").messages, fields.text(row, "subset")
        for name in ("num_correct", "num_incorrect", "total_completions"):
            values.get(name)  # the lists say it too
        left = values.finished(row.where)
        for place in range(max(len(chosen), len(rejected))):
            sides = [
                fields.text(Row(row.where, {name: texts[place % len(texts)]}), name)
                for name, texts in (("chosen", chosen), ("rejected", rejected))
            ]
            where = f"{row.where}, pair {place + 1}"
            pair = Pair(
                prompt=prompt,
                chosen=said(sides[0]),
                rejected=said(sides[1]),
                label_prob=1.0,
                provenance={"subset": subset},
            )
            yield Found(where, SAME_TEXT if sides[0] == sides[1] else pair, left)


FORMAT = (
    Format(
        name="rewardbench-2",
        help="RewardBench 2: the right answers of a prompt among wrong ones; import pairs them in turn",
        pairs=PairFormat(
            shape="`prompt`, `chosen`: texts, `rejected`: texts, `subset`, `num_correct`",
            recognises=lambda row: (
                row.keys() >= COLUMNS and _texts(row["chosen"]) and _texts(row["rejected"])
            ),
            rank=25,
            read=read_pairs,
        ),
        gold=GoldFormat(
            recognises=lambda row: row.keys() >= COLUMNS and isinstance(row["rejected"], list),
            read=read_choices,
            rank=20,
        ),
    ),
    Format(
        name="rewardbench",
        help="RewardBench 1: a chosen and a rejected answer of each prompt",
        pairs=PairFormat(
            shape="`prompt`, `chosen`, `rejected`, `subset`",
            recognises=lambda row: (
                row.keys() >= COLUMNS | {"chosen_model", "rejected_model"} and isinstance(row["chosen"], str)
            ),
            rank=26,
            read=each_row(pair_of),
        ),
        gold=GoldFormat(recognises=has(COLUMNS), read=read, rank=30),
    ),
)
