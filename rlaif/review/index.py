"""The pairs of a run as a light list that can be filtered; a pair is read from its file when it is shown."""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.auditing.turn_texts import last_asked
from rlaif.boundary import told
from rlaif.errors import InputError, RlaifError
from rlaif.exchange.pairs import row_pair
from rlaif.plain_files import decoded, parse_json
from rlaif.records import EVEN, Message, Pair
from rlaif.review.lines import LineFile
from rlaif.runs.layout import PAIRS, pair_files

DOUBTFUL = 0.75
"""P(chosen is better) below which a label is doubtful."""
TAKES_PART = 0.23
"""How far from one half a principle's p must lie to have taken part."""
SNIPPET = 90
REMEDY = "mend that line"
KEPT_TEXTS = 16
"""Searched texts whose pairs are remembered: a walk through them asks for the same one again and again."""


@dataclass(frozen=True, slots=True)
class PairEntry:
    """What lists and filters need of a pair."""

    id: str
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
    """All pairs of a run, in the order of its files.

    The places of the lines are found at once. What filters need of the pairs is read then too, or, with `ahead`, while
    the first pages are already shown: what is asked before that waits for it, where it must.
    """

    def __init__(self, run: Path, *, ahead: bool = False) -> None:
        """Raises InputError for a run without any, and without `ahead` for a line that is no pair."""
        self.run = run
        self.files = [LineFile(each) for each in pair_files(run) if each.suffix == Path(PAIRS).suffix]
        self.stamp = tuple(each.stamp for each in self.files)
        self._firsts = [0, *accumulate(map(len, self.files))]
        self._entries: list[PairEntry] = []
        self._texts: dict[str, frozenset[int]] = {}
        self._wrong: RlaifError | None = None
        if not len(self):
            raise InputError(f"{run}: has no pairs to review; name a run whose {PAIRS} holds some")
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        if not ahead:
            _ = self.entries

    def __len__(self) -> int:
        """How many pairs there are."""
        return self._firsts[-1]

    @property
    def ready(self) -> bool:
        """Whether all pairs are read."""
        return not self._reading.is_alive()

    @property
    def entries(self) -> Sequence[PairEntry]:
        """All pairs. Raises InputError for a line that is none."""
        self._reading.join()
        if self._wrong is not None:
            raise self._wrong
        return self._entries

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each pair by its id."""
        return {entry.id: place for place, entry in enumerate(self.entries)}

    @property
    def principles(self) -> Sequence[str]:
        """Those that took part in a pair; while they are still being read, in those so far."""
        held = self._entries if not self.ready else self.entries
        return sorted({name for each in list(held) for name in each.principles})

    @property
    def rounds(self) -> Sequence[int]:
        """The rounds of the pairs, so far as they are read."""
        held = self._entries if not self.ready else self.entries
        return sorted({each.round for each in list(held)})

    def _read(self) -> None:
        try:
            for file in self.files:
                for line, raw in enumerate(file.lines()):
                    self._entries.append(_entry(raw, file, line))
        except RlaifError as wrong:
            self._wrong = wrong
        except OSError as wrong:
            self._wrong = InputError(f"{self.run}: its pairs cannot be read ({told(wrong)}); check the files")

    def entry(self, place: int) -> PairEntry:
        """What a list shows of one pair, at once."""
        if place < len(self._entries):
            return self._entries[place]
        file, line = self._line(place)
        return _entry(file.line(line), file, line)

    def pair(self, place: int) -> Pair:
        """The whole pair."""
        file, line = self._line(place)
        return _pair(file.line(line), file, line)

    def _line(self, place: int) -> tuple[LineFile, int]:
        number = bisect_right(self._firsts, place) - 1
        return self.files[number], place - self._firsts[number]

    def select(
        self, chosen: Filter, flagged: Collection[str] = (), said: Collection[str] = ()
    ) -> Sequence[int]:
        """Places of the pairs that pass; `flagged` and `said` are ids of pairs."""
        if chosen == Filter(text=chosen.text):
            return self._with_text(range(len(self)), chosen.text) if chosen.text else range(len(self))
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
            # as JSON writes it, for lines are searched unread
            needle = json.dumps(text, ensure_ascii=False)[1:-1]
            self._texts[text] = frozenset(
                first + place
                for first, file in zip(self._firsts, self.files, strict=False)
                for place in file.holding(needle)
            )
        having = self._texts[text]
        return [place for place in places if place in having]


class ShownSide(NamedTuple):
    """One of two completions, as it stands on the page."""

    id: str
    turns: tuple[Message, ...]


def sides(pair: Pair) -> tuple[ShownSide, ShownSide]:
    """Side A and side B: in the order of their ids, so that nobody can tell which was chosen."""
    both = map(ShownSide, pair.completion_ids, (pair.chosen, pair.rejected))
    first, second = sorted(both, key=lambda each: each.id)
    return first, second


def _entry(raw: bytes, file: LineFile, line: int) -> PairEntry:
    """What a list needs of a line; of one of ours without checking all of it, which would take longest."""
    try:
        row = json.loads(raw)
        if (
            isinstance(row["id"], str)
            and EVEN <= row["label_prob"] <= 1
            and type(row["round"]) is int
            and type(row["order_consistent"]) is bool
            and row["prompt"][-1]["role"] == "user"
            and isinstance(text := row["prompt"][-1]["content"], str)
        ):
            rules = tuple(str(each["id"]) for each in row["principles"] if _took_part(each))
            return PairEntry(
                id=row["id"],
                label=row["label_prob"],
                round=row["round"],
                consistent=row["order_consistent"],
                principles=rules,
                prompt=snippet(text),
            )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        pass
    pair = _pair(raw, file, line)
    return PairEntry(
        id=pair.id,
        label=pair.label_prob,
        round=pair.round,
        consistent=pair.order_consistent,
        principles=tuple(each["id"] for each in pair.principles if _took_part(each)),
        prompt=snippet(last_asked(pair.prompt)),
    )


def _took_part(principle: Mapping[str, Any]) -> bool:
    p = principle.get("p")
    return p is not None and abs(p - EVEN) >= TAKES_PART


def snippet(text: str, most: int = SNIPPET) -> str:
    """How a text begins, on one line."""
    flat = " ".join(text[: 4 * most].split())
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def _pair(raw: bytes, file: LineFile, line: int) -> Pair:
    try:
        return row_pair(
            parse_json(raw.decode("utf-8-sig"), str(file.path), InputError, REMEDY), str(file.path)
        )
    except (UnicodeDecodeError, InputError):
        # said again with the number of the line, which takes a walk through the file
        where = f"{file.path}:{file.number(line)}"
        return row_pair(parse_json(decoded(raw, where, InputError), where, InputError, REMEDY), where)
