"""Preference pairs as TRL's trainers load them, with all that made them beside. Files appear whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from rlaif.atomic import whole_file, write_lines
from rlaif.errors import PromptFileError
from rlaif.exchange.asked import system_of, with_system
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import Columns, say_left
from rlaif.exchange.conversation import check_conversation
from rlaif.exchange.fields import number, shown
from rlaif.exchange.rows import read_rows
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turn_cells import as_cells, keys_of
from rlaif.exchange.turns import prompt_turns, turn_rows, turns
from rlaif.records import CutSide, Message, Pair, is_plain

DECIMALS = 6
_NUMBERS = ("label_prob", "weight", "score_gap", "chosen_score", "rejected_score")
_NESTED = ("principles", "provenance")
_FLAGS = {"true": True, "false": False, "": True}
MAX_ROUND = 1_000_000
"""The highest number that a round can have."""


def pair_row(pair: Pair) -> dict[str, Any]:
    """The row of `pairs.jsonl`; floats have six decimals, so that reruns agree to the byte."""
    row: dict[str, Any] = {
        "id": pair.id,
        "prompt": turn_rows(pair.prompt),
        "chosen": turn_rows(pair.chosen),
        "rejected": turn_rows(pair.rejected),
        "label_prob": round(pair.label_prob, DECIMALS),
        "weight": round(pair.weight, DECIMALS),
        "score_gap": _rounded(pair.score_gap),
        "chosen_score": _rounded(pair.chosen_score),
        "rejected_score": _rounded(pair.rejected_score),
        "principles": [_rounded(dict(each)) for each in pair.principles],
        "order_consistent": pair.order_consistent,
        "critique": pair.critique,
        "revision_of": pair.revision_of,
        "round": pair.round,
        "provenance": _rounded(dict(pair.provenance)),
    }
    row |= {"tools": list(pair.tools)} if pair.tools else {}
    return row | {"truncated": pair.truncated} if pair.truncated else row


def row_pair(row: Mapping[str, Any], where: str = "pair") -> Pair:
    """The pair of a row of ours, or of any TRL row with `prompt`, `chosen` and `rejected`.

    Raises PromptFileError when a field is wrong, or when an `id` does not belong to the texts beside it.
    """
    if not isinstance(row, Mapping):
        raise PromptFileError(f"{where}: a pair must be an object, not {type(row).__name__}")
    if missing := [name for name in ("prompt", "chosen", "rejected") if name not in row]:
        raise PromptFileError(f"{where}: no {', '.join(missing)}; a pair has prompt, chosen, rejected")
    prompt = with_system(prompt_turns(row["prompt"], where, "prompt"), system_of(row, where), where)
    pair = Pair(
        prompt=prompt,
        tools=tools_of(row, where),
        chosen=_said(row, "chosen", prompt, where),
        rejected=_said(row, "rejected", prompt, where),
        label_prob=_number(row, "label_prob", 1.0, where, high=1.0),
        weight=_number(row, "weight", 1.0, where),
        principles=_principles(row, where),
        provenance=_provenance(row, where),
        score_gap=_optional(row, "score_gap", where),
        chosen_score=_optional(row, "chosen_score", where),
        rejected_score=_optional(row, "rejected_score", where),
        order_consistent=_flag(row, "order_consistent", where),
        critique=_text(row, "critique", where),
        revision_of=_text(row, "revision_of", where),
        round=_round(row, where),
        truncated=_cut_side(row, where),
    )
    if row.get("id", pair.id) != pair.id:
        raise PromptFileError(
            f"{where}: `id` is not that of these texts; remove `id` if the texts were edited"
        )
    return pair


def write_pairs(path: Path, pairs: Iterable[Pair]) -> int:
    """Write `.jsonl` or `.parquet`, whole or not at all; says how many rows."""
    if path.suffix == ".parquet":
        return _write_parquet(path, [pair_row(pair) for pair in pairs])
    return write_lines(path, (json.dumps(pair_row(pair), ensure_ascii=False) for pair in pairs))


def read_pairs(path: str | Path) -> list[Pair]:
    """Pairs of a `.jsonl` or `.parquet` file. Raises PromptFileError with file and line.

    A column that is a part of what was asked or said is read, or refused; others that mean nothing here are said once.
    """
    left: dict[str, None] = {}
    pairs = []
    for where, row in read_rows(path):
        values = Columns(row) if isinstance(row, Mapping) else row
        pairs.append(row_pair(values, where))
        left |= dict.fromkeys(values.finished(where))
    say_left(path, left)
    return pairs


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> int:
    import pyarrow
    import pyarrow.parquet

    # nested columns go as JSON text: Parquet cannot hold a mapping without keys, and rows differ in theirs
    flat = [
        as_cells({**row, **{name: json.dumps(row[name], ensure_ascii=False) for name in _NESTED}})
        for row in rows
    ]
    text = pyarrow.string()
    call = {"id": text, "type": text, "function": pyarrow.struct({"name": text, "arguments": text})}
    calls = pyarrow.list_(pyarrow.struct(call))
    turn = pyarrow.list_(
        pyarrow.struct({key: calls if key == "tool_calls" else text for key in keys_of(flat)})
    )
    kinds = {"prompt": turn, "chosen": turn, "rejected": turn, "round": pyarrow.int64()}
    kinds |= dict.fromkeys(_NUMBERS, pyarrow.float64()) | {"order_consistent": pyarrow.bool_()}
    kinds |= dict.fromkeys(("id", "critique", "revision_of", *_NESTED), pyarrow.string())
    kinds |= {name: text for name in ("tools", "truncated") if any(name in row for row in flat)}
    with whole_file(path) as draft:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat, pyarrow.schema(kinds.items())), draft)
    return len(rows)


def _said(row: Mapping[str, Any], name: str, prompt: Sequence[Message], where: str) -> tuple[Message, ...]:
    said = turns(row[name], where, name, role="assistant")
    if said[-1].role != "assistant":
        raise PromptFileError(f"{where}: {name!r} must end with the assistant's turn")
    if not is_plain(said):
        check_conversation((*prompt, *said), where, f"prompt and {name}")
    return said


def _rounded(value: Any) -> Any:
    match value:
        case bool():
            return value
        case float():
            return round(value, DECIMALS)
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case _:
            return value


def _number(row: Mapping[str, Any], name: str, default: float, where: str, high: float = math.inf) -> float:
    value = row.get(name)
    if value is None or value == "":
        return default
    found = number(value)
    if found is None or not 0 <= found <= high:
        limit = f"between 0 and {high:g}" if high < math.inf else "0 or above, and finite"
        raise PromptFileError(f"{where}: `{name}` is {shown(value)}; it must be a number {limit}")
    return found


def _optional(row: Mapping[str, Any], name: str, where: str) -> float | None:
    value = row.get(name)
    if value is None or (isinstance(value, float | str) and _no_score(value)):
        return None
    found = number(value)
    if found is None:
        raise PromptFileError(f"{where}: `{name}` is {shown(value)}; it must be a finite number")
    return found


def _no_score(value: float | str) -> bool:
    """Whether it is what tables write where there is no number; without a score a preference is whole."""
    if isinstance(value, str):
        return value.strip().lower() in ("", "nan", "none", "null", "n/a")
    return value != value


def _text(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise PromptFileError(f"{where}: `{name}` is {shown(value)}; it must be text")
    return str(json_form(value, where, name))


def _flag(row: Mapping[str, Any], name: str, where: str) -> bool:
    value = row.get(name)
    # a CSV has text only
    found = True if value is None else _FLAGS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise PromptFileError(f"{where}: `{name}` is {shown(value)}; it must be true or false")
    return found


def _cut_side(row: Mapping[str, Any], where: str) -> CutSide:
    value = row.get("truncated")
    found = next((each for each in get_args(CutSide) if each == (value or "")), None)
    if found is None:
        raise PromptFileError(f"{where}: `truncated` is {shown(value)}; it must be chosen, rejected or null")
    side: CutSide = found
    return side


def _round(row: Mapping[str, Any], where: str) -> int:
    value = row.get("round")
    found = 0.0 if value is None or value == "" else number(value)
    if found is None or not 0 <= found <= MAX_ROUND or found != int(found):
        raise PromptFileError(f"{where}: `round` is {shown(value)}; it must be a whole number, 0 or above")
    return int(found)


def _principles(row: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], ...]:
    found = tuple(_nested(row, "principles", list, where) or ())
    for each in found:
        p = each.get("p") if isinstance(each, Mapping) else ""
        known = p is None or (isinstance(p, int | float) and not isinstance(p, bool) and 0 <= p <= 1)
        if not known or not isinstance(each.get("id"), str):
            raise PromptFileError(
                f"{where}: `principles` holds {shown(each)}; each must be an `id` with its `p`, from 0 to 1 or null"
            )
    return found


def _provenance(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """What made a pair; what is read of it elsewhere has its kind here."""
    found: Mapping[str, Any] = _nested(row, "provenance", dict, where) or {}
    for name in ("calls", "policy"):
        value = found.get(name)
        if value is not None and not (
            isinstance(value, list) and all(isinstance(each, str) for each in value)
        ):
            raise PromptFileError(
                f"{where}: `provenance` has {name!r} {shown(value)}; it must be a list of texts"
            )
    if not isinstance(found.get("constitution") or {}, Mapping):
        raise PromptFileError(
            f"{where}: `provenance` has 'constitution' {shown(found['constitution'])}; it must be a mapping"
        )
    return found


def _nested(row: Mapping[str, Any], name: str, wanted: type, where: str) -> Any:
    value = row.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = ""
    if value is not None and not isinstance(value, wanted):
        raise PromptFileError(f"{where}: `{name}` must be a {'list' if wanted is list else 'mapping'}")
    return json_form(value, where, name)
