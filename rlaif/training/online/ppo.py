"""PPO: a value model says what to expect at each token; rewards come with the last one, the KL's price with each.

Suffixes: N tokens in order of their rollouts, B the rollouts that are learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rlaif.training.configs.online import PPOConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.loop import StepPart
from rlaif.training.online import advantages, kl, policy_losses, values
from rlaif.training.online.drift import assert_ratio_one, correction_of, drift_of
from rlaif.training.online.objective import (
    Experience,
    LearnedGroup,
    OnlineObjective,
    OnlineParts,
    by_place,
    joined,
    kl_figure,
    places_of,
    rows_where,
)
from rlaif.training.online.rewarded import RewardedRollouts
from rlaif.training.online.value_model import ValuedScorer
from rlaif.training.packing import Batch

FOLLOWED = "online/followed"


@dataclass(slots=True)
class PPOExperience(Experience):
    """A step of PPO: by rollout, one number a token each."""

    old: Mapping[int, Tensor] = field(default_factory=dict)
    reference: Mapping[int, Tensor] = field(default_factory=dict)
    value: Mapping[int, Tensor] = field(default_factory=dict)
    advantage: Mapping[int, Tensor] = field(default_factory=dict)
    returns: Mapping[int, Tensor] = field(default_factory=dict)


class Following:
    """What goes along from step to step: the weight of the KL, and the scale of the rewards; a checkpoint holds it."""

    def __init__(self, config: PPOConfig) -> None:
        self.beta = config.beta
        self.scale = kl.RunningScale()
        self._config = config
        self._seen: tuple[float, int] | None = None
        self._scaled = self.scale

    def saw(self, nats: float, rollouts: int) -> None:
        """Hear of a step's KL, in nats a rollout."""
        self._seen = (nats, rollouts)

    def after(self) -> None:
        """Follow the target, if there is one, and keep the scale of the step."""
        self.scale = self._scaled
        if self._config.kl_target is None or self._seen is None:
            return
        self.beta = kl.adapted(
            self.beta,
            self._seen[0],
            target=self._config.kl_target,
            episodes=self._seen[1],
            horizon=self._config.kl_horizon,
        )

    def tensors(self) -> Mapping[str, Tensor]:
        """All of it."""
        held = (self.beta, self.scale.count, self.scale.mean, self.scale.squares)
        return {FOLLOWED: torch.tensor(held, dtype=torch.float64)}

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Be as it was kept."""
        self.beta, count, mean, squares = tensors[FOLLOWED].tolist()
        self.scale = self._scaled = kl.RunningScale(int(count), mean, squares)

    def scored(self, reward_S: Tensor) -> Tensor:
        """Rewards as they are learned from, of a step that is taken in."""
        if self._config.scale_rewards:
            self._scaled = self.scale.after(reward_S)
            reward_S = self._scaled.scaled(reward_S, shift_mean=False)
        most = self._config.reward_clip
        return reward_S if most is None else kl.bounded(reward_S, most=most)


class PPO(OnlineObjective[PPOExperience]):
    """Clipped policy and value losses over several passes."""

    config: PPOConfig

    def __init__(self, config: PPOConfig, parts: OnlineParts) -> None:
        super().__init__(config, parts)
        self.control = Following(config)
        self.carried = self.control

    def prepared(self, step: int, found: RewardedRollouts) -> PPOExperience:
        """Advantages and returns of the rollouts that have a reward."""
        rows = rows_where(found, ~found.reward_S.isnan())
        if not rows:
            return PPOExperience(step=step, found=found, rows=rows)
        trees, places = [row.tree for row in rows], places_of(rows)
        read = self.parts.read(trees)
        old = by_place(rows, [each.logps for each in read])
        value = by_place(rows, [each.values for each in read])
        reference = self._reference(rows)
        sizes = [len(old[place]) for place in places]
        branch_N = torch.repeat_interleave(torch.arange(len(places)), torch.tensor(sizes))
        old_N, value_N = (torch.cat([each[place] for place in places]) for each in (old, value))
        kl_N = torch.zeros_like(old_N)
        if reference:
            kl_N = kl.k1(old_N, torch.cat([reference[place] for place in places]))
            self.control.saw(float(kl_N.sum()) / len(places), len(places))
        score_B = self.control.scored(found.reward_S[places])
        reward_N = kl.token_rewards(score_B, kl_N, branch_N, beta=self.control.beta)
        advantage_N, return_N = advantages.gae(
            reward_N, value_N, branch_N, len(places), gamma=self.config.gamma, lam=self.config.lam
        )
        explained = values.explained_variance(value_N, return_N)
        if self.config.whiten:
            advantage_N = advantages.whiten(advantage_N, shift_mean=True)
        figures = {"value/mean": float(value_N.mean()), "value/returns": float(return_N.mean())}
        figures |= {"value/explained_variance": explained} if explained is not None else {}
        figures |= {"beta": self.control.beta} if self.config.kl_target is not None else {}
        return PPOExperience(
            step=step,
            found=found,
            rows=rows,
            old=old,
            reference=reference,
            value=value,
            advantage=_parted(advantage_N, places, sizes),
            returns=_parted(return_N, places, sizes),
            figures=figures,
        )

    def learned(
        self,
        held: PPOExperience,
        update: int,
        mine: Sequence[LearnedGroup],
        rows: Sequence[LearnedGroup],
        batch: Batch,
        out: TokenLogprobs,
    ) -> StepPart:
        """A pass's share of the means over the update's tokens."""
        config, places = self.config, places_of(mine)
        assert out.value_N is not None, "a value model reads along"
        old_N = joined(held.old, places, out.logp_N)
        if update == 0:
            assert_ratio_one(out.logp_N, old_N, config.precision)
        total = sum(len(branch) for row in rows for branch in row.tree.branches)
        drift = drift_of(held.rollouts_at(places), old_N, batch.branch_N, correction_of(config))
        even_N = drift.weight_N / total
        advantage_N = joined(held.advantage, places, out.logp_N)
        ratio_N = policy_losses.token_ratio(out.logp_N, old_N)
        clip = {"low": config.epsilon, "high": config.high}
        policy = policy_losses.clipped_terms(ratio_N, advantage_N, **clip) @ even_N
        before_N, return_N = (joined(each, places, out.value_N) for each in (held.value, held.returns))
        value = values.value_terms(out.value_N, before_N, return_N, clip=config.value_clip) @ even_N
        figures = policy_losses.clip_shares(ratio_N, advantage_N, even_N, **clip)
        figures |= {"loss/policy": policy, "loss/value": value}
        figures["value/clip_ratio"] = values.value_clip_share(
            out.value_N, before_N, return_N, even_N, clip=config.value_clip
        )
        if not held.found.read_before:
            figures |= drift.parts(len(places_of(rows)), total)
        if held.reference:
            figures["kl"] = kl_figure(
                out.logp_N, joined(held.reference, places, out.logp_N), len(places_of(rows))
            )
        if out.entropy_N is not None:
            figures["entropy"] = out.entropy_N.sum() / total
        loss = policy + config.value_weight * value
        return StepPart(loss, {name: each.detach() for name, each in figures.items()})

    def _reference(self, rows: Sequence[LearnedGroup]) -> Mapping[int, Tensor]:
        reference, scorer = self.parts.reference, self.parts.read.scorer
        if reference is None:
            return {}
        assert isinstance(scorer, ValuedScorer)
        with scorer.without_values():
            read = self.parts.read([row.tree for row in rows], reference.read)
        return by_place(rows, [each.logps for each in read])


def _parted(values_N: Tensor, places: Sequence[int], sizes: list[int]) -> Mapping[int, Tensor]:
    return dict(zip(places, torch.split(values_N, sizes), strict=True))
