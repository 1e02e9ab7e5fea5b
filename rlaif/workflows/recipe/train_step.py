"""What a recipe's train step can be told; read by `recipes`, checked against its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """Pairs change the policy. None leaves a figure to the method's own default."""

    step: Literal["train"] = "train"
    method: Literal["dpo", "reward", "sft", "judge"] = "dpo"
    loss: str = "soft"
    """A loss or a mix, `soft:0.8,nll:0.2`; `hard` takes labels as sides."""
    beta: float | None = None
    reference: str = "previous"
    replay: Mapping[str, float] = field(default_factory=dict)
    """Share of a batch that repeats judge examples, by kind."""
    replay_from: str | None = None
    """Where those examples are; None: the bundled models' own set."""
    nll: float = 0.0
    """Weight of the chosen side's negative log-likelihood."""
    steps: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    lora: bool | int = False
    """True: an adapter of the usual rank; or its rank."""
    loss_options: Mapping[str, float] = field(default_factory=dict)
    """Further figures of the losses, by name."""
    labels: Literal["soft", "hard"] = "soft"
    wpo: bool = False
    margin: float = 0.0
    """Of a reward model: times `score_gap`, what rewards must differ by beyond the label."""
    centering: float = 0.0
    heads: tuple[str, ...] = ()
    """Principles with a reward of their own; `all` for those that the pairs speak of."""
    learn: Literal["chosen", "revisions", "good-bad"] = "chosen"
    """What sft imitates."""
    via: Literal["sft", "dpo"] = "sft"
    """How a judge is trained."""
    held_out_pairs: float = 0.0
    """Share of the prompts whose pairs are measured on, not trained on."""
    stop: Mapping[str, float] = field(default_factory=dict)
    """Figure of health -> limit at which training stops."""
    loop: Mapping[str, Any] = field(default_factory=dict)
    """Options of the training loop by name: schedule, precision, truncation ... (docs/training-loop.md)."""

    def as_dict(self) -> dict[str, Any]:
        """All that decides what the step does, defaults filled in; an empty `loop` is not spelled out."""
        values = asdict(self)
        return values if self.loop else {name: value for name, value in values.items() if name != "loop"}
