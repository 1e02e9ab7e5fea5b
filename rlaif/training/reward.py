"""A Bradley-Terry reward model with soft labels: pairs in, a sequence classifier out; one more output per principle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlaif.errors import RecipeError, ThresholdError
from rlaif.records import Evaluator, Pair
from rlaif.runs.layout import METRICS
from rlaif.training import losses
from rlaif.training.configs.reward import RewardConfig
from rlaif.training.health import Watch, held_out_figures
from rlaif.training.loop import Carried, StepPart
from rlaif.training.models import Opened, open_classifier
from rlaif.training.order import Order
from rlaif.training.packing import Batch, Tree, pack, split
from rlaif.training.pair_checks import check_sides, set_apart
from rlaif.training.passes import tokens_a_pass
from rlaif.training.progress import Progress
from rlaif.training.runner import Data, MethodCall, conduct
from rlaif.training.sampled import Sampled
from rlaif.training.scorer import RewardScorer
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary
from rlaif.training.tokens import TokenPair, relative_weights
from rlaif.training.trees import whole_tree


def train_reward(
    config: RewardConfig,
    pairs: Sequence[Pair],
    *,
    base: Path,
    out: Path,
    sampled: Mapping[str, Sampled] | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
) -> TrainSummary:
    """Train a reward model over `base`, a causal model or a reward model, and write it at `out`."""
    if not pairs:
        raise ThresholdError("there are no pairs to train on")
    if config.loss == "sigmoid":
        check_sides("reward", pairs)
    setting = MethodCall(
        config=config,
        base=base,
        out=out,
        card=card or {},
        progress=progress,
        evaluator=evaluator,
        sampled=sampled or {},
        answers=True,
    )

    def objective(
        opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool
    ) -> BradleyTerry:
        trained, held_out = set_apart(data.pairs, config.held_out, config.seed)
        data.counts["pairs"]["trained"] -= len(held_out)
        made = BradleyTerry(config, trained, held_out)
        made.read = lambda trees: read_rewards(scorer, config, trees, packed=packed)
        every = config.held_out_every or max(1, made.steps // 10)
        made.watch = Watch(config.stop, folder.out / METRICS, made.look if held_out else None, every)
        return made

    return conduct(setting, pairs, (), open_classifier, RewardScorer, objective)


class BradleyTerry:
    """The reward objective: the difference of a pair's rewards is the log-odds that chosen is better.

    With heads, the first reward is the whole one and each further one a principle's, learned from P(chosen better by
    it); a pair that says nothing of a principle teaches its head nothing. `score_gap` times `margin` is what the
    whole rewards must differ by before the label is met.
    """

    with_last = True
    carried: Carried | None = None

    def __init__(
        self, config: RewardConfig, pairs: Sequence[TokenPair], held_out: Sequence[TokenPair] = ()
    ) -> None:
        _check(config, pairs)
        self.config = config
        self.pairs = pairs
        self.held_out = held_out
        self.order = Order.of(config, len(pairs), "pairs")
        self.steps = self.order.steps
        self.read: Callable[[Sequence[Tree]], Tensor] | None = None
        """The model as it is; needed for pairs set apart."""
        self.watch: Watch | None = None
        self._weights = relative_weights(pairs)

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        held_out = {"held_out": len(self.held_out)} if self.held_out else {}
        return {**held_out, "pairs_a_step": self.order.batch_size}

    def trees(self, step: int) -> list[Tree]:
        """The pairs of `step`."""
        return [whole_tree(self.pairs[row]) for row in self.order.rows(step)]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: Tensor) -> StepPart:
        """Cross-entropy of the reward differences with the labels, plus centering."""
        config, rows = self.config, self.order.rows(step)
        mine = [self.pairs[rows[place]] for place in members]
        chosen_BH, rejected_BH = out.view(len(mine), 2, -1).unbind(1)
        chosen_B, rejected_B = chosen_BH[:, 0], rejected_BH[:, 0]
        margin_B = chosen_B - rejected_B
        weight_B = margin_B.new_tensor([self._weights[rows[place]] for place in members])
        wanted_B = margin_B - config.margin * margin_B.new_tensor([each.score_gap or 0.0 for each in mine])
        each_B = losses.preference_loss(wanted_B, self._targets([each.label_prob for each in mine], margin_B))
        if config.centering:
            each_B = each_B + config.centering * losses.centering_loss(chosen_B, rejected_B)
        means = {
            "accuracy": (margin_B > 0).float(),
            "margin": margin_B,
            "mean_reward": (chosen_B + rejected_B) / 2,
            "rewards/chosen": chosen_B,
            "rewards/rejected": rejected_B,
        }
        if config.heads:
            heads_B, told = self._heads(mine, chosen_BH[:, 1:] - rejected_BH[:, 1:])
            each_B = each_B + heads_B
            means |= told
        figures = {name: value.detach().sum() / len(rows) for name, value in means.items()}
        return StepPart((weight_B * each_B).sum() / len(rows), figures)

    def _targets(self, labels: Sequence[float], like: Tensor) -> Tensor:
        return losses.target_probs(like.new_tensor(labels), self.config.loss, self.config.label_clip)

    def _heads(self, mine: Sequence[TokenPair], margin_BK: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        said = [[pair.principles.get(name) for name in self.config.heads] for pair in mine]
        if self.config.loss == "sigmoid":  # sides; one half is none
            said = [[None if p in (None, 0.5) else float(p > 0.5) for p in row] for row in said]
        there_BK = margin_BK.new_tensor([[float(p is not None) for p in row] for row in said])
        label_BK = margin_BK.new_tensor([[0.5 if p is None else p for p in row] for row in said])
        if self.config.loss == "soft":
            label_BK = label_BK.clamp(self.config.label_clip, 1 - self.config.label_clip)
        each_BK = there_BK * losses.preference_loss(margin_BK, label_BK)
        right_BK = ((margin_BK > 0) == (label_BK > 0.5)).float() * there_BK
        count_B = there_BK.sum(1).clamp(min=1)
        return each_BK.sum(1) / count_B, {"heads/accuracy": right_BK.sum(1) / count_B}

    def look(self) -> Mapping[str, float]:
        """Figures of the pairs set apart."""
        assert self.read is not None
        rewards_SH = self.read([whole_tree(each) for each in self.held_out])
        whole_B2 = rewards_SH[:, 0].view(-1, 2)
        label_B = self._targets([each.label_prob for each in self.held_out], whole_B2)
        return held_out_figures(whole_B2[:, 0] - whole_B2[:, 1], label_B)


def read_rewards(
    scorer: RewardScorer, config: RewardConfig, trees: Sequence[Tree], *, packed: bool
) -> Tensor:
    """reward_SH of every branch, in order of trees and branches, on the CPU; nothing is learned."""
    device = next(scorer.parameters()).device
    found: dict[int, Tensor] = {}
    for group in split(trees, tokens_a_pass(config, scorer)):
        batch = pack([trees[place] for place in group], packed=packed, pad_id=scorer.pad_id, with_last=True)
        with torch.no_grad():
            out = scorer(batch.to(device)).float().cpu()
        found |= dict(zip(group, out.view(len(group), 2, -1), strict=True))
    return torch.cat([found[place] for place in range(len(trees))])


def _check(config: RewardConfig, pairs: Sequence[TokenPair]) -> None:
    lacking = sum(each.score_gap is None for each in pairs) if config.margin else 0
    if lacking:
        raise RecipeError(
            f"reward: margin reads score_gap, which {lacking} of {len(pairs)} pairs lack; judge with a protocol that "
            "scores, or leave margin at 0"
        )
    known = {name for each in pairs for name in each.principles}
    if unknown := [name for name in config.heads if name not in known]:
        raise RecipeError(
            f"reward: heads names {unknown[0]!r}, of which no pair says anything; pairs speak of: "
            f"{', '.join(sorted(known)) or 'no principle'}"
        )
