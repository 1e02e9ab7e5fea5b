"""A step's rollouts with their rewards: asked for once, checked, counted. A failure is never a number.

Suffixes: S rollouts in order of their groups, K addends of a reward, P groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import NamedTuple

import torch
from torch import Tensor

from rlaif.errors import InputError, ThresholdError
from rlaif.records import Component, GroupReward, ScoredGroups
from rlaif.training.configs.online import OnlineConfig
from rlaif.training.online.failures import across_groups, within_groups
from rlaif.training.online.rollouts import Rollout, TokenPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardedRollouts:
    """The groups of a step, and what their rollouts are worth."""

    prompts: Sequence[TokenPrompt]
    groups: Sequence[Sequence[Rollout]]
    reward_KS: Tensor
    """The addends of the reward, float64; NaN where there is none."""
    weight_K: Tensor
    part_KS: Tensor
    """The components that the reward is made of, conditions apart; the addends where nothing is known of them."""
    part_weight_K: Tensor
    reward_S: Tensor
    """The totals, where the level of a reward counts; NaN where there is none."""
    figures: dict[str, float]

    @property
    def rollouts(self) -> list[Rollout]:
        """All rollouts, in order of their groups."""
        return list(chain.from_iterable(self.groups))

    @property
    def group_S(self) -> Tensor:
        """Which group each rollout is of."""
        return group_of(self.groups)

    @property
    def read_before(self) -> bool:
        """Whether the trainer has read the rollouts already, as it does those that were drawn elsewhere."""
        return all(each.trained is not None for each in self.rollouts)


def group_of(groups: Sequence[Sequence[Rollout]]) -> Tensor:
    """For each rollout the number of its group."""
    sizes = torch.tensor([len(each) for each in groups])
    return torch.repeat_interleave(torch.arange(len(sizes)), sizes)


LINKS = ("failures/length", "failures/reward")
"""Figures of how failing goes along with something: sums over steps are those of a training."""
PARTS = ("above", "variance", "scale")


class ScoredRollouts(NamedTuple):
    """Groups of rollouts, and what the reward said of them."""

    prompts: Sequence[TokenPrompt]
    groups: Sequence[Sequence[Rollout]]
    said: ScoredGroups

    def of(self, chosen: Sequence[int]) -> ScoredRollouts:
        """Only these groups."""
        ends = list(accumulate(len(each) for each in self.groups))
        places = [
            place for group in chosen for place in range(ends[group] - len(self.groups[group]), ends[group])
        ]
        components = tuple(
            replace(
                each,
                values=tuple(each.values[place] for place in places),
                silent=tuple(_silent(each)[place] for place in places),
            )
            for each in self.said.components
        )
        totals = tuple(self.said.totals[place] for place in places)
        return ScoredRollouts(
            [self.prompts[group] for group in chosen],
            [self.groups[group] for group in chosen],
            replace(self.said, totals=totals, components=components),
        )

    def with_more(self, other: ScoredRollouts) -> ScoredRollouts:
        """These groups, and others that the same reward was asked of."""
        components = tuple(
            replace(one, values=one.values + more.values, silent=_silent(one) + _silent(more))
            for one, more in zip(self.said.components, other.said.components, strict=True)
        )
        said = replace(
            self.said,
            totals=self.said.totals + other.said.totals,
            components=components,
            additive=self.said.additive and other.said.additive,
        )
        return ScoredRollouts([*self.prompts, *other.prompts], [*self.groups, *other.groups], said)


def ask(
    reward: GroupReward,
    prompts: Sequence[TokenPrompt],
    groups: Sequence[Sequence[Rollout]],
    *,
    step: int,
    seed: int,
) -> ScoredRollouts:
    """Ask for the rewards of rollouts. Raises InputError for another number of them than was asked for."""
    completions = [[each.completion for each in group] for group in groups]
    said = reward.score([each.prompt for each in prompts], completions, step=step, seed=seed)
    _check(said, sum(map(len, groups)))
    return ScoredRollouts(prompts, groups, said)


def rewarded(config: OnlineConfig, asked: ScoredRollouts, *, step: int) -> RewardedRollouts:
    """What the rollouts of a step are worth. Numbers that are none, as NaN and infinities, are failures.

    Raises ThresholdError where more than `config.max_failed` have failed.
    """
    prompts, groups, said = asked
    flat = list(chain.from_iterable(groups))
    addends, weights = _addends(said)
    answers_S = torch.tensor([each.answers for each in flat])
    # a judge is not asked about what was cut off, or never left its thought
    judged_S = answers_S | (
        torch.zeros_like(answers_S) if config.truncated == "mask" else ~addends.isnan().all(0)
    )
    figures = _figures(said, judged_S, addends) | _lengths(flat)
    _refuse_failed(config, said, judged_S, addends, step)
    figures |= _links(flat, group_of(groups), _row(said.totals), judged_S)
    parts = [each for each in said.components if not each.hard]
    charge = _Charge(config, flat, group_of(groups), judged_S)
    reward_KS, weight_K = charge.taken(addends, weights)
    part_KS, part_weight_K = reward_KS, weight_K
    if parts:
        rows = torch.stack([_row(each.values) for each in parts])
        part_KS, part_weight_K = charge.taken(rows, _weights(parts))
    total_KS, total_weight_K = charge.taken(_row(said.totals)[None], torch.ones(1, dtype=torch.float64))
    found = RewardedRollouts(
        prompts=prompts,
        groups=groups,
        reward_KS=reward_KS,
        weight_K=weight_K,
        part_KS=part_KS,
        part_weight_K=part_weight_K,
        reward_S=(total_weight_K @ total_KS),
        figures=figures,
    )
    return _with_means(found, config.least_group)


def _check(said: ScoredGroups, count: int) -> None:
    lengths = {"totals": len(said.totals)} | {each.name: len(each.values) for each in said.components}
    for name, length in lengths.items():
        if length != count:
            raise InputError(
                f"the reward gave {length} values ({name}) for {count} rollouts; it must give one for each, None where "
                "there is none"
            )


def _addends(said: ScoredGroups) -> tuple[Tensor, Tensor]:
    """The rows whose weighted sum is the reward: its components where it is their sum, else the totals."""
    rows = [each for each in said.components if not each.hard] if said.additive else []
    if not rows:
        return _row(said.totals)[None], torch.ones(1, dtype=torch.float64)
    return torch.stack([_row(each.values) for each in rows]), _weights(rows)


def _row(values: Sequence[float | None]) -> Tensor:
    found = [math.nan if value is None or not math.isfinite(value) else float(value) for value in values]
    return torch.tensor(found, dtype=torch.float64)


def _silent(component: Component) -> tuple[bool, ...]:
    """Of which rollouts it has nothing to say."""
    return component.silent or (False,) * len(component.values)


def _weights(components: Sequence[Component]) -> Tensor:
    return torch.tensor([each.weight for each in components], dtype=torch.float64)


class _Charge(NamedTuple):
    """What length costs a rollout: one without the end of an answer is worth less than any other of its group."""

    config: OnlineConfig
    rollouts: Sequence[Rollout]
    group_S: Tensor
    judged_S: Tensor

    def taken(self, reward_KS: Tensor, weight_K: Tensor) -> tuple[Tensor, Tensor]:
        """The rewards less the penalty, which is an addend of its own beside several; NaN for what is left out."""
        penalises = self.config.truncated == "penalise"
        read_KS = torch.stack([self._with_least(row) for row in reward_KS]) if penalises else reward_KS
        if self.config.truncated == "mask":
            read_KS = torch.where(self.judged_S, read_KS, torch.full_like(read_KS, torch.nan))
        penalty_S = self._penalties()
        if not bool(penalty_S.any()):
            return read_KS, weight_K
        if len(read_KS) == 1 and float(weight_K[0]) == 1:
            return read_KS - penalty_S, weight_K
        # by itself it is no reward: where nothing was read it is missing too
        row_S = torch.where(read_KS.isnan().all(0), torch.full_like(penalty_S, torch.nan), -penalty_S)
        return torch.cat([read_KS, row_S[None]]), torch.cat([weight_K, torch.ones(1, dtype=torch.float64)])

    def _with_least(self, row_S: Tensor) -> Tensor:
        """The least of its group, else of the step, for rollouts that were cut off and that nobody judged."""
        found_S = row_S.clone()
        known_S = ~row_S.isnan()
        for place, each in enumerate(self.rollouts):
            if each.answers or bool(self.judged_S[place]):
                continue
            own = row_S[known_S & (self.group_S == self.group_S[place])]
            own = own if len(own) else row_S[known_S]
            if len(own):
                found_S[place] = own.min()
        return found_S

    def _penalties(self) -> Tensor:
        config = self.config
        penalty_S = torch.zeros(len(self.rollouts), dtype=torch.float64)
        for place, each in enumerate(self.rollouts):
            if config.overlong:
                over = len(each.ids) - (config.max_tokens - config.overlong)
                penalty_S[place] = min(1.0, max(0.0, over / config.overlong))
            if config.truncated == "penalise" and not each.answers:
                penalty_S[place] += config.truncated_penalty
        return penalty_S


def _shares(said: ScoredGroups, judged: Tensor, addends: Tensor) -> tuple[float, dict[str, float]]:
    """Shares of the rollouts that are judged without a reward, and without each component."""
    count = max(1, int(judged.sum()))
    by = {
        each.name: float((_row(each.values).isnan() & judged & ~torch.tensor(_silent(each))).sum()) / count
        for each in said.components
    }
    return float((addends.isnan().all(0) & judged).sum()) / count, by


def _figures(said: ScoredGroups, judged: Tensor, addends: Tensor) -> dict[str, float]:
    whole, by = _shares(said, judged, addends)
    figures = {"rewards/failed": whole} | {f"rewards/{name}/failed": share for name, share in by.items()}
    for each in said.components:
        figures |= _moments(f"rewards/{each.name}", each, judged)
    return figures


def _links(
    rollouts: Sequence[Rollout], group_S: Tensor, reward_S: Tensor, judged_S: Tensor
) -> dict[str, float]:
    """How failing goes along with length, and with the rewards of the group; nothing where none has failed."""
    failed_S = reward_S.isnan()[judged_S]
    if not bool(failed_S.any()):
        return {}
    length_S = torch.tensor([float(len(each.ids)) for each in rollouts])[judged_S]
    own_S = group_S[judged_S]
    found = {
        LINKS[0]: within_groups(failed_S, length_S, own_S),
        LINKS[1]: across_groups(failed_S, reward_S[judged_S], own_S),
    }
    return {f"{name}/{part}": getattr(link, part) for name, link in found.items() for part in PARTS}


def _moments(name: str, component: Component, judged: Tensor) -> dict[str, float]:
    values_S = _row(component.values)
    read_S = values_S[judged & ~values_S.isnan()]
    if not len(read_S):
        return {}
    return {f"{name}/mean": _mean(read_S), f"{name}/std": _spread(read_S)}


def _vary(values: Tensor) -> bool:
    """Whether there are two of them that differ."""
    return bool(values.max() > values.min())


def _mean(values: Tensor) -> float:
    """The mean; of equal numbers the number, which rounding may move."""
    return float(values.mean()) if _vary(values) else float(values[0])


def _spread(values: Tensor) -> float:
    """The deviation; 0 of equal numbers and of one."""
    return float(values.std()) if _vary(values) else 0.0


def _lengths(rollouts: Sequence[Rollout]) -> dict[str, float]:
    sizes = [len(each.ids) for each in rollouts]
    ended = [len(each.ids) for each in rollouts if each.ended]
    found = {
        "completions/mean_length": sum(sizes) / len(sizes),
        "completions/min_length": float(min(sizes)),
        "completions/max_length": float(max(sizes)),
        "completions/clipped_ratio": 1 - len(ended) / len(sizes),
    }
    open_thoughts = sum(each.ended and each.completion.open_thought for each in rollouts)
    if any(each.completion.thought for each in rollouts):
        found["completions/open_thoughts"] = open_thoughts / len(sizes)
    return found | ({"completions/mean_terminated_length": sum(ended) / len(ended)} if ended else {})


def _refuse_failed(
    config: OnlineConfig, said: ScoredGroups, judged: Tensor, addends: Tensor, step: int
) -> None:
    whole, by = _shares(said, judged, addends)
    count = int(judged.sum())
    if not count:
        raise ThresholdError(
            f"step {step + 1}: no rollout came to an end within {config.max_tokens} tokens, out of its thought, so "
            "that none can be judged: raise max_tokens, or take a policy that ends its answers"
        )
    if whole == 1:
        told = ", ".join(by) or "it"
        raise ThresholdError(
            f"step {step + 1}: none of {count} rollouts has a reward ({told} gave none that is a finite number), and "
            "nothing can be learned; try the reward on a few completions first, or name another"
        )
    name, worst = max({"reward": whole, **by}.items(), key=lambda each: each[1])
    if worst > config.max_failed:
        raise ThresholdError(
            f"step {step + 1}: {worst:.1%} of {count} rollouts are without a value of {name}, limit "
            f"{config.max_failed:.1%}: what is learned would be of the others only. Mend or change the reward, or "
            "raise max_failed; the same command then goes on from the last checkpoint"
        )


def _with_means(found: RewardedRollouts, least: int) -> RewardedRollouts:
    """`least`: rewards that a group needs to be learned from."""
    reward_S, group_S = found.reward_S, found.group_S
    spreads: list[float] = []
    read_P: list[int] = []
    for group in range(len(found.groups)):
        own = reward_S[group_S == group]
        own = own[~own.isnan()]
        read_P.append(len(own))
        spreads += [_spread(own)] if len(own) > 1 else []
    read = reward_S[~reward_S.isnan()]
    found.figures["reward"] = _mean(read)
    if spreads:  # of single rollouts nothing is known
        found.figures["reward_std"] = sum(spreads) / len(spreads)
        found.figures["frac_reward_zero_std"] = sum(each == 0 for each in spreads) / len(spreads)
    found.figures["groups/skipped"] = float(sum(count < least for count in read_P))
    return found
