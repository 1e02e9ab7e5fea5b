"""The pairs of a run as a light list that can be filtered; a pair is read from its file when it is shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rlaif.auditing.turn_texts import last_asked
from rlaif.errors import InputError
from rlaif.exchange.pairs import row_pair
from rlaif.plain_files import decoded, parse_json
from rlaif.records import Message, Pair
from rlaif.runs.layout import PAIRS, pair_files

DOUBTFUL = 0.75
"""P(chosen is better) below which a label is doubtful."""
TAKES_PART = 0.23
"""How far from one half a principle's p must lie to have taken part."""
SNIPPET = 90
KEPT_TEXTS = 16
"""Searched texts whose pairs are remembered: a walk through them asks for the same one again and again."""


@dataclass(frozen=True, slots=True)
class PairEntry:
    """What lists and filters need of a pair."""

    id: str
    file: int
    start: int
    size: int
    """Where its line lies, in bytes."""
    label: float
    round: int
    consistent: bool
    principles: tuple[str, ...]
    """Those that took part."""
    prompt: str
    """How the last turn begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which pairs are walked; everything named must hold."""

    principle: str = ""
    doubtful: bool = False
    inconsistent: bool = False
    flagged: bool = False
    open: bool = False
    """Only those on which the reviewer has said nothing."""
    round: int | None = None
    text: str = ""


class PairIndex:
    """All pairs of a run, in the order of its files. Raises InputError for a run without any."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.files = [each for each in pair_files(run) if each.suffix == Path(PAIRS).suffix]
        self.entries: list[PairEntry] = []
        self._texts: dict[str, frozenset[int]] = {}
        for number, path in enumerate(self.files):
            self._read(number, path)
        if not self.entries:
            raise InputError(f"{run}: has no pairs to review; name a run whose {PAIRS} holds some")
        self.places: Mapping[str, int] = {entry.id: place for place, entry in enumerate(self.entries)}
        self.principles: Sequence[str] = sorted({name for each in self.entries for name in each.principles})
        self.rounds: Sequence[int] = sorted({each.round for each in self.entries})

    def _read(self, number: int, path: Path) -> None:
        start = 0
        with path.open("rb") as stream:
            for line, raw in enumerate(stream, 1):
                if raw.strip():
                    self.entries.append(_entry(_pair(raw, f"{path}:{line}"), number, start, len(raw)))
                start += len(raw)

    def pair(self, place: int) -> Pair:
        """The whole pair."""
        entry = self.entries[place]
        path = self.files[entry.file]
        with path.open("rb") as stream:
            stream.seek(entry.start)
            return _pair(stream.read(entry.size), str(path))

    def select(self, chosen: Filter, flagged: Collection[str] = (), said: Collection[str] = ()) -> list[int]:
        """Places of the pairs that pass; `flagged` and `said` are ids of pairs."""
        found = [
            place
            for place, each in enumerate(self.entries)
            if (not chosen.principle or chosen.principle in each.principles)
            and (not chosen.doubtful or each.label < DOUBTFUL)
            and (not chosen.inconsistent or not each.consistent)
            and (not chosen.flagged or each.id in flagged)
            and (not chosen.open or each.id not in said)
            and (chosen.round is None or each.round == chosen.round)
        ]
        return self._with_text(found, chosen.text) if chosen.text else found

    def _with_text(self, places: Sequence[int], text: str) -> list[int]:
        if text not in self._texts:
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.pop(next(iter(self._texts)))
            self._texts[text] = frozenset(self._holding(text))
        having = self._texts[text]
        return [place for place in places if place in having]

    def _holding(self, text: str) -> Iterator[int]:
        """Places of all pairs whose line holds a text, whatever its case."""
        # as JSON writes it, for lines are searched unread
        needle = json.dumps(text, ensure_ascii=False)[1:-1].lower()
        plain = needle.encode() if needle.isascii() else None
        for number, path in enumerate(self.files):
            with path.open("rb") as stream:
                for place, entry in enumerate(self.entries):
                    if entry.file != number:
                        continue
                    if stream.tell() != entry.start:
                        stream.seek(entry.start)
                    raw = stream.read(entry.size)
                    if plain in raw.lower() if plain is not None else needle in raw.decode().lower():
                        yield place


class ShownSide(NamedTuple):
    """One of two completions, as it stands on the page."""

    id: str
    turns: tuple[Message, ...]


def sides(pair: Pair) -> tuple[ShownSide, ShownSide]:
    """Side A and side B: in the order of their ids, so that nobody can tell which was chosen."""
    both = map(ShownSide, pair.completion_ids, (pair.chosen, pair.rejected))
    first, second = sorted(both, key=lambda each: each.id)
    return first, second


def _entry(pair: Pair, file: int, start: int, size: int) -> PairEntry:
    flat = " ".join(last_asked(pair.prompt).split())
    return PairEntry(
        id=pair.id,
        file=file,
        start=start,
        size=size,
        label=pair.label_prob,
        round=pair.round,
        consistent=pair.order_consistent,
        principles=tuple(
            each["id"]
            for each in pair.principles
            if each.get("p") is not None and abs(each["p"] - 0.5) >= TAKES_PART
        ),
        prompt=flat if len(flat) <= SNIPPET else flat[: SNIPPET - 3] + "...",
    )


def _pair(raw: bytes, where: str) -> Pair:
    text = decoded(raw, where, InputError)
    return row_pair(parse_json(text, where, InputError, "mend that line"), where)
