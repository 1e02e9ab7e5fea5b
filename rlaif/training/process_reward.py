"""A process reward model: P(right) of each step of an answer, from beginnings that are labelled (2305.20050).

    L = -mean_i w_i [right_i log sigmoid(r_i) + (1 - right_i) log sigmoid(-r_i)]

r is the number of a sequence classifier of one label at the end of a beginning, so that it is the log-odds that the
beginning is right. A label between 0 and 1 is two examples, one of each kind, whose weights are its shares: their sum
is the cross-entropy with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from rlaif.errors import ThresholdError
from rlaif.records import RIGHT_STEP, WRONG_STEP, Example
from rlaif.training.configs.process_reward import ProcessRewardConfig
from rlaif.training.health import Watch
from rlaif.training.loop import Carried, StepPart
from rlaif.training.models import Opened, open_classifier
from rlaif.training.order import Order
from rlaif.training.packing import Batch, Tree
from rlaif.training.progress import Progress
from rlaif.training.runner import Data, MethodCall, conduct
from rlaif.training.scorer import RewardScorer
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary
from rlaif.training.tokens import TokenExample, relative_weights


def train_process_reward(
    config: ProcessRewardConfig,
    examples: Sequence[Example],
    *,
    base: Path,
    out: Path,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> TrainSummary:
    """Train a process reward model over `base`, a causal model or a reward model, and write it at `out`.

    `examples` end with an answer up to the end of a step, of kind `right-step` or `wrong-step`. Raises ThresholdError
    where both kinds are not there.
    """
    check_steps(examples)
    setting = MethodCall(config=config, base=base, out=out, card=card or {}, progress=progress, answers=True)

    def objective(
        opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool
    ) -> StepClassifier:
        return StepClassifier(config, data.examples)

    return conduct(setting, (), examples, open_classifier, RewardScorer, objective)


def check_steps(examples: Sequence[Example]) -> None:
    """Raise ThresholdError for examples that are no labelled steps, and where one of the two kinds is not there."""
    kinds = {each.kind for each in examples}
    if other := sorted(kinds - {RIGHT_STEP, WRONG_STEP}):
        raise ThresholdError(
            f"process-reward learns from examples of kind {RIGHT_STEP} and {WRONG_STEP}, and there is {other[0]!r}; "
            "make them by a step `step-labels`"
        )
    for kind in (RIGHT_STEP, WRONG_STEP):
        if kind not in kinds:
            raise ThresholdError(
                f"none of {len(examples)} examples is a {kind}, so that all steps are alike; take prompts of which the "
                "policy gets some right and some wrong"
            )


class StepClassifier:
    """The objective: cross-entropy of the sigmoid of each beginning's number with its label."""

    with_last = True
    carried: Carried | None = None
    watch: Watch | None = None

    def __init__(self, config: ProcessRewardConfig, examples: Sequence[TokenExample]) -> None:
        self.examples = examples
        self.order = Order.of(config, len(examples), "examples")
        self.steps = self.order.steps
        self._weights = relative_weights(examples)

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        right = sum(each.weight for each in self.examples if each.kind == RIGHT_STEP)
        return {
            "examples_a_step": self.order.batch_size,
            "right_share": right / sum(each.weight for each in self.examples),
        }

    def trees(self, step: int) -> list[Tree]:
        """The beginnings of `step`."""
        return [
            Tree(each.prompt, (each.answer,))
            for each in map(self.examples.__getitem__, self.order.rows(step))
        ]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: Tensor) -> StepPart:
        """The share of the step's mean loss, and how many are told rightly."""
        rows = self.order.rows(step)
        mine = [rows[place] for place in members]
        number_B = out.view(len(mine), -1)[:, 0]
        right_B = number_B.new_tensor([float(self.examples[row].kind == RIGHT_STEP) for row in mine])
        weight_B = number_B.new_tensor([self._weights[row] for row in mine])
        loss_B = binary_cross_entropy_with_logits(number_B, right_B, reduction="none")
        told_B = ((number_B > 0) == (right_B > 0.5)).float()
        figures = {
            "accuracy": (weight_B * told_B).detach().sum() / len(rows),
            "mean_reward": number_B.detach().sum() / len(rows),
        }
        return StepPart((weight_B * loss_B).sum() / len(rows), figures)
