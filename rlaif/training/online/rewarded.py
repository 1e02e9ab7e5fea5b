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
    def reward_S(self) -> Tensor:
        """The whole reward: the sum of the addends that were read; NaN where none was."""
        return summed(self.reward_KS, self.weight_K)


def group_of(groups: Sequence[Sequence[Rollout]]) -> Tensor:
    """For each rollout the number of its group."""
    sizes = torch.tensor([len(each) for each in groups])
    return torch.repeat_interleave(torch.arange(len(sizes)), sizes)


def summed(reward_KS: Tensor, weight_K: Tensor) -> Tensor:
    """The weighted sum of what was read; NaN where nothing was."""
    total_S = weight_K @ reward_KS.nan_to_num(0.0)
    return torch.where(reward_KS.isnan().all(0), torch.full_like(total_S, torch.nan), total_S)


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
            replace(each, values=tuple(each.values[place] for place in places))
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
            replace(one, values=one.values + more.values)
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
    ended = torch.tensor([each.ended for each in flat])
    judged = ended if config.truncated == "mask" else torch.ones_like(ended)
    parts = [each for each in said.components if not each.hard]
    figures = _figures(said, judged, addends) | _lengths(flat)
    _refuse_failed(config, said, judged, addends, step)
    penalty_S = _penalties(config, flat)
    reward_KS, weight_K = _lowered(addends, weights, penalty_S)
    part_KS, part_weight_K = reward_KS, weight_K
    if parts:
        rows = torch.stack([_row(each.values) for each in parts])
        shares = torch.tensor([each.weight for each in parts], dtype=torch.float64)
        part_KS, part_weight_K = _lowered(rows, shares, penalty_S)
    left_out = torch.where(judged, 0.0, torch.nan)
    found = RewardedRollouts(
        prompts=prompts,
        groups=groups,
        reward_KS=reward_KS + left_out,
        weight_K=weight_K,
        part_KS=part_KS + left_out,
        part_weight_K=part_weight_K,
        figures=figures,
    )
    return _with_means(found)


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
    return torch.stack([_row(each.values) for each in rows]), torch.tensor(
        [each.weight for each in rows], dtype=torch.float64
    )


def _row(values: Sequence[float | None]) -> Tensor:
    found = [math.nan if value is None or not math.isfinite(value) else float(value) for value in values]
    return torch.tensor(found, dtype=torch.float64)


def _penalties(config: OnlineConfig, rollouts: Sequence[Rollout]) -> Tensor:
    """What is taken off each reward for a rollout that has no end, or hardly has one."""
    penalty_S = torch.zeros(len(rollouts), dtype=torch.float64)
    for place, each in enumerate(rollouts):
        if config.overlong:
            over = len(each.ids) - (config.max_tokens - config.overlong)
            penalty_S[place] = min(1.0, max(0.0, over / config.overlong))
        if config.truncated == "penalise" and not each.ended:
            penalty_S[place] += config.truncated_penalty
    return penalty_S


def _lowered(reward_KS: Tensor, weight_K: Tensor, penalty_S: Tensor) -> tuple[Tensor, Tensor]:
    """The rewards less the penalty, which is an addend of its own beside several."""
    if not bool(penalty_S.any()):
        return reward_KS, weight_K
    if len(reward_KS) == 1 and float(weight_K[0]) == 1:
        return reward_KS - penalty_S, weight_K
    # by itself it is no reward: where nothing was read it is missing too
    row_S = torch.where(reward_KS.isnan().all(0), torch.full_like(penalty_S, torch.nan), -penalty_S)
    return torch.cat([reward_KS, row_S[None]]), torch.cat([weight_K, torch.ones(1, dtype=torch.float64)])


def _shares(said: ScoredGroups, judged: Tensor, addends: Tensor) -> dict[str, float]:
    """Shares of the rollouts that are judged without a reward, and without each component."""
    count = max(1, int(judged.sum()))
    found = {"rewards/failed": float((addends.isnan().all(0) & judged).sum()) / count}
    for each in said.components:
        found[f"rewards/{each.name}/failed"] = float((_row(each.values).isnan() & judged).sum()) / count
    return found


def _figures(said: ScoredGroups, judged: Tensor, addends: Tensor) -> dict[str, float]:
    figures = _shares(said, judged, addends)
    for each in said.components:
        figures |= _moments(f"rewards/{each.name}", each, judged)
    return figures


def _moments(name: str, component: Component, judged: Tensor) -> dict[str, float]:
    values_S = _row(component.values)
    read_S = values_S[judged & ~values_S.isnan()]
    if not len(read_S):
        return {}
    spread = float(read_S.std()) if len(read_S) > 1 else 0.0
    return {f"{name}/mean": float(read_S.mean()), f"{name}/std": spread}


def _lengths(rollouts: Sequence[Rollout]) -> dict[str, float]:
    sizes = [len(each.ids) for each in rollouts]
    ended = [len(each.ids) for each in rollouts if each.ended]
    found = {
        "completions/mean_length": sum(sizes) / len(sizes),
        "completions/min_length": float(min(sizes)),
        "completions/max_length": float(max(sizes)),
        "completions/clipped_ratio": 1 - len(ended) / len(sizes),
    }
    return found | ({"completions/mean_terminated_length": sum(ended) / len(ended)} if ended else {})


def _refuse_failed(
    config: OnlineConfig, said: ScoredGroups, judged: Tensor, addends: Tensor, step: int
) -> None:
    shares = _shares(said, judged, addends)
    whole, count = shares["rewards/failed"], int(judged.sum())
    if not count:
        raise ThresholdError(
            f"step {step + 1}: no rollout came to an end within {config.max_tokens} tokens, and truncated is mask: "
            "nothing is left to learn from; raise max_tokens"
        )
    by = {name.split("/")[1]: share for name, share in shares.items() if name.count("/") == 2}
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
            f"{config.max_failed:.1%}: what is learned would be of the others only. Mend or change the reward, or raise "
            "max_failed; the same command then goes on from the last checkpoint"
        )


def _with_means(found: RewardedRollouts) -> RewardedRollouts:
    reward_S, group_S = found.reward_S, found.group_S
    spreads = []
    for group in range(len(found.groups)):
        own = reward_S[group_S == group]
        own = own[~own.isnan()]
        spreads += [float(own.std())] if len(own) > 1 else []
    read = reward_S[~reward_S.isnan()]
    found.figures["reward"] = float(read.mean())
    found.figures["reward_std"] = sum(spreads) / max(1, len(spreads))
    found.figures["frac_reward_zero_std"] = sum(each == 0 for each in spreads) / max(1, len(spreads))
    found.figures["groups/skipped"] = float(len(found.groups) - len(spreads))
    return found
