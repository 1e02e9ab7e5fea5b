"""TRL's preference rows: prompt explicit or implicit, texts or turns. Where a cut is not clear, there is no pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange.benchmarks import fields
from rlaif.exchange.pairs import DECIMALS, row_pair
from rlaif.exchange.preferences.nouns import Format, each_row, said
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import prompt_turns, turn_rows, turns
from rlaif.records import Message, Pair

PARTS_EARLY = "the two dialogues part before the last answer"
SAME = "both sides are the same"
CONTINUES = "one text goes on where the other ends: no border of the prompt can be told"
UNRELATED = "the two texts share no beginning"
NOT_CONTINUED = "a side does not continue the prompt"
_OURS = ("label_prob", "weight", "score_gap", "chosen_score", "rejected_score", "round", "critique")
_OTHERS = {"score_chosen": "chosen_score", "score_rejected": "rejected_score"}
"""Columns of binarised UltraFeedback sets."""


def pair_of(row: Row) -> Pair | str:
    """The pair of a row in any of the four layouts. Raises PromptFileError."""
    values = fields.mapping(row)
    if missing := [name for name in ("chosen", "rejected") if name not in values]:
        has = ", ".join(map(str, values)) or "none"
        raise PromptFileError(
            f"{row.where}: no {' and no '.join(map(repr, missing))}; its columns are: {has}"
        )
    cut = _explicit(row, values) if "prompt" in values else _implicit(row, values)
    if isinstance(cut, str):
        return cut
    prompt, chosen, rejected = cut
    plain = {"prompt": turn_rows(prompt), "chosen": turn_rows(chosen), "rejected": turn_rows(rejected)}
    if prompt[-1].role != "user":
        return PARTS_EARLY
    return row_pair(plain | _figures(values), row.where)


def pair_rows(pair: Pair) -> list[dict[str, Any]]:
    """Prompt explicit, turns; beside them what a trainer of ours reads again and TRL's leaves alone."""
    return [
        {
            "id": pair.id,
            "prompt": turn_rows(pair.prompt),
            "chosen": turn_rows(pair.chosen),
            "rejected": turn_rows(pair.rejected),
            "label_prob": round(pair.label_prob, DECIMALS),
            "weight": round(pair.weight, DECIMALS),
        }
    ]


Cut = tuple[Sequence[Message], Sequence[Message], Sequence[Message]]


def _explicit(row: Row, values: Mapping[str, Any]) -> Cut | str:
    prompt = prompt_turns(values["prompt"], row.where, "prompt")
    sides = []
    for name in ("chosen", "rejected"):
        side = turns(values[name], row.where, name, role="assistant")
        whole = side[: len(prompt)] == prompt
        side = side[len(prompt) :] if whole else side  # many sets repeat the prompt in either side
        if not side or side[0].role != "assistant" or side[-1].role != "assistant":
            return NOT_CONTINUED
        sides.append(side)
    return prompt, sides[0], sides[1]


def _implicit(row: Row, values: Mapping[str, Any]) -> Cut | str:
    chosen, rejected = values["chosen"], values["rejected"]
    if isinstance(chosen, str) and isinstance(rejected, str):
        return _texts(row, chosen, rejected)
    both = [turns(values[name], row.where, name, role="assistant") for name in ("chosen", "rejected")]
    if both[0] == both[1]:
        return SAME
    shared = _shared(*both)
    prompt, *sides = both[0][:shared], both[0][shared:], both[1][shared:]
    if not prompt or not all(side and side[0].role == "assistant" == side[-1].role for side in sides):
        return PARTS_EARLY
    return prompt, sides[0], sides[1]


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
    prompt = prompt_turns(chosen[:shared], row.where, "chosen")
    return prompt, said(chosen[shared:]), said(rejected[shared:])


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    places = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(places) if a != b), min(len(one), len(other)))


def _figures(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: values[name] for name in _OURS if values.get(name) is not None}
    for theirs, ours in _OTHERS.items():
        if values.get(theirs) is not None:
            found.setdefault(ours, values[theirs])
    if {"chosen_score", "rejected_score"} <= found.keys() and "score_gap" not in found:
        one, other = found["chosen_score"], found["rejected_score"]
        if isinstance(one, int | float) and isinstance(other, int | float):
            found["score_gap"] = one - other
    return found


TRL = Format(
    name="trl",
    shape="prompt (or none), chosen, rejected: texts or turns",
    recognises=lambda row: {"chosen", "rejected"} <= row.keys(),
    read=each_row(pair_of),
    write=pair_rows,
)
