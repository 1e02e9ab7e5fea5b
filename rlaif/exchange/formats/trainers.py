"""Rows of other trainers: LLaMA-Factory, NeMo-RL, OpenRLHF, axolotl. All hold turns, each under its own names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.containers import json_list
from rlaif.exchange.format import Format, PairFormat, WrittenSplit, each_row, has
from rlaif.exchange.formats.trl import SCORES
from rlaif.exchange.formats.trl import pair_of as trl_pair
from rlaif.exchange.held import EVERYTHING
from rlaif.exchange.rows import Row
from rlaif.exchange.sharegpt_turns import alternates, shared_turn
from rlaif.exchange.tools import bare
from rlaif.exchange.turns import TRAINERS, prompt_turns, turn_rows, turns
from rlaif.records import Pair

BESIDE_CALL = "a turn has text beside its calls, or arguments that are no object (export as trl)"
TIE = "best and worst completion have the same rank"


def _one_answer(pair: Pair) -> bool:
    return len(pair.chosen) == len(pair.rejected) == 1


def _from_shared(row: Row) -> Pair | str:
    values = fields.mapping(row)
    prompt = values.get("conversations", values.get("messages"))
    if not isinstance(prompt, list):
        raise PromptFileError(f"{row.where}: 'conversations' must be a list of turns")
    sides = {name: _listed(values.get(name)) for name in ("chosen", "rejected")}
    return trl_pair(Row(row.where, {"prompt": prompt, **_beside(values), **sides}))


def _listed(side: Any) -> Any:
    return [side] if isinstance(side, Mapping) else side


def _beside(values: Mapping[str, Any]) -> dict[str, Any]:
    """What such rows may have beside the turns."""
    names = ("system", "system_prompt", "history", "tools", "functions", "weight", *SCORES)
    return {name: values[name] for name in names if name in values}


def _shared(pair: Pair) -> Sequence[Mapping[str, Any]] | str:
    # a system turn has a column of its own there, and turns must alternate
    lead = pair.prompt[0].content if pair.prompt[0].role == "system" else None
    asked = pair.prompt if lead is None else pair.prompt[1:]
    if not _one_answer(pair) or not alternates(asked) or lead == "":
        return []
    said = [shared_turn(each) for each in (*asked, pair.chosen[0], pair.rejected[0])]
    if None in said:
        return BESIDE_CALL
    row: dict[str, Any] = {"conversations": said[:-2], "chosen": said[-2], "rejected": said[-1]}
    if pair.tools:
        row["tools"] = json.dumps([bare(each) for each in pair.tools], ensure_ascii=False)
    return [row if lead is None else row | {"system": lead}]


def _from_nemo(row: Row) -> Pair | str:
    values = fields.mapping(row)
    given = values.get("completions")
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise PromptFileError(f"{row.where}: 'completions' must be a list of {{rank, completion}}")
    ranks = [each.get("rank") for each in given]
    if len(ranks) < 2 or not all(type(each) is int for each in ranks):
        raise PromptFileError(
            f"{row.where}: 'completions' needs two or more, each with a whole number `rank`"
        )
    prompt = prompt_turns(values.get("context"), row.where, "context")
    if min(ranks) == max(ranks):
        return TIE
    best, worst = given[ranks.index(min(ranks))], given[ranks.index(max(ranks))]
    sides = {name: each.get("completion") for name, each in (("chosen", best), ("rejected", worst))}
    for name, side in sides.items():
        turns(side, row.where, name, role="assistant")
    return trl_pair(Row(row.where, {"prompt": turn_rows(prompt), **_beside(values), **sides}))


def _nemo(pair: Pair) -> Sequence[Mapping[str, Any]]:
    sides = (pair.chosen, pair.rejected)
    ranked = [{"rank": rank, "completion": turn_rows(side, TRAINERS)} for rank, side in enumerate(sides)]
    return [{"context": turn_rows(pair.prompt, TRAINERS), "completions": ranked}]


def _whole(pair: Pair) -> Sequence[Mapping[str, Any]]:
    # OpenRLHF takes all turns but the last for the prompt
    if not _one_answer(pair):
        return []
    return [
        {
            "chosen": turn_rows((*pair.prompt, *pair.chosen), TRAINERS),
            "rejected": turn_rows((*pair.prompt, *pair.rejected), TRAINERS),
        }
    ]


def _from_messages(row: Row) -> Pair | str:
    values = fields.mapping(row)
    sides = {name: _listed(values.get(name)) for name in ("chosen", "rejected")}
    return trl_pair(Row(row.where, {"prompt": values.get("messages"), **_beside(values), **sides}))


def _messages(pair: Pair) -> Sequence[Mapping[str, Any]]:
    if not _one_answer(pair):
        return []
    [chosen], [rejected] = turn_rows(pair.chosen), turn_rows(pair.rejected)
    return [{"messages": turn_rows(pair.prompt), "chosen": chosen, "rejected": rejected}]


def _dataset_info(splits: Mapping[str, WrittenSplit]) -> dict[str, str]:
    """LLaMA-Factory's registry of data sets, with an entry a split."""
    names = ("chosen", "rejected", "system", "tools")
    columns = {"messages": "conversations", **{name: name for name in names}}
    entries = {
        f"rlaif_{split}": {
            "file_name": written.files[0].name,
            "formatting": "sharegpt",
            "ranking": True,
            # its converter looks up every column that is named here in every row
            "columns": {ours: theirs for ours, theirs in columns.items() if theirs in written.columns},
        }
        for split, written in splits.items()
    }
    return {"dataset_info.json": json.dumps(entries, indent=2) + "\n"}


LLAMA_FACTORY = Format(
    name="llama-factory",
    help="LLaMA-Factory's ranking data (sharegpt), with its `dataset_info.json`",
    loses="prompts whose turns do not alternate; text beside a call",
    pairs=PairFormat(
        shape="`conversations: [{from, value}]`, `chosen: {from, value}`, `rejected: {from, value}`, `system`, `tools`",
        recognises=has(("conversations", "chosen", "rejected")),
        rank=10,
        read=each_row(_from_shared),
        write=_shared,
        container=json_list,
        beside=_dataset_info,
        holds=frozenset({"thoughts", "calls", "tools"}),
    ),
)
NEMO_RL = Format(
    name="nemo-rl",
    help="NeMo-RL's ranked completions; import takes the lowest rank as chosen, the highest as rejected",
    pairs=PairFormat(
        shape="`context`: turns, `completions: [{rank, completion: turns}]`",
        recognises=has(("context", "completions")),
        rank=60,
        read=each_row(_from_nemo),
        write=_nemo,
        holds=EVERYTHING - {"tools"},
    ),
)
OPENRLHF = Format(
    name="openrlhf",
    help="OpenRLHF's whole conversations (`--apply_chat_template`, no prompt key)",
    pairs=PairFormat(
        shape="`chosen`, `rejected`: whole conversations",
        read=each_row(trl_pair),
        write=_whole,
        reads_margin=True,
        rank=45,
        holds=EVERYTHING - {"tools", "turns"},
    ),
)
AXOLOTL = Format(
    name="axolotl",
    help="axolotl's chat preferences (`type: chat_template.default`)",
    pairs=PairFormat(
        shape="`messages`: turns, `chosen`: turn, `rejected`: turn",
        recognises=lambda row: {"messages", "chosen", "rejected"} <= row.keys() and "prompt" not in row
        and isinstance(row["chosen"], Mapping),
        rank=20,
        read=each_row(_from_messages),
        write=_messages,
    ),
)  # fmt: skip
FORMAT = (LLAMA_FACTORY, NEMO_RL, OPENRLHF, AXOLOTL)
