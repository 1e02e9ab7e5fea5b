"""What a training would do, before it does: steps, rows a step, every setting with where it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.local.load import load_counting_tokenizer
from rlaif.errors import RlaifError
from rlaif.records import Conversation, Message, Pair, prompt_name
from rlaif.settings import options as options_of
from rlaif.training import LoopConfig
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.configs.rates import rate_of_size
from rlaif.training.order import Order
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.options import PairTrainingOptions

FEW_STEPS = 20
"""Optimizer steps below which a model hardly moves, whatever the learning rate: a warning says so."""
COUNTED_PAIRS = 200
"""Pairs whose tokens are counted for a plan, evenly over all."""
_OF_ADAPTERS = {"lora_alpha", "lora_dropout", "quantize"}
STATE_BYTES = 16
"""Of each parameter that is trained: weight, gradient and two moments, in float32."""
FROZEN_BYTES = 4
_OWN_LINES = {"steps", "epochs", "batch_size", "learning_rate", "lora", "beta"}
_NOT_SHOWN = {
    "chat_template_kwargs",
    "evaluate_every",
    "evaluate_figure",
    "patience",
    "held_out",
    "seed",
    "train_on",
    "thought_marks",
}
"""Fields of a loop that say nothing here: they are other lines, or nobody can give them to `rlaif train`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How many steps a training takes, and of how many rows each."""

    rows: int
    """Pairs or examples that there are to learn from."""
    held_out: int
    """Of these, about so many are only measured on."""
    batch_size: int
    """Rows a step."""
    steps: int
    last: int
    """Rows of the last step."""
    warmup: int
    """Steps in which the learning rate climbs."""
    chosen_steps: bool
    """Whether the number of steps was asked for, and not that of passes."""

    @property
    def passes(self) -> float:
        """How often each row is seen."""
        return ((self.steps - 1) * self.batch_size + self.last) / max(1, self.rows - self.held_out)

    @property
    def line(self) -> str:
        """One line for people."""
        apart = f" ({self.held_out} held out)" if self.held_out else ""
        last = f", {self.last} in the last" if self.last != self.batch_size else ""
        passes = f"{self.passes:.3g} {'pass' if self.passes == 1 else 'passes'}"
        warm = f"; the learning rate climbs for {self.warmup}" if self.warmup else ""
        return (
            f"{self.steps} step{'s' * (self.steps != 1)} of {self.batch_size}{last}: {passes} over {self.rows} "
            f"rows{apart}{warm}"
        )

    @property
    def warnings(self) -> list[str]:
        """That the training is so short that it can hardly move anything."""
        if self.steps >= FEW_STEPS or self.chosen_steps:
            return []
        rows = self.rows - self.held_out
        batch = max(1, min(self.batch_size, 8))
        epochs = max(1, math.ceil(FEW_STEPS * batch / max(1, rows)))
        return [
            f"{self.steps} step{'s' * (self.steps != 1)} of {self.batch_size} rows "
            f"{'are' if self.steps != 1 else 'is'} few: below {FEW_STEPS} a model hardly moves. Take smaller batches "
            f"and more passes (--batch-size {batch} --epochs {epochs}: {math.ceil(rows * epochs / batch)} steps), or "
            "say --steps"
        ]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rows": self.rows,
            "held_out": self.held_out,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "passes": self.passes,
            "warmup_steps": self.warmup,
        }


def plan_steps(job: TrainJob) -> TrainingPlan | None:
    """How the rows of a job become steps; None for a method from outside that does not say."""
    loop_of = METHODS.get(job.method).loop_of
    if loop_of is None:
        return None
    config, rows = loop_of(job)
    held_out = _held_out(job)
    order = Order.of(config, max(1, rows - held_out), "plan")
    return TrainingPlan(
        rows=rows,
        held_out=held_out,
        batch_size=order.batch_size,
        steps=order.steps,
        last=order.last,
        warmup=round(config.warmup_share * order.steps),
        chosen_steps=job.options.steps is not None,
    )


def plan_training(job: TrainJob) -> str:
    """What would be done, for `--dry-run`."""
    return "\n".join(f"{name}: {value}" for name, value in _lines(job))


def plan_as_dict(job: TrainJob) -> dict[str, Any]:
    """The same as JSON: what stands in the lines, the steps, and the values of all settings."""
    plan = plan_steps(job)
    return {
        "dry_run": True,
        "method": job.method,
        "base": str(job.base),
        "out": str(job.out),
        "plan": plan.as_dict() if plan is not None else None,
        "settings": {name: _plain(value) for name, value, _ in _settings(job)},
        "from": {name: origin for name, _, origin in _settings(job)},
        "lines": dict(_lines(job)),
    }


def _lines(job: TrainJob) -> Iterator[tuple[str, str]]:
    yield "method", job.method
    rows = {"prompts": job.prompts, "examples": job.examples, "pairs": job.pairs}
    yield next(((name, str(len(held))) for name, held in rows.items() if held), ("pairs", "0"))
    if job.gate is not None and job.gate.left_out:
        told = ", ".join(f"{count} {name}" for name, count in job.gate.left_out.items())
        yield "left out", f"{told} of {job.gate.given} (the data gate)"
    if job.reviewed:
        yield "reviewed", ", ".join(f"{count} {name}" for name, count in job.reviewed.items())
    yield "base", str(job.base)
    yield "out", str(job.out)
    plan = plan_steps(job)
    if plan is not None:
        yield "plan", plan.line
    if plan is not None and job.looked is not None:
        yield "the alarm", job.looked.told(plan.steps)
    for name, counted in (("tokens", _token_line(job)), ("memory", _memory_line(job))):
        if counted:
            yield name, counted
    for name, value, origin in _settings(job):
        if value not in (None, {}, ()):
            yield name, f"{value}  [{origin}]"


def _settings(job: TrainJob) -> Iterator[tuple[str, Any, str]]:
    """Every setting that holds: name, value, and where it comes from."""
    loop_of = METHODS.get(job.method).loop_of
    config = None if loop_of is None else loop_of(job)[0]
    for each in options_of(type(job.options)):
        if each.name not in _OWN_LINES:
            yield each.name, getattr(job.options, each.name), _origin(job, each.name)
    yield "lora", f"rank {job.rank}" if job.rank else "no, all weights", _origin(job, "lora")
    if config is None:
        for each in options_of(type(job.options)):
            if each.name in _OWN_LINES - {"lora"}:
                yield each.name, getattr(job.options, each.name), _origin(job, each.name)
        return
    if isinstance(config, DPOConfig):
        origin = _origin(job, "beta") if config.beta is not None else f"usual with loss {config.loss}"
        yield "beta", config.strength, origin
    elif (beta := getattr(config, "beta", None)) is not None:
        yield "beta", beta, _origin(job, "beta")
    plan = plan_steps(job)
    yield "steps", plan.steps if plan is not None else config.steps, _origin(job, "steps", "epochs")
    yield "batch_size", config.batch_size, _origin(job, "batch_size")
    yield "learning_rate", *_rate(job, config)
    for name in (each.name for each in fields(LoopConfig) if _is_read(config, each.name)):
        yield name, getattr(config, name), _origin(job, "loop") if name in job.options.loop else "default"


def _is_read(config: LoopConfig, name: str) -> bool:
    """Whether a field of the loop has a line of its own, and something to say in this training."""
    if name in _OWN_LINES | _NOT_SHOWN:
        return False
    if name == "decay_share":
        return config.schedule == "wsd"
    return bool(config.lora) or name not in _OF_ADAPTERS


def _origin(job: TrainJob, *names: str) -> str:
    return next((job.origins[name] for name in names if name in job.origins), "default")


def _rate(job: TrainJob, config: LoopConfig) -> tuple[float | str, str]:
    if config.learning_rate is not None:
        return config.learning_rate, _origin(job, "learning_rate")
    size = _parameters(job.base)
    if size is None:
        return "by size", "default"
    return rate_of_size(size, adapter=bool(config.lora)), f"by size: {size / 1e6:,.1f} M parameters"


def _held_out(job: TrainJob) -> int:
    """About how many pairs are set apart: whole prompts are."""
    share = job.options.held_out_pairs if isinstance(job.options, PairTrainingOptions) else 0.0
    prompts = len({prompt_name(each.prompt) for each in job.pairs})
    return round(len(job.pairs) * max(1, round(share * prompts)) / prompts) if share and prompts else 0


def _token_line(job: TrainJob) -> str | None:
    """How long pairs are to the model that trains; None where its tokenizer is for the training to complain about."""
    counted = job.pairs[:: -(-len(job.pairs) // COUNTED_PAIRS) or 1]
    try:
        lengths = _lengths(job, counted)
    except RlaifError:
        return None
    if not lengths:
        return None
    mean, whole = sum(lengths) / len(lengths), len(job.pairs)
    of = "" if len(lengths) == whole else f", by {len(lengths)} of them"
    return f"about {mean * whole:,.0f} in {whole} pairs, {mean:,.0f} a pair, at most {max(lengths):,}{of}"


def _lengths(job: TrainJob, pairs: Sequence[Pair]) -> list[int]:
    from rlaif.engines.chat_template import Chat

    chat = Chat(load_counting_tokenizer(job.base), job.chat_template_kwargs, job.thought_marks)
    prompts = chat.prompt_ids([Conversation(messages=each.prompt, tools=each.tools) for each in pairs])
    sides = [chat.text_ids([*_texts(each.chosen), *_texts(each.rejected)]) for each in pairs]
    return [len(prompt) + sum(map(len, both)) for prompt, both in zip(prompts, sides, strict=True)]


def _texts(side: Sequence[Message]) -> list[str]:
    return [text for each in side for text in (each.thought, each.content) if text]


def _memory_line(job: TrainJob) -> str | None:
    size = _parameters(job.base)
    if size is None:
        return None
    held = size * (FROZEN_BYTES if job.rank else STATE_BYTES)
    what = "the frozen weights" if job.rank else "weights, gradients and moments"
    return f"at least {held / 2**30:,.2f} GiB for {what} of {size / 1e6:,.1f} M parameters; activations come on top"


def _parameters(directory: Path) -> int | None:
    """Numbers in a model directory's weights, read off the heads of its files; None where these cannot be read."""
    try:
        base = adapter_base(directory) or directory
        shapes = [
            each["shape"]
            for path in base.glob("*.safetensors")
            for name, each in _head(path).items()
            if name != "__metadata__"
        ]
        return sum(math.prod(shape) for shape in shapes) or None
    except (RlaifError, OSError, ValueError, KeyError, TypeError):
        return None


def _head(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > path.stat().st_size:
            raise ValueError(f"{path}: its head is longer than the file")
        found: Mapping[str, Any] = json.loads(stream.read(size))
        return found


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
