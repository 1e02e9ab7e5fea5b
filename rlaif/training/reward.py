"""A Bradley-Terry reward model with soft labels: pairs in, a sequence classifier with one label out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from rlaif.errors import ThresholdError
from rlaif.records import Evaluator, Pair
from rlaif.training import losses
from rlaif.training.configs import RewardConfig
from rlaif.training.loop import Part
from rlaif.training.models import Opened, open_classifier
from rlaif.training.order import Order
from rlaif.training.packing import Batch, Tree
from rlaif.training.progress import Progress
from rlaif.training.runner import Data, Setting, conduct
from rlaif.training.scorer import RewardScorer
from rlaif.training.spans import TokenPair, relative_weights
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary


def train_reward(
    config: RewardConfig,
    pairs: Sequence[Pair],
    *,
    base: Path,
    out: Path,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
) -> TrainSummary:
    """Train a reward model over `base`, a causal model or a reward model, and write it at `out`."""
    if not pairs:
        raise ThresholdError("there are no pairs to train on")
    setting = Setting(
        config=config, base=base, out=out, card=card or {}, progress=progress, evaluator=evaluator
    )

    def objective(
        opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool
    ) -> BradleyTerry:
        return BradleyTerry(config, data.pairs)

    return conduct(setting, pairs, (), open_classifier, RewardScorer, objective)


class BradleyTerry:
    """The reward objective: the difference of a pair's rewards is the log-odds that chosen is better."""

    with_last = True

    def __init__(self, config: RewardConfig, pairs: Sequence[TokenPair]) -> None:
        self.config = config
        self.pairs = pairs
        self.order = Order.plan(
            len(pairs),
            batch_size=config.batch_size,
            steps=config.steps,
            epochs=config.epochs,
            seed=config.seed,
            name="pairs",
        )
        self.steps = self.order.steps
        self._weights = relative_weights(pairs)

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        return {"pairs_a_step": self.order.batch_size}

    def trees(self, step: int) -> list[Tree]:
        """The pairs of `step`."""
        pairs = (self.pairs[row] for row in self.order.rows(step))
        return [Tree(pair.prompt, (pair.chosen, pair.rejected)) for pair in pairs]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: Tensor) -> Part:
        """Cross-entropy of the reward difference with the label, plus centering."""
        config, rows = self.config, self.order.rows(step)
        mine = [rows[place] for place in members]
        chosen_B, rejected_B = out.view(-1, 2).unbind(1)
        margin_B = chosen_B - rejected_B
        label_B = margin_B.new_tensor([self.pairs[row].label_prob for row in mine])
        weight_B = margin_B.new_tensor([self._weights[row] for row in mine])
        target_B = losses.target_probs(label_B, config.loss, config.label_clip)
        each_B = losses.preference_loss(margin_B, target_B)
        if config.centering:
            each_B = each_B + config.centering * losses.centering_loss(chosen_B, rejected_B)
        means = {
            "accuracy": (margin_B > 0).float(),
            "margin": margin_B,
            "mean_reward": (chosen_B + rejected_B) / 2,
            "rewards/chosen": chosen_B,
            "rewards/rejected": rejected_B,
        }
        figures = {name: value.detach().sum() / len(rows) for name, value in means.items()}
        return Part((weight_B * each_B).sum() / len(rows), figures)
