"""What a check of a judge is asked for, and everything that it found: figures, flags, thresholds not met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rlaif.auditing.attacks import Flips
from rlaif.auditing.flags import Flag
from rlaif.review.panels import Panel
from rlaif.review.position import check_position
from rlaif.review.recorded_check import check_calibration
from rlaif.review.tables import shown
from rlaif.workflows.judge_eval.config import THRESHOLDS, CheckConfig
from rlaif.workflows.judge_eval.metrics import GoldSetFigures
from rlaif.workflows.results import Result

if TYPE_CHECKING:
    from rlaif.libraries.datasets import Dataset


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JudgeCheckResult(Result):
    """Everything that was found out about a judge."""

    judge: str
    gold: str
    left_out: Mapping[str, int]
    part: GoldSetFigures
    test_retest: float | None
    flags: Mapping[str, Flag]
    flipped: Mapping[str, Flips]
    members: Mapping[str, Flips]
    calls: Mapping[str, int]
    tokens: Mapping[str, int]
    notes: Sequence[str] = ()
    """What should be known about how the judge was asked."""
    unmet: str | None = None

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: who was checked on what, and what is not met."""
        told = {"judge": self.judge, "gold": self.gold, "items": self.part.count}
        return told | {"accuracy": self.figure("accuracy"), "unmet": self.unmet}

    def _rows(self) -> list[dict[str, Any]]:
        """A row for each figure, the trivial judges after them."""
        found = [
            {"figure": name, "value": each.value, "low": each.low, "high": each.high}
            for name, each in self.part.figures.items()
            if each is not None
        ]
        trivial = self.part.baselines.items()
        return [*found, *({"figure": f"trivial: {name}", "value": value} for name, value in trivial)]

    def to_dataset(self) -> Dataset:
        """The figures as a `datasets.Dataset`, a row each: `figure`, `value`, `low` and `high`."""
        from rlaif.exchange.frames import figures_dataset

        return figures_dataset(self._rows(), texts=("figure",))

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        columns = ("value", "low", "high")
        rows = [(row["figure"], *(shown(row.get(name)) for name in columns)) for row in self._rows()]
        return ("figure", "value", "95 % low", "high"), rows

    def _panels(self) -> Sequence[Panel]:
        told = self.as_dict()
        return [check_calibration(told), *check_position(told)]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "judge": self.judge,
            "gold": self.gold,
            "left_out": dict(self.left_out),
            **self.part.as_dict(),
            "test_retest": self.test_retest,
            "flags": {name: each._asdict() for name, each in self.flags.items()},
            "attacks": {name: _flips_row(each) for name, each in self.flipped.items()},
            "attack_members": {name: _flips_row(each) for name, each in self.members.items()},
            "calls": dict(self.calls),
            "tokens": dict(self.tokens),
            "notes": list(self.notes),
            "unmet": self.unmet,
        }

    def figure(self, name: str) -> float | None:
        """A figure by the name that thresholds use."""
        if name == "flipped":
            shares = [each.share.value for each in self.flipped.values() if each.share]
            return max(shares, default=None)
        return self.part.plain(name)


def with_unmet(found: JudgeCheckResult, config: CheckConfig) -> JudgeCheckResult:
    """The same, with the thresholds that are not met and the flags that fire in one sentence."""
    problems = []
    for option, limit in config.thresholds.items():
        name, kind, _ = THRESHOLDS[option]
        value, shown = found.figure(name), f"--{option.replace('_', '-')} {limit:g}"
        if value is None:
            problems.append(f"{name}: not measured on this gold set ({shown})")
        elif (value < limit) if kind == "least" else (value > limit):
            problems.append(f"{name} is {value:.3f} ({shown})")
    if not config.ignore_flags:
        problems += [f"{name}: {flag.why}" for name, flag in found.flags.items() if flag.fires]
    return replace(found, unmet="; ".join(problems) or None)


def _flips_row(each: Flips) -> dict[str, Any]:
    return {**each._asdict(), "share": each.share._asdict() if each.share else None}
