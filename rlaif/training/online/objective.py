"""What all methods of the online loop do alike: draw, have rewarded, choose what is learned, cut it into updates.

Everything about a step is made when its first update asks for its rows, of the weights as they are then, and
forgotten with the next step: nothing of it need be kept for a training that is resumed.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from rlaif.hashing import derived_seed
from rlaif.records import GroupReward
from rlaif.training.configs.online import OnlineConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.health import Watch
from rlaif.training.loop import Carried, StepPart
from rlaif.training.losses import sum_by
from rlaif.training.online import kl
from rlaif.training.online.drift import correction_of, step_drift
from rlaif.training.online.reading import TreeReader
from rlaif.training.online.rewarded import RewardedRollouts, ScoredRollouts, ask, rewarded
from rlaif.training.online.rollouts import Rollout, Rollouts, TokenPrompt
from rlaif.training.online.together import prompt_order
from rlaif.training.online.watch import RewardWatch
from rlaif.training.packing import Batch, Tree
from rlaif.training.teachers import Teacher


class OnlineParts(NamedTuple):
    """What a method works with."""

    prompts: Sequence[TokenPrompt]
    rollouts: Rollouts
    reward: GroupReward
    read: TreeReader
    """Reads trees by the policy as it is, or by whoever it is handed."""
    reference: Teacher | None
    out: Path


class LearnedGroup(NamedTuple):
    """A prompt with those of its rollouts that are learned from."""

    tree: Tree
    places: tuple[int, ...]
    """Of its branches among all rollouts of the step."""


@dataclass(slots=True)
class Experience:
    """A step: its rollouts, and what a method has made of them."""

    step: int
    found: RewardedRollouts
    rows: Sequence[LearnedGroup]
    idle: bool = False
    """Whether nothing of it is learned from."""
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Rollouts that are learned from."""
        return sum(len(each.places) for each in self.rows)

    def rollouts_at(self, places: Sequence[int]) -> list[Rollout]:
        """The rollouts at these places among all of the step."""
        found = self.found.rollouts
        return [found[place] for place in places]


E = TypeVar("E", bound=Experience)


class OnlineObjective(ABC, Generic[E]):
    """A method of the online loop; a subclass says what is learned of a step's rollouts, and how."""

    with_last = False
    carried: Carried | None = None

    def __init__(self, config: OnlineConfig, parts: OnlineParts) -> None:
        self.config, self.parts = config, parts
        self.order = prompt_order(config, [each.prompt for each in parts.prompts])
        self.steps = self.order.steps
        self.watch: Watch | None = RewardWatch(parts.out, config.stop)
        self._held: E | None = None

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        return {
            "prompts_a_step": self.order.batch_size,
            "rollouts_a_prompt": self.config.n,
            "updates_a_step": self.config.updates,
        }

    def trees(self, step: int) -> list[Tree]:
        """The rows of an update."""
        return [row.tree for row in self._rows(step)]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: TokenLogprobs) -> StepPart:
        """The share of the update's loss; the figures of the rollouts go with the first one of the step."""
        held, rows = self._experience(step), self._rows(step)
        mine = [rows[place] for place in members]
        if held.idle:
            made = StepPart(out.logp_N.sum() * 0.0, {"idle": torch.tensor(1.0)})
        else:
            made = self.learned(held, step % self.config.updates, mine, rows, batch, out)
        if step % self.config.updates == 0 and 0 in members:
            figures = {name: torch.tensor(value) for name, value in held.figures.items()}
            made = made._replace(figures={**figures, **made.figures})
        return made

    @abstractmethod
    def prepared(self, step: int, found: RewardedRollouts) -> E:
        """What is learned of a step's rollouts."""

    @abstractmethod
    def learned(
        self,
        held: E,
        update: int,
        mine: Sequence[LearnedGroup],
        rows: Sequence[LearnedGroup],
        batch: Batch,
        out: TokenLogprobs,
    ) -> StepPart:
        """Loss and figures of `mine`, rows of a pass, among the `rows` of the update."""

    def rows_of(self, held: E, update: int) -> list[LearnedGroup]:
        """The rows of an update: a part of all, in an order of its own in each pass over them."""
        if self.config.minibatches == 1:
            return list(held.rows)
        iteration, part = divmod(update, self.config.minibatches)
        places = list(range(len(held.rows)))
        random.Random(derived_seed("minibatches", self.config.seed, held.step, iteration)).shuffle(places)
        chosen = places[part :: self.config.minibatches] or [places[part % len(places)]]
        return [held.rows[place] for place in sorted(chosen)]

    def drawn(self, step: int) -> RewardedRollouts:
        """The rollouts of a step with their rewards."""
        asked = self.asked(step, [self.parts.prompts[row] for row in self.order.rows(step)])
        return rewarded(self.config, asked, step=step)

    def asked(self, step: int, prompts: Sequence[TokenPrompt]) -> ScoredRollouts:
        """Rollouts of prompts, and what the reward says of them."""
        groups = self.parts.rollouts.draw(prompts, step=step)
        return ask(self.parts.reward, prompts, groups, step=step, seed=self.config.seed)

    def _experience(self, step: int) -> E:
        number = step // self.config.updates
        if self._held is None or self._held.step != number:
            self._held = None
            found = self.drawn(number)
            made = self.prepared(number, found)
            if not made.rows:
                # there is nothing to learn of this step: it is read, and moves nothing
                made.rows, made.idle = rows_where(found, torch.ones(len(found.rollouts)))[:1], True
            drift = step_drift(found.rollouts, correction_of(self.config))
            made.figures = {**found.figures, **(drift.figures() if drift is not None else {}), **made.figures}
            self._held = made
        return self._held

    def _rows(self, step: int) -> Sequence[LearnedGroup]:
        held = self._experience(step)
        return held.rows if held.idle else self.rows_of(held, step % self.config.updates)


def rows_where(found: RewardedRollouts, kept_S: Tensor) -> list[LearnedGroup]:
    """The groups with those of their rollouts that are kept; none of a group without any."""
    rows, start = [], 0
    for asked, group in zip(found.prompts, found.groups, strict=True):
        places = tuple(place for place in range(start, start + len(group)) if bool(kept_S[place]))
        if places:
            rows.append(
                LearnedGroup(Tree(asked.ids, tuple(group[place - start].ids for place in places)), places)
            )
        start += len(group)
    return rows


def by_place(rows: Sequence[LearnedGroup], read: Sequence[Sequence[Tensor]]) -> Mapping[int, Tensor]:
    """What was read of each row's branches, by their places among the step's rollouts."""
    return {
        place: own
        for row, each in zip(rows, read, strict=True)
        for place, own in zip(row.places, each, strict=True)
    }


def trained_logps(rollouts: Sequence[Rollout], places: Sequence[int]) -> Mapping[int, Tensor]:
    """What the trainer has read of some rollouts before the step's updates, by their places."""
    return {place: torch.tensor(rollouts[place].trained) for place in places}


def places_of(rows: Sequence[LearnedGroup]) -> list[int]:
    """The places of all branches of some rows, in the order of a batch."""
    return [place for row in rows for place in row.places]


def joined(found: Mapping[int, Tensor], places: Sequence[int], like: Tensor) -> Tensor:
    """Tokens' values of some rollouts, one rollout after the other."""
    return torch.cat([found[place] for place in places]).to(like)


def kl_figure(logp_N: Tensor, reference_N: Tensor, rollouts: int) -> Tensor:
    """Nats a rollout, over so many: the part of a pass."""
    return kl.k3(logp_N.detach(), reference_N).sum() / rollouts


def sums_of(values_N: Tensor, batch: Batch) -> Tensor:
    """Sums over the tokens of each rollout of a batch."""
    return sum_by(values_N, batch.branch_N, batch.branches)
