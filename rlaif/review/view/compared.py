"""Two runs beside each other: what differs in their configurations, their figures and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.review import charts
from rlaif.review.panels import all_inline
from rlaif.review.training_charts import both_trainings
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.facts import leaves
from rlaif.review.view.overview import Tile, tiles

MOST_DIFFERENCES = 200
_DIGEST = "b2:"


class Difference(NamedTuple):
    """A key of the configuration with both values; None where a run has no such key."""

    key: str
    one: str | None
    other: str | None


class TilePair(NamedTuple):
    """A figure of both runs."""

    name: str
    one: Tile | None
    other: Tile | None


CURVES: Mapping[str, Sequence[str]] = {
    "gold, held-out": ("gold_mean",),
    "judge, held-out": ("judge_mean",),
    "win rate against the first policy": ("against", "initial", "win_rate"),
    "KL from the start": ("kl",),
    "words of an answer": ("length_mean",),
    "pairs": ("pairs",),
    "the judge's accuracy, by gold": ("judge_accuracy_on_policy",),
}


def differences(one: RunCard, other: RunCard) -> list[Difference]:
    """Every key of the two configurations whose values differ; digests come last, as nobody reads them first."""
    first, second = (dict(leaves(each.facts.get("config") or {})) for each in (one, other))
    found = [
        Difference(key, first.get(key), second.get(key))
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    ]
    return sorted(found, key=lambda each: _DIGEST in f"{each.one}{each.other}")[:MOST_DIFFERENCES]


def of_both(found: Sequence[Difference]) -> list[Difference]:
    """The differences in keys that both runs have: what a reader looks for first."""
    return [each for each in found if each.one is not None and each.other is not None]


def figures(one: RunCard, other: RunCard) -> list[TilePair]:
    """The tiles of both runs, joined by their names."""
    first, second = ({each.name: each for each in tiles(card)} for card in (one, other))
    return [TilePair(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])]


def curves(one: RunCard, other: RunCard) -> list[str]:
    """A chart for each figure of rounds that one of them has, or of two trainings, both in it."""
    if one.is_training and other.is_training:
        return all_inline(both_trainings((one.name, other.name), (one.path, other.path)))
    if not one.rounds and not other.rounds:
        return []
    drawn = []
    for title, path in CURVES.items():
        series = {
            card.name: [_value(row, path) for row in card.rounds] for card in (one, other) if card.rounds
        }
        drawn.append(charts.lines(title, series))
    return [each for each in drawn if each]


def principle_rows(one: RunCard, other: RunCard) -> list[charts.PrincipleChange]:
    """Gold by principle at the end of both runs; what differs most comes first."""
    first, second = (_last_gold(each) for each in (one, other))
    if not first or not second:
        return []
    rows = [
        charts.PrincipleChange(name, first.get(name), second.get(name))
        for name in dict.fromkeys([*first, *second])
    ]
    return sorted(rows, key=lambda each: -abs((each.after or 0) - (each.before or 0)))


def newest_policy(card: RunCard) -> str:
    """The fingerprint of the policy that a run ended with; empty where it says none."""
    if card.rounds:
        return str(card.rounds[-1].get("policy") or "")
    if card.is_training:
        return str(card.facts.get("weights") or "")
    config = card.facts.get("config") or {}
    policies = [each for each in config.get("policies") or () if isinstance(each, Mapping)]
    if policies:
        return str(policies[0].get("fingerprint") or "")
    return str((config.get("models") or {}).get(config.get("policy"), ""))


def first_policy(card: RunCard) -> str:
    """The fingerprint of the policy that a run began with, or was compared with; empty where it says none."""
    if card.rounds:
        return str(card.rounds[0].get("policy") or "")
    config = card.facts.get("config") or {}
    against = config.get("against") or []
    return str((config.get("models") or {}).get(against[0], "")) if against else ""


def _last_gold(card: RunCard) -> Mapping[str, float]:
    if card.rounds:
        return card.rounds[-1].get("gold_by_principle") or {}
    summary = card.facts.get("summary") or {}
    return ((summary.get("gold") or {}).get(str(summary.get("policy"))) or {}).get("by_principle") or {}


def _value(row: Mapping[str, Any], path: Sequence[str]) -> float | None:
    value: Any = row
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, int | float) else None
