"""Policy gradients without a value model: RLOO and GRPO with its variants.

Suffixes: N tokens in order of their rollouts, S rollouts of the step, B those of a pass, K addends of the reward.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from rlaif.hashing import derived_seed
from rlaif.training.configs.online import GRPOConfig, PolicyGradientConfig, RLOOConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.loop import StepPart
from rlaif.training.online import advantages, kl, policy_losses
from rlaif.training.online.advantages import Advantages, Scale
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
    trained_logps,
)
from rlaif.training.online.rewarded import RewardedRollouts, rewarded
from rlaif.training.packing import Batch

RESAMPLES = 3
"""Times that groups without spread are drawn anew in a step."""


@dataclass(slots=True)
class GradientExperience(Experience):
    """A step of policy gradients."""

    advantage_S: Tensor = field(default_factory=lambda: torch.zeros(0))
    share_S: Tensor = field(default_factory=lambda: torch.zeros(0))
    old: Mapping[int, Tensor] = field(default_factory=dict)
    """log pi of the policy that drew, by rollout; empty where the one update is of that very policy."""
    reference: Mapping[int, Tensor] = field(default_factory=dict)


class PolicyReading(NamedTuple):
    """Log-probabilities of a step's rollouts, by rollout: of the policy before its updates, and of the reference."""

    old: Mapping[int, Tensor]
    reference: Mapping[int, Tensor]


class Pulls(NamedTuple):
    """What a pass of an update is made of."""

    logp_N: Tensor
    old_N: Tensor
    advantage_N: Tensor
    batch: Batch
    sampled_N: Tensor
    """log-probabilities where the tokens were drawn; those of `old_N` where nothing is known."""


C = TypeVar("C", bound=PolicyGradientConfig)


class PolicyGradient(OnlineObjective[GradientExperience], Generic[C]):
    """The gradient of the expected reward, from rollouts of the policy as it was before the step."""

    config: C
    kl_in_reward: bool

    def __init__(self, config: C, parts: OnlineParts) -> None:
        super().__init__(config, parts)

    @abstractmethod
    def advantages(
        self, found: RewardedRollouts, read: PolicyReading, rows: Sequence[LearnedGroup]
    ) -> Advantages:
        """What each rollout is worth."""

    @abstractmethod
    def weights(self, share_S: Tensor, length_S: Tensor) -> Tensor:
        """The weight of each token of each rollout of an update; shares sum to 1."""

    @abstractmethod
    def log_ratio(self, pulls: Pulls) -> Tensor:
        """log pi / pi_old as the method clips it."""

    def biases(self, found: RewardedRollouts) -> dict[str, float]:
        """What failures do to the size of a step, where they do something."""
        return {}

    def terms(self, ratio_N: Tensor, pulls: Pulls) -> Tensor:
        """How each token pulls."""
        low, high = self.config.epsilon, self.config.high
        return policy_losses.clipped_terms(ratio_N, pulls.advantage_N, low=low, high=high)

    def kl_terms(self, pulls: Pulls, reference_N: Tensor) -> Tensor | None:
        """What the KL adds to the loss at each token; None where it is part of the reward."""
        return None

    def kept(self, pulls: Pulls, advantage_B: Tensor) -> Tensor | None:
        """Which rollouts are not left out, as numbers; None for all."""
        return None

    def prepared(self, step: int, found: RewardedRollouts) -> GradientExperience:
        """Advantages of the rollouts that have a reward, in groups with two."""
        counted = advantages.leave_one_out(found.reward_KS, found.weight_K, found.group_S)
        rows = rows_where(found, counted.share_S > 0)
        read = self._read(found, rows)
        made = self.advantages(found, read, rows)
        return GradientExperience(
            step=step,
            found=found,
            rows=rows,
            advantage_S=made.advantage_S,
            share_S=made.share_S,
            old=read.old if self.config.updates > 1 or found.read_before else {},
            reference=read.reference,
            figures=self.biases(found),
        )

    def learned(
        self,
        held: GradientExperience,
        update: int,
        mine: Sequence[LearnedGroup],
        rows: Sequence[LearnedGroup],
        batch: Batch,
        out: TokenLogprobs,
    ) -> StepPart:
        """The clipped loss of a pass, and what the KL adds."""
        places = places_of(mine)
        token_B = self._weights(held, rows)[places].to(out.logp_N)
        old_N = joined(held.old, places, out.logp_N) if held.old else out.logp_N.detach()
        if update == 0 and held.old:
            assert_ratio_one(out.logp_N, old_N, self.config.precision)
        drift = drift_of(held.rollouts_at(places), old_N, batch.branch_N, correction_of(self.config))
        advantage_B = held.advantage_S[places].to(out.logp_N)
        sampled_N = old_N - drift.log_ratio_N
        pulls = Pulls(out.logp_N, old_N, advantage_B[batch.branch_N], batch, sampled_N)
        ratio_N = self.log_ratio(pulls)
        low, high = self.config.epsilon, self.config.high
        # what is left out of the gradient of the reward is still held to the reference
        terms_N = self.terms(ratio_N, pulls) * drift.weight_N
        if (kept_B := self.kept(pulls, advantage_B)) is not None:
            terms_N = terms_N * kept_B[batch.branch_N]
        total = sum(len(branch) for row in rows for branch in row.tree.branches)
        even_N = torch.full_like(out.logp_N, 1 / total)
        figures = policy_losses.clip_shares(ratio_N, pulls.advantage_N, even_N, low=low, high=high)
        if not held.found.read_before:
            figures |= drift.parts(len(places_of(rows)), total)
        if held.reference:
            reference_N = joined(held.reference, places, out.logp_N)
            figures["kl"] = kl_figure(out.logp_N, reference_N, len(places_of(rows)))
            if (pull_N := self.kl_terms(pulls, reference_N)) is not None:
                terms_N = terms_N + self.config.beta * pull_N
        if out.entropy_N is not None:
            figures["entropy"] = out.entropy_N.sum() / total
        loss = policy_losses.weighted(terms_N, token_B, batch.branch_N)
        return StepPart(loss, {name: value.detach() for name, value in figures.items()})

    def _weights(self, held: GradientExperience, rows: Sequence[LearnedGroup]) -> Tensor:
        """The token weights of an update's rollouts, at their places among those of the step."""
        places = places_of(rows)
        share_S = torch.zeros_like(held.share_S)
        share_S[places] = held.share_S[places]
        share_S = share_S / share_S.sum().clamp(min=1e-12)
        length_S = torch.zeros(len(share_S), dtype=torch.long)
        length_S[places] = torch.tensor([len(branch) for row in rows for branch in row.tree.branches])
        return self.weights(share_S, length_S)

    def _read(self, found: RewardedRollouts, rows: Sequence[LearnedGroup]) -> PolicyReading:
        """What the policy and the reference say, as far as anything asks."""
        trees, reference = [row.tree for row in rows], self.parts.reference
        old: Mapping[int, Tensor] = {}
        if found.read_before:
            old = trained_logps(found.rollouts, places_of(rows))
        elif self.config.updates > 1 or (self.kl_in_reward and reference is not None):
            old = by_place(rows, [each.logps for each in self.parts.read(trees)])
        if reference is None:
            return PolicyReading(old, {})
        return PolicyReading(
            old, by_place(rows, [each.logps for each in self.parts.read(trees, reference.read)])
        )


class RLOO(PolicyGradient[RLOOConfig]):
    """A whole rollout is one action; its baseline is the mean of its siblings; the KL is taken off the reward."""

    kl_in_reward = True

    def advantages(
        self, found: RewardedRollouts, read: PolicyReading, rows: Sequence[LearnedGroup]
    ) -> Advantages:
        """Leave-one-out, of the reward less beta times the log-ratio to the reference."""
        reward_KS, weight_K = found.reward_KS, found.weight_K
        if read.reference:
            kl_N, branch_N = penalty(read, len(found.rollouts))
            reward_KS, weight_K = kl.with_kl(reward_KS, weight_K, kl_N, branch_N, beta=self.config.beta)
        return advantages.leave_one_out(reward_KS, weight_K, found.group_S)

    def weights(self, share_S: Tensor, length_S: Tensor) -> Tensor:
        """A mean over rollouts, for the term is the same at each of their tokens."""
        return policy_losses.mean_of_means(share_S, length_S)

    def log_ratio(self, pulls: Pulls) -> Tensor:
        """Of the whole rollout."""
        batch = pulls.batch
        return policy_losses.whole_ratio(pulls.logp_N, pulls.old_N, batch.branch_N, batch.branches)


class GRPO(PolicyGradient[GRPOConfig]):
    """Advantages by a group's mean and deviation; the KL is part of the loss. Variants say what else is done."""

    kl_in_reward = False

    def drawn(self, step: int) -> RewardedRollouts:
        """With dynamic sampling (DAPO) groups without spread are replaced by those of further prompts."""
        if not self.config.resamples:
            return super().drawn(step)
        rows = self.order.rows(step)
        others = [row for row in range(len(self.parts.prompts)) if row not in set(rows)]
        random.Random(derived_seed("resampled", self.config.seed, step)).shuffle(others)
        asked = self.asked(step, [self.parts.prompts[row] for row in rows])
        for _ in range(RESAMPLES):
            flat = _flat(rewarded(self.config, asked, step=step))
            more, others = others[: len(flat)], others[len(flat) :]
            if not more:
                break
            varied = asked.of([group for group in range(len(asked.groups)) if group not in flat])
            asked = varied.with_more(self.asked(step, [self.parts.prompts[row] for row in more]))
        found = rewarded(self.config, asked, step=step)
        varied_groups = [group for group in range(len(asked.groups)) if group not in _flat(found)]
        return rewarded(self.config, asked.of(varied_groups), step=step) if varied_groups else found

    def advantages(
        self, found: RewardedRollouts, read: PolicyReading, rows: Sequence[LearnedGroup]
    ) -> Advantages:
        """By the variant."""
        if self.config.variant == "gdpo":
            return advantages.decoupled(found.part_KS, found.part_weight_K, found.group_S)
        scale: Scale = self.config.scaled  # type: ignore[assignment] # checked by the configuration
        return advantages.group_mean(found.reward_KS, found.weight_K, found.group_S, scale=scale)

    def weights(self, share_S: Tensor, length_S: Tensor) -> Tensor:
        """By the variant."""
        if self.config.variant == "dr":
            return policy_losses.sum_by_constant(share_S, self.config.max_tokens)
        if self.config.variant in ("dapo", "cispo"):
            return policy_losses.mean_of_tokens(share_S, length_S)
        return policy_losses.mean_of_means(share_S, length_S)

    def log_ratio(self, pulls: Pulls) -> Tensor:
        """Of each token; of GSPO, its rollout's mean."""
        batch = pulls.batch
        if self.config.variant == "gspo":
            return policy_losses.sequence_ratio(pulls.logp_N, pulls.old_N, batch.branch_N, batch.branches)
        return policy_losses.token_ratio(pulls.logp_N, pulls.old_N)

    def kl_terms(self, pulls: Pulls, reference_N: Tensor) -> Tensor | None:
        """Of each token, by the estimator that the configuration names."""
        ratio_N = policy_losses.token_ratio(pulls.logp_N, pulls.old_N)
        return kl.loss_terms(self.config.kl, pulls.logp_N, reference_N, ratio_N)

    def biases(self, found: RewardedRollouts) -> dict[str, float]:
        """How much too small the deviation of fewer rewards is on average, by which advantages are divided."""
        if self.config.variant == "gdpo" or self.config.scaled != "group":
            return {}
        read = torch.bincount(found.group_S[~found.reward_S.isnan()], minlength=len(found.groups)).tolist()
        factors = [
            advantages.deviation_bias(count, len(group))
            for count, group in zip(read, found.groups, strict=True)
            if count > 1
        ]
        short = any(count < len(group) for count, group in zip(read, found.groups, strict=True))
        return {"reward_std_bias": sum(factors) / len(factors)} if short and factors else {}

    def terms(self, ratio_N: Tensor, pulls: Pulls) -> Tensor:
        """Clipped; of CISPO the ratio is a weight that has no gradient."""
        if self.config.variant == "cispo":
            return policy_losses.cispo_terms(
                ratio_N, pulls.advantage_N, pulls.logp_N, most=1 + self.config.high
            )
        return super().terms(ratio_N, pulls)

    def kept(self, pulls: Pulls, advantage_B: Tensor) -> Tensor | None:
        """OPSM, where it is asked for."""
        if self.config.opsm is None:
            return None
        return policy_losses.off_policy_kept(
            advantage_B, pulls.logp_N, pulls.sampled_N, pulls.batch.branch_N, most=self.config.opsm
        )


def penalty(read: PolicyReading, rollouts: int) -> tuple[Tensor, Tensor]:
    """log pi - log pi_ref of all tokens that were read, and which of the step's `rollouts` each is of."""
    places = sorted(read.old)
    kl_N = torch.cat([kl.k1(read.old[place], read.reference[place]) for place in places])
    sizes = torch.tensor([len(read.old[place]) for place in places])
    return kl_N, torch.repeat_interleave(torch.tensor(places), sizes)


def _flat(found: RewardedRollouts) -> frozenset[int]:
    """The groups that teach nothing: all their rewards are the same, or fewer than two were read."""
    counted = advantages.leave_one_out(found.reward_KS, found.weight_K, found.group_S)
    same_P = counted.flat_P | counted.spread_P.isnan()
    return frozenset(group for group, same in enumerate(same_P.tolist()) if same)
