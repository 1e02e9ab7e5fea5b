"""Training of the bundled models from nothing: tokenizer, curriculum, checkpoints. Resumes after a kill."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from rlaif.atomic import disk_told
from rlaif.errors import EngineError
from rlaif.hashing import derived_seed
from rlaif.microworld.corpus import row
from rlaif.microworld.curriculum import ANNEAL_STEPS, STAGES, Stage
from rlaif.microworld.draws import LabelNoise
from rlaif.microworld.packed import LABEL_SKILLS, encode
from rlaif.microworld.progress import SHARPEN, Progress, claim_folder, export, restore, save, tokenizer_of
from rlaif.microworld.rows import PackedRow
from rlaif.microworld.updates import PEAK_LR, new_model, one_step, optimizers, use_wide_attention

TOKENS_A_STEP = 7_000
"""Tokens of one step and process; rows are drawn until every skill's share is filled."""
WARMUP_STEPS = 60
SAVE_EVERY_S = 120.0
WEAK_LEVELS = (0.58, 0.62, 0.66, 0.70, 0.74)
"""Running pair accuracies at which a snapshot is kept; the one nearest to 0.72 on the report becomes `micro:weak`."""


def draw_rows(stage: Stage, seed: int, step: int, rank: int, tokenizer: Any, knobs: LabelNoise) -> list[Any]:
    """The rows of one step of one process, a function of these arguments alone."""
    rng = random.Random(derived_seed("micro", seed, step, rank))
    found = []
    for skill, share in stage.mix.items():
        left = share * TOKENS_A_STEP
        reading = stage.readings.get(skill, stage.reading)
        while left > 0:
            made: list[PackedRow] = [row(skill, rng, reading, "all", knobs) for _ in range(8)]
            for each in encode(made, tokenizer):
                # small shares are met on average: the last row is kept with the chance that fills the share
                if left > 0 and (left >= len(each.ids) or rng.random() < left / len(each.ids)):
                    found.append(each)
                left -= len(each.ids)
    return found


def learning_rate(progress: Progress) -> float:
    """Learning rate of a step: linear warm-up, constant, linear decay to zero over the annealing steps."""
    if progress.anneal:
        return PEAK_LR * max(0.0, 1 - progress.anneal / ANNEAL_STEPS)
    return PEAK_LR * min(1.0, (progress.step + 1) / WARMUP_STEPS)


def build(
    seed: int,
    out: Path,
    minutes: float | None = None,
    *,
    knobs: LabelNoise | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train into `out`: base, snapshots of the early judge, micro. A second call resumes a killed one.

    `minutes`: when this time is over, the last stage starts to anneal, whatever accuracy is reached.
    """
    out.mkdir(parents=True, exist_ok=True)
    rank = dist.get_rank() if dist.is_initialized() else 0
    folder = out / "build"
    folder.mkdir(exist_ok=True)
    knobs = knobs or LabelNoise()
    if rank == 0:
        claim_folder(folder, {"seed": seed, **asdict(knobs)})
    tokenizer = tokenizer_of(folder, seed, rank)
    model = new_model(len(tokenizer), seed).to("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        use_wide_attention(model)
    steppers = optimizers(model)
    progress = restore(folder, model, steppers)
    saved = began = time.monotonic()
    before = progress.seconds
    while progress.anneal < ANNEAL_STEPS:
        stage = STAGES[progress.stage]
        rows = draw_rows(stage, seed, progress.step, rank, tokenizer, knobs)
        loss, right = one_step(model, steppers, rows, learning_rate(progress))
        _note(progress, right)
        progress.seconds = before + time.monotonic() - began
        if rank == 0:
            _log(folder, progress, stage, loss, say)
        _snapshots(out, model, tokenizer, progress, stage, rank)
        _advance(progress, stage, minutes)
        if rank == 0 and time.monotonic() - saved > SAVE_EVERY_S:
            save(folder, model, steppers, progress)
            export(model, tokenizer, out / "latest")
            saved = time.monotonic()
    if rank == 0:
        save(folder, model, steppers, progress)
        export(model, tokenizer, out / "micro", sharpen=SHARPEN)


def build_in_processes(
    seed: int, out: Path, minutes: float | None, processes: int, knobs: LabelNoise | None = None
) -> None:
    """`build` in several single-threaded processes that average their gradients after each step.

    Uses one process on a machine with a GPU. Raises EngineError when a process dies; the same call resumes.
    """
    processes = 1 if torch.cuda.is_available() else processes
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_worker, args=(rank, processes, port, seed, out, minutes, knobs), daemon=True)
        for rank in range(processes)
    ]
    for worker in workers:
        worker.start()
    # one that dies would leave the others waiting for its gradients
    while any(worker.is_alive() for worker in workers):
        for worker in workers:
            worker.join(timeout=1.0)
        if any(worker.exitcode for worker in workers):
            for worker in workers:
                worker.kill()
            raise EngineError(
                f"the build stopped; what is done is in {out / 'build'}: run the same command again"
            )


def _worker(
    rank: int, world: int, port: int, seed: int, out: Path, minutes: float | None, knobs: LabelNoise | None
) -> None:
    end_with_parent()
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    try:
        build(seed, out, minutes, knobs=knobs)
    finally:
        dist.destroy_process_group()


def end_with_parent() -> None:
    """End this process as soon as the one that started it is no more, however that one ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="rlaif-parent", daemon=True).start()


def _note(progress: Progress, right: dict[str, float]) -> None:
    """Running accuracies, averaged over the processes that met the skill in this step."""
    if dist.is_initialized():
        skills = sorted(LABEL_SKILLS)
        sums = torch.tensor([[right.get(skill, 0.0), float(skill in right)] for skill in skills])
        dist.all_reduce(sums)
        right = {
            skill: float(total / met) for skill, (total, met) in zip(skills, sums, strict=True) if met > 0
        }
    for skill, value in right.items():
        old = progress.accuracy.get(skill, 0.5)
        progress.accuracy[skill] = old + 0.08 * (value - old)


def _advance(progress: Progress, stage: Stage, minutes: float | None) -> None:
    progress.step += 1
    progress.stage_step += 1
    due = progress.seconds
    if dist.is_initialized():
        clock = torch.tensor([due])
        dist.all_reduce(clock, op=dist.ReduceOp.MAX)
        due = float(clock)
    last = len(STAGES) - 1
    if minutes is not None and due > minutes * 60:
        progress.stage = last
    elif progress.stage < last and progress.stage_step >= stage.min_steps:
        reached = bool(stage.goal) and all(
            progress.accuracy.get(key, 0.0) >= goal for key, goal in stage.goal.items()
        )
        if reached or progress.stage_step >= stage.max_steps:
            progress.stage, progress.stage_step = progress.stage + 1, 0
    if progress.stage == last:
        progress.anneal += 1


def _snapshots(out: Path, model: Any, tokenizer: Any, progress: Progress, stage: Stage, rank: int) -> None:
    if stage.name == "language" and progress.stage_step == stage.max_steps - 1 and rank == 0:
        export(model, tokenizer, out / "base")
    if "compare" in stage.mix and progress.weak < len(WEAK_LEVELS):
        level = WEAK_LEVELS[progress.weak]
        if progress.accuracy.get("compare", 0.5) >= level:
            progress.weak += 1
            if rank == 0:
                export(model, tokenizer, out / f"weak-{level:.2f}")


def _log(folder: Path, progress: Progress, stage: Stage, loss: float, say: Callable[[str], None]) -> None:
    if progress.step % 10:
        return
    shown = {skill: round(value, 3) for skill, value in progress.accuracy.items()}
    line = {"step": progress.step, "stage": stage.name, "anneal": progress.anneal, "loss": round(loss, 4),
            "seconds": round(progress.seconds), "accuracy": shown}  # fmt: skip
    with disk_told(folder), (folder / "log.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    say(json.dumps(line))
