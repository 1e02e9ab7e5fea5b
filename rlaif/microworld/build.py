"""Makes the bundled family from nothing: tokenizer, curriculum, checkpoints; it can be killed and goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rlaif.atomic import write_text
from rlaif.errors import EngineError, RunError
from rlaif.hashing import derived_seed
from rlaif.microworld.corpus import Knobs, Row, row
from rlaif.microworld.curriculum import ANNEAL_STEPS, STAGES, Stage
from rlaif.microworld.packed import IGNORED, LABEL_SKILLS, Batch, collate, encode, microbatches
from rlaif.microworld.tokenizer import PAD, save_tokenizer, train_tokenizer

TOKENS_A_STEP = 7_000
"""Of one process; rows are drawn until every skill's share of this is filled."""
MICROBATCH_TOKENS = 3_072
"""Small, so that rows of like length meet: a step has rows of 60 and of 600 tokens, and padding is paid for."""
PEAK_LR = 2e-3
WARMUP_STEPS = 60
SAVE_EVERY_S = 120.0
WEAK_LEVELS = (0.58, 0.62, 0.66, 0.70, 0.74)
"""Running pair accuracies at which a snapshot is kept; the one nearest to 0.72 on the report becomes `micro:weak`."""


@dataclass
class Progress:
    """Where the build stands."""

    step: int = 0
    stage: int = 0
    stage_step: int = 0
    anneal: int = 0
    seconds: float = 0.0
    accuracy: dict[str, float] = field(default_factory=dict)
    weak: int = 0


def new_model(vocabulary: int, seed: int) -> Any:
    """The family's shape: Llama, at most 2 M parameters."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=160, intermediate_size=400, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True, pad_token_id=0, eos_token_id=1,
        bos_token_id=None, initializer_range=0.04, attn_implementation="sdpa",
    )  # fmt: skip
    return LlamaForCausalLM(config)


def optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon on the hidden matrices, AdamW on the embedding and the norms (about twice as quick here as AdamW alone)."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(
            matrices, lr=PEAK_LR, weight_decay=0.02, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=PEAK_LR, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def draw_rows(stage: Stage, seed: int, step: int, rank: int, tokenizer: Any, knobs: Knobs) -> list[Any]:
    """The rows of one step of one process, a function of these arguments alone."""
    rng = random.Random(derived_seed("micro", seed, step, rank))
    found = []
    for skill, share in stage.mix.items():
        left = share * TOKENS_A_STEP
        reading = stage.readings.get(skill, stage.reading)
        while left > 0:
            made: list[Row] = [row(skill, rng, reading, "all", knobs) for _ in range(8)]
            for each in encode(made, tokenizer):
                # small shares are met on average: the last row is kept with the chance that fills the share
                if left > 0 and (left >= len(each.ids) or rng.random() < left / len(each.ids)):
                    found.append(each)
                left -= len(each.ids)
    return found


def losses(model: Any, batch: Batch) -> tuple[Tensor, Tensor, list[tuple[str, Tensor]]]:
    """Weighted loss, its weight, and for each label skill whether the first answer tokens were right."""
    hidden = model.model(
        input_ids=batch.ids_NL,
        attention_mask=batch.allowed_N1LL,
        position_ids=batch.positions_NL,
        use_cache=False,
    ).last_hidden_state
    chosen = batch.targets_NL != IGNORED
    logits = model.lm_head(hidden[chosen])
    targets = batch.targets_NL[chosen]
    each = nn.functional.cross_entropy(logits, targets, reduction="none")
    weights = batch.weights_NL[chosen]
    right = torch.zeros_like(batch.targets_NL, dtype=torch.float)
    right[chosen] = (logits.detach().argmax(-1) == targets).float()
    scores = []
    for index, skill in enumerate(batch.skills):
        scores.append((skill, right[index][batch.firsts_NL[index]]))
    return (each * weights).sum(), weights.sum(), scores


def one_step(
    model: Any, steppers: list[torch.optim.Optimizer], rows: list[Any], lr: float
) -> tuple[float, dict[str, float]]:
    """Forward, backward and update over all micro-batches; returns mean loss and first-token accuracy by skill."""
    device = next(model.parameters()).device
    groups = [collate(group, 0).to(device) for group in microbatches(rows, MICROBATCH_TOKENS)]
    total = torch.stack([batch.weights_NL.sum() for batch in groups]).sum()
    world = dist.get_world_size() if dist.is_initialized() else 1
    loss_sum = 0.0
    tallies: dict[str, list[Tensor]] = {}
    for batch in groups:
        loss, _, scores = losses(model, batch)
        torch.autograd.backward(loss / total / world)
        loss_sum += float(loss.detach())
        for skill, right in scores:
            tallies.setdefault(skill, []).append(right)
    if world > 1:
        flat = torch.cat([p.grad.flatten() for p in model.parameters()])
        dist.all_reduce(flat)
        done = 0
        for p in model.parameters():
            p.grad.copy_(flat[done : done + p.numel()].view_as(p))
            done += p.numel()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for stepper in steppers:
        for group in stepper.param_groups:
            group["lr"] = lr
        stepper.step()
        stepper.zero_grad(set_to_none=True)
    return loss_sum / float(total), {
        skill: float(torch.cat(rights).mean()) for skill, rights in tallies.items()
    }


def learning_rate(progress: Progress) -> float:
    """Warm up, stay, and fall to zero over the annealing steps."""
    if progress.anneal:
        return PEAK_LR * max(0.0, 1 - progress.anneal / ANNEAL_STEPS)
    return PEAK_LR * min(1.0, (progress.step + 1) / WARMUP_STEPS)


def build(
    seed: int,
    out: Path,
    minutes: float | None = None,
    *,
    knobs: Knobs | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train into `out`: base, snapshots of the young judge, micro. Called again after a kill, it goes on.

    `minutes` is the time after which the last stage begins to anneal, however far it is.
    """
    out.mkdir(parents=True, exist_ok=True)
    rank = dist.get_rank() if dist.is_initialized() else 0
    folder = out / "build"
    folder.mkdir(exist_ok=True)
    knobs = knobs or Knobs()
    if rank == 0:
        _claim(folder, {"seed": seed, **asdict(knobs)})
    tokenizer = _tokenizer(folder, seed, rank)
    model = new_model(len(tokenizer), seed).to("cuda" if torch.cuda.is_available() else "cpu")
    steppers = optimizers(model)
    progress = _restore(folder, model, steppers)
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
            _save(folder, model, steppers, progress)
            export(model, tokenizer, out / "latest")
            saved = time.monotonic()
    if rank == 0:
        _save(folder, model, steppers, progress)
        export(model, tokenizer, out / "micro")


def build_in_processes(
    seed: int, out: Path, minutes: float | None, processes: int, knobs: Knobs | None = None
) -> None:
    """`build` in several single-threaded processes that average their gradients after each step.

    On a machine with a GPU, one process. Raises EngineError when a process dies; the same call goes on.
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
    rank: int, world: int, port: int, seed: int, out: Path, minutes: float | None, knobs: Knobs | None
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    try:
        build(seed, out, minutes, knobs=knobs)
    finally:
        dist.destroy_process_group()


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


def export(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write an ordinary model directory in bfloat16."""
    import copy

    half = copy.deepcopy(model).to("cpu", torch.bfloat16)
    half.config.dtype = torch.bfloat16
    half.generation_config.eos_token_id = tokenizer.eos_token_id
    half.generation_config.pad_token_id = tokenizer.convert_tokens_to_ids(PAD)
    half.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)


def _claim(folder: Path, plan: dict[str, Any]) -> None:
    """Refuse to go on with a build of another seed or other knobs."""
    path = folder / "plan.json"
    if path.is_file() and (held := json.loads(path.read_text())) != plan:
        differing = sorted(key for key in plan if held.get(key) != plan[key])
        raise RunError(f"{folder.parent}: a build with another {', '.join(differing)}; choose another --out")
    write_text(path, json.dumps(plan))


def _tokenizer(folder: Path, seed: int, rank: int) -> Any:
    from transformers import AutoTokenizer

    if rank == 0 and not (folder / "tokenizer" / "tokenizer.json").is_file():
        save_tokenizer(train_tokenizer(seed), folder / "tokenizer")
    if dist.is_initialized():
        dist.barrier()
    return AutoTokenizer.from_pretrained(folder / "tokenizer")


def _log(folder: Path, progress: Progress, stage: Stage, loss: float, say: Callable[[str], None]) -> None:
    if progress.step % 10:
        return
    shown = {skill: round(value, 3) for skill, value in progress.accuracy.items()}
    line = {"step": progress.step, "stage": stage.name, "anneal": progress.anneal, "loss": round(loss, 4),
            "seconds": round(progress.seconds), "accuracy": shown}  # fmt: skip
    with (folder / "log.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    say(json.dumps(line))


def _save(folder: Path, model: Any, steppers: list[torch.optim.Optimizer], progress: Progress) -> None:
    draft = folder / "state.pt.draft"
    torch.save(
        {
            "model": model.state_dict(),
            "steppers": [s.state_dict() for s in steppers],
            "progress": asdict(progress),
        },
        draft,
    )
    os.replace(draft, folder / "state.pt")


def _restore(folder: Path, model: Any, steppers: list[torch.optim.Optimizer]) -> Progress:
    path = folder / "state.pt"
    if not path.is_file():
        return Progress()
    state = torch.load(path, weights_only=True, map_location=next(model.parameters()).device)
    model.load_state_dict(state["model"])
    for stepper, kept in zip(steppers, state["steppers"], strict=True):
        stepper.load_state_dict(kept)
    return Progress(**state["progress"])
