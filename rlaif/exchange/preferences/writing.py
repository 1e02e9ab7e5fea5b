"""Pairs into the files of a format: JSON lines, one JSON document, Parquet, or a `datasets` directory."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import write_lines, write_text
from rlaif.errors import InputError
from rlaif.exchange.pairs import DECIMALS
from rlaif.exchange.preferences import annotated
from rlaif.exchange.preferences.hh import HH
from rlaif.exchange.preferences.nouns import Write
from rlaif.exchange.preferences.thumbs import KTO
from rlaif.exchange.preferences.trainers import AXOLOTL, LLAMA_FACTORY, NEMO_RL, OPENRLHF
from rlaif.exchange.preferences.trl import TRL
from rlaif.exchange.preferences.ultrafeedback import ULTRAFEEDBACK
from rlaif.hashing import canonical_json
from rlaif.records import EVEN, Pair

MARGINS = ("score-gap", "log-odds")
CLIP = 0.02
"""A margin in log-odds is that of a probability kept this far from 0 and 1."""
NOT_HELD = "the format cannot hold it"
TIE = "a tie, which the format has no word for"
BOTH_THUMBS = "an answer is chosen in one pair and rejected in another"
_WRITERS: dict[str, Write] = {
    each.name: each.write
    for each in (TRL, OPENRLHF, NEMO_RL, LLAMA_FACTORY, AXOLOTL, ULTRAFEEDBACK, KTO, HH)
    if each.write is not None
}
_COLUMNS = {"trl-parquet": TRL.name, "datasets": TRL.name}
"""Same rows in another container."""
FORMATS = (*_WRITERS, *_COLUMNS, annotated.NAME)
WITH_MARGIN = (TRL.name, *_COLUMNS, OPENRLHF.name)
"""Whose trainers read a `margin`."""


class Written(NamedTuple):
    """What a split came to."""

    files: tuple[Path, ...]
    rows: int
    left_out: Mapping[str, int]
    columns: AbstractSet[str] = frozenset()
    """Of any row."""


class About(NamedTuple):
    """What a document says of itself."""

    name: str
    created: str
    principles: Mapping[str, str]
    """Texts by id."""


def write_preferences(
    folder: Path, split: str, pairs: Sequence[Pair], *, format: str, about: About, margin: str | None = None
) -> Written:
    """Write one split into `folder`; pairs that the format cannot hold are left out and counted."""
    if format == annotated.NAME:
        return _document(folder / f"{split}.json", pairs, about)
    rows, left_out = preference_rows(pairs, format=format, margin=margin)
    if format == "datasets":
        return Written(_dataset(folder / split, rows), len(rows), left_out)
    if format == "trl-parquet":
        path = folder / f"{split}.parquet"
        _parquet(path, rows)
    elif format == LLAMA_FACTORY.name:
        path = folder / f"{split}.json"
        write_text(path, "[\n" + ",\n".join(_json(row) for row in rows) + "\n]\n")
    else:
        path = folder / f"{split}.jsonl"
        write_lines(path, map(_json, rows))
    return Written((path,), len(rows), left_out, {name for row in rows for name in row})


def preference_rows(
    pairs: Sequence[Pair], *, format: str, margin: str | None = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of a format that has rows, and why others are not there. Raises InputError."""
    name = _COLUMNS.get(format, format)
    if margin is not None and format not in WITH_MARGIN:
        raise InputError(
            f"--margin: no trainer of {format} reads a margin; formats with it: {', '.join(WITH_MARGIN)}"
        )
    rows: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for pair in pairs:
        tie = pair.label_prob == EVEN and name != TRL.name
        made = [] if tie else [dict(row) for row in _WRITERS[name](pair)]
        left_out[TIE if tie else NOT_HELD] += not made
        if margin is not None:
            made = [row | {"margin": round(_margin(pair, margin), DECIMALS)} for row in made]
        rows += made
    if name == KTO.name:
        rows, dropped = _clear_thumbs(rows)
        left_out[BOTH_THUMBS] += dropped
    return rows, {reason: count for reason, count in left_out.items() if count}


def side_files(format: str, splits: Mapping[str, Written]) -> dict[str, str]:
    """Files that the consumer wants beside the data: name -> text."""
    if format == "datasets":  # one directory that `load_from_disk` opens whole
        return {"dataset_dict.json": json.dumps({"splits": list(splits)})}
    if format != LLAMA_FACTORY.name:
        return {}
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "system": "system"}
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


def _margin(pair: Pair, kind: str) -> float:
    if kind == "log-odds":
        p = min(max(pair.label_prob, CLIP), 1 - CLIP)
        return math.log(p / (1 - p))
    if pair.score_gap is None:
        raise InputError(
            f"--margin score-gap: pair {pair.id} has no score_gap, its judge gave no scores; "
            "take --margin log-odds, or leave such pairs out: --where 'score_gap != none'"
        )
    return pair.score_gap


def _clear_thumbs(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Each answer once; none that is liked in one pair and not in another."""
    seen: dict[str, dict[bool, dict[str, Any]]] = {}
    for row in rows:
        seen.setdefault(canonical_json([row["prompt"], row["completion"]]), {})[row["label"]] = row
    clear = [row for labels in seen.values() if len(labels) == 1 for row in labels.values()]
    return clear, len(seen) - len(clear)


def _document(path: Path, pairs: Sequence[Pair], about: About) -> Written:
    whole = annotated.document(pairs, about.principles, about.name, about.created)
    write_text(path, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    count = len(whole["comparisons"])
    return Written((path,), count, {NOT_HELD: len(pairs) - count} if count < len(pairs) else {})


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _kinds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = dict.fromkeys(("prompt", "chosen", "rejected"), "turns") | {"id": "text"}
    kinds |= dict.fromkeys(("label_prob", "weight", "margin"), "number")
    names = list(rows[0]) if rows else [name for name in kinds if name != "margin"]
    return {name: kinds[name] for name in names}


def _parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    from rlaif.libraries.datasets import save_parquet

    save_parquet(rows, _kinds(rows), path)


def _dataset(folder: Path, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, ...]:
    from rlaif.libraries.datasets import save_directory

    save_directory(rows, _kinds(rows), folder)
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
