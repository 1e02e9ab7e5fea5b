"""What every training can be told, whatever its method: steps, batches, learning rate, adapters, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

from rlaif.errors import RecipeError
from rlaif.trl_names import renamed

TRUNCATIONS = ("drop", "mask")
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
