"""What every training can be told, whatever its method: steps, batches, learning rate, adapters, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

from rlaif.errors import RecipeError
from rlaif.settings import options, setting
from rlaif.trl_names import renamed

TRAIN_ON = ("all", "answer")
TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """Fields that every method has; those that are settings are options of `loop`."""

    method: ClassVar[str]

    steps: int | None = None
    """Optimizer steps; None: as many as `epochs` take."""
    epochs: int = 1
    """Passes over the data; not read when `steps` is given."""
    batch_size: int = 32
    """Pairs (or examples) a step, over all processes."""
    batch_tokens: int | None = setting(
        None,
        help="Tokens in a forward pass; a larger step takes several passes, which changes no gradient but by rounding "
        "[default: 2,048 on CPUs, 1,024 from a width of 512 on; 16,384 elsewhere].",
        least=1,
    )
    learning_rate: float | None = None
    """None: chosen by the number of parameters (`models.default_learning_rate`), and printed."""
    schedule: Literal["constant", "linear", "cosine", "wsd"] = setting(
        "linear",
        help="How the learning rate goes on after the warm-up; `wsd`: constant, then linear over the last "
        "`decay_share`.",
    )
    warmup_share: float = setting(
        0.1, help="Share of the steps in which the learning rate climbs.", least=0, below=1
    )
    decay_share: float = setting(
        0.2, help="Share of the steps in which the rate falls; read by `wsd` only.", least=0, below=1
    )
    weight_decay: float = setting(0.0, help="Weight decay, on matrices only.", least=0)
    clip_norm: float = setting(1.0, help="Largest gradient norm of a step; 0: no clipping.", least=0)
    max_length: int | None = setting(
        None,
        help="Longest prompt with answer, in tokens; longer ones are counted, and dropped or masked as `truncation` "
        "says [default: the model's context].",
        least=1,
    )
    truncation: Literal["drop", "mask"] = setting(
        "drop",
        help="What is too long, or was cut off when it was sampled: drop it, or keep it without an end token.",
    )
    precision: Literal["float32", "bf16"] = setting(
        "float32", help="`bf16`: bf16 arithmetic on float32 weights."
    )
    gradient_checkpointing: bool = setting(False, help="Recompute activations to save memory.")
    lora: int = 0
    """Rank of the adapter; 0 trains all weights."""
    lora_alpha: float | None = setting(
        None, help="Alpha of the adapter of `lora` [default: twice the rank].", above=0
    )
    lora_dropout: float = setting(
        0.0,
        help="Share of the adapter's inputs that are left out at random, by the seed and the step.",
        least=0,
        below=1,
    )
    quantize: Literal["none", "4bit"] = setting(
        "none", help="`4bit`: the frozen weights in 4 bits (QLoRA); needs `lora` and bitsandbytes."
    )
    parallel: Literal["ddp", "fully_shard"] = setting(
        "ddp", help="How several processes share the work: a copy each, or one model in parts."
    )
    evaluate_every: int = 0
    """Steps between calls of the evaluator; 0 where there is none. The best weights seen are the ones written."""
    evaluate_figure: str | None = None
    """Which of the evaluator's figures is to rise; None: its first."""
    patience: int = 0
    """Evaluations without a new best after which training stops; 0 goes on to the last step."""
    trackers: tuple[str, ...] = setting(
        ("tensorboard",),
        help=f"Where figures go beside `metrics.jsonl`: {', '.join(TRACKERS)}, joined by commas.",
    )
    save_dtype: Literal["source", "float32", "bfloat16", "float16"] = setting(
        "source", help="Data type of the weights that are written; `source`: that of the model's file."
    )
    checkpoint_every: int = setting(20, help="Steps between checkpoints; 0: none before the end.", least=0)
    seed: int = 0
    packed: bool = setting(
        True, help="False: repeat the prompt for each answer; slower, and the yardstick of the packed path."
    )
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """For templates with options; one that can think is told not to unless this says otherwise."""
    trust_remote_code: bool = False
    """Whether Python code that lies beside the weights may run."""
    train_on: Literal["all", "answer"] = "all"
    """What is learned of a turn with a thought: both, or the answer, behind the thought which is read and not learned.
    An empty thought is never learned."""
    thought_marks: tuple[str, str] | None = None
    """What the model writes before and behind its thoughts, where neither its template nor its tokens tell."""

    def __new__(cls, **given: Any) -> Self:
        """Answer another trainer's names with ours. Raises RecipeError."""
        for name in given.keys() - {each.name for each in fields(cls)}:
            if hint := renamed(name):
                raise RecipeError(f"{cls.method}: {hint}")
        return object.__new__(cls)

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        self._check_settings()
        self._positive("batch_size", "epochs")
        self._at_least_zero("lora", "evaluate_every", "patience")
        self._one_of("train_on", TRAIN_ON)
        for name in ("steps", "learning_rate"):
            if getattr(self, name) is not None:
                self._positive(name)
        if self.warmup_share + self.decay_share > 1 and self.schedule == "wsd":
            self._refuse("decay_share", f"must leave room beside warmup_share {self.warmup_share!r}")
        for name in ("quantize", "lora_dropout"):
            if getattr(self, name) not in ("none", 0) and not self.lora:
                self._refuse(name, "is for adapters; set lora, e.g. 16")
        if self.quantize != "none" and self.parallel != "ddp":
            self._refuse("quantize", "cannot be sharded; set parallel to ddp")
        if self.patience and not self.evaluate_every:
            self._refuse("patience", "counts evaluations; set evaluate_every")
        if unknown := sorted(set(self.trackers) - set(TRACKERS)):
            self._refuse("trackers", f"must be among {', '.join(TRACKERS)}, not {unknown[0]}")

    def _check_settings(self) -> None:
        """Raise RecipeError for a setting that is not among its choices, or out of its bounds."""
        for each in options(LoopConfig):
            about = each.setting
            if each.choices:
                self._one_of(each.name, each.choices)
            elif getattr(self, each.name) is None:
                continue
            elif about.below is not None:
                self._share(each.name)
            elif about.least == 0:
                self._at_least_zero(each.name)
            elif about.least is not None or about.above is not None:
                self._positive(each.name)

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
