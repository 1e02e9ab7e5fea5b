"""What a judge wrote before its verdicts, from the store: rationales, and questions that it answered several times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from rlaif.auditing.evidence import Evidence, Rationale
from rlaif.errors import StoreError
from rlaif.exchange.judgments import row_judgment
from rlaif.exchange.rows import read_rows
from rlaif.judging.protocols import PROTOCOLS, Pairwise
from rlaif.records import Generation, Judgment
from rlaif.store import Store, find_store

Read = Callable[[str], tuple[str, bool] | None]
MAX_TEXTS = 3000
"""Texts that are read, evenly over the file: no figure needs more."""


class WrittenRationales(NamedTuple):
    """Rationales with their verdicts, and pairs of verdicts on the same question."""

    rationales: list[Rationale]
    repeats: list[tuple[int, float, float]]


def read_written(comparisons: Path, run: Path, store: Path | None, evidence: Evidence) -> WrittenRationales:
    """Of a file of comparisons; nothing where the judge wrote nothing, or its texts are in another store."""
    prompts = {each: place for place, each in enumerate(evidence.prompts.ids)}
    texts = dict(zip(evidence.principles, evidence.principle_texts, strict=False))
    rows = list(_writing(comparisons))
    path = find_store(run, store)
    found = WrittenRationales([], [])
    if not rows or not path.is_file():
        return found
    step = -(-sum(len(row.calls) for row in rows) // MAX_TEXTS)
    with Store.open(path, writes=False) as held:
        for row in rows[::step]:
            prompt = prompts.get(row.prompt_id)
            if prompt is None:
                continue
            read = _reads(row.protocol)
            said = [each for key in row.calls if read and (each := _said(held, key, read)) is not None]
            about = texts.get(row.principle_id or "", "")
            found.rationales.extend(
                Rationale(prompt=prompt, text=text, first=first, about=about) for text, first in said
            )
            found.repeats.extend(
                (prompt, float(one), float(other)) for (_, one), (_, other) in combinations(said[:4], 2)
            )
    return found


def _writing(path: Path) -> Iterator[Judgment]:
    if path.is_file():
        for where, value in read_rows(path):
            row = row_judgment(value, where)
            writes = _reads(row.protocol) is not None
            if writes and row.calls:
                yield row
            elif not writes:
                return  # a run has one protocol of comparisons


def _reads(protocol: str) -> Read | None:
    """How the reasoning in replies to a protocol is read; None where they hold none."""
    if protocol not in PROTOCOLS.names():
        return None
    found = PROTOCOLS.get(protocol)
    return found.rationale if isinstance(found, Pairwise) else None


def _said(store: Store, key: str, read: Read) -> tuple[str, bool] | None:
    """Prose and whether the verdict names the first shown; None for what has no verdict."""
    try:
        call = store.call(key)
    except StoreError:
        return None
    if call is None or not isinstance(call.reply, Generation) or call.reply.finish == "length":
        return None
    return read(call.reply.text)
