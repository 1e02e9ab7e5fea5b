"""TRL's preference rows: prompt explicit or implicit, texts or turns. Where a cut is not clear, there is no pair."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange import fields
from rlaif.exchange.asked import QuestionTurns, asked, dialogue, use_repeated, with_system
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import TEMPLATE, is_empty, peek
from rlaif.exchange.containers import dataset_directory, parquet
from rlaif.exchange.format import Format, PairFormat, WrittenSplit, each_row, said
from rlaif.exchange.held import EVERYTHING
from rlaif.exchange.pairs import DECIMALS, row_pair
from rlaif.exchange.rated import policies
from rlaif.exchange.rows import Row
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import TRAINERS, checked_prompt, turn_rows, turns
from rlaif.records import Message, Pair

PARTS_EARLY = "the two dialogues share no question that both answer"
SAME = "both sides are the same"
CONTINUES = "one text goes on where the other ends: no border of the prompt can be told"
UNRELATED = "the two texts share no beginning"
NOT_CONTINUED = "a side does not continue the prompt"
_OURS = ("label_prob", "weight", "score_gap", "chosen_score", "rejected_score", "round", "critique")
_OTHERS = {
    **dict.fromkeys(("score_chosen", "chosen_rating", "rating_chosen", "chosen-rating"), "chosen_score"),
    **dict.fromkeys(
        ("score_rejected", "rejected_rating", "rating_rejected", "rejected-rating"), "rejected_score"
    ),
}
"""Scores as other sets call them."""
SCORES = ("chosen_score", "rejected_score", *_OTHERS)
SIDES = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("response_j", "response_k"),
)
"""The two sides as other sets call them, the better one first."""
_WROTE = (
    ("chosen_model", "rejected_model"),
    ("chosen-model", "rejected-model"),
    ("model_chosen", "model_rejected"),
    ("chosen_policy", "rejected_policy"),
)
"""Who wrote the two sides."""
_NOTES = re.compile(
    "id|source|model|dataset|critique|rationale|reason|comment|categor|type|date|url|licen|split|lang|tag|topic|note"
)
"""Parts of the names of columns that hold no question, however long their text is."""


def sides_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the column names of the chosen and the rejected side."""
    return next((names for names in SIDES if all(name in row for name in names)), None)


def recognises(row: Mapping[str, Any]) -> bool:
    """Two sides, under any of their names, or two outputs of one instruction."""
    return sides_of(row) is not None or _two_outputs(row)


def pair_of(row: Row) -> Pair | str:
    """The pair of a row in any of the four layouts. Raises PromptFileError."""
    values = fields.mapping(row)
    given = _given(row, values)
    question = asked(values, row.where)
    if question.turns or "prompt" in values:
        cut = _explicit(row, values, question, given)
    else:
        cut = _implicit(row, values, given)
        if not isinstance(cut, str):
            cut = (with_system(cut[0], question.system, row.where), *cut[1:])
    if isinstance(cut, str):
        return cut
    prompt, chosen, rejected = cut
    plain = {
        "prompt": turn_rows(prompt),
        "chosen": turn_rows(chosen),
        "rejected": turn_rows(rejected),
        "tools": list(tools_of(values, row.where)),
    }
    if prompt[-1].role not in ("user", "tool"):
        return PARTS_EARLY
    use_repeated(values, row.where, prompt, (*prompt, *chosen), (*prompt, *rejected), prompt[1:])
    wrote = next((names for names in _WROTE if all(name in values for name in names)), None)
    about = dict(policies(*(values[name] for name in wrote)) if wrote else {})
    if peek(values, TEMPLATE) is not None:
        about[TEMPLATE] = json_form(values[TEMPLATE], row.where, TEMPLATE)
    return row_pair(plain | _figures(values, row.where) | {"provenance": about}, row.where)


def pair_rows(pair: Pair) -> list[dict[str, Any]]:
    """Prompt explicit, turns; beside them what a trainer of ours reads again and TRL's leaves alone."""
    row: dict[str, Any] = {
        "id": pair.id,
        "prompt": turn_rows(pair.prompt, TRAINERS),
        "chosen": turn_rows(pair.chosen, TRAINERS),
        "rejected": turn_rows(pair.rejected, TRAINERS),
        "label_prob": round(pair.label_prob, DECIMALS),
        "weight": round(pair.weight, DECIMALS),
    }
    if pair.tools:
        row["tools"] = list(pair.tools)
    if not is_empty(given := pair.provenance.get(TEMPLATE)):
        row[TEMPLATE] = given
    return [row]


Turns = tuple[Message, ...]
Cut = tuple[Sequence[Message], Sequence[Message], Sequence[Message]]


class _Given(NamedTuple):
    """Both sides as they stand in the row, with their columns' names."""

    chosen: Any
    rejected: Any
    names: tuple[str, str]


def _two_outputs(row: Mapping[str, Any]) -> bool:
    both = peek(row, "output")
    return "instruction" in row and isinstance(both, list) and len(both) == 2


def _given(row: Row, values: Mapping[str, Any]) -> _Given:
    if sides_of(values) is None and _two_outputs(values):
        chosen, rejected = values["output"]
        return _Given(chosen, rejected, ("output", "output"))
    names = sides_of(values) or SIDES[0]
    if missing := [name for name in names if name not in values]:
        has = ", ".join(map(str, values)) or "none"
        raise PromptFileError(
            f"{row.where}: no {' and no '.join(map(repr, missing))}; its columns are: {has}"
        )
    one, other = ([side] if isinstance(side := values[name], Mapping) else side for name in names)
    return _Given(one, other, names)


def _explicit(row: Row, values: Mapping[str, Any], question: QuestionTurns, given: _Given) -> Cut | str:
    # a blank prompt is told as such
    given_turns = question.turns or turns(values["prompt"], row.where, "prompt", role="user")
    prompt = checked_prompt(given_turns, row.where, "prompt")
    texts = _repeated(values, given)
    if texts is not None:
        return prompt, said(texts[0]), said(texts[1])
    sides = []
    for name, value in zip(given.names, given[:2], strict=True):
        parted = _continued(prompt, turns(value, row.where, name, role="assistant"))
        if parted is None:
            return NOT_CONTINUED
        sides.append(parted)
    (prompt, chosen), (other, rejected) = sides
    return (prompt, chosen, rejected) if prompt == other else NOT_CONTINUED


def _repeated(values: Mapping[str, Any], given: _Given) -> tuple[str, str] | None:
    """Two texts that begin with the prompt's text, without it: many sets repeat it in either side."""
    prompt, one, other = peek(values, "prompt"), given.chosen, given.rejected
    if not all(isinstance(each, str) for each in (prompt, one, other)):
        return None
    whole = one.startswith(prompt) and other.startswith(prompt)
    if dialogue(prompt) is not None:  # the blank behind a turn's mark belongs to the mark
        start = len(prompt) if whole else 0
        return one[start:].removeprefix(" "), other[start:].removeprefix(" ")
    # two answers may well begin with one and the same word
    return (one[len(prompt) :], other[len(prompt) :]) if whole and len(prompt.split()) > 1 else None


def _continued(
    prompt: tuple[Message, ...], side: tuple[Message, ...]
) -> tuple[tuple[Message, ...], tuple[Message, ...]] | None:
    """Prompt and answer of a side that may repeat the prompt, with a system turn or earlier turns before it."""
    start = next((len(side) - place for place, each in enumerate(side[::-1]) if each.role != "assistant"), 0)
    lead, answer = side[:start], side[start:]
    if side[0].role == "assistant":
        lead, answer = prompt, side
    elif side[: len(prompt)] == prompt:
        lead, answer = prompt, side[len(prompt) :]
    elif len(prompt) > 1 and side[: len(prompt) - 1] == prompt[1:]:
        lead, answer = prompt, side[len(prompt) - 1 :]
    elif lead and lead[-len(prompt) :] != prompt:
        lead, answer = _led(prompt, side)
    if not answer or answer[0].role != "assistant" or answer[-1].role != "assistant":
        return None
    return (lead if len(lead) > len(prompt) else prompt), answer


def _led(
    prompt: tuple[Message, ...], side: tuple[Message, ...]
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """A side that holds the prompt behind further turns, and goes on with several; else the whole of it answers."""
    ends = range(len(prompt) + 1, len(side))
    at = next((end for end in ends if side[end - len(prompt) : end] == prompt), 0)
    return side[:at], side[at:]


def _implicit(row: Row, values: Mapping[str, Any], given: _Given) -> Cut | str:
    chosen, rejected = given.chosen, given.rejected
    if isinstance(chosen, str) and isinstance(rejected, str):
        _no_question(row, values, given)
        return _texts(row, chosen, rejected)
    both = [
        turns(each, row.where, name, role="assistant")
        for name, each in zip(given.names, given[:2], strict=True)
    ]
    if both[0] == both[1]:
        return SAME
    return parted(*both) or PARTS_EARLY


def parted(chosen: Turns, rejected: Turns) -> tuple[Turns, Turns, Turns] | None:
    """Two dialogues as a prompt and what each goes on with; None where they share no turn that asks.

    They are cut behind the last turn of a user or a tool that both share and both answer. So a side has several turns
    where the dialogues part earlier than at their last one.
    """
    for place in range(_shared(chosen, rejected), 0, -1):
        sides = chosen[place:], rejected[place:]
        asks = chosen[place - 1].role in ("user", "tool")
        if asks and all(side and side[0].role == "assistant" == side[-1].role for side in sides):
            return chosen[:place], *sides
    return None


def _no_question(row: Row, values: Mapping[str, Any], given: _Given) -> None:
    """Two texts are cut where they part: not so where a column may hold the question that both answer."""
    for name in values:
        text = peek(values, name)
        if name in (*given.names, *_OURS) or not isinstance(text, str) or _NOTES.search(name.lower()):
            continue
        if len(text.split()) > 1:
            raise UnkeptError(
                row.where, f"column {name!r} may hold the question", "rename it to `prompt`, or remove it"
            )


def _texts(row: Row, chosen: str, rejected: str) -> Cut | str:
    shared = _shared(chosen, rejected)
    if chosen == rejected:
        return SAME
    if shared == min(len(chosen), len(rejected)):
        return CONTINUES
    if shared and chosen[shared - 1] == " ":  # the blank before a word belongs to the answer
        shared -= 1
    if not chosen[:shared].strip():
        return UNRELATED
    prompt = checked_prompt(turns(chosen[:shared], row.where, "chosen", role="user"), row.where, "chosen")
    return prompt, said(chosen[shared:]), said(rejected[shared:])


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    places = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(places) if a != b), min(len(one), len(other)))


def _figures(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (*_OURS, *_OTHERS):
        value = _figure(values[name], name, where) if name in values else None
        if value is not None:
            found.setdefault(_OTHERS.get(name, name), value)
    if {"chosen_score", "rejected_score"} <= found.keys() and "score_gap" not in found:
        found["score_gap"] = found["chosen_score"] - found["rejected_score"]
    return found


def _figure(value: Any, name: str, where: str) -> Any:
    """A cell of a column of numbers: text where the file has nothing else; no score where it is no number."""
    if name == "critique" or value is None:
        return value
    # without a score a preference is whole
    absent = ("", "nan", "none", "null", "n/a") if name not in ("label_prob", "weight") else ("",)
    if isinstance(value, str | float) and str(value).strip().lower() in absent:
        return None
    found = fields.number(value)
    if found is None or (name == "round" and found != int(found)):
        raise PromptFileError(f"{where}: `{name}` is {fields.shown(value)}; it must be a number")
    return int(found) if name == "round" else found


def _whole_directory(splits: Mapping[str, WrittenSplit]) -> dict[str, str]:
    """What makes the splits one directory that `load_from_disk` opens whole."""
    return {"dataset_dict.json": json.dumps({"splits": list(splits)})}


_ROWS = PairFormat(
    shape="`prompt` (or none), `chosen`, `rejected`: texts or turns",
    read=each_row(pair_of),
    write=pair_rows,
    holds_ties=True,
    reads_margin=True,
    holds=EVERYTHING,
)
FORMAT = (
    Format(
        name="trl",
        help="TRL's preference rows; import reads all four layouts, and other common column names",
        pairs=replace(_ROWS, recognises=recognises, rank=40),
    ),
    Format(name="trl-parquet", help="TRL's rows as Parquet", pairs=replace(_ROWS, container=parquet)),
    Format(
        name="datasets",
        help="TRL's rows as a directory for `datasets.load_from_disk`",
        pairs=replace(_ROWS, container=dataset_directory, beside=_whole_directory),
    ),
)
