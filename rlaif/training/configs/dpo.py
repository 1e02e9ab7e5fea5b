"""What direct preference optimisation can be told: losses, their strength, replayed examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from rlaif.training.configs.pairs import PairConfig
from rlaif.training.loss_names import LOSSES, Weighted, parse_mix

LABELS = ("soft", "hard")


@dataclass(frozen=True, slots=True, kw_only=True)
class DPOConfig(PairConfig):
    """Direct preference optimisation."""

    method: ClassVar[str] = "dpo"

    loss: str = "soft"
    """A name of `loss_names.LOSSES`, or a mix such as "soft:0.8,nll:0.2"."""
    beta: float | None = None
    """How dear it is to move away from the reference; None: what is usual with the (first) loss, 0.1 for most."""
    loss_options: Mapping[str, float] = field(default_factory=dict)
    """Further figures of the losses, e.g. {"gamma": 1.0} for simpo; docs/training.md has them all."""
    labels: str = "soft"
    """soft: losses get the pair's `label_prob`; hard: chosen counts as better for certain."""
    wpo: bool = False
    """Weigh pairs by how like the policy's own their answers are (WPO)."""
    nll: float = 0.0
    """Weight of the chosen answer's mean negative log-likelihood a token, beside `loss`."""
    replay: Mapping[str, float] = field(default_factory=dict)
    """Kind of example -> its share of each step's rows, e.g. {"judge": 0.2}."""
    replay_weight: float = 1.0
    """Weight of the replayed examples' mean negative log-likelihood."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        PairConfig.__post_init__(self)
        if self.beta is not None:
            self._positive("beta")
        self._at_least_zero("nll", "replay_weight")
        self._one_of("labels", LABELS)
        self._check_options([each.name for each in self.mix])
        if any(share <= 0 for share in self.replay.values()) or sum(self.replay.values()) >= 1:
            self._refuse("replay", "must map kinds to shares above 0 that sum to less than 1")

    @property
    def mix(self) -> tuple[Weighted, ...]:
        """The losses by name, with their weights."""
        return parse_mix(self.loss)

    @property
    def strength(self) -> float:
        """`beta`, or what is usual."""
        usual = (LOSSES[each.name].beta for each in self.mix)
        return self.beta if self.beta is not None else next((each for each in usual if each is not None), 1.0)

    @property
    def options(self) -> dict[str, float]:
        """All figures that the losses read, those not given as usual."""
        usual = {name: value for each in self.mix for name, value in LOSSES[each.name].options.items()}
        return usual | dict(self.loss_options)

    @property
    def looks_at_reference(self) -> bool:
        """Whether any of the losses does."""
        return any(LOSSES[each.name].reference for each in self.mix)

    def _check_options(self, losses: list[str]) -> None:
        known = {name for each in losses for name in LOSSES[each].options}
        shown = " and ".join(losses)
        for name, value in self.loss_options.items():
            if name not in known:
                self._refuse(
                    "loss_options", f"must not hold {name!r}: {shown} reads {sorted(known) or 'none'}"
                )
            if not 0 <= value < float("inf"):
                self._refuse("loss_options", f"must give {name} a number, 0 or above")
        if self.options.get("label_smoothing", 0.0) >= 0.5:
            self._refuse(
                "loss_options", "must keep label_smoothing below 0.5: half of the labels flipped say nothing"
            )
        if self.options.get("discopop_tau", 1.0) == 0:
            self._refuse("loss_options", "must give discopop_tau a number above 0")
        if self.beta is not None and all(LOSSES[each].beta is None for each in losses):
            self._refuse("beta", f"must not be given: {shown} has none")
        if self.labels == "hard" and "soft" in losses:
            self._refuse("labels", "must be soft with the loss soft; the loss of sides is sigmoid")
        if self.wpo and all(LOSSES[each].imitates for each in losses):
            self._refuse("wpo", "must be off where there is only imitation")
        if "kto" in losses and self.batch_size < 2:
            self._refuse(
                "batch_size", "must be 2 or more for kto, which sets prompts against others' answers"
            )
