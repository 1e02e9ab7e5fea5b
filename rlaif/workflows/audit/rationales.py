"""What a judge wrote before its verdicts, from the store: rationales, and questions that it answered several times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.auditing.evidence import Evidence, Rationale
from rlaif.errors import StoreError
from rlaif.exchange.rows import read_rows
from rlaif.judging.parse import parse_verdict
from rlaif.records import Generation
from rlaif.runs.layout import COMPARISONS
from rlaif.store import Store, find_store

WRITES = ("compare-cot",)
"""Protocols that end a text in a verdict."""
MAX_TEXTS = 3000
"""Texts that are read, evenly over the file: no figure needs more."""
_ANSWER = "answer:"


class Written(NamedTuple):
    """What texts of a run give: prose with its verdict, and twos of verdicts on one question."""

    rationales: list[Rationale]
    repeats: list[tuple[int, float, float]]


def read_written(folder: Path, run: Path, store: Path | None, evidence: Evidence) -> Written:
    """Of the comparisons in `folder`; nothing where the judge wrote nothing, or its texts are in another store."""
    prompts = {each: place for place, each in enumerate(evidence.prompts.ids)}
    texts = dict(zip(evidence.principles, evidence.principle_texts, strict=False))
    rows = list(_writing(folder / COMPARISONS))
    path = find_store(run, store)
    found = Written([], [])
    if not rows or not path.is_file():
        return found
    step = -(-sum(len(row["calls"]) for row in rows) // MAX_TEXTS)
    with Store.open(path) as held:
        for row in rows[::step]:
            prompt = prompts.get(row["prompt_id"])
            if prompt is None:
                continue
            said = [each for key in row["calls"] if (each := _said(held, key)) is not None]
            about = texts.get(row["principle_id"] or "", "")
            found.rationales.extend(
                Rationale(prompt=prompt, text=text, first=first, about=about) for text, first in said
            )
            found.repeats.extend(
                (prompt, float(one), float(other)) for (_, one), (_, other) in combinations(said[:4], 2)
            )
    return found


def _writing(path: Path) -> Iterator[Any]:
    if path.is_file():
        for _, row in read_rows(path):
            if row.get("protocol") in WRITES and row.get("calls"):
                yield row
            elif row.get("protocol") not in WRITES:
                return  # a run has one protocol of comparisons


def _said(store: Store, key: str) -> tuple[str, bool] | None:
    """Prose and whether the verdict names the first shown; None for what has no verdict."""
    try:
        call = store.call(key)
    except StoreError:
        return None
    if call is None or not isinstance(call.reply, Generation) or call.reply.finish == "length":
        return None
    text = call.reply.text
    label = parse_verdict(text).label
    if label is None:
        return None
    cut = text.lower().rfind(_ANSWER)
    # other words for a verdict stand on the last line
    return text[:cut] if cut >= 0 else text.rstrip().rpartition("\n")[0], label == "A"
