"""Supervised fine-tuning: imitation of each example's last turn, and of nothing before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import ThresholdError
from rlaif.records import Alarm, Evaluator, Example
from rlaif.training.configs.sft import SFTConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.health import Watch
from rlaif.training.loop import Carried, StepPart
from rlaif.training.models import Opened, open_causal
from rlaif.training.order import Order
from rlaif.training.packing import Batch, Tree
from rlaif.training.progress import Progress
from rlaif.training.runner import Data, MethodCall, conduct
from rlaif.training.sampled import Sampled
from rlaif.training.scorer import BranchScorer
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary
from rlaif.training.tokens import TokenExample, relative_weights
from rlaif.training.trees import example_tree


def train_sft(  # noqa: PLR0913 - one call says all
    config: SFTConfig,
    examples: Sequence[Example],
    *,
    policy: Path,
    out: Path,
    sampled: Mapping[str, Sampled] | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
    alarm: Alarm | None = None,
) -> TrainSummary:
    """Train `policy` to write each example's last turn, and write a model directory at `out`."""
    if not examples:
        raise ThresholdError("there are no examples to train on")
    setting = MethodCall(
        config=config,
        base=policy,
        out=out,
        card=card or {},
        progress=progress,
        evaluator=evaluator,
        alarm=alarm,
        sampled=sampled or {},
    )

    def objective(opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool) -> Imitation:
        return Imitation(config, data.examples)

    return conduct(setting, (), examples, open_causal, BranchScorer, objective)


class Imitation:
    """The SFT objective: mean negative log-likelihood over all answer tokens of a step, examples by their weights."""

    with_last = False
    carried: Carried | None = None
    watch: Watch | None = None

    def __init__(self, config: SFTConfig, examples: Sequence[TokenExample]) -> None:
        self.examples = examples
        self.order = Order.of(config, len(examples), "examples")
        self.steps = self.order.steps
        self._weights = relative_weights(examples)

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        return {"examples_a_step": self.order.batch_size}

    def trees(self, step: int) -> list[Tree]:
        """The examples of `step`."""
        return [example_tree(self.examples[row]) for row in self.order.rows(step)]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: TokenLogprobs) -> StepPart:
        """The share of the step's mean: its tokens are counted over all passes and processes."""
        rows = self.order.rows(step)
        total = sum(sum(example_tree(self.examples[row]).scored) for row in rows)
        weight_S = out.logp_N.new_tensor([self._weights[rows[place]] for place in members])
        loss = -(weight_S[batch.branch_N] * out.logp_N).sum() / total
        return StepPart(loss, {"mean_token_accuracy": out.top_N.sum() / total})
