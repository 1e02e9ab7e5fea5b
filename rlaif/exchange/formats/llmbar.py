"""LLMBar: `{input, output_1, output_2, label}`, and its recorded judges (`results`, both orders)."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.format import Format, GoldFormat, has
from rlaif.exchange.gold import LOST, GoldPair, GoldSet, Orders, RecordedVerdict
from rlaif.exchange.rows import Row
from rlaif.exchange.text_files import MAX_WHOLE
from rlaif.hashing import digest
from rlaif.records import State

COLUMNS = frozenset({"input", "output_1", "output_2", "label"})
_WINNERS = {"1": 1.0, "2": 0.0}


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Dataset rows or recorded rows; one file is one category."""
    return _set([_pair(row, category) for row in rows])


def read_archive(path: Path, judge: str) -> GoldSet:
    """All items of one recorded judge, `GPT-4/Vanilla`, out of the released archive of results."""
    pairs: list[GoldPair] = []
    known = set()
    try:
        with tarfile.open(path) as archive:
            for name in sorted(archive.getnames()):
                folder, _, rest = name.removesuffix("/result.json").partition("/evaluators/")
                if not name.endswith("/result.json") or not rest:
                    continue
                known.add(rest)
                if rest == judge and archive.getmember(name).size > MAX_WHOLE:
                    raise PromptFileError(f"{path}: {name} unpacks to more than {MAX_WHOLE:,} bytes")
                stream = archive.extractfile(name) if rest == judge else None
                if stream is not None:
                    rows = enumerate(json.load(stream), 1)
                    category = folder.rpartition("/")[2]
                    found = (Row(f"{path}, {name}, row {number}", row) for number, row in rows)
                    pairs += [_pair(row, category) for row in found]
    except PromptFileError:
        raise
    except (OSError, tarfile.TarError, ValueError, EOFError, RecursionError, TypeError, zlib.error) as wrong:
        raise PromptFileError(f"{path}: cannot be read as an archive of results: {wrong}") from None
    if not pairs:
        shown = ", ".join(sorted(known)) or "none"
        raise PromptFileError(f"{path}: holds no judge {judge!r}; write {path.name}#JUDGE, one of: {shown}")
    return _set(pairs)


def _set(pairs: Sequence[GoldPair]) -> GoldSet:
    return GoldSet(
        name="llmbar",
        scoring="pairs",
        pairs=tuple(pairs),
        question="The response does exactly what the instruction asks.",
    )


def _pair(row: Row, category: str) -> GoldPair:
    label = fields.one_of(row, "label", (1, 2))
    prompt = fields.prompt(row, "input")
    texts = (fields.text(row, "output_1"), fields.text(row, "output_2"))
    recorded = fields.mapping(row).get("results")
    return GoldPair(
        id=digest("llmbar", category, prompt.id, *texts),
        prompt=prompt,
        texts=texts,
        first_better=float(label == 1),
        category=category,
        recorded=None if recorded is None else _orders(recorded, row.where),
    )


def _orders(results: Any, where: str) -> Orders:
    # earlier elements are metrics and references that the judge wrote for itself
    last = results[-1] if isinstance(results, list) and results else None
    if not isinstance(last, Mapping) or not {"swap = False", "swap = True"} <= last.keys():
        raise PromptFileError(
            f"{where}: `results` must end in an object with `swap = False` and `swap = True`"
        )
    return Orders(_verdict(last["swap = False"], where), _verdict(last["swap = True"], where))


def _verdict(said: Any, where: str) -> RecordedVerdict:
    winner = said.get("winner") if isinstance(said, Mapping) else said
    if winner is None:
        return LOST
    if not isinstance(winner, str) or winner not in _WINNERS:
        raise PromptFileError(f"{where}: `winner` is {winner!r}; it must be '1', '2' or null")
    return RecordedVerdict(State.PREFERENCE, _WINNERS[winner])


FORMAT = Format(
    name="llmbar",
    help="LLMBar: pairs that differ in whether they follow the instruction, and its recorded judges",
    gold=GoldFormat(
        recognises=has(COLUMNS),
        read=read,
        rank=50,
        verdicts=frozenset({"results"}),
        archives=(".tar.gz", ".tgz", ".tar"),
        read_archive=read_archive,
        in_folders="dataset.json",
    ),
)
