"""Which two completions of a prompt are set against each other. Pure; nothing here depends on their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Literal

from rlaif.feedback.score import Scored
from rlaif.hashing import derived_seed

Pairing = Literal["all", "best-worst", "random", "rank"]
PAIRINGS: tuple[Pairing, ...] = ("all", "best-worst", "random", "rank")


def candidates(scored: Sequence[Scored], pairing: Pairing, seed: int) -> list[tuple[Scored, Scored]]:
    """Twos of differing texts, the better scored first where scores decide.

    `all`: every two. `best-worst`: the ends of the ranking. `rank`: neighbours in the ranking. `random`: one two by
    chance. Equal scores are ordered by chance too, the chance of `seed` and their ids.
    """
    shuffled = sorted(scored, key=lambda each: derived_seed(seed, "pairing", each.completion.id))
    ranked = sorted(shuffled, key=lambda each: each.rank_key, reverse=True)
    if len(ranked) < 2:
        return []
    match pairing:
        case "all":
            return list(combinations(ranked, 2))
        case "best-worst":
            return [(ranked[0], ranked[-1])]
        case "rank":
            return list(pairwise(ranked))
        case "random":
            return [(shuffled[0], shuffled[1])]
