"""What a check of a judge is asked for, and everything that it found: figures, flags, thresholds not met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlaif.auditing.attacks import Flips
from rlaif.auditing.flags import Flag
from rlaif.workflows.judge_eval.config import THRESHOLDS, CheckConfig
from rlaif.workflows.judge_eval.metrics import GoldSetFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCheckResult:
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
