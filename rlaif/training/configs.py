"""What training can be told: frozen, checked on construction, each field read once. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

from rlaif.errors import RecipeError
from rlaif.training.loss_names import LOSSES, Weighted, parse_mix
from rlaif.trl_names import renamed

REWARD_LOSSES = ("soft", "sigmoid")
LABELS = ("soft", "hard")
TRUNCATIONS = ("drop", "mask")
LIMITS = ("chosen_drop", "length_drift", "margin", "kl", "held_out_accuracy", "calibration")
"""What training can be told to stop at; `health.py` says what each is."""
SCHEDULES = ("constant", "linear", "cosine", "wsd")
QUANTIZATIONS = ("none", "4bit")
SHARINGS = ("ddp", "fully_shard")
TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")
PRECISIONS = ("float32", "bf16")
SAVE_DTYPES = ("source", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """Fields that every method has."""

    method: ClassVar[str]

    steps: int | None = None
    """Optimizer steps; None: as many as `epochs` take."""
    epochs: int = 1
    """Passes over the data; not read when `steps` is given."""
    batch_size: int = 32
    """Pairs (or examples) a step, over all processes."""
    batch_tokens: int | None = None
    """Tokens a forward pass; a step with more takes several, which changes no gradient but by rounding.

    None: 2048 on a CPU, whose caches hold about so much (1024 for wide models, to save memory), 16384 elsewhere.
    """
    learning_rate: float | None = None
    """None: chosen by the number of parameters (`models.default_learning_rate`), and printed."""
    schedule: str = "linear"
    """constant | linear | cosine | wsd (constant, then linear over the last steps), after the warmup."""
    warmup_share: float = 0.1
    """Share of the steps in which the learning rate climbs."""
    decay_share: float = 0.2
    """Share of the steps in which the rate falls; read by `wsd` only."""
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    """Largest norm of a step's gradient; 0 does not clip."""
    max_length: int | None = None
    """Longest prompt with answer, in tokens; longer ones are dropped and counted. None: the model's room."""
    truncation: str = "drop"
    """drop | mask: what is too long, or was cut off when it was sampled, is left out, or kept without an end token.

    Both are counted.
    """
    precision: str = "float32"
    """float32 | bf16 (bf16 arithmetic on float32 weights)."""
    gradient_checkpointing: bool = False
    lora: int = 0
    """Rank of the adapter; 0 trains all weights."""
    lora_alpha: float | None = None
    """None: twice the rank."""
    lora_dropout: float = 0.0
    """Share of the adapter's inputs that are left out at random, by the seed and the step."""
    quantize: str = "none"
    """none | 4bit (QLoRA: the frozen weights in 4 bits by bitsandbytes; needs `lora`)."""
    parallel: str = "ddp"
    """How the processes of a launch share the work: ddp (a copy each) | fully_shard (one model in parts)."""
    evaluate_every: int = 0
    """Steps between calls of the evaluator; 0 where there is none. The best weights seen are the ones written."""
    evaluate_figure: str | None = None
    """Which of the evaluator's figures is to rise; None: its first."""
    patience: int = 0
    """Evaluations without a new best after which training stops; 0 goes on to the last step."""
    trackers: tuple[str, ...] = ("tensorboard",)
    """Where figures go beside `metrics.jsonl`: tensorboard, wandb, mlflow, trackio."""
    save_dtype: str = "source"
    """source: the dtype the model's file has."""
    checkpoint_every: int = 20
    """Steps between checkpoints; 0 keeps none before the end."""
    seed: int = 0
    packed: bool = True
    """False computes every prompt with each of its answers: slower, and the yardstick of the packed path."""
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """For templates with options; one that can think is told not to unless this says otherwise."""

    def __new__(cls, **given: Any) -> Self:
        """Answer another trainer's names with ours. Raises RecipeError."""
        for name in given.keys() - {each.name for each in fields(cls)}:
            if hint := renamed(name):
                raise RecipeError(f"{cls.method}: {hint}")
        return object.__new__(cls)

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        self._positive("batch_size", "epochs")
        self._at_least_zero("weight_decay", "clip_norm", "lora", "checkpoint_every")
        self._at_least_zero("evaluate_every", "patience")
        for name in ("steps", "batch_tokens", "learning_rate", "max_length", "lora_alpha"):
            if getattr(self, name) is not None:
                self._positive(name)
        self._share("warmup_share", "decay_share", "lora_dropout")
        if self.warmup_share + self.decay_share > 1 and self.schedule == "wsd":
            self._refuse("decay_share", f"must leave room beside warmup_share {self.warmup_share!r}")
        self._one_of("quantize", QUANTIZATIONS)
        self._one_of("parallel", SHARINGS)
        for name in ("quantize", "lora_dropout"):
            if getattr(self, name) not in ("none", 0) and not self.lora:
                self._refuse(name, "is for adapters; set lora, e.g. 16")
        if self.quantize != "none" and self.parallel != "ddp":
            self._refuse("quantize", "cannot be sharded; set parallel to ddp")
        if self.patience and not self.evaluate_every:
            self._refuse("patience", "counts evaluations; set evaluate_every")
        if unknown := sorted(set(self.trackers) - set(TRACKERS)):
            self._refuse("trackers", f"must be among {', '.join(TRACKERS)}, not {unknown[0]}")
        self._one_of("schedule", SCHEDULES)
        self._one_of("truncation", TRUNCATIONS)
        self._one_of("precision", PRECISIONS)
        self._one_of("save_dtype", SAVE_DTYPES)

    def as_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)

    def _positive(self, *names: str) -> None:
        for name in names:
            if not getattr(self, name) > 0:
                self._refuse(name, "must be above 0")

    def _at_least_zero(self, *names: str) -> None:
        for name in names:
            if not getattr(self, name) >= 0:
                self._refuse(name, "must be 0 or above")

    def _share(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) < 1:
                self._refuse(name, "must be at least 0 and below 1")

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        if getattr(self, name) not in known:
            self._refuse(name, f"must be one of {', '.join(known)}")

    def _refuse(self, name: str, rule: str) -> None:
        raise RecipeError(f"{self.method}: {name} is {getattr(self, name)!r}; it {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig(LoopConfig):
    """What methods that learn from pairs have in common."""

    loss: str = "soft"
    label_clip: float = 0.02
    """`label_prob` is kept this far from 0 and 1."""
    held_out: float = 0.0
    """Share of the prompts whose pairs are not trained on: their accuracy and calibration are figures."""
    held_out_every: int | None = None
    """Steps between looks at them; None: a tenth of all."""
    stop: Mapping[str, float] = field(default_factory=dict)
    """Figure -> limit at which training stops (exit 3), e.g. {"kl": 50}; a higher one lets the same run go on."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        LoopConfig.__post_init__(self)
        self._share("held_out")
        if self.held_out_every is not None:
            self._positive("held_out_every")
        if not 0 <= self.label_clip < 0.5:
            self._refuse("label_clip", "must be at least 0 and below 0.5")
        for name, limit in self.stop.items():
            if name not in LIMITS:
                self._refuse("stop", f"must name figures among {', '.join(LIMITS)}")
            if not limit > 0:
                self._refuse("stop", f"must give {name} a limit above 0")
        needing = [name for name in ("held_out_accuracy", "calibration") if name in self.stop]
        if needing and not self.held_out:
            self._refuse("stop", f"must not name {needing[0]} while held_out is 0: nothing would be measured")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig(PairConfig):
    """A Bradley-Terry reward model."""

    method: ClassVar[str] = "reward"

    loss: str = "soft"
    """soft: the target is the pair's `label_prob`; sigmoid: the label is taken as certain."""
    margin: float = 0.0
    """Times a pair's `score_gap` is what the rewards must differ by beyond the label; 0 reads no gap."""
    centering: float = 0.0
    """Weight of the squared sum of a pair's two rewards, which keeps rewards near zero; 0.01 is usual."""
    heads: tuple[str, ...] = ()
    """Ids of principles, each with a reward of its own, learned from the pairs' `principles`; beside the whole one."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        PairConfig.__post_init__(self)
        self._at_least_zero("centering", "margin")
        self._one_of("loss", REWARD_LOSSES)
        if len(set(self.heads)) < len(self.heads):
            self._refuse("heads", "must name each principle once")
        if unread := [name for name in self.stop if name in ("chosen_drop", "kl")]:
            self._refuse("stop", f"must not name {unread[0]}: a reward model has no reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTConfig(LoopConfig):
    """Imitation of each example's last turn."""

    method: ClassVar[str] = "sft"
