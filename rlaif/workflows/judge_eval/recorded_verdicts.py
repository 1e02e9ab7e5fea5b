"""`replay:FILE` on gold: the verdicts that a published file records, joined to the gold by what was judged."""

from __future__ import annotations

from pathlib import Path

from rlaif.auditing.comparisons import Judged
from rlaif.errors import InputError
from rlaif.exchange.benchmarks import GoldLabel, GoldPair, GoldSet, Orders, RecordedVerdict, read_recorded

PREFIX = "replay:"
COLUMN = "gpt4_label"


def recorded_gold(judge: str) -> GoldSet | None:
    """The set that `replay:FILE[#JUDGE]` records; None for a judge that is asked, replayed calls included."""
    if not judge.startswith(PREFIX):
        return None
    ref = judge.removeprefix(PREFIX)
    return read_recorded(ref) if Path(ref.partition("#")[0]).exists() else None


def replayed_pairs(gold: GoldSet, recorded: GoldSet, judge: str) -> list[Judged]:
    """Each gold pair with what was recorded of its two texts, in whichever order they stand there."""
    said: dict[tuple[str, str, str], Orders] = {}
    for each in recorded.pairs:
        if each.recorded is not None:
            said[(each.prompt.id, *each.texts)] = each.recorded
    found = [(pair, _of(pair, said)) for pair in gold.pairs]
    judged = [Judged(pair=pair, orders=orders) for pair, orders in found if orders is not None]
    if len(judged) < len(found):
        raise InputError(
            f"{judge}: records {len(judged)} of the {len(found)} pairs; name the gold that was judged, or none"
        )
    return judged


def replayed_labels(
    recorded: GoldSet, judge: str, *, limit: int | None = None
) -> list[tuple[GoldLabel, str]]:
    """Each label with what the judge wrote; `replay:FILE#COLUMN` names the judge's column."""
    column = judge.partition("#")[2] or COLUMN
    known = sorted({name for each in recorded.labels for name in each.recorded})
    if column not in known:
        raise InputError(f"{judge}: has no judge {column!r}; write #COLUMN, one of: {', '.join(known)}")
    return [(each, each.recorded[column]) for each in recorded.labels[:limit]]


def _of(pair: GoldPair, said: dict[tuple[str, str, str], Orders]) -> Orders | None:
    one, other = pair.texts
    if (found := said.get((pair.prompt.id, one, other))) is not None:
        return found
    turned = said.get((pair.prompt.id, other, one))
    if turned is None:
        return None
    # the other text stood first there: what was recorded forward is this pair's swapped order
    forward, swapped = _turned(turned.forward), None if turned.swapped is None else _turned(turned.swapped)
    return Orders(forward, None) if swapped is None else Orders(swapped, forward)


def _turned(verdict: RecordedVerdict) -> RecordedVerdict:
    return verdict if verdict.p is None else verdict._replace(p=1 - verdict.p)
