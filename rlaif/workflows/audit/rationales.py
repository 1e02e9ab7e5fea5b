"""What a judge wrote before its labels, from the store: rationales, thoughts, questions it answered several times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, islice
from pathlib import Path
from typing import NamedTuple

from rlaif.auditing.evidence import Evidence, JudgeThought, Rationale
from rlaif.errors import StoreError
from rlaif.exchange.judgments import row_judgment
from rlaif.exchange.rows import read_rows
from rlaif.judging.labels import AB, read_share
from rlaif.judging.protocols import PROTOCOLS, Pairwise
from rlaif.records import Generation, Judgment, Score, ScoreRequest, State
from rlaif.store import Call, Store, find_store

Read = Callable[[str], tuple[str, bool] | None]
MAX_TEXTS = 3000
"""Texts that are read, evenly over the file: no figure needs more."""
PROBED = 32
"""Judgments whose calls are looked at to see whether the judge thinks."""


class WrittenRationales(NamedTuple):
    """Rationales with their verdicts, pairs of verdicts on the same question, and thoughts with their labels."""

    rationales: list[Rationale]
    repeats: list[tuple[int, float, float]]
    thoughts: list[JudgeThought]


def read_written(comparisons: Path, run: Path, store: Path | None, evidence: Evidence) -> WrittenRationales:
    """Of a file of comparisons; nothing where the judge wrote nothing, or its texts are in another store."""
    prompts = {each: place for place, each in enumerate(evidence.prompts.ids)}
    places = {each: place for place, each in enumerate(evidence.texts.ids)}
    texts = dict(zip(evidence.principles, evidence.principle_texts, strict=False))
    path = find_store(run, store)
    found = WrittenRationales([], [], [])
    if not comparisons.is_file() or not path.is_file():
        return found
    with Store.open(path, writes=False) as held:
        rows = _writing(comparisons, held)
        step = -(-sum(len(row.calls) for row in rows) // MAX_TEXTS) or 1
        for row in rows[::step]:
            prompt = prompts.get(row.prompt_id)
            if prompt is None:
                continue
            read = _reads(row.protocol)
            calls = [call for key in row.calls if (call := _held(held, key)) is not None]
            about = texts.get(row.principle_id or "", "")
            said = [each for call in calls if read and (each := _said(call, read)) is not None]
            found.rationales.extend(
                Rationale(prompt=prompt, text=text, first=first, about=about) for text, first in said
            )
            found.repeats.extend(
                (prompt, float(one), float(other)) for (_, one), (_, other) in combinations(said[:4], 2)
            )
            found.thoughts.extend(_thoughts(row, calls, places, about))
    return found


def _writing(path: Path, store: Store) -> list[Judgment]:
    """The judgments behind which there are texts: all of a run, which has one protocol of comparisons, or none."""
    called = (row for where, value in read_rows(path) if (row := row_judgment(value, where)).calls)
    first = list(islice(called, PROBED))
    writes = any(_reads(row.protocol) is not None for row in first[:1])
    if writes or any(_thinks(store, row) for row in first):
        return [*first, *called]
    return []


def _thinks(store: Store, row: Judgment) -> bool:
    calls = (_held(store, key) for key in row.calls)
    return any(call is not None and call.reply is not None and call.reply.thought for call in calls)


def _thoughts(
    row: Judgment, calls: list[Call], places: Mapping[str, int], about: str
) -> Iterator[JudgeThought]:
    """The thoughts behind one label of two completions; those of a panel are each about its member's own."""
    shown = [places[name] for name in row.completion_ids if name in places]
    if len(shown) != 2 or row.votes:
        return
    thinking = [call for call in calls if call.reply is not None and call.reply.thought]
    for call in thinking:
        own = _labelled(row, call, alone=len(calls) == 1)
        if own is not None and call.reply is not None:
            yield JudgeThought(
                shown=(shown[0], shown[1]),
                text=call.reply.thought,
                probability=own,
                principle=row.principle_id or "",
                about=about,
                call=call.key,
            )


def _labelled(row: Judgment, call: Call, *, alone: bool) -> float | None:
    """P(the first shown is better) behind this call's thought; None where it says nothing of its own."""
    reply, request = call.reply, call.request
    if isinstance(reply, Score) and isinstance(request, ScoreRequest):
        if tuple(request.continuations) == AB.continuations:
            return read_share(AB, "A", State.PREFERENCE, reply).value
    elif isinstance(reply, Generation) and (read := _reads(row.protocol)) is not None:
        said = _said(call, read)
        return None if said is None else float(said[1])
    # of several calls some may be no verdicts: speeches of a debate, votes that others outvoted
    return row.value if alone else None


def _reads(protocol: str) -> Read | None:
    """How the reasoning in replies to a protocol is read; None where they hold none."""
    if protocol not in PROTOCOLS.names():
        return None
    found = PROTOCOLS.get(protocol)
    return found.rationale if isinstance(found, Pairwise) else None


def _held(store: Store, key: str) -> Call | None:
    try:
        return store.call(key)
    except StoreError:
        return None


def _said(call: Call, read: Read) -> tuple[str, bool] | None:
    """Prose and whether the verdict names the first shown; None for what has no verdict."""
    if not isinstance(call.reply, Generation) or call.reply.finish == "length":
        return None
    return read(call.reply.text)
