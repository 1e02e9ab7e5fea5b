"""What an evaluation came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rlaif.review.evaluation import evaluation_tables
from rlaif.review.panels import Panel
from rlaif.review.principle_panels import of_evaluation
from rlaif.review.tables import table
from rlaif.review.verdict import principle_tables
from rlaif.workflows.evaluation.behaviours import BehaviourFigure
from rlaif.workflows.evaluation.named_sets.figures import SetFigure
from rlaif.workflows.evaluation.win_rate import WinRate
from rlaif.workflows.models.usage import spent
from rlaif.workflows.results import Result

if TYPE_CHECKING:
    from rlaif.libraries.datasets import Dataset

_TEXTS = ("figure", "model", "against")
_COLUMNS = (*_TEXTS, "mean", "low", "high", "wins", "losses", "even", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldFigures:
    """Gold of one model's answers."""

    model: str
    mean: float | None
    low: float | None
    high: float | None
    by_principle: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBehaviours:
    """What one model's answers show, and for one that the policy is compared with, how the policy differs from it."""

    model: str
    shown: Mapping[str, BehaviourFigure]
    change: Mapping[str, BehaviourFigure]
    """The policy's less this model's, over the prompts that both answered; empty for the policy."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evaluation(Result):
    """What an evaluation found."""

    policy: str
    judge: str | None
    constitution: str
    """By which it was judged and graded: name, version and digest."""
    prompts: int
    win_rates: tuple[WinRate, ...]
    gold: tuple[GoldFigures, ...]
    calls: Mapping[str, int]
    behaviours: tuple[ModelBehaviours, ...] = ()
    """Of the policy first."""
    helped: Mapping[str, Any] = field(default_factory=dict)
    """By each model that it was compared with, what changed by prompt; see `rlaif.workflows.evaluation.helped`."""
    sets: tuple[SetFigure, ...] = ()
    """Of sets by name, the policy's figures and those of each model that it was compared with."""
    kl: Mapping[str, Any] = field(default_factory=dict)
    """By each such model, the policy's KL from it in nats per answer, where it was asked for."""
    by_group: Mapping[str, Any] = field(default_factory=dict)
    """By each such model, where a panel judged: the win rate by each group of its judges, and where groups part."""
    costs: Mapping[str, Any] = field(default_factory=dict)
    """What was spent, by model; see `rlaif.workflows.models.usage`."""
    warnings: tuple[str, ...] = ()

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: who was measured by whom, and each win rate."""
        told = {"policy": self.policy, "judge": self.judge, "constitution": self.constitution}
        rates = {each.against: each.win_rate for each in self.win_rates}
        return told | {"prompts": self.prompts, "win_rates": rates}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each figure: win rates of the policy first, then gold of each model, then what answers show."""
        rates = [
            {"figure": "win rate", "model": self.policy, "mean": each["win_rate"], **each}
            for each in map(asdict, self.win_rates)
        ]
        gold = [{"figure": "gold", **asdict(each)} for each in self.gold]
        shown = [
            {"figure": name, "model": each.model, "mean": own.share, "low": own.low, "high": own.high}
            for each in self.behaviours
            for name, own in each.shown.items()
        ]
        sets = [
            {
                "figure": f"{each.set}: {each.figure}",
                "model": each.model,
                "mean": each.value,
                "low": each.low,
                "high": each.high,
            }
            for each in self.sets
        ]
        far = [
            {"figure": "KL", "model": self.policy, "against": name, "mean": each["value"], **each}
            for name, each in self.kl.items()
        ]
        return [{name: row.get(name) for name in _COLUMNS} for row in (*rates, *gold, *shown, *sets, *far)]

    def to_dataset(self) -> Dataset:
        """The `rows` as a `datasets.Dataset`."""
        from rlaif.exchange.frames import figures_dataset

        return figures_dataset(self.rows(), texts=_TEXTS)

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        return _COLUMNS, [tuple(row.values()) for row in self.rows()]

    @property
    def tables(self) -> str:
        """Every figure, for people."""
        shown = [each.text for each in evaluation_tables(self.as_dict())]
        changed = [
            f"{title}\n{table(head, rows)}"
            for each in self.helped.values()
            for title, head, rows in principle_tables(each)
        ]
        return "\n\n".join([f"by {self.constitution}", *shown, *changed])

    @property
    def spent(self) -> str:
        """Calls, tokens and money together."""
        return spent(self.calls, self.costs)

    @property
    def sets_line(self) -> str:
        """Sets by name in one line: before and after, against the first model that the policy was compared with."""
        policy = {(each.set, each.figure): each.value for each in self.sets if not each.before}
        others = [each for each in self.sets if each.before]
        first = [each for each in others if each.model == others[0].model]
        told = [
            f"{each.set}{'' if each.figure == each.set else f' {each.figure}'} {each.value:.2f} -> "
            f"{policy[each.set, each.figure]:.2f}"
            for each in first
            if (each.set, each.figure) in policy
        ]
        if not first:
            told = [
                f"{name} {figure if figure != name else ''} {value:.2f}".replace("  ", " ")
                for (name, figure), value in policy.items()
            ]
        return f"sets: {', '.join(told)}" if told else ""

    @property
    def kl_line(self) -> str:
        """How far the policy is from each model that it was compared with; empty where nobody asked."""
        told = [
            f"{name} {each['value']:.2f} [{each['low']:.2f}, {each['high']:.2f}]"
            for name, each in self.kl.items()
        ]
        return f"KL in nats per answer, from {', '.join(told)}" if told else ""

    def _panels(self) -> Sequence[Panel]:
        return of_evaluation(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """As JSON: `gold` by model name."""
        found = asdict(self)
        found["gold"] = {each.pop("model"): each for each in found["gold"]}
        return found
