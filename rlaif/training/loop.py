"""The one training loop: rows of a step -> passes -> an optimizer step -> figures, log, checkpoint.

A step is a function of the seed, its number and the weights and moments before it; nothing else is remembered,
so a run resumed from a checkpoint goes on bit by bit as the run that was never killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from rlaif.errors import ThresholdError
from rlaif.training.configs import TrainConfig
from rlaif.training.packing import Batch, Tree, pack, split
from rlaif.training.progress import MetricsLog, Progress
from rlaif.training.state import CHECKPOINT, METRICS, TrainingFolder

TENSORBOARD = "tensorboard"
CPU_TOKENS, DEVICE_TOKENS = 2048, 16384


class Part(NamedTuple):
    """One pass's share of its step: parts of means over the whole step, so passes and processes add up."""

    loss: Tensor
    figures: Mapping[str, Tensor]


class Objective(Protocol):
    """What is minimised: a method's rows and its loss of what the model read in them."""

    steps: int
    with_last: bool
    """Whether the last token of each branch is needed as input."""

    def counts(self) -> dict[str, Any]:
        """What a step is made of, for the record."""

    def trees(self, step: int) -> Sequence[Tree]:
        """The rows of `step`, which counts from 0."""

    def part(self, step: int, members: Sequence[int], batch: Batch, out: Any) -> Part:
        """What `members` (places in `trees(step)`, ascending) add to the step's loss and figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a loop needs."""

    scorer: nn.Module
    pad_id: int
    objective: Objective
    config: TrainConfig
    learning_rate: float
    packed: bool
    folder: TrainingFolder
    progress: Progress | None


def run(job: Job, accelerator: Accelerator) -> list[dict[str, float]]:
    """Train to the last step, from the last checkpoint if there is one; the figures of every step."""
    trainable = {name: each for name, each in job.scorer.named_parameters() if each.requires_grad}
    optimizer = _optimizer(trainable, job)
    done = _resume(job, trainable, optimizer)
    scorer, optimizer = accelerator.prepare(job.scorer, optimizer)
    main = accelerator.is_main_process
    log = (
        MetricsLog(job.folder.out / METRICS, done=done, tensorboard=job.folder.out / TENSORBOARD)
        if main
        else None
    )
    steps = job.objective.steps
    for step in range(done, steps):
        began = time.perf_counter()
        figures = _step(step, job, scorer, optimizer, accelerator)
        figures["seconds"] = time.perf_counter() - began
        if log is not None:
            log.write(step + 1, figures)
            if job.progress is not None:
                job.progress(step + 1, steps, figures)
            every = job.config.checkpoint_every
            if step + 1 == steps or (every and (step + 1) % every == 0):
                _checkpoint(job, trainable, optimizer, step + 1)
    return log.close() if log is not None else []


def learning_rate(step: int, steps: int, config: TrainConfig, peak: float) -> float:
    """The rate of `step` (from 0): a climb over the warmup share, then what the schedule says."""
    warmup = round(config.warmup_share * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    left = (steps - step) / max(1, steps - warmup)
    match config.schedule:
        case "linear":
            return peak * left
        case "cosine":
            return peak * 0.5 * (1 - math.cos(math.pi * left))
        case _:
            return peak


def tokens_a_pass(config: TrainConfig, device: torch.device) -> int:
    """The configured number, or one that suits the device."""
    return config.batch_tokens or (CPU_TOKENS if device.type == "cpu" else DEVICE_TOKENS)


def _step(
    step: int, job: Job, scorer: nn.Module, optimizer: Any, accelerator: Accelerator
) -> dict[str, float]:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, job.objective.steps, job.config, job.learning_rate)
    totals: dict[str, Tensor] = {}
    passes = _passes(step, job, accelerator)
    for number, (members, batch, share) in enumerate(passes, 1):
        batch = batch.to(accelerator.device)
        # gradients are exchanged between processes once, with the last pass
        with accelerator.no_sync(scorer) if number < len(passes) else nullcontext():
            part = job.objective.part(step, members, batch, scorer(batch))
            # processes' gradients are averaged, while the parts are meant to be summed
            accelerator.backward(part.loss * (share * accelerator.num_processes))
        for name, value in {"loss": part.loss, **part.figures, **_sizes(batch)}.items():
            totals[name] = totals.get(name, 0) + value.detach() * share
    norm = float(accelerator.clip_grad_norm_(scorer.parameters(), job.config.clip_norm or math.inf))
    figures = {name: float(value) for name, value in accelerator.reduce(totals, "sum").items()}
    if not (math.isfinite(figures["loss"]) and math.isfinite(norm)):
        raise ThresholdError(
            f"step {step + 1}: loss {figures['loss']}, gradient norm {norm}; nothing was learned from it."
            f" Lower learning_rate (now {job.learning_rate:g})"
        )
    optimizer.step()
    optimizer.zero_grad()
    places, apart = figures.pop("places"), figures.pop("apart")
    figures |= {"grad_norm": norm, "learning_rate": optimizer.param_groups[0]["lr"]}
    figures["shared_ratio"] = 1 - figures["num_tokens"] / apart
    figures["padding_ratio"] = 1 - figures["num_tokens"] / places
    return figures


class _Pass(NamedTuple):
    members: list[int]
    batch: Batch
    share: float
    """1, or 0 where a process has no row of its own and goes along on another's."""


def _passes(step: int, job: Job, accelerator: Accelerator) -> list[_Pass]:
    trees = job.objective.trees(step)
    mine = list(range(accelerator.process_index, len(trees), accelerator.num_processes))
    share = 1.0 if mine else 0.0
    mine = mine or [0]
    groups = split([trees[place] for place in mine], tokens_a_pass(job.config, accelerator.device))
    passes = []
    for group in groups:
        members = sorted(mine[index] for index in group)
        rows = [trees[place] for place in members]
        batch = pack(rows, packed=job.packed, pad_id=job.pad_id, with_last=job.objective.with_last)
        passes.append(_Pass(members, batch, share))
    return passes


def _sizes(batch: Batch) -> dict[str, Tensor]:
    sizes = {"num_tokens": batch.tokens, "apart": batch.tokens_apart, "places": batch.ids_RL.numel()}
    return {name: torch.tensor(float(size), device=batch.ids_RL.device) for name, size in sizes.items()}


def _optimizer(trainable: Mapping[str, nn.Parameter], job: Job) -> torch.optim.Optimizer:
    # scales and biases are not shrunk towards zero
    decayed = [each for each in trainable.values() if each.ndim > 1]
    others = [each for each in trainable.values() if each.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": job.config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, fused=True)


def _checkpoint(job: Job, trainable: Mapping[str, nn.Parameter], optimizer: Any, done: int) -> None:
    tensors: dict[str, Tensor] = {f"weights/{name}": each for name, each in trainable.items()}
    for name, each in trainable.items():
        tensors |= {f"{key}/{name}": value for key, value in optimizer.state[each].items()}
    job.folder.save(CHECKPOINT, tensors, done=done)


def _resume(job: Job, trainable: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> int:
    held = job.folder.load(CHECKPOINT)
    if held is None:
        return 0
    tensors, facts = held
    with torch.no_grad():
        for name, each in trainable.items():
            each.copy_(tensors[f"weights/{name}"])
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}/{name}" in tensors]
            optimizer.state[each] = {key: tensors[f"{key}/{name}"].to(each.device) for key in keys}
    return int(facts["done"])
