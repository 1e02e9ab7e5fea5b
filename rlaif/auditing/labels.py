"""Agreement of labels: Cohen's kappa, the same within groups of prompts, and F1 of a rare label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rlaif.auditing.intervals import Limits, beyond_chance


class Labelled(NamedTuple):
    """One answer: what the judge said, what is true, and the group of its prompt."""

    said: str
    gold: str
    group: str = ""
    cluster: str = ""
    """Answers that are not independent of each other, for intervals."""


def kappa(rows: Sequence[Labelled]) -> float | None:
    """Cohen's kappa over all label strings as written; None where chance alone would agree always."""
    return _beyond_chance(rows, [rows])


def kappa_within(rows: Sequence[Labelled]) -> float | None:
    """As `kappa`, with the chance of each group of prompts: 0 where the judge sees the prompt and not the answer."""
    return _beyond_chance(rows, _groups(rows))


def kappa_limits(rows: Sequence[Labelled]) -> Limits:
    """The least and the largest value that `kappa` of such labels can have."""
    return _limits([rows])


def kappa_within_limits(rows: Sequence[Labelled]) -> Limits:
    """The same of `kappa_within`."""
    return _limits(_groups(rows))


def accuracy(rows: Sequence[Labelled]) -> float | None:
    """Share of labels that are the true one."""
    return sum(row.said == row.gold for row in rows) / len(rows) if rows else None


def f1(rows: Sequence[Labelled], label: str) -> float | None:
    """Harmonic mean of precision and recall of one label; None where nobody uses it."""
    hits = sum(row.said == label and row.gold == label for row in rows)
    named = sum((row.said == label) + (row.gold == label) for row in rows)
    return 2 * hits / named if named else None


def expected_agreement(groups: Sequence[Sequence[Labelled]]) -> float:
    """How often judge and truth would agree if each only kept its shares within every group."""
    total = 0.0
    count = sum(map(len, groups))
    for rows in groups:
        said, gold = Counter(row.said for row in rows), Counter(row.gold for row in rows)
        total += sum(said[label] * gold[label] for label in said) / len(rows)
    return total / count


def _groups(rows: Sequence[Labelled]) -> list[list[Labelled]]:
    groups: dict[str, list[Labelled]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return list(groups.values())


def _limits(groups: Sequence[Sequence[Labelled]]) -> Limits:
    return beyond_chance(expected_agreement(groups))


def _beyond_chance(rows: Sequence[Labelled], groups: Sequence[Sequence[Labelled]]) -> float | None:
    if not rows:
        return None
    agreed = sum(row.said == row.gold for row in rows) / len(rows)
    chance = expected_agreement(groups)
    return None if chance >= 1 - 1e-12 else (agreed - chance) / (1 - chance)
