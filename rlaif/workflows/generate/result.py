"""What `generate` and `judge` came to: pairs, the funnel, each principle under this judge, in words and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.feedback import Funnel
from rlaif.records import Judgment, Pair
from rlaif.runs.layout import PAIRS, REPORT
from rlaif.workflows.generate.judge_step import counts, principles_table
from rlaif.workflows.generate.logprob_gap import LogprobGap
from rlaif.workflows.generate.principle_tests import PrincipleOutcome, test_counts
from rlaif.workflows.models.failures import FAILED, told_once
from rlaif.workflows.models.usage import cost_line, spent
from rlaif.workflows.results import PairResult

NEVER_COMPARED = {"compared": 0, "told_apart": 0, "order_consistency": None}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GenerateResult(PairResult):
    """What became of the prompts."""

    run: Path
    constitution: str
    """By which it was judged: name, version and digest."""
    pairs: Sequence[Pair]
    counts: Funnel
    tests: Mapping[str, PrincipleOutcome]
    """How each principle fared in its own tests, put to this judge."""
    unread: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Of each principle some of whose pointwise judgments could not be read: how many, and of how many."""
    calls: Mapping[str, int]
    costs: Mapping[str, Any]
    """What was spent, by model, judge and principle; see `rlaif.workflows.models.usage`."""
    panel: Mapping[str, Any] | None
    """How the votes of a panel went, by group; None for one judge."""
    dealt: Mapping[str, Any] | None = None
    """How many answers of the judge were dealt a fault (`noisy:`, `failing:`, `biased:`), and the label error."""
    warnings: Sequence[str]
    cut: Sequence[str] = ()
    """Those of `warnings` that are about completions that were cut off."""
    drift: Sequence[LogprobGap] = ()
    """How far each policy's log-probabilities are from its trainer's; nothing where nobody sampled."""
    failures: Sequence[str] = ()
    """Why calls failed, a sentence for each model."""
    unmet: str | None
    """Why this is fewer pairs than asked for, or None."""

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: where the run lies, and how many pairs it gave."""
        told = {"run": str(self.run), "constitution": self.constitution, "pairs": len(self.pairs)}
        return told | {"prompts": self.counts.prompts, "unmet": self.unmet}

    @property
    def funnel(self) -> dict[str, int]:
        """One count after the other, from prompts to pairs."""
        return counts(self.counts)

    @property
    def principles(self) -> dict[str, dict[str, Any]]:
        """Per principle: comparisons, order consistency and unreadable judgments under this judge.

        Of one that was never compared, because its pointwise judgments could not be read: how many were not, and of how
        many (`judged`).
        """
        table = principles_table(self.counts)
        for name, (unread, judged) in self.unread.items():
            if name not in table:
                table[name] = {**NEVER_COMPARED, "unread": unread, "judged": judged}
        return table

    @property
    def pair_share(self) -> float:
        """Share of the prompts that gave a pair."""
        return len({tuple(each.prompt) for each in self.pairs}) / max(1, self.counts.prompts)

    @property
    def summary(self) -> str:
        """The result in a few lines for people: constitution, share of prompts with a pair, calls, costs, files."""
        calls = ", ".join(f"{count} {name}" for name, count in self.calls.items())
        share = f"{self.pair_share:.1%} of prompts gave a pair; calls: {calls}"
        votes = [each for each in (self.panel_line, self.dealt_line) if each]
        drift = [each.line for each in self.drift]
        return "\n".join(
            [
                f"by {self.constitution}",
                share,
                cost_line(self.costs),
                *self.failures,
                *votes,
                *drift,
                *(str(self.run / name) for name in (PAIRS, REPORT)),
            ]
        )

    @property
    def spent(self) -> str:
        """Calls, tokens and money together."""
        return spent(self.calls, self.costs)

    @property
    def panel_line(self) -> str:
        """How the votes of a panel went; empty for one judge."""
        return _votes_line(self.panel) if self.panel else ""

    @property
    def dealt_line(self) -> str:
        """What was dealt to the judge's answers; empty where nothing was."""
        return str(self.dealt["line"]) if self.dealt else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as run.json and `--json` hold it."""
        return {
            "run": str(self.run),
            "constitution": self.constitution,
            "pairs": len(self.pairs),
            "prompts": self.counts.prompts,
            "pair_share": self.pair_share,
            "funnel": self.funnel,
            "no_pair": dict(self.counts.no_pair),
            "states": dict(self.counts.states),
            "unreadable_share": self.counts.unreadable_share,
            "principles": self.principles,
            "tests": test_counts(self.tests),
            "calls": dict(self.calls),
            "costs": dict(self.costs),
            "panel": self.panel,
            **({"dealt": self.dealt} if self.dealt else {}),
            "drift": [each.as_dict() for each in self.drift],
            "warnings": list(self.warnings),
            "failures": list(self.failures),
            "unmet": self.unmet,
        }


def unreadable_of(judgments: Sequence[Judgment]) -> dict[str, tuple[int, int]]:
    """By principle how many judgments hold no verdict, and of how many; nothing of those that were all read."""
    named = [each for each in judgments if each.principle_id is not None]
    whole = Counter(str(each.principle_id) for each in named)
    lost = Counter(str(each.principle_id) for each in named if each.state in FAILED)
    return {name: (count, whole[name]) for name, count in lost.items()}


def too_few(made: GenerateResult, least: float, failed: Sequence[str] = ()) -> str | None:
    """Why this is a smaller share of prompts with a pair than `least`, or None; `failed` says why judgments failed."""
    if made.pair_share >= least:
        return None
    reasons = sorted(made.counts.no_pair.items(), key=lambda each: -each[1])
    why = ", ".join(f"{reason} {count}" for reason, count in reasons) or "no prompt had two completions"
    told = "".join(f". {each}" for each in told_once(made.failures, failed))
    return (
        f"{made.pair_share:.1%} of {made.counts.prompts} prompts gave a pair, fewer than {least:.1%} "
        f"(min_pair_share): {why}{told}. What there is lies in {made.run / PAIRS}"
    )


def _votes_line(panel: Mapping[str, Any]) -> str:
    groups = "; ".join(
        f"{name}: {each['votes']} votes, {each['against']} against, {each['unread']} unreadable"
        for name, each in panel["groups"].items()
    )
    return (
        f"panel: split in {panel['split']} of {panel['decided']}, no quorum in {panel['no_quorum']}; {groups}"
    )
