"""alpaca_eval's annotations: `preference` from 1 (first wins) to 2; people's are gold, a judge's are its verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.columns import is_empty
from rlaif.exchange.format import Format, Found, GoldFormat, PairFormat, has, said
from rlaif.exchange.gold import LOST, Annotation, GoldPair, GoldSet, Orders, RecordedVerdict
from rlaif.exchange.rows import Row
from rlaif.hashing import digest
from rlaif.records import EVEN, Pair, Prompt, State

NAME = "alpaca_eval"
COLUMNS = frozenset({"instruction", "output_1", "output_2", "preference"})
FAILED = "the annotation failed"
EVEN_VOTES = "as many for the one as for the other"
_DRAWS = (0.0, 1.5)
"""A preference of 0 is a draw too: older versions write it for two equal outputs."""
_OUTPUTS = ("output_1", "output_2")
"""What a model is called where its row does not say."""


class _Annotated(NamedTuple):
    """A row, checked."""

    where: str
    instruction: str
    texts: tuple[str, str]
    first_better: float | None
    """None where the annotation failed."""
    models: tuple[str, str]
    annotator: str
    values: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.instruction, *self.texts

    @property
    def turned(self) -> tuple[str, str, str]:
        return self.instruction, *self.texts[::-1]


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Gold: the share of the annotators that prefers the first. Those without a majority are left out and counted."""
    return _gold([_annotated(row) for row in rows], category)


def read_verdicts(rows: Iterator[Row], annotator: str) -> GoldSet:
    """Pairs with what the judge that annotated them said in each order; of the annotator of this name, or of the one.

    Raises PromptFileError where there is none of this name, or several and none is named.
    """
    every = [_annotated(row) for row in rows]
    known = list(dict.fromkeys(each.annotator for each in every))
    kept = [each for each in every if not annotator or each.annotator == annotator]
    if not kept:
        raise PromptFileError(
            f"{every[0].where}: no annotator is called {annotator!r}; write #NAME, one of: {', '.join(known)}"
        )
    several = (
        len({each.annotator for each in kept}) > 1
    )  # whose verdict stands in a place cannot be told then
    return GoldSet(
        name=NAME,
        scoring="pairs",
        pairs=() if several else tuple(_recorded(kept)),
        annotations=tuple(map(_annotation, kept)),
    )


def _recorded(rows: Sequence[_Annotated]) -> Iterator[GoldPair]:
    """Each two outputs with what a judge said of them; a row the other way round is the other order."""
    said: dict[tuple[str, str, str], tuple[_Annotated, Orders]] = {}
    for each in rows:
        if each.turned in said:
            there, orders = said[each.turned]
            said[each.turned] = there, Orders(orders.forward, _verdict(each.first_better, swapped=True))
        else:
            said[each.key] = each, Orders(_verdict(each.first_better), None)
    for key, (each, orders) in said.items():
        yield GoldPair(
            id=digest(NAME, *key),
            prompt=fields.prompt(Row(each.where, each.values), "instruction"),
            texts=each.texts,
            first_better=EVEN,  # what a record says itself is no gold
            category=_category(each.values, ""),
            recorded=orders,
        )


def read_pairs(rows: Iterator[Row]) -> Iterator[Found]:
    """A pair for every two outputs; `label_prob` is the mean of what its annotators said of them in either order.

    A pair stands where the last of its rows stood.
    """
    groups: dict[tuple[str, str, str], list[_Annotated]] = {}
    for row in rows:
        each = _annotated(row)
        if each.first_better is None:
            yield Found(row.where, FAILED)
            continue
        groups.setdefault(each.turned if each.turned in groups else each.key, []).append(each)
    for key, given in groups.items():
        shares = [_of_first(each, key) for each in given]
        p, where = sum(shares) / len(shares), given[-1].where
        yield Found(where, EVEN_VOTES if p == EVEN else _pair(given[0], p, given), _left(given))


def _of_first(annotated: _Annotated, key: tuple[str, str, str]) -> float:
    assert annotated.first_better is not None, "what failed is in no group"
    return annotated.first_better if annotated.key == key else 1 - annotated.first_better


def _pair(first: _Annotated, p: float, given: Sequence[_Annotated]) -> Pair:
    judges = list(dict.fromkeys(each.annotator for each in given if each.annotator))
    named = [name for name, other in zip(first.models, _OUTPUTS, strict=True) if name != other]
    return Pair(
        prompt=fields.prompt(Row(first.where, first.values), "instruction").messages,
        chosen=said(first.texts[0]),
        rejected=said(first.texts[1]),
        label_prob=p,
        provenance={"policy": named, **({"annotators": judges} if judges else {})},
    )


_READ = COLUMNS | {"generator_1", "generator_2", "annotator"}


def _left(given: Sequence[_Annotated]) -> list[str]:
    names = (name for each in given for name, value in each.values.items() if not is_empty(value))
    return [str(name) for name in dict.fromkeys(names) if name not in _READ]


def _gold(rows: Sequence[_Annotated], category: str) -> GoldSet:
    votes: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    seen: dict[tuple[str, str, str], tuple[Prompt, str]] = {}
    left_out: Counter[str] = Counter()
    for each in rows:
        if each.first_better is None:
            left_out[FAILED] += 1
            continue
        votes[each.key].append(each.first_better)
        prompt = fields.prompt(Row(each.where, each.values), "instruction")
        seen.setdefault(each.key, (prompt, _category(each.values, category)))
    pairs = []
    for (instruction, one, other), given in votes.items():
        share = sum(given) / len(given)
        if share == EVEN:
            left_out[EVEN_VOTES] += 1
            continue
        prompt, named = seen[instruction, one, other]
        pairs.append(
            GoldPair(
                id=digest(NAME, instruction, one, other),
                prompt=prompt,
                texts=(one, other),
                first_better=share,
                category=named,
            )
        )
    return GoldSet(
        name=NAME,
        scoring="pairs",
        pairs=tuple(pairs),
        left_out=left_out,
        annotations=tuple(map(_annotation, rows)),
    )


def _annotation(each: _Annotated) -> Annotation:
    p = each.first_better
    return Annotation(
        annotator=each.annotator,
        models=each.models,
        prompt_id=each.instruction,
        texts=each.texts,
        second_better=None if p is None else 1 - p,
    )


def _verdict(first_better: float | None, *, swapped: bool = False) -> RecordedVerdict:
    if first_better is None:
        return LOST
    if first_better == EVEN:
        return RecordedVerdict(State.TIE)
    return RecordedVerdict(State.PREFERENCE, 1 - first_better if swapped else first_better)


def _category(values: Mapping[str, Any], otherwise: str) -> str:
    named: Any = values.get("dataset")
    return named if isinstance(named, str) else otherwise


def _annotated(row: Row) -> _Annotated:
    values = fields.mapping(row)
    one, other = (_named(values, f"generator_{place}") or _OUTPUTS[place - 1] for place in (1, 2))
    return _Annotated(
        row.where,
        fields.text(row, "instruction"),
        (fields.text(row, "output_1"), fields.text(row, "output_2")),
        _first_better(row),
        (one, other),
        _named(values, "annotator"),
        values,
    )


def _named(values: Mapping[str, Any], column: str) -> str:
    """A name, which people have as a number; empty where there is none."""
    value = values.get(column)
    return "" if is_empty(value) else str(value)


def _first_better(row: Row) -> float | None:
    """None of what alpaca_eval writes for a reply that it could not read: null, not a number, or -1."""
    value = given = fields.mapping(row).get("preference")
    if isinstance(value, str):  # a table has text only
        try:
            value = float(value) if value.strip() else None
        except ValueError:
            value = given
    if value is None or value == -1 or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PromptFileError(f"{row.where}: `preference` is {given!r}; it must be a number from 1 to 2")
    if value in _DRAWS:
        return EVEN
    if not 1 <= value <= 2:
        raise PromptFileError(
            f"{row.where}: `preference` is {given!r}; it must be from 1 to 2, 0 for a draw, -1 or null"
        )
    return 2.0 - float(value)


FORMAT = Format(
    name=NAME,
    help="alpaca_eval's annotations: people's are gold, a judge's its verdicts; import takes the annotators' mean",
    pairs=PairFormat(
        shape="`instruction`, `output_1`, `output_2`, `preference`: from 1 (first) to 2, 0 or 1.5 a draw",
        recognises=has(COLUMNS),
        rank=18,
        read=read_pairs,
    ),
    gold=GoldFormat(recognises=has(COLUMNS), read=read, rank=60, read_verdicts=read_verdicts),
)
