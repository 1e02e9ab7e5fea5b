"""Head-to-head comparisons of models, as a judge or a person annotated them: wins, draws, win rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.auditing.intervals import Interval, mean, mean_interval
from rlaif.auditing.length_control import length_controlled
from rlaif.auditing.resample import Estimate
from rlaif.exchange.gold import Annotation
from rlaif.records import EVEN


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadToHead:
    """One model against another by one annotator. Failed annotations are counted and in no rate."""

    annotator: str
    model: str
    baseline: str
    wins: int
    draws: int
    losses: int
    failed: int
    win_rate: Interval | None
    """The mean of P(the model's answer is better); None where all failed."""
    length_controlled: Estimate | None
    """The same at equal lengths; None of fewer than two prompts."""
    length: float
    """Mean length of the model's answers, in characters."""
    baseline_length: float

    @property
    def discrete_win_rate(self) -> float | None:
        """Wins and half of the draws, among all three; None of none."""
        whole = self.wins + self.draws + self.losses
        return (self.wins + self.draws / 2) / whole if whole else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        controlled = self.length_controlled
        return {
            "annotator": self.annotator,
            "model": self.model,
            "baseline": self.baseline,
            "wins": self.wins,
            "draws": self.draws,
            "losses": self.losses,
            "failed": self.failed,
            "win_rate": self.win_rate._asdict() if self.win_rate else None,
            "discrete_win_rate": self.discrete_win_rate,
            "length_controlled_win_rate": controlled._asdict() if controlled else None,
            "length": self.length,
            "baseline_length": self.baseline_length,
        }


def head_to_head(annotations: Sequence[Annotation], *, seed: int = 0) -> list[HeadToHead]:
    """A row for each annotator and two models; the second model of the first comparison against the first one.

    A comparison of the same two the other way round is turned.
    """
    groups: dict[tuple[str, str, str], list[Annotation]] = {}
    for each in annotations:
        one, other = each.models
        key = (each.annotator, one, other)
        if (turned := (each.annotator, other, one)) in groups and one != other:
            key, each = turned, _turned(each)
        groups.setdefault(key, []).append(each)
    return [_contest(*key, rows, seed) for key, rows in groups.items()]


def _contest(annotator: str, baseline: str, model: str, rows: Sequence[Annotation], seed: int) -> HeadToHead:
    read = [(each, each.second_better) for each in rows]
    told = [(each, p) for each, p in read if p is not None]
    rates = [p for _, p in told]
    places: dict[str, int] = {}
    prompts = [places.setdefault(each.prompt_id, len(places)) for each, _ in told]
    lengths = [(len(each.texts[1]), len(each.texts[0])) for each, _ in told]
    return HeadToHead(
        annotator=annotator,
        model=model,
        baseline=baseline,
        wins=sum(p > EVEN for p in rates),
        draws=sum(p == EVEN for p in rates),
        losses=sum(p < EVEN for p in rates),
        failed=len(rows) - len(told),
        win_rate=mean_interval(list(zip(prompts, rates, strict=True)), seed=seed),
        length_controlled=length_controlled(rates, lengths, prompts, seed=seed),
        length=mean(len(each.texts[1]) for each in rows) or 0.0,
        baseline_length=mean(len(each.texts[0]) for each in rows) or 0.0,
    )


def _turned(each: Annotation) -> Annotation:
    p = each.second_better
    return Annotation(
        annotator=each.annotator,
        models=each.models[::-1],
        prompt_id=each.prompt_id,
        texts=each.texts[::-1],
        second_better=None if p is None else 1 - p,
    )
