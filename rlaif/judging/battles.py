"""Judgments of one question set against each other: position weights, battle matrix, Elo, the pair. Pure arithmetic.

Meta-Rewarding (2407.19594): a meta-judge sees two judgments m and n in both orders and names the better one. Its
position bias is corrected by counts over all questions: a win of the first shown counts w1 = wins of the second shown
/ all wins, one of the second shown w2 = wins of the first shown / all wins. So either place wins equally much in all.
B_mn = w1 [m wins, shown first] + w2 [m wins, shown second]; Elo is where sum B_mn log sigmoid(e_m - e_n) is greatest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rlaif.judging.bradley_terry import GHOST, strengths_by_wins

Winner = Literal["first", "second", "tie", "unreadable"]
EVEN_WEIGHTS = (0.5, 0.5)


class Battle(NamedTuple):
    """Two judgments by their numbers in the order in which they were shown, and who won."""

    first: int
    second: int
    winner: Winner


class Ranked(NamedTuple):
    """The judgments of one question: their Elo, the best and the worst."""

    elo: list[float]
    best: int
    worst: int


def position_weights(battles: Iterable[Battle]) -> tuple[float, float]:
    """What a win of the first shown counts, and of the second; one half each where nobody won."""
    won = [each.winner for each in battles]
    first, second = won.count("first"), won.count("second")
    if first + second == 0:
        return EVEN_WEIGHTS
    return second / (first + second), first / (first + second)


def battle_matrix(count: int, battles: Iterable[Battle], weights: tuple[float, float]) -> list[list[float]]:
    """`B[m][n]`: with what weight m won against n. A tie counts for nobody; what was unreadable did not take place."""
    found = [[0.0] * count for _ in range(count)]
    for first, second, winner in battles:
        if winner == "first":
            found[first][second] += weights[0]
        elif winner == "second":
            found[second][first] += weights[1]
    return found


def ranked(
    texts: Sequence[str], battles: Sequence[Battle], weights: tuple[float, float], ghost: float = GHOST
) -> Ranked | None:
    """The judgments by Elo; of equal ones the shortest is best and the longest worst. None where all are equal."""
    elo = strengths_by_wins(battle_matrix(len(texts), battles, weights), ghost)
    places = range(len(texts))
    best = min(places, key=lambda place: (-elo[place], len(texts[place]), place))
    worst = min(places, key=lambda place: (elo[place], -len(texts[place]), place))
    return Ranked(elo, best, worst) if elo[best] > elo[worst] else None
