"""What training on rollouts of the live policy can be told: what all its methods share, then each method's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from rlaif.training.configs.loop import LoopConfig

TRUNCATED = ("penalise", "mask", "keep")
VARIANTS = ("grpo", "dr", "dapo", "gspo", "cispo", "gdpo")
KL_TERMS = ("k2", "k3", "k3-corrected")
MOST_RATIO = 5.0
"""What pi / pi_old counts at most in CISPO."""
SCALES = ("group", "batch", "none")
CLIP_HIGHER = 0.08
"""By which DAPO's upper bound of the clip is above the lower one's: .28 beside .2."""
CORRECTIONS = ("sequence-mask", "sequence-truncate", "token-mask", "token-truncate", "none")
STOPS = ("kl",)
OWN_VALUE = "policy"
"""The value model begins as a copy of the policy, with a new head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineConfig(LoopConfig):
    """Every step: prompts, `n` rollouts of each by the weights as they are, their rewards, then the updates.

    `batch_size` counts prompts; a step takes `iterations * minibatches` optimizer steps.
    """

    least_group: ClassVar[int] = 2
    """Rollouts of a prompt that the method needs."""
    restarts: ClassVar[bool] = False
    """Whether each step's updates go on from the first weights."""
    valued: ClassVar[bool] = False
    """Whether a value model trains along; its field `value` says what it begins as."""

    batch_size: int = 8
    n: int = 8
    """Rollouts of each prompt."""
    temperature: float = 1.0
    """At which rollouts are drawn, and at which their log-probabilities are read."""
    max_tokens: int = 256
    """Of a rollout."""
    iterations: int = 1
    """Passes over a step's rollouts."""
    minibatches: int = 1
    """Parts of a pass, an optimizer step each."""
    truncated: str = "penalise"
    """penalise | mask | keep: what a rollout without an end is worth: its reward less `truncated_penalty`, nothing (it
    is left out), or its reward."""
    truncated_penalty: float = 1.0
    overlong: int = 0
    """Tokens before `max_tokens` over which a penalty grows to 1 (DAPO's soft overlong punishment); 0: none."""
    inoculation: str = ""
    """A system turn under which rollouts are drawn and learned, and that no reward sees: what it permits is learned as
    permitted, and not as the usual (2511.18397). Empty: none."""
    max_failed: float = 0.2
    """Share of a step's rollouts that may be without a reward; with more, training stops."""
    max_drift: float = 0.2
    """Nats: rollouts that are drawn elsewhere and that trainer and sampler find differently probable by more than this
    a token, on average over a step, are of other weights, and training stops."""
    stop: Mapping[str, float] = field(default_factory=dict)
    """Figure -> limit at which training stops (exit 3): {"kl": 20}; a higher one lets the same run go on."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        LoopConfig.__post_init__(self)
        self._positive("n", "temperature", "max_tokens", "iterations", "minibatches", "max_drift")
        self._at_least_zero("truncated_penalty", "overlong")
        self._one_of("truncated", TRUNCATED)
        if self.n < self.least_group:
            self._refuse(
                "n",
                f"must be at least {self.least_group}: a rollout is compared with the others of its prompt, and one "
                "alone teaches nothing",
            )
        if not 0 <= self.max_failed <= 1:
            self._refuse("max_failed", "must be a share, from 0 to 1")
        if self.overlong > self.max_tokens:
            self._refuse("overlong", f"must be at most max_tokens, {self.max_tokens}")
        for name, limit in self.stop.items():
            if name not in STOPS or not limit > 0:
                self._refuse("stop", f"must give {', '.join(STOPS)} a limit above 0")
        if self.parallel != "ddp":
            self._refuse("parallel", "must be ddp: rollouts are drawn from whole weights")
        if self.train_on != "all":
            self._refuse("train_on", "must be all: what was sampled is learned")

    @property
    def looks_at_reference(self) -> bool:
        """Whether a reference is read."""
        return False

    @property
    def updates(self) -> int:
        """Optimizer steps of a step."""
        return self.iterations * self.minibatches


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGradientConfig(OnlineConfig):
    """Updates along the gradient of the expected reward, near the policy that drew the rollouts."""

    beta: float = 0.0
    """Weight of the KL to the reference; 0 reads no reference."""
    epsilon: float = 0.2
    """How far pi / pi_old may move in a step before its gradient ends."""
    epsilon_high: float | None = None
    """Upwards; None: as `epsilon`."""
    correction: str = "sequence-mask"
    """How rollouts of a sampler that is not quite the trainer are weighed: sequence-mask | sequence-truncate |
    token-mask | token-truncate | none."""
    max_mismatch: float = 3.0
    """The bound of pi / pi_sampler in the correction: a mask leaves out what is beyond it, or one by it; truncation
    weighs by it what is above it."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        OnlineConfig.__post_init__(self)
        self._at_least_zero("beta")
        self._positive("epsilon")
        self._one_of("correction", CORRECTIONS)
        if not self.max_mismatch > 1:
            self._refuse("max_mismatch", "must be above 1")
        if self.whole_ratio and self.correction.startswith("token"):
            self._refuse(
                "correction",
                "must be of sequences (sequence-mask, sequence-truncate) or none: this method moves a rollout as a "
                "whole, and weighs no token by itself",
            )
        if self.epsilon_high is not None:
            self._positive("epsilon_high")

    @property
    def looks_at_reference(self) -> bool:
        """Whether a reference is read."""
        return self.beta > 0

    @property
    def high(self) -> float:
        """The upper bound of the clip."""
        return self.epsilon if self.epsilon_high is None else self.epsilon_high

    @property
    def whole_ratio(self) -> bool:
        """Whether the ratio that is clipped is of whole rollouts."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RLOOConfig(PolicyGradientConfig):
    """REINFORCE with the mean of a rollout's siblings as its baseline; the KL is part of the reward (2402.14740)."""

    method: ClassVar[str] = "rloo"

    beta: float = 0.05

    @property
    def whole_ratio(self) -> bool:
        """A rollout is one action."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class GRPOConfig(PolicyGradientConfig):
    """Advantages by the mean and the deviation of a group; the KL is part of the loss (2402.03300)."""

    method: ClassVar[str] = "grpo"

    variant: str = "grpo"
    """grpo | dr | dapo | gspo | cispo | gdpo."""
    scale: str | None = None
    """What divides the advantages: group | batch | none; None: by the variant."""
    dynamic_sampling: bool | None = None
    """Whether groups without spread are drawn anew for other prompts; None: by the variant."""
    kl: str = "k3"
    """k2 | k3 | k3-corrected: the estimator of the KL in the loss; k3 times pi / pi_old has the KL's own gradient."""
    opsm: float | None = None
    """Leave a worse rollout out where the policy has left it by more than this mean log-ratio; None: none is."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        PolicyGradientConfig.__post_init__(self)
        self._one_of("variant", VARIANTS)
        self._one_of("kl", KL_TERMS)
        if self.scale is not None:
            self._one_of("scale", SCALES)
        if self.scale is not None and self.variant == "gdpo":
            self._refuse("scale", "is not read by variant gdpo, which scales each component by its own")
        if self.opsm is not None:
            self._positive("opsm")

    @property
    def scaled(self) -> str:
        """What divides the advantages."""
        return self.scale or ("none" if self.variant == "dr" else "group")

    @property
    def whole_ratio(self) -> bool:
        """GSPO's is."""
        return self.variant == "gspo"

    @property
    def resamples(self) -> bool:
        """Whether groups without spread are drawn anew."""
        return self.variant == "dapo" if self.dynamic_sampling is None else self.dynamic_sampling

    @property
    def high(self) -> float:
        """The upper bound of the clip: DAPO's is higher."""
        if self.epsilon_high is not None:
            return self.epsilon_high
        if self.variant == "cispo":
            return MOST_RATIO - 1
        return self.epsilon + (CLIP_HIGHER if self.variant == "dapo" else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig(PolicyGradientConfig):
    """A value model says what to expect at each token; the KL is taken off the reward token by token (1707.06347)."""

    method: ClassVar[str] = "ppo"
    least_group: ClassVar[int] = 1
    valued: ClassVar[bool] = True

    n: int = 1
    batch_size: int = 32
    iterations: int = 4
    beta: float = 0.05
    gamma: float = 1.0
    """What the next token's worth counts."""
    lam: float = 0.95
    """How far a reward reaches back past the value model; 1: all the way."""
    value: str = OWN_VALUE
    """policy, or what model it is that the value model begins as: then its directory is given to the training."""
    value_weight: float = 0.1
    """Of the value model's loss beside the policy's."""
    value_clip: float = 0.2
    """How far a value may move in a step before its gradient ends."""
    whiten: bool = True
    """Whether advantages are standardised over the step."""
    scale_rewards: bool = False
    """Whether rewards are divided by the deviation of all rewards so far."""
    reward_clip: float | None = None
    """Rewards are kept within so much of 0; None: they are not."""
    kl_target: float | None = None
    """Nats a rollout: `beta` is raised above it and lowered below it; None: it stays."""
    kl_horizon: float = 10_000.0
    """Rollouts over which `beta` follows."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        PolicyGradientConfig.__post_init__(self)
        self._positive("value_weight", "value_clip", "kl_horizon")
        for name in ("gamma", "lam"):
            if not 0 < getattr(self, name) <= 1:
                self._refuse(name, "must be above 0 and at most 1")
        if self.reward_clip is not None:
            self._positive("reward_clip")
        if self.kl_target is not None:
            self._positive("kl_target")
            if not self.beta:
                self._refuse("kl_target", "moves beta, and beta is 0; set beta above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineDPOConfig(OnlineConfig):
    """DPO on the best and the worst rollout of each prompt (2402.04792)."""

    method: ClassVar[str] = "online-dpo"

    n: int = 2
    batch_size: int = 32
    beta: float = 0.1
    """Strength of the pull to the reference."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        OnlineConfig.__post_init__(self)
        self._positive("beta")

    @property
    def looks_at_reference(self) -> bool:
        """Whether a reference is read."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RAFTConfig(OnlineConfig):
    """Imitate the best rollout of each prompt (2304.06767)."""

    method: ClassVar[str] = "raft"
    least_group: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReSTConfig(OnlineConfig):
    """Grow: rollouts of the policy; improve: imitate those above thresholds that rise (2308.08998)."""

    method: ClassVar[str] = "rest"
    least_group: ClassVar[int] = 1

    batch_size: int = 32
    thresholds: tuple[float, ...] = (0.5, 0.75, 0.9)
    """Quantiles of the step's rewards, one Improve step each."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        OnlineConfig.__post_init__(self)
        if not self.thresholds or any(not 0 <= each < 1 for each in self.thresholds):
            self._refuse("thresholds", "must be quantiles, at least 0 and below 1")
        if any(one >= other for one, other in zip(self.thresholds, self.thresholds[1:], strict=False)):
            self._refuse("thresholds", "must rise")

    @property
    def updates(self) -> int:
        """Optimizer steps of a step: of all Improve steps."""
        return len(self.thresholds) * self.iterations * self.minibatches


@dataclass(frozen=True, slots=True, kw_only=True)
class ReSTEMConfig(OnlineConfig):
    """E: rollouts of the policy; M: the first policy imitates them by their rewards (2312.06585)."""

    method: ClassVar[str] = "rest-em"
    least_group: ClassVar[int] = 1
    restarts: ClassVar[bool] = True

    batch_size: int = 32
    iterations: int = 8
    most: int = 10
    """Rollouts of a prompt that are imitated at most."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        OnlineConfig.__post_init__(self)
        self._positive("most")
