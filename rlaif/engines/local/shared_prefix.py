"""Plans rows of tokens in which many questions share one beginning. Pure: no model, no tensors.

A row is `[shared prefix | question 1 | its answers | question 2 | ...]`. Each question sees the prefix and itself,
each answer sees its question too, and positions restart: every token meets what it would meet alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

ROW_TOKENS = 1024
MASK_CELLS = 1 << 25
OWN_TOKENS = 2048
"""What a question may hold of its own: the mask of a row grows with its square, a prefix is computed without one."""
PAD_SEGMENT = -1


class ScoredPrompt(NamedTuple):
    """A prompt's token ids and those of the answers whose log-probabilities are wanted."""

    prompt: Sequence[int]
    answers: Sequence[Sequence[int]]


class Read(NamedTuple):
    """At `column` of a row, read the log-probability of `token`; it adds to one answer of one question."""

    column: int
    token: int
    question: int
    answer: int


@dataclass(slots=True)
class PrefixRow:
    """Tokens with where they stand (`positions`) and whom they see (`branches`, `leaves`; 0 is shared)."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)

    def extend(self, tokens: Sequence[int], start: int, branch: int, leaf: int) -> None:
        """Append tokens at positions from `start`."""
        count = len(tokens)
        self.tokens += tokens
        self.positions += range(start, start + count)
        self.branches += [branch] * count
        self.leaves += [leaf] * count

    def ask(self, number: int, question: ScoredPrompt, shared: int, branch: int) -> None:
        """Append a question behind the prefix of length `shared`."""
        own = question.prompt[shared:]
        end = len(question.prompt)
        self.extend(own, shared, branch, 0)
        last = len(self.tokens) - 1 if own else shared - 1
        for place, answer in enumerate(question.answers):
            start = len(self.tokens)
            self.extend(answer[:-1], end, branch, place + 1)
            for step, token in enumerate(answer):
                column = last if step == 0 else start + step - 1
                self.reads.append(Read(column, token, number, place))


class Stem(NamedTuple):
    """A beginning that is computed once and kept, and the rows that stand behind it."""

    prefix: Sequence[int]
    rows: Sequence[PrefixRow]


class PrefixPlan(NamedTuple):
    """Rows that stand for themselves, and those that stand behind a kept prefix."""

    rows: Sequence[PrefixRow]
    stems: Sequence[Stem]


def plan_shared(questions: Sequence[ScoredPrompt], row_tokens: int = ROW_TOKENS) -> PrefixPlan:
    """Rows for questions in the given order: neighbours that begin alike share their beginning.

    A beginning and all its questions are one row if they are at most `row_tokens`. Otherwise the beginning is kept
    apart, and its questions come in rows of about that length, each computed behind it.
    """
    rows, stems = [], []
    for start, stop, shared in _groups(questions):
        sizes = [_size(each, shared) for each in questions[start:stop]]
        if shared + sum(sizes) <= row_tokens:
            row = _opened(questions[start], shared)
            for branch, number in enumerate(range(start, stop), start=1):
                row.ask(number, questions[number], shared, branch)
            rows.append(row)
        else:
            stems.append(_stem(questions, start, stop, shared, row_tokens))
    return PrefixPlan(rows, stems)


def _stem(questions: Sequence[ScoredPrompt], start: int, stop: int, shared: int, row_tokens: int) -> Stem:
    # each question keeps a token of its own: what the prefix itself says next is not kept
    shared = min(shared, min(len(each.prompt) for each in questions[start:stop]) - 1)
    rows, row, branch = [], PrefixRow(), 0
    for number in range(start, stop):
        if branch and len(row.tokens) + _size(questions[number], shared) > row_tokens:
            rows.append(row)
            row, branch = PrefixRow(), 0
        branch += 1
        row.ask(number, questions[number], shared, branch)
    return Stem(questions[start].prompt[:shared], [*rows, row])


def _size(question: ScoredPrompt, shared: int) -> int:
    return len(question.prompt) - shared + sum(len(answer[:-1]) for answer in question.answers)


def plan_apart(questions: Sequence[ScoredPrompt]) -> list[PrefixRow]:
    """One row for each answer, nothing shared: for models that cannot be told what not to see."""
    rows = []
    for number, question in enumerate(questions):
        short = [place for place, answer in enumerate(question.answers) if len(answer) <= 1]
        groups = [short, *([place] for place in range(len(question.answers)) if place not in short)]
        for group in filter(None, groups):
            row = PrefixRow()
            row.extend(question.prompt, 0, 0, 0)
            row.extend(question.answers[group[0]][:-1], len(question.prompt), 0, 0)
            for place in group:
                for step, token in enumerate(question.answers[place]):
                    row.reads.append(Read(len(question.prompt) - 1 + step, token, number, place))
            rows.append(row)
    return rows


def batches(rows: Sequence[PrefixRow], tokens: int, reads: int) -> Iterator[list[PrefixRow]]:
    """Rows of like length together, at most `tokens` (padding included) and about `reads` readings at a time."""
    batch: list[PrefixRow] = []
    held = 0
    for row in sorted(rows, key=lambda each: len(each.tokens)):
        width = len(row.tokens)
        cells = (len(batch) + 1) * width
        if batch and (cells > tokens or cells * width > MASK_CELLS or held + len(row.reads) > reads):
            yield batch
            batch, held = [], 0
        batch.append(row)
        held += len(row.reads)
    if batch:
        yield batch


def lengthwise(lengths: Sequence[int], tokens: int, *, mixed: bool = True) -> Iterator[list[int]]:
    """Places of like length together, at most `tokens` (padding included) at a time; equal lengths keep their order.

    Unless `mixed`, all of a batch are of one length and nothing is padded.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda each: lengths[each]):
        other = not mixed and batch and lengths[batch[0]] != lengths[place]
        if other or (batch and (len(batch) + 1) * lengths[place] > tokens):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _opened(question: ScoredPrompt, shared: int) -> PrefixRow:
    row = PrefixRow()
    row.extend(question.prompt[:shared], 0, 0, 0)
    return row


def _groups(questions: Sequence[ScoredPrompt]) -> Iterator[tuple[int, int, int]]:
    """Start, stop and shared length of each run of questions that are better asked together."""
    start = 0
    while start < len(questions):
        first, stop = questions[start].prompt, start + 1
        shared = longest = len(first)
        while stop < len(questions):
            common = min(shared, _common(first, questions[stop].prompt))
            longest = max(longest, len(questions[stop].prompt))
            # to join costs every member what the prefix loses, and saves the newcomer the prefix
            if common <= (shared - common) * (stop - start) or longest - common > OWN_TOKENS:
                break
            shared, stop = common, stop + 1
        yield start, stop, shared
        start = stop


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the longest common beginning, by halving: comparing slices is quicker than a loop."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
