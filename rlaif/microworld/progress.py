"""State of a build on disk, from which a killed build resumes."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from rlaif.atomic import disk_told, whole_file, write_text
from rlaif.errors import RunError
from rlaif.microworld.tokenizer import PAD, save_tokenizer, train_tokenizer


@dataclass
class Progress:
    """Stage, step, running accuracies and time of a build."""

    step: int = 0
    stage: int = 0
    stage_step: int = 0
    anneal: int = 0
    seconds: float = 0.0
    accuracy: dict[str, float] = field(default_factory=dict)
    weak: int = 0


SHARPEN = 1.2
"""Factor on the last norm's scale at export: it multiplies all logits, like a temperature of 1 / 1.2.

A small model draws about one word in two thousand from the tail of its distribution, where sentences break. Equal
logits stay equal under a factor, so answers stay as varied as they were.
"""


def export(model: Any, tokenizer: Any, folder: Path, *, sharpen: float = 1.0) -> None:
    """Write an ordinary model directory in bfloat16."""
    half = copy.deepcopy(model).to("cpu")
    with torch.no_grad():
        half.model.norm.weight.mul_(sharpen)
    half = half.to(torch.bfloat16)
    half.config.dtype = torch.bfloat16
    half.generation_config.eos_token_id = tokenizer.eos_token_id
    half.generation_config.pad_token_id = tokenizer.convert_tokens_to_ids(PAD)
    with disk_told(folder):
        half.save_pretrained(folder)
        save_tokenizer(tokenizer, folder)


def claim_folder(folder: Path, plan: dict[str, Any]) -> None:
    """Refuse to resume a build of another seed or other `Knobs`."""
    path = folder / "plan.json"
    if path.is_file() and (held := json.loads(path.read_text())) != plan:
        differing = sorted(key for key in plan if held.get(key) != plan[key])
        raise RunError(f"{folder.parent}: a build with another {', '.join(differing)}; choose another --out")
    write_text(path, json.dumps(plan))


def tokenizer_of(folder: Path, seed: int, rank: int) -> Any:
    """Load the tokenizer of a build from `folder`; process 0 trains and saves it first where it is missing."""
    from rlaif.libraries.transformers import load_tokenizer

    if rank == 0 and not (folder / "tokenizer" / "tokenizer.json").is_file():
        save_tokenizer(train_tokenizer(seed), folder / "tokenizer")
    if dist.is_initialized():
        dist.barrier()
    return load_tokenizer(folder / "tokenizer", trust_remote_code=False)


def save(folder: Path, model: Any, steppers: list[torch.optim.Optimizer], progress: Progress) -> None:
    """Save model, optimizers and progress to `folder`/state.pt at one stroke: a killed build keeps the last state."""
    state = {
        "model": model.state_dict(),
        "steppers": [s.state_dict() for s in steppers],
        "progress": asdict(progress),
    }
    with whole_file(folder / "state.pt") as draft:
        torch.save(state, draft)


def restore(folder: Path, model: Any, steppers: list[torch.optim.Optimizer]) -> Progress:
    """Load `folder`/state.pt into `model` and the optimizers; return how far it was (zero where there is none)."""
    path = folder / "state.pt"
    if not path.is_file():
        return Progress()
    state = torch.load(path, weights_only=True, map_location=next(model.parameters()).device)
    model.load_state_dict(state["model"])
    for stepper, kept in zip(steppers, state["steppers"], strict=True):
        stepper.load_state_dict(kept)
    return Progress(**state["progress"])
