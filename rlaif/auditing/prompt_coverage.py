"""Whether prompts are like those that a model has learned from: tf-idf cosine to the nearest, with a limit from these.

Which similarity is little, the learned prompts say themselves: each is compared with the others, and only one in twenty
is as far from them as what is called unlike (a conformal limit; Vovk 2005). No text is kept, only hashes of its words.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from rlaif.auditing.evidence import Floats

BY_CHANCE = 0.05
"""The share of prompts of the learned kind that the limit calls unlike."""
ALIKE = 0.5
"""From this similarity on two prompts are alike, however alike the learned ones are among themselves."""
MOST = 2000
"""Learned prompts that are kept, evenly over all."""
FEWEST = 20
"""Learned prompts without which nothing can be said of others."""
_WORD = re.compile(r"\w+")
_ROWS = 500
"""Prompts that are compared at once."""

Words = tuple[int, ...]
"""Hashes of a text's words and of its runs of two, each as often as it is there."""


def word_hashes(text: str) -> Words:
    """The words of a text and its runs of two, hashed (CRC-32), without case."""
    words = _WORD.findall(text.lower())
    runs = [*words, *(" ".join(two) for two in pairwise(words))]
    return tuple(sorted(zlib.crc32(each.encode()) for each in runs))


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedPrompts:
    """The prompts that a model has learned from, as hashes."""

    words: tuple[Words, ...]
    """Of different prompts."""
    limit: float
    """Below this similarity to the nearest of them a prompt is unlike them."""

    def nearest(self, texts: Sequence[str]) -> list[float]:
        """The similarity of each text to the nearest of them, from 0 to 1."""
        space = _Space(self.words)
        return [float(each) for each in space.nearest(space.vectors([word_hashes(each) for each in texts]))]

    def unlike(self, texts: Sequence[str]) -> list[int]:
        """The places of the texts that are unlike all of them."""
        return [place for place, each in enumerate(self.nearest(texts)) if each < self.limit]


def learned_prompts(texts: Sequence[str], earlier: Sequence[Words] = ()) -> LearnedPrompts | None:
    """What is kept of the prompts that a model has learned from; None where they are too few to say what is unlike.

    The limit is the similarity to their nearest sibling below which at most `BY_CHANCE` of them are. `earlier` are
    those that the model which it began as had learned from.
    """
    different = list(dict.fromkeys([*earlier, *(word_hashes(each) for each in texts)]))
    if len(different) < FEWEST:
        return None
    kept = tuple(different[:: -(-len(different) // MOST)])
    space = _Space(kept)
    own = sorted(space.nearest(space.vectors(kept), but_itself=True).tolist())
    return LearnedPrompts(words=kept, limit=min(own[int(BY_CHANCE * len(own))], ALIKE))


def beyond_chance(unlike: int, count: int, learned: int) -> bool:
    """Whether more of `count` prompts are unlike than chance makes so.

    By two deviations of their share, the limit's own included: it is a quantile of `learned` prompts.
    """
    spread = BY_CHANCE * (1 - BY_CHANCE) * (1 / count + 1 / learned)
    return unlike > count * (BY_CHANCE + 2 * math.sqrt(spread))


class _Space:
    """Texts as tf-idf vectors of length 1: rare words weigh more, and words that no learned prompt has weigh most."""

    def __init__(self, learned: Sequence[Words]) -> None:
        held = Counter(word for own in learned for word in set(own))
        self._count = len(learned)
        self._place = {word: place for place, word in enumerate(held)}
        self._weight = {word: self._rarity(count) for word, count in held.items()}
        self._learned = self.vectors(learned)

    def _rarity(self, count: int) -> float:
        return math.log((1 + self._count) / (1 + count)) + 1

    def vectors(self, texts: Sequence[Words]) -> csr_matrix[Any]:
        """A row a text. Words that are not known only make its vector longer, and so less like any other."""
        from scipy.sparse import csr_matrix

        rows, columns, values = [], [], []
        for row, own in enumerate(texts):
            weights = {word: n * self._weight.get(word, self._rarity(0)) for word, n in Counter(own).items()}
            length = math.sqrt(math.fsum(each * each for each in weights.values())) or 1.0
            for word, each in weights.items():
                if word in self._place:
                    rows.append(row)
                    columns.append(self._place[word])
                    values.append(each / length)
        return csr_matrix((values, (rows, columns)), shape=(len(texts), len(self._place)))

    def nearest(self, vectors: csr_matrix[Any], *, but_itself: bool = False) -> Floats:
        """The greatest cosine of each row with a learned prompt; `but_itself`: the rows are these, in their order."""
        import numpy as np

        found = np.zeros(vectors.shape[0])
        for start in range(0, vectors.shape[0], _ROWS):
            close = (vectors[start : start + _ROWS] @ self._learned.T).toarray()
            if but_itself:
                places = np.arange(close.shape[0])
                close[places, start + places] = 0.0
            found[start : start + _ROWS] = close.max(axis=1, initial=0.0)
        return found
