"""What cells are measured against: the start's answers to the held-out prompts, with their gold, each drawn once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from rlaif.feedback.system_turn import SystemTurn, tag_line
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Constitution, Prompt, Sampling
from rlaif.workflows.evaluation.policy_kl import kl
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import NOTHING, RoleOptions
from rlaif.workflows.recipe.prepared import PreparedRecipe

MAX_TOKENS = 160
HELD_OUT = "held_out"


class AnswerWithGold(NamedTuple):
    """An answer with its gold."""

    prompt: Prompt
    said: Completion
    gold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOn:
    """The prompts of a recipe's measuring, its rules, and how its policy is asked."""

    prompts: Sequence[Prompt]
    constitution: Constitution
    start: str
    """The policy before any feedback."""
    role: RoleOptions = NOTHING

    @classmethod
    def of(cls, prepared: PreparedRecipe, count: int) -> MeasuredOn:
        """As a recipe says it."""
        roles = prepared.recipe.models
        return cls(
            prompts=prepared.prompts[HELD_OUT][:count],
            constitution=prepared.constitution,
            start=roles.policy,
            role=roles.asked("policy"),
        )


@dataclass(slots=True)
class TableWorld:
    """Open models, behind a store of the table's own."""

    config: TableConfig
    models: ModelPool
    _starts: dict[Any, list[AnswerWithGold]] = field(default_factory=dict)

    def start(self, asked: MeasuredOn, seed: int) -> list[AnswerWithGold]:
        """The start's answers."""
        key = (asked.constitution.digest, asked.prompts[0].id, seed)
        if key not in self._starts:
            self._starts[key] = self.answers(asked.start, asked, derived_seed("table start", seed))
        return self._starts[key]

    def answers(
        self,
        policy: str,
        asked: MeasuredOn,
        seed: int,
        *,
        system: SystemTurn | None = None,
        n: int | None = None,
    ) -> list[AnswerWithGold]:
        """Answers of a policy to the held-out prompts; what gold cannot grade, as an answer cut off, meets nothing."""
        sampling = Sampling(temperature=1.0, max_tokens=MAX_TOKENS)
        drawn = draw(
            self.models.acting(_writing(asked.role)),
            [policy],
            asked.prompts,
            n or self.config.draws,
            sampling,
            seed,
            system,
        ).drawn
        return [
            AnswerWithGold(prompt, said, share_met(grade(prompt, said, asked.constitution)) or 0.0)
            for prompt, said in drawn
        ]

    def policy(self, policy: str, asked: MeasuredOn, seed: int, *, tag: str | None = None) -> dict[str, Any]:
        """What a policy is worth: gold by prompt, won against the start, nats from it, words."""
        system = tag_line("good") if tag is not None else None
        found = self.answers(policy, asked, derived_seed("table", seed), system=system)
        acting = self.models.acting(_writing(asked.role))
        distance, _ = kl(
            acting.writer(policy), acting.writer(asked.start), [(each.prompt, each.said) for each in found]
        )
        return {**self.figures(found, asked, seed), "kl": distance}

    def figures(self, found: Sequence[AnswerWithGold], asked: MeasuredOn, seed: int) -> dict[str, Any]:
        """The figures of answers beside those of the start."""
        start = self.start(asked, seed)
        return {
            "figure": "gold",
            "by_prompt": by_prompt(found),
            "start": by_prompt(start),
            "won": won(found, start),
            "words": fmean(len(each.said.text.split()) for each in found),
            "start_words": fmean(len(each.said.text.split()) for each in start),
        }


def by_prompt(found: Sequence[AnswerWithGold]) -> dict[str, float]:
    """Mean gold by prompt."""
    groups: dict[str, list[float]] = {}
    for each in found:
        groups.setdefault(each.prompt.id, []).append(each.gold)
    return {name: round(fmean(own), 4) for name, own in groups.items()}


def won(found: Sequence[AnswerWithGold], start: Sequence[AnswerWithGold]) -> dict[str, float]:
    """Share of an answer against each of the start's to its prompt: which one gold finds better, equal ones half."""
    before: dict[str, list[float]] = {}
    for each in start:
        before.setdefault(each.prompt.id, []).append(each.gold)
    groups: dict[str, list[float]] = {}
    for each in found:
        for other in before.get(each.prompt.id, ()):
            share = 0.5 if each.gold == other else float(each.gold > other)
            groups.setdefault(each.prompt.id, []).append(share)
    return {name: round(fmean(own), 4) for name, own in groups.items()}


def _writing(role: RoleOptions) -> RoleOptions:
    """A policy's role without what only recipes limit."""
    from dataclasses import replace

    return replace(role, max_tokens=None, max_thought_tokens=None)


Figures = Mapping[str, Any]
