"""Thumbs-up tables, TRL's KTO rows: a prompt, one completion, and whether it was liked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange import fields
from rlaif.exchange.answers import answer_turns
from rlaif.exchange.asked import CONVERSATIONS, QUESTIONS, asked, use_repeated
from rlaif.exchange.columns import Columns
from rlaif.exchange.format import Format, Found, PairFormat, Rows
from rlaif.exchange.held import EVERYTHING
from rlaif.exchange.rows import Row
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import TRAINERS, checked_prompt, prompt_turns, turn_rows
from rlaif.hashing import canonical_json
from rlaif.records import Message, Pair, Tools

ALONE = "no answer to this prompt has the other thumb"
CONTRADICTED = "this answer has both thumbs"
BOTH_THUMBS = "an answer is chosen in one pair and rejected in another"
ANSWERS = ("completion", "response", "output", "answer")
LABELS = ("label", "thumbs_up", "thumb", "feedback", "kto_tag")
_WORDS = {
    **dict.fromkeys(("true", "1", "1.0", "up", "👍"), True),
    **dict.fromkeys(("false", "0", "0.0", "-1", "-1.0", "down", "👎"), False),
}
"""As tables write them; a column of numbers with a gap comes as decimals."""


class Thumb(NamedTuple):
    """One answer and its thumb."""

    where: str
    prompt: tuple[Message, ...]
    answer: tuple[Message, ...]
    up: bool
    tools: Tools = ()


def read(rows: Iterator[Row]) -> Iterator[Found]:
    """Return pairs from rows of single answers with a thumb up or down, grouped by prompt.

    With m liked and n disliked answers of a prompt, the liked ones meet the disliked ones in turn: max(m, n) pairs, in
    which every answer occurs. A pair stands where the later of its two rows stood.
    """
    left: dict[str, None] = {}
    by_prompt: dict[tuple[tuple[Message, ...], str], list[Thumb]] = {}
    for row in rows:
        try:
            thumb = _thumb(row, left)
        except UnkeptError as unkept:
            yield Found(row.where, unkept)
            continue
        by_prompt.setdefault((thumb.prompt, canonical_json(thumb.tools)), []).append(thumb)
    for thumbs in by_prompt.values():
        both = {each.answer for each in thumbs if each.up} & {each.answer for each in thumbs if not each.up}
        clear = list({each.answer: each for each in thumbs if each.answer not in both}.values())
        yield from (Found(each.where, CONTRADICTED) for each in thumbs if each.answer in both)
        liked, disliked = ([each for each in clear if each.up is up] for up in (True, False))
        if not liked or not disliked:
            yield from (Found(each.where, ALONE) for each in clear)
            continue
        for place in range(max(len(liked), len(disliked))):
            one, other = liked[place % len(liked)], disliked[place % len(disliked)]
            pair = Pair(
                prompt=one.prompt, chosen=one.answer, rejected=other.answer, label_prob=1.0, tools=one.tools
            )
            yield Found(other.where, pair, tuple(left))


def pair_rows(pair: Pair) -> Sequence[Mapping[str, Any]]:
    """The chosen side liked, the rejected side not."""
    prompt = turn_rows(pair.prompt, TRAINERS)
    sides = ((pair.chosen, True), (pair.rejected, False))
    tools = {"tools": list(pair.tools)} if pair.tools else {}
    return [
        {"prompt": prompt, "completion": turn_rows(side, TRAINERS), "label": up, **tools}
        for side, up in sides
    ]


def thumb_of(row: Row) -> Thumb:
    """A row. Raises PromptFileError."""
    values = fields.mapping(row)
    label, said = _column(values, LABELS), _column(values, ANSWERS)
    if label is None or not (said or _talk(values)) or not _asks(values):
        has = ", ".join(map(str, values)) or "none"
        raise PromptFileError(
            f"{row.where}: a thumb needs `prompt`, `completion` and `label`; its columns are: {has}"
        )
    if said is None:
        prompt, answer = _parted(values, row.where)
    else:
        answer = answer_turns(values, row.where, said)
        given = asked(values, row.where).turns or prompt_turns(values.get("prompt"), row.where, "prompt")
        prompt = checked_prompt(given, row.where, "prompt")
    use_repeated(values, row.where, prompt, (*prompt, *answer))
    up = _up(values[label], f"{row.where}: {label!r}")
    return Thumb(row.where, prompt, answer, up, tools_of(values, row.where))


def _thumb(row: Row, left: dict[str, None]) -> Thumb:
    if not isinstance(row.value, Mapping):
        return thumb_of(row)
    values = Columns(row.value)
    thumb = thumb_of(Row(row.where, values))
    left |= dict.fromkeys(values.finished(row.where))
    return thumb


def _parted(values: Mapping[str, Any], where: str) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """A conversation that ends with the answer."""
    whole = asked(values, where).turns
    if len(whole) < 2 or whole[-1].role != "assistant":
        raise PromptFileError(
            f"{where}: the conversation must end with the assistant's turn, which has the thumb"
        )
    return checked_prompt(whole[:-1], where, "prompt"), whole[-1:]


def _talk(values: Mapping[str, Any]) -> bool:
    return any(name in values for name in CONVERSATIONS)


def _asks(values: Mapping[str, Any]) -> bool:
    return any(name in values for name in ("prompt", *CONVERSATIONS, *QUESTIONS))


def _column(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((each for each in names if each in values), None)


def _up(value: Any, place: str) -> bool:
    word = str(value).strip().lower()  # a CSV has text only
    if isinstance(value, bool | str | int | float) and word in _WORDS:
        return _WORDS[word]
    raise PromptFileError(f"{place} is {value!r}; it must be true or false (or 1/0, 1/-1, up/down)")


def clear_thumbs(rows: Rows) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Each answer once; none that is liked in one pair and not in another."""
    seen: dict[str, dict[bool, dict[str, Any]]] = {}
    for row in rows:
        seen.setdefault(canonical_json([row["prompt"], row["completion"], row.get("tools")]), {})[
            row["label"]
        ] = dict(row)
    clear = [row for labels in seen.values() if len(labels) == 1 for row in labels.values()]
    return clear, {BOTH_THUMBS: len(seen) - len(clear)}


FORMAT = Format(
    name="kto",
    help="KTO's rows of one completion and a thumb; import pairs liked and disliked completions of a prompt",
    loses="an answer that is chosen in one pair and rejected in another",
    pairs=PairFormat(
        shape="`prompt`, `completion`, `label`: true or false",
        recognises=lambda row: (
            _column(row, LABELS) is not None
            and ((_column(row, ANSWERS) is not None and _asks(row)) or _talk(row))
        ),
        rank=70,
        read=read,
        write=pair_rows,
        settle=clear_thumbs,
        holds=EVERYTHING,
    ),
)
