"""What a run of a recipe came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.exchange.pairs import read_pairs
from rlaif.records import Pair
from rlaif.review.panels import Panel
from rlaif.review.principle_panels import of_rounds
from rlaif.review.round_charts import round_panels
from rlaif.review.rounds import REACHED, cell
from rlaif.review.sample import BeforeAfter, helped_samples
from rlaif.review.verdict import answer
from rlaif.runs.layout import pair_files
from rlaif.workflows.models.usage import cost_line, spent
from rlaif.workflows.recipe.table import learned
from rlaif.workflows.results import PairResult, pairs_shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finished(PairResult):
    """The rounds of a run, what they cost, and what to do next."""

    run: Path
    rounds: Sequence[Mapping[str, Any]]
    report: Path
    calls: Mapping[str, int]
    costs: Mapping[str, Any]
    """What was spent, by model, judge and principle; see `rlaif.workflows.models.usage`."""
    warnings: Sequence[str]
    unmet: str | None
    """Why the run stopped before its last round, or None."""
    held_out: int
    """Prompts that the rounds were measured on."""
    helped: Mapping[str, Any] = field(default_factory=dict)
    """What changed from the first measuring to the last, by prompt; see `rlaif.workflows.evaluation.helped`."""
    further: Sequence[str] = ()
    """Columns of the rounds that steps of other packages fill."""

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of all rounds, in their order, read from the run's files; `Pair.round` says of which round."""
        return [pair for path in pair_files(self.run) for pair in read_pairs(path)]

    @property
    def has_pairs(self) -> bool:
        """Whether a round made pairs: else there is nothing to audit or to review."""
        return any(each["pairs"] for each in self.rounds)

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: where the run lies, and how many rounds and pairs it has."""
        told = {"run": str(self.run), "rounds": len(self.rounds) - 1}
        return told | {"pairs": sum(each["pairs"] or 0 for each in self.rounds), "unmet": self.unmet}

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        return list(REACHED.values()), [[cell(row, name) for name in REACHED] for row in self.rounds]

    def _samples(self) -> Sequence[tuple[Sequence[str], Sequence[Sequence[object]]]]:
        return [pairs_shown(self.pairs)]

    def _panels(self) -> Sequence[Panel]:
        return [*round_panels(self.run, self.rounds), *of_rounds(self.rounds)]

    @property
    def answer(self) -> str:
        """Whether it helped, in a sentence; from the rounds alone where no answers were kept of both ends."""
        _, said = answer(self.helped, "the policy") if self.helped else ("none", "")
        return said or learned(self.rounds, self.held_out)

    @property
    def samples(self) -> list[BeforeAfter]:
        """Prompts where it helped most, least, and hurt, with both answers."""
        return helped_samples(self.run, self.helped)

    @property
    def spent(self) -> str:
        """Calls, tokens and money together."""
        return spent(self.calls, self.costs)

    @property
    def costs_by_model(self) -> str:
        """What was spent at each model, a line each."""
        return cost_line(self.costs).replace("; ", "\n")

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run": str(self.run),
            "rounds": list(self.rounds),
            "report": str(self.report),
            "calls": dict(self.calls),
            "costs": dict(self.costs),
            "warnings": list(self.warnings),
            "stopped": self.unmet,
            "helped": dict(self.helped),
        }
