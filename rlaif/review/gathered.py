"""What a report shows of pairs, from one pass over their files: counts, distributions, some pairs in full."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlaif.auditing.surface import words
from rlaif.exchange.counted_texts import answer_text, thought_text
from rlaif.hashing import derived_seed, digest_bytes
from rlaif.records import Pair

MOST_DOUBTFUL = 8
SAMPLED = 6


@dataclass(slots=True)
class Gathered:
    """Figures of all pairs that were put in, and some of the pairs; memory does not grow with the texts."""

    count: int = 0
    words: Mapping[str, array[float]] = field(
        default_factory=lambda: {"chosen": array("d"), "rejected": array("d")}
    )
    """Words of each side's answer, over all turns of the assistant; of pairs whose sides are both whole."""
    thought_words: Mapping[str, array[float]] = field(
        default_factory=lambda: {"chosen": array("d"), "rejected": array("d")}
    )
    """The same of its thoughts."""
    labels: array[float] = field(default_factory=lambda: array("d"))
    """`label_prob` of every pair."""
    gaps: array[float] = field(default_factory=lambda: array("d"))
    """`score_gap` of the pairs that have one."""
    principles: dict[str, list[float]] = field(default_factory=dict)
    """Sum of p and count, by principle."""
    ids: array[int] = field(default_factory=lambda: array("Q"))
    _doubtful: list[tuple[float, str, Pair]] = field(default_factory=list)
    _sampled: list[tuple[int, str, Pair]] = field(default_factory=list)

    def put(self, pair: Pair) -> None:
        """Take one pair in."""
        self.count += 1
        for side, turns in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            if pair.truncated:
                continue  # its length is the limit's
            self.words[side].append(float(words(answer_text(turns))))
            self.thought_words[side].append(float(words(thought_text(turns))))
        label, name = pair.label_prob, pair.id
        self.labels.append(label)
        if pair.score_gap is not None:
            self.gaps.append(pair.score_gap)
        for each in pair.principles:
            if each.get("p") is not None:
                held_sums = self.principles.setdefault(str(each["id"]), [0.0, 0.0])
                held_sums[0] += float(each["p"])
                held_sums[1] += 1
        place = derived_seed("shown pair", name)
        self.ids.append(place)
        # the heap keeps the smallest doubt at its top, which the next surer pair does not replace
        _keep(self._doubtful, (-abs(label - 0.5), name, pair), MOST_DOUBTFUL)
        _keep(self._sampled, (-place, name, pair), SAMPLED)

    @property
    def doubtful(self) -> list[Pair]:
        """The pairs with label probabilities nearest to one half, most doubtful first."""
        return [pair for _, _, pair in sorted(self._doubtful, key=lambda each: (-each[0], each[1]))]

    @property
    def sampled(self) -> list[Pair]:
        """Some others, taken by their ids, whatever the order of the file."""
        shown = {name for _, name, _ in self._doubtful}
        return [pair for _, name, pair in sorted(self._sampled, key=_rank, reverse=True) if name not in shown]

    @property
    def digest(self) -> str:
        """Of all ids, in sorted order: the same pairs have the same in every file."""
        return digest_bytes(array("Q", sorted(self.ids)).tobytes())

    @property
    def means(self) -> dict[str, float]:
        """Return the mean label probability by principle id."""
        return {name: total / count for name, (total, count) in sorted(self.principles.items())}


def gather(pairs: Iterable[Pair]) -> Gathered:
    """Read all pairs."""
    found = Gathered()
    for pair in pairs:
        found.put(pair)
    return found


def histogram(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Count values per bin between neighbouring `edges`; values beyond them count in the outermost bins."""
    from bisect import bisect_right

    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return counts


def _rank(entry: tuple[int, str, Pair]) -> tuple[int, str]:
    return entry[:2]


def _keep(heap: list[Any], entry: tuple[Any, ...], most: int) -> None:
    # names tell equal entries apart before pairs would be compared, which they cannot be
    if any(entry[:2] == held[:2] for held in heap):
        return
    if len(heap) < most:
        heapq.heappush(heap, entry)
    elif entry[:2] > heap[0][:2]:
        heapq.heapreplace(heap, entry)
