"""OpenAI's rows for preference fine-tuning: what is asked stands under `input`, as a request has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import Columns, is_empty
from rlaif.exchange.format import Format, PairFormat, each_row, has
from rlaif.exchange.formats.trl import pair_of as trl_pair
from rlaif.exchange.held import EVERYTHING
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import turn_rows
from rlaif.records import Pair

INPUT = "input"
SIDES = ("preferred_output", "non_preferred_output")
_SPEAK = ("assistant", "tool")
USER_IN_SIDE = "a side has a turn that is not of the assistant or a tool"
REQUEST = "request"
"""In the provenance of a pair: what stood under `input` beside turns and tools, such as `parallel_tool_calls`."""


def _from_openai(row: Row) -> Pair | str:
    values = fields.mapping(row)
    given = values.get(INPUT)
    if not isinstance(given, Mapping) or is_empty(given.get("messages")):
        raise PromptFileError(f"{row.where}: {INPUT!r} must be an object with `messages`")
    asked = Columns(given)
    plain = {"prompt": asked["messages"]}
    plain |= {name: _side(row, side) for name, side in zip(("chosen", "rejected"), SIDES, strict=True)}
    used = {"messages"}
    if not is_empty(given.get("tools")):
        plain["tools"] = asked["tools"]
        used.add("tools")
    what = trl_pair(Row(row.where, plain))
    if isinstance(what, str):
        return what
    asked.finished(row.where)
    beside = json_form({name: given[name] for name in given if name not in used}, row.where, INPUT)
    return replace(what, provenance={**what.provenance, REQUEST: beside}) if beside else what


def _side(row: Row, name: str) -> Sequence[Any]:
    value = fields.mapping(row).get(name)
    if not isinstance(value, list):
        raise PromptFileError(f"{row.where}: {name!r} must be a list of turns")
    return value


def _openai(pair: Pair) -> Sequence[Mapping[str, Any]] | str:
    if any(each.role not in _SPEAK for each in (*pair.chosen, *pair.rejected)):
        return USER_IN_SIDE
    beside = pair.provenance.get(REQUEST)
    asked: dict[str, Any] = {"messages": turn_rows(pair.prompt)}
    if pair.tools:
        asked["tools"] = list(pair.tools)
    if isinstance(beside, Mapping):
        asked |= {name: value for name, value in beside.items() if name not in asked}
    chosen, rejected = SIDES
    return [{INPUT: asked, chosen: turn_rows(pair.chosen), rejected: turn_rows(pair.rejected)}]


FORMAT = Format(
    name="openai-preference",
    help="OpenAI's preference fine-tuning (and of other services with its layout)",
    loses="sides with a turn of a user",
    pairs=PairFormat(
        shape="`input: {messages, tools, parallel_tool_calls}`, `preferred_output`, `non_preferred_output`: turns",
        recognises=has((INPUT, *SIDES)),
        rank=19,
        read=each_row(_from_openai),
        write=_openai,
        holds=EVERYTHING - {"thoughts"},
    ),
)
