"""Our own pairs as gold, and every file of pairs in TRL's columns: `chosen` is the better one."""

from __future__ import annotations

from collections.abc import Iterator

from rlaif.exchange.format import Format, GoldFormat, has
from rlaif.exchange.gold import GoldPair, GoldSet
from rlaif.exchange.pairs import row_pair
from rlaif.exchange.rows import Row
from rlaif.records import Pair, Prompt, is_plain

COLUMNS = frozenset({"prompt", "chosen", "rejected"})


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """A pair a row; `label_prob` says how sure the label is."""
    pairs = [row_pair(row.value, row.where) for row in rows]
    judges = {each.provenance.get("judge") for each in pairs}
    return GoldSet(
        name="pairs",
        scoring="pairs",
        pairs=tuple(_gold(pair, category) for pair in pairs),
        labelled_by=frozenset(each for each in judges if isinstance(each, str)),
    )


def _gold(pair: Pair, category: str) -> GoldPair:
    return GoldPair(
        id=pair.id,
        prompt=Prompt(messages=pair.prompt, tools=pair.tools),
        texts=(pair.chosen[-1].content, pair.rejected[-1].content),
        sides=None if is_plain(pair.chosen) and is_plain(pair.rejected) else (pair.chosen, pair.rejected),
        first_better=pair.label_prob,
        category=category,
    )


FORMAT = Format(
    name="pairs",
    help="our own pairs, and every file with TRL's columns, as gold",
    gold=GoldFormat(recognises=has(COLUMNS), read=read, rank=80),
)
