"""Texts that are nearly the same: MinHash over word triples with banding (Broder 1997), closers, diversity."""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rlaif.auditing.resample import Tally, share

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats, Ints

NEAR = 0.8
"""Jaccard similarity of word triples from which on two texts count as nearly the same."""
PERMUTATIONS = 64
BANDS = 16
"""Of four rows each: texts at .8 meet in some band with a chance of .9998, those at .3 with .12."""
SHINGLE = 3
MAX_ALIKE = 2000
"""Prompts whose answers are compared with each other, evenly over the file."""
_PRIME = (1 << 31) - 1
_WORD = re.compile(r"\w+")
_ENDS = ("\n", *(mark + blank for mark in ".!?" for blank in " \t\r"))
"""After which the next sentence begins."""


def shingles(text: str) -> frozenset[int]:
    """Hashes of all runs of three words; of a shorter text, of the whole of it."""
    words = _WORD.findall(text.lower())
    runs = [" ".join(words[place : place + SHINGLE]) for place in range(max(1, len(words) - SHINGLE + 1))]
    return frozenset(zlib.crc32(run.encode()) for run in runs)


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """Share of what two sets have in common; 1 for two empty ones."""
    both = len(one | other)
    return len(one & other) / both if both else 1.0


def signatures(sets: Sequence[frozenset[int]]) -> Ints:
    """(texts, PERMUTATIONS) least hash of each set under each of fixed random permutations."""
    import numpy as np

    random = np.random.default_rng(20220)
    slope = random.integers(1, _PRIME, PERMUTATIONS, dtype=np.int64)
    start = random.integers(0, _PRIME, PERMUTATIONS, dtype=np.int64)
    found = np.empty((len(sets), PERMUTATIONS), dtype=np.int64)
    for place, each in enumerate(sets):
        held = np.fromiter(each, dtype=np.int64, count=len(each)) % _PRIME
        # the product of two numbers below 2**31 fits 64 bits
        found[place] = ((held[:, None] * slope + start) % _PRIME).min(axis=0)
    return found


def near_duplicates(texts: Sequence[str], others: Sequence[str] | None = None) -> list[tuple[int, int]]:
    """Places of texts that are nearly the same: within `texts`, or of `texts` in `others`. Checked exactly."""
    mine = [shingles(each) for each in texts]
    theirs = mine if others is None else [shingles(each) for each in others]
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    rows = PERMUTATIONS // BANDS
    for place, signature in enumerate(signatures(theirs)):
        for band in range(BANDS):
            buckets[band, signature[band * rows : (band + 1) * rows].tobytes()].append(place)
    found = []
    for place, signature in enumerate(signatures(mine)):
        met: set[int] = set()
        for band in range(BANDS):
            met.update(buckets.get((band, signature[band * rows : (band + 1) * rows].tobytes()), ()))
        for other in sorted(met):
            if (others is not None or other > place) and jaccard(mine[place], theirs[other]) >= NEAR:
                found.append((place, other))
    return found


def sameness_figures(evidence: Evidence) -> dict[str, Tally]:
    """`near_duplicate_prompts`, `contaminated` (prompts that an evaluation set holds too), `alike` (mean similarity

    of answers to one prompt) and `same_closer` (answers that end with the most frequent last sentence).
    """
    import numpy as np

    count = len(evidence.prompts.ids)
    places = np.arange(count)
    again = {other for _, other in near_duplicates(evidence.prompts.texts)}
    found = {
        "near_duplicate_prompts": share(places, count, np.asarray([float(each in again) for each in places])),
        "alike": _alike(evidence),
        "same_closer": _same_closer(evidence),
    }
    if evidence.evaluation_prompts:
        held = {place for place, _ in near_duplicates(evidence.prompts.texts, evidence.evaluation_prompts)}
        found["contaminated"] = share(places, count, np.asarray([float(each in held) for each in places]))
    return found


def _alike(evidence: Evidence) -> Tally:
    """Mean Jaccard similarity over at most ten pairs of different draws of each prompt."""
    import numpy as np

    texts, groups = evidence.texts, dict[int, list[str]]()
    for prompt, text, said in zip(texts.prompt.tolist(), texts.texts, texts.answered.tolist(), strict=True):
        if said:
            groups.setdefault(prompt, []).append(text)
    where, alike = [], []
    step = -(-len(groups) // MAX_ALIKE) or 1
    for prompt, own in list(groups.items())[::step]:
        sets = [shingles(each) for each in own[:5]]
        for one in range(len(sets)):
            for other in range(one + 1, len(sets)):
                where.append(prompt)
                alike.append(jaccard(sets[one], sets[other]))
    return share(np.asarray(where, dtype=int), len(evidence.prompts.ids), np.asarray(alike))


def closer(text: str) -> str:
    """The last sentence, as it counts: without case and blanks around it; nothing where it is the only one."""
    whole = text.strip()
    cut = max(whole.rfind(end) for end in _ENDS)
    return whole[cut + 1 :].strip().lower() if cut >= 0 else ""


def common_closer(texts: Sequence[str]) -> str:
    """The last sentence that most texts share, or nothing."""
    return _most(map(closer, texts))


def _most(closers: Iterable[str]) -> str:
    counts = Counter(each for each in closers if each)
    return counts.most_common(1)[0][0] if counts else ""


def _same_closer(evidence: Evidence) -> Tally:
    import numpy as np

    texts = evidence.texts
    closers = [closer(text) for text in texts.texts]
    most = _most(closers)
    ends: Floats = np.asarray([float(bool(most) and each == most) for each in closers])
    return share(texts.prompt, len(evidence.prompts.ids), np.where(texts.answered, ends, np.nan))


def uncovered(training: Sequence[str], feedback: Sequence[str], *, enough: float = 0.3) -> list[int]:
    """Places of training prompts without a similar feedback prompt: none shares `enough` of its words.

    Words, not triples: two prompts about one matter seldom share whole phrases.
    """
    held = [frozenset(_WORD.findall(each.lower())) for each in feedback]
    by_word: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(held):
        for word in each:
            by_word[word].append(place)
    alone = []
    for place, text in enumerate(training):
        own = frozenset(_WORD.findall(text.lower()))
        shared = Counter(other for word in own for other in by_word.get(word, ()))
        best = max((count / len(own | held[other]) for other, count in shared.items()), default=0.0)
        if best < enough:
            alone.append(place)
    return alone
