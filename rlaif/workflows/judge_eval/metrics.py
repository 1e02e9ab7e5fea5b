"""The figures of one check, by kind of gold: pairs, choices, labels. One shape, so that one table shows all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlaif.auditing import scoring
from rlaif.auditing.calibration import (
    Bin,
    Forecast,
    bins,
    brier,
    calibration_error,
    fit_temperature,
    folded,
    probability_at_temperature,
)
from rlaif.auditing.comparisons import (
    Judged,
    baselines,
    by_category,
    failed_shares,
    figures,
    states,
)
from rlaif.auditing.flags import is_refusal
from rlaif.auditing.intervals import Interval, bootstrap, mean_interval
from rlaif.auditing.labels import Labelled, accuracy, f1, kappa, kappa_limits
from rlaif.auditing.scoring import RatedChoice
from rlaif.exchange.benchmarks import GoldLabel, GoldSet
from rlaif.judging.scales import at_temperature
from rlaif.records import State


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldSetFigures:
    """Figures of one gold set; what does not apply to its kind is empty or None."""

    count: int
    figures: Mapping[str, Interval | None]
    shares: Mapping[str, float]
    """`unreadable` and `refused`, of all verdicts."""
    states: Mapping[str, int] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    """What one who reads nothing would score."""
    official: Mapping[str, float] = field(default_factory=dict)
    """The set's own scoring."""
    categories: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    calibration: Mapping[str, float | None] = field(default_factory=dict)
    bins: Sequence[Bin] = ()

    def plain(self, name: str) -> float | None:
        """A figure without its interval."""
        if name in self.shares:
            return self.shares[name]
        if name in self.calibration:
            return self.calibration[name]
        if name == "position_bias":
            first = self.figures.get("first_slot")
            return None if first is None else abs(first.value - 0.5)
        found = self.figures.get(name)
        return None if found is None else found.value

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "count": self.count,
            "figures": {name: each._asdict() if each else None for name, each in self.figures.items()},
            "position_bias": self.plain("position_bias"),
            "shares": dict(self.shares),
            "states": dict(self.states),
            "baselines": dict(self.baselines),
            "official": dict(self.official),
            "categories": {name: _row(each) for name, each in self.categories.items()},
            "calibration": {**self.calibration, "bins": [each._asdict() for each in self.bins]},
        }


WARM = 8.0
"""The temperature at which forecasts are kept to fit another: sure ones stay apart."""


def pair_figures(
    gold: GoldSet, judged: Sequence[Judged], *, temperature: float = 1.0, seed: int = 0
) -> GoldSetFigures:
    """Of pairs: both orders, trivial baselines, calibration of `label_prob` at a constitution's `temperature`."""
    official = {
        "judgebench": scoring.judgebench,
        "rewardbench": scoring.rewardbench,
    }.get(gold.scoring)
    mirrored = folded(_forecasts(judged, temperature))
    warm = folded(_forecasts(judged, WARM))
    fitted = fit_temperature(warm, at=WARM) if any(map(_graded, judged)) else None
    best = (
        [Forecast(probability_at_temperature(each.p, fitted / WARM), each.truth) for each in warm]
        if fitted
        else []
    )
    return GoldSetFigures(
        count=len(judged),
        figures=figures(judged, seed=seed),
        shares=failed_shares(judged),
        states=states(judged),
        baselines=baselines(each.pair for each in judged),
        official=official(judged) if official else {},
        categories=by_category(judged),
        calibration={
            "calibration_error": calibration_error(mirrored),
            "brier": brier(mirrored),
            "temperature": fitted,
            "calibration_error_at_temperature": calibration_error(best),
        },
        bins=bins(mirrored),
    )


def choice_figures(rated: Sequence[RatedChoice], *, seed: int = 0) -> GoldSetFigures:
    """Of choices: the share whose first answer alone is rated highest, and the bench's own score beside it."""
    wins = [(each.choice.prompt.id, float(picks_right(each))) for each in rated]
    unread = sum(any(number is None for number in each.numbers) for each in rated)
    categories: dict[str, list[RatedChoice]] = {}
    for each in rated:
        categories.setdefault(each.choice.category, []).append(each)
    return GoldSetFigures(
        count=len(rated),
        figures={"accuracy": mean_interval(wins, seed=seed)},
        shares={"unreadable": unread / max(1, len(rated))},
        baselines={"coin": sum(each.choice.right / len(each.numbers) for each in rated) / max(1, len(rated))},
        official=scoring.rewardbench_2(rated),
        categories={
            name: {"pairs": len(rows), "accuracy": sum(map(picks_right, rows)) / len(rows)}
            for name, rows in categories.items()
        },
    )


def label_figures(said: Sequence[tuple[GoldLabel, str]], known: set[str], *, seed: int = 0) -> GoldSetFigures:
    """Of labels: accuracy and kappa as written, and by category; F1 of the rarer label where there are two."""
    rows = [(label.category, Labelled(text, label.label, label.group, label.about)) for label, text in said]
    categories: dict[str, list[Labelled]] = {}
    for name, row in rows:
        categories.setdefault(name, []).append(row)
    every = [row for _, row in rows]
    off = sum(row.said not in known for row in every)
    refused = sum(row.said not in known and is_refusal(row.said) for row in every)
    whole = max(1, len(every))
    rare = "true" if "true" in known else None
    return GoldSetFigures(
        count=len(every),
        figures={
            "accuracy": mean_interval(
                [(row.cluster, float(row.said == row.gold)) for row in every], seed=seed
            ),
            "kappa": bootstrap(
                every, kappa, lambda row: row.cluster, limits=kappa_limits, resamples=500, seed=seed
            ),
        },
        shares={"unreadable": (off - refused) / whole, "refused": refused / whole},
        states=Counter(_state(row.said, known) for row in every),
        baselines={"most frequent label": max(_share(every, label) for label in known)},
        categories={
            name: {
                "labels": len(held),
                "accuracy": accuracy(held),
                "kappa": kappa(held),
                "off_set": sum(row.said not in known for row in held),
                **({"f1": f1(held, rare), "true": sum(row.gold == rare for row in held)} if rare else {}),
            }
            for name, held in categories.items()
        },
    )


def _forecasts(judged: Sequence[Judged], temperature: float) -> list[Forecast]:
    """What each pair's label would be at a temperature; a pair of which an order says nothing has none."""
    return [
        Forecast(p, each.pair.first_better) for each in judged if (p := _label(each, temperature)) is not None
    ]


def _graded(judged: Judged) -> bool:
    """Whether there are probabilities: bare verdicts, as most records hold them, are none at any temperature."""
    said = {verdict.p for verdict in judged.orders.judged}
    return judged.log_odds is not None or not said <= {None, 0.0, 0.5, 1.0}


def _label(judged: Judged, temperature: float) -> float | None:
    if judged.log_odds is not None:
        return at_temperature(judged.log_odds, temperature)
    said = [verdict.p for verdict in judged.orders.judged if verdict.p is not None]
    if len(said) < len(judged.orders.judged):
        return None
    # a record holds no principles: the mean of its orders is all there is
    return probability_at_temperature(sum(said) / len(said), temperature)


def picks_right(rated: RatedChoice) -> bool:
    """Whether every right answer has a higher number than every wrong one."""
    numbers = [number for number in rated.numbers if number is not None]
    if len(numbers) < len(rated.numbers):
        return False
    right, wrong = numbers[: rated.choice.right], numbers[rated.choice.right :]
    return min(right) > max(wrong)


def _state(said: str, known: set[str]) -> str:
    """What stands where a label belongs: `label`, why the judge gave none, or `off_set` for any other text."""
    if said in known:
        return "label"
    return said if said in {state.value for state in State} else "off_set"


def _share(rows: Sequence[Labelled], label: str) -> float:
    return sum(row.gold == label for row in rows) / len(rows) if rows else 0.0


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value._asdict() if isinstance(value, Interval) else value for name, value in row.items()}
