"""The impact of an edited constitution: the pairs that change, and what it cost to find out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.feedback.counterfactual import PairOutcome, Turn

TURNS: tuple[Turn, ...] = ("flip", "vanish", "appear")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """A pair that changes. `better` is the side chosen after the edit, or before it where no pair is left."""

    id: str
    kind: Turn
    through: tuple[str, ...]
    """The principles; empty where the judge is asked about the constitution as a whole."""
    prompt: str
    better: str
    worse: str
    before: PairOutcome
    after: PairOutcome

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        own = {name: getattr(self, name) for name in ("id", "kind", "prompt", "better", "worse")}
        sides = {name: getattr(self, name)._asdict() for name in ("before", "after")}
        return own | {"through": list(self.through), **sides}


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """How many pairs change and which, with calls and tokens."""

    run: Path
    judge: str
    counts: Mapping[str, int]
    """Pairs `before` and `after`, `kept`, `flip`, `vanish`, `appear`."""
    changes: tuple[PairChange, ...]
    label_shift: float | None
    """Mean change of `label_prob` over the kept pairs; None without any."""
    per_principle: bool
    """Whether the judge is asked about one principle at a time."""
    calls: Mapping[str, int]
    tokens: Mapping[str, int]
    re_paired: int | None
    """Prompts of which the new rules would set two other completions against each other; None where nobody can say
    without asking more."""
    warnings: tuple[str, ...] = ()
    rounds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """`counts` of each round, by the name of its folder; empty where it is no loop."""

    @property
    def through(self) -> dict[str, dict[str, int]]:
        """Number of changed pairs by principle and kind; a pair counts for each principle that changes it."""
        found: dict[str, Counter[str]] = {}
        for each in self.changes:
            for name in each.through:
                found.setdefault(name, Counter())[each.kind] += 1
        return {name: {kind: each[kind] for kind in TURNS} for name, each in found.items()}

    @property
    def cost(self) -> list[str]:
        """Lines for people: calls and tokens, new and re-used."""
        calls, tokens = self.calls, self.tokens
        whole = calls["new"] + calls["reused"]
        share = f" ({calls['new'] / whole:.1%} of {whole})" if whole else ""
        lines = [
            f"calls: {calls['new']} new{share}, {calls['reused']} re-used, {calls['failed']} failed",
            f"tokens: {tokens['new']} new, {tokens['reused']} re-used",
        ]
        if self.re_paired:
            lines.append(
                f"of {self.re_paired} prompts the new rules would set other completions against each other: "
                "`rlaif judge RUN --constitution B` makes those pairs"
            )
        if not self.per_principle:
            lines.append(
                "this judge is asked about the constitution as a whole: an edit judges all again"
                if calls["new"]
                else "this judge is asked about no principle by itself, and nothing that it is asked has changed"
            )
        return lines

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "run": str(self.run),
            "judge": self.judge,
            "pairs": dict(self.counts),
            "through": self.through,
            "changes": [each.as_dict() for each in self.changes],
            "label_shift": self.label_shift,
            "per_principle": self.per_principle,
            "calls": dict(self.calls),
            "tokens": dict(self.tokens),
            "re_paired": self.re_paired,
            "rounds": {name: dict(each) for name, each in self.rounds.items()},
            "warnings": list(self.warnings),
        }


def joined(run: Path, parts: Sequence[Impact]) -> Impact:
    """The impacts of several rounds as one; a single one is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    shifts = [(each.label_shift, each.counts["kept"]) for each in parts if each.label_shift is not None]
    kept = sum(count for _, count in shifts)
    re_paired = [each.re_paired for each in parts if each.re_paired is not None]
    return Impact(
        run=run,
        judge=", ".join(dict.fromkeys(each.judge for each in parts)),
        counts=_sum([each.counts for each in parts]),
        changes=tuple(change for each in parts for change in each.changes),
        label_shift=sum(shift * count for shift, count in shifts) / kept if kept else None,
        per_principle=all(each.per_principle for each in parts),
        calls=_sum([each.calls for each in parts]),
        tokens=_sum([each.tokens for each in parts]),
        re_paired=sum(re_paired) if len(re_paired) == len(parts) else None,
        warnings=tuple(f"{each.run.name}: {text}" for each in parts for text in each.warnings),
        rounds={each.run.name: each.counts for each in parts},
    )


def _sum(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {key: sum(each[key] for each in parts) for key in parts[0]}
