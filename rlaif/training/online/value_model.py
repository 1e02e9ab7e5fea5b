"""A value model beside the policy: what it expects of the rest of a rollout, before each token (2009.01325).

It reads the same rows in the same passes, with weights of its own: a copy of the policy with a new head, or a reward
model, which knows what is good before it has seen a reward.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from rlaif.errors import ModelError
from rlaif.libraries.peft import without_adapter
from rlaif.training.configs.online import OnlineConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.models import add_adapter, open_classifier
from rlaif.training.packing import Batch, Tree
from rlaif.training.scorer import BranchScorer, RewardScorer, choose_layout, hidden_states


class ValuedScorer(BranchScorer):
    """The policy's log-probabilities, with the values of the tokens where a value model is attached."""

    def __init__(self, model: Any, pad_id: int, *, bf16: bool = False) -> None:
        super().__init__(model, pad_id, bf16=bf16)
        self.value: Any = None
        self.values = True
        """Whether the value model reads along."""

    def read(self, model: Any, batch: Batch) -> TokenLogprobs:
        """What the policy says of the batch, and the value model."""
        reading = super().read(model, batch)
        if self.value is None or not self.values:
            return reading
        return reading._replace(value_N=self._expected(batch))

    def _expected(self, batch: Batch) -> Tensor:
        """value_N: before each token, so that it knows nothing of it."""
        model = without_adapter(self.value)
        found: Tensor = model.score(hidden_states(model, batch).flatten(0, 1)[batch.source_N])
        return found.squeeze(-1).float()

    @contextmanager
    def without_values(self) -> Iterator[None]:
        """Inside, the value model rests."""
        self.values = False
        try:
            yield
        finally:
            self.values = True


def attach_value_model(
    scorer: ValuedScorer, folder: Path, config: OnlineConfig, trees: list[Tree], *, packed: bool
) -> None:
    """Give the policy in `scorer` a value model that begins as the model in `folder`.

    Raises ModelError where it cannot read rows as the policy does.
    """
    opened = open_classifier(folder, config)
    model = add_adapter(opened.model, config) if config.lora else opened.model
    device = next(scorer.parameters()).device
    model = model.to(device)
    layout = choose_layout(RewardScorer(model, opened.pad_id, bf16=scorer.bf16), trees, wanted=packed)
    if layout.packed != packed:
        raise ModelError(
            f"{folder}: as the value model: {layout.reason}; say --loop packed=false, or value: policy"
        )
    scorer.value = model
