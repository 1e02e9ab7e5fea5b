"""The completions of a run by prompt: a light list to search, and one prompt with all that was said of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.auditing.turn_texts import last_asked
from rlaif.errors import InputError, RlaifError
from rlaif.exchange.completions import row_completions
from rlaif.exchange.judgments import row_judgment
from rlaif.exchange.measured import COLUMN, MeasuredAnswer
from rlaif.exchange.rows import Row
from rlaif.plain_files import parse_json
from rlaif.records import Completion, Judgment, Message, Prompt, State
from rlaif.review.index import snippet
from rlaif.review.lines import FileStamp, LineFile, file_stamp
from rlaif.review.view.held_out import MET, AnswerKey, HeldOut, by_principle, sample_files
from rlaif.runs.layout import MEASURED, judged_in, round_number

DRAWS, HELD_OUT = "draws", "held-out"
"""Where answers come from: drawn to learn from, or given when a policy was measured."""
WAIT_S = 0.25
"""How long a page waits for the list to be read before it shows what is there."""
DOUBT = 0.25
"""Nearer to one half than this, a P(yes) is doubtful."""
_PROMPT = ("prompt", "messages", "conversations", "instruction", "question")


@dataclass(slots=True)
class SampleEntry:
    """A prompt of one file, and where its completions are."""

    round: int
    file: int
    lines: list[int]
    prompt: str
    """How its last turn begins."""
    tags: Sequence[str] = ()
    policies: list[str] = field(default_factory=list)
    """Fingerprints of who answered."""
    source: str = DRAWS


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFilter:
    """Which prompts are listed; everything named must hold."""

    text: str = ""
    round: int | None = None
    principle: str = ""
    """Those with an answer that breaks it, by the judge."""
    state: str = ""
    """Those with a judgment in this state."""
    doubtful: bool = False
    """Those with a judgment near one half."""
    tag: str = ""
    source: str = ""
    """`draws` or `held-out`."""


class Said(NamedTuple):
    """What a judge said of a prompt's answers, for filters."""

    broken: frozenset[str]
    states: frozenset[str]
    doubtful: frozenset[str]
    """Principles of which a judgment is doubtful."""


class SampleIndex:
    """All prompts of a run with completions, in the order of its files; read in the background."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.files = [LineFile(each) for each in sample_files(run)]
        self.stamp: tuple[FileStamp, ...] = tuple(each.stamp for each in self.files)
        self.trouble = ""
        self._firsts = [0, *accumulate(map(len, self.files))]
        self._entries: list[SampleEntry] = []
        self._said: tuple[Any, Mapping[str, Said]] | None = None
        self._held_out = HeldOut()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def completions(self) -> int:
        """How many completions there are."""
        return self._firsts[-1]

    @property
    def ready(self) -> bool:
        """Whether all of them are read."""
        return not self._reading.is_alive()

    def listed(self, wait: float | None = WAIT_S) -> list[SampleEntry]:
        """The prompts that are read after `wait` seconds; None waits for all."""
        self._reading.join(wait)
        return self._entries[:]

    def select(self, chosen: SampleFilter) -> list[int]:
        """Places of the prompts that pass."""
        plain = chosen == SampleFilter(round=chosen.round, tag=chosen.tag, source=chosen.source)
        entries = self.listed(WAIT_S if plain else None)
        places: Iterable[int] = range(len(entries))
        if chosen.round is not None:
            places = (each for each in places if entries[each].round == chosen.round)
        if chosen.source:
            places = (each for each in places if entries[each].source == chosen.source)
        if chosen.tag:
            places = (each for each in places if chosen.tag in entries[each].tags)
        if chosen.text:
            having = self._holding(chosen.text)
            places = (each for each in places if not having.isdisjoint(_lines(self._firsts, entries[each])))
        if chosen.principle or chosen.state or chosen.doubtful:
            said = self.said()
            places = (each for each in places if _passes(said.get(self.prompt(each).id), chosen))
        return list(places)

    def prompt(self, place: int) -> Prompt:
        """The prompt of a place."""
        entry = self._entries[place]
        return self._row(entry.file, entry.lines[0])[0][0]

    def sample(self, place: int) -> tuple[Prompt, list[Completion]]:
        """A prompt with its completions."""
        entry = self._entries[place]
        rows = [each for line in entry.lines for each in self._row(entry.file, line)]
        return rows[0][0], [each for _, each in rows]

    def judgments(self, place: int) -> list[Judgment]:
        """What was said of the completions of a place: pointwise first, then of pairs."""
        prompt, folder = self.prompt(place).id, self.files[self._entries[place].file].path.parent
        return [each for path in judged_in(folder) for each in judgments_of(path, prompt)]

    def readings(self, place: int) -> list[MeasuredAnswer | None]:
        """What was read of each completion of a place when a policy was measured; None of one that was not."""
        prompt, completions = self.sample(place)
        known = self._held_out.readings(self.files[self._entries[place].file].path.parent)
        return [known.get(AnswerKey(prompt.id, each.id)) for each in completions]

    @property
    def judged(self) -> bool:
        """Whether anything was said of an answer."""
        return any(judged_in(each) or (each / MEASURED).is_file() for each in self._folders())

    def said(self) -> Mapping[str, Said]:
        """What was said of each prompt's answers, by its id, over all rounds."""
        folders = self._folders()
        files = [LineFile(path) for folder in folders for path in judged_in(folder)]
        stamp = (
            tuple(each.stamp for each in files),
            tuple(file_stamp(each / MEASURED) for each in folders),
        )
        if self._said is None or self._said[0] != stamp:
            read = [one for each in folders for one in self._held_out.readings(each).values()]
            self._said = (stamp, _gathered(files, read))
        return self._said[1]

    def _folders(self) -> list[Path]:
        return list(dict.fromkeys(each.path.parent for each in self.files))

    def _row(self, file: int, line: int) -> list[tuple[Prompt, Completion]]:
        held = self.files[file]
        where = str(held.path)
        row = parse_json(held.line(line).decode("utf-8", "replace"), where, InputError, "make the run again")
        if isinstance(row, dict):
            row.pop(COLUMN, None)
        return row_completions(Row(where, row))

    def _holding(self, text: str) -> set[int]:
        needle = json.dumps(text, ensure_ascii=False)[1:-1]
        both = zip(self._firsts, self.files, strict=False)
        return {first + each for first, file in both for each in file.holding(needle)}

    def _read(self) -> None:
        try:
            for number, file in enumerate(self.files):
                self._read_file(number, file, round_number(file.path.parent) or 0)
        except (OSError, RlaifError) as wrong:
            self.trouble = f"not all completions can be read: {wrong}"

    def _read_file(self, number: int, file: LineFile, round_: int) -> None:
        known: dict[str, SampleEntry] = {}
        measured = file.path.with_name(MEASURED)
        source = HELD_OUT if file.path == measured or (not round_ and measured.is_file()) else DRAWS
        for line, raw in enumerate(file.lines()):
            try:
                row = json.loads(raw)
                asked = next(row[name] for name in _PROMPT if name in row)
            except (ValueError, TypeError, StopIteration):
                self.trouble = f"{file.path}:{line + 1}: is no row of ours, and is left out"
                continue
            key = asked if isinstance(asked, str) else json.dumps(asked)
            entry = known.get(key)
            if entry is None:
                tags = tuple(map(str, row.get("tags") or ())) if isinstance(row.get("tags"), list) else ()
                entry = SampleEntry(
                    round=round_, file=number, lines=[], prompt=_asked(asked), tags=tags, source=source
                )
                known[key] = entry
                entry.lines.append(line)
                self._entries.append(entry)
            else:
                entry.lines.append(line)
            policy = row.get("policy")
            if isinstance(policy, str) and policy not in entry.policies:
                entry.policies.append(policy)


def judgments_of(path: Path, prompt: str) -> list[Judgment]:
    """The judgments of one prompt in a file."""
    file = LineFile(path)
    rows = (json.loads(file.line(place)) for place in file.holding(prompt))
    found = (row_judgment(row, str(path)) for row in rows if row.get("prompt_id") == prompt)
    return list(found)


def shares(paths: Iterable[Path]) -> dict[str, tuple[float, int]]:
    """By principle, the mean P(yes) of all pointwise judgments that could be read, and how many these are."""
    sums: dict[str, list[float]] = {}
    for path in paths:
        for raw in LineFile(path).lines():
            row = _parsed(raw)
            name, value = row.get("principle_id"), row.get("value")
            if name is not None and row.get("state") == State.SCORE and isinstance(value, int | float):
                held = sums.setdefault(str(name), [0.0, 0])
                held[0] += value
                held[1] += 1
    return {name: (total / count, int(count)) for name, (total, count) in sums.items()}


def _gathered(files: Sequence[LineFile], read: Sequence[MeasuredAnswer] = ()) -> dict[str, Said]:
    broken: dict[str, set[str]] = {}
    states: dict[str, set[str]] = {}
    doubtful: dict[str, set[str]] = {}
    for file in files:
        for raw in file.lines():
            row = _parsed(raw)
            prompt, name, value = row.get("prompt_id"), str(row.get("principle_id") or ""), row.get("value")
            if not isinstance(prompt, str):
                continue
            states.setdefault(prompt, set()).add(str(row.get("state")))
            if row.get("state") == State.SCORE and isinstance(value, int | float) and 0 <= value <= 1:
                if value < MET:
                    broken.setdefault(prompt, set()).add(name)
                if abs(value - MET) < DOUBT:
                    doubtful.setdefault(prompt, set()).add(name)
    for each in read:
        prompt, values = each.prompt.id, by_principle(each)
        states.setdefault(prompt, set())
        broken.setdefault(prompt, set()).update(name for name, value in values.items() if value < MET)
        near = {name for name, value in values.items() if abs(value - MET) < DOUBT}
        doubtful.setdefault(prompt, set()).update(near | {"" for one in each.beats.values() if one == MET})
    return {
        prompt: Said(frozenset(broken.get(prompt, ())), frozenset(held), frozenset(doubtful.get(prompt, ())))
        for prompt, held in states.items()
    }


def _passes(said: Said | None, chosen: SampleFilter) -> bool:
    if said is None:
        return False
    if chosen.state and chosen.state not in said.states:
        return False
    if chosen.doubtful:
        return chosen.principle in said.doubtful if chosen.principle else bool(said.doubtful)
    return not chosen.principle or chosen.principle in said.broken


def _parsed(raw: bytes) -> Mapping[str, Any]:
    try:
        row = json.loads(raw)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _lines(firsts: Sequence[int], entry: SampleEntry) -> list[int]:
    return [firsts[entry.file] + each for each in entry.lines]


def _asked(asked: Any) -> str:
    if isinstance(asked, str):
        return snippet(asked)
    turns = [each for each in asked if isinstance(each, dict)] if isinstance(asked, list) else []
    messages = tuple(
        Message(role="user", content=str(each.get("content") or each.get("value") or "")) for each in turns
    )
    return snippet(last_asked(messages)) if messages else ""
