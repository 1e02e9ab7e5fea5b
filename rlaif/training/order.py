"""Which rows a step takes: a function of the seed and the step alone, so that resuming needs no memory of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.hashing import derived_seed
from rlaif.training.configs.loop import LoopConfig


@dataclass(slots=True)
class Stream:
    """`size` rows over and over, in a new order each time through.

    Where `step` rows at a time are taken, and there are as many, none of them is there twice: the rows that a step has
    before a new order begins are moved back in it.
    """

    size: int
    seed: int
    name: str
    step: int = 0
    _shuffled: dict[int, list[int]] = field(default_factory=dict)

    def take(self, start: int, count: int) -> list[int]:
        """Rows at places start .. start + count - 1 of the endless stream."""
        return [self._epoch(place // self.size)[place % self.size] for place in range(start, start + count)]

    def _epoch(self, epoch: int) -> list[int]:
        if epoch not in self._shuffled:
            # each order depends on the one before it: from the nearest that is known, else from the first
            known = [each for each in self._shuffled if each < epoch]
            for number in range(max(known) + 1 if known else 0, epoch + 1):
                before = self._shuffled.get(number - 1, [])
                self._shuffled = {number - 1: before, number: self._shuffle(number, before)}
        return self._shuffled[epoch]

    def _shuffle(self, epoch: int, before: Sequence[int]) -> list[int]:
        rows = list(range(self.size))
        random.Random(derived_seed("order", self.seed, self.name, epoch)).shuffle(rows)
        taken = (epoch * self.size) % self.step if 0 < self.step <= self.size else 0
        if not taken:
            return rows
        # the step that this order begins in has `taken` rows of the one before
        held, ahead = set(before[-taken:]), self.step - taken
        later = (place for place in range(ahead, self.size) if rows[place] not in held)
        for place in range(ahead):
            if rows[place] in held:
                other = next(later)
                rows[place], rows[other] = rows[other], rows[place]
        return rows


@dataclass(frozen=True, slots=True)
class Order:
    """Rows of each step. The last step is short when epochs, not steps, were asked for."""

    stream: Stream
    batch_size: int
    steps: int
    last: int
    """Rows of the last step."""

    @classmethod
    def plan(
        cls, size: int, *, batch_size: int, steps: int | None, epochs: int, seed: int, name: str
    ) -> Order:
        """An order over `size` rows; a step never holds a row twice."""
        batch_size = min(batch_size, size)
        stream = Stream(size, seed, name, batch_size)
        if steps is not None:
            return cls(stream, batch_size, steps, batch_size)
        total = size * epochs
        steps = -(-total // batch_size)
        return cls(stream, batch_size, steps, total - (steps - 1) * batch_size)

    @classmethod
    def of(cls, config: LoopConfig, size: int, name: str) -> Order:
        """The order in which a training goes through its `size` rows; `name` tells it from others of its seed."""
        return cls.plan(
            size,
            batch_size=config.batch_size,
            steps=config.steps,
            epochs=config.epochs,
            seed=config.seed,
            name=name,
        )

    def rows(self, step: int) -> list[int]:
        """Rows of `step`, which counts from 0."""
        count = self.last if step == self.steps - 1 else self.batch_size
        return self.stream.take(step * self.batch_size, count)

    def visited(self) -> list[int]:
        """All rows that some step takes, sorted."""
        if self.steps * self.batch_size >= self.stream.size:
            return list(range(self.stream.size))
        return sorted({row for step in range(self.steps) for row in self.rows(step)})


@dataclass(frozen=True, slots=True)
class Replay:
    """Which examples are mixed into each step: for each kind, a fixed number a step."""

    counts: Mapping[str, int]
    members: Mapping[str, Sequence[int]]
    """Kind -> places of its examples."""
    streams: Mapping[str, Stream]

    @classmethod
    def plan(cls, kinds: Sequence[str], shares: Mapping[str, float], *, batch_size: int, seed: int) -> Replay:
        """`shares` of each step's rows, pairs and examples together; at least one of each kind asked for."""
        members = {kind: [place for place, each in enumerate(kinds) if each == kind] for kind in shares}
        rows = batch_size / (1 - sum(shares.values()))
        counts = {kind: max(1, round(share * rows)) for kind, share in shares.items()}
        streams = {kind: Stream(len(members[kind]), seed, f"replay/{kind}", counts[kind]) for kind in shares}
        return cls(counts, members, streams)

    @property
    def count(self) -> int:
        """Examples a step."""
        return sum(self.counts.values())

    def rows(self, step: int) -> list[int]:
        """Places of the examples of `step`."""
        return [
            self.members[kind][place]
            for kind, count in self.counts.items()
            for place in self.streams[kind].take(step * count, count)
        ]
