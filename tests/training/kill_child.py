"""Trainings that kill themselves with SIGKILL at a given place; `test_resume.py` runs this as a process of its own.

The process imports torch once and forks for each training; it never trains itself, as torch's threads do not fork.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlaif.training import (
    DPOConfig,
    RewardConfig,
    SFTConfig,
    models,
    reference,
    state,
    train_dpo,
    train_reward,
    train_sft,
)
from rlaif.training.runner import snapshot_directory

from .builders import make_examples, make_pairs

DPO = DPOConfig(steps=11, batch_size=4, batch_tokens=120, learning_rate=2e-3, nll=0.1, checkpoint_every=3,
                replay={"judge": 0.3}, weight_decay=0.1)  # fmt: skip
REWARD = RewardConfig(steps=7, batch_size=4, learning_rate=2e-3, checkpoint_every=2)


SLOW_IMPORTS = (
    "peft",
    "rlaif.training.dpo",
    "rlaif.training.reward",
    "rlaif.training.sft",
    "torch.utils.tensorboard",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train(method: str, lora: int, policy: Path, out: Path, progress: Any = None) -> None:
    """The same call every time."""
    from dataclasses import replace

    if method == "evaluated":
        evaluated(policy, out, progress)
        return
    if method == "dropout":
        config = replace(DPO, lora=lora, lora_dropout=0.5, schedule="wsd", batch_tokens=60)
        train_dpo(replace(config, replay={}), make_pairs(13), policy=policy, reference="previous", out=out,
                  progress=progress)  # fmt: skip
        return
    if method == "reward":
        train_reward(replace(REWARD, lora=lora), make_pairs(13), base=policy, out=out, progress=progress)
        return
    train_dpo(replace(DPO, lora=lora), make_pairs(13), policy=policy, reference="previous", out=out,
              replay=make_examples(7), progress=progress)  # fmt: skip


class Falling:
    """An evaluator that looks at the weights it is shown; they were best after step 4."""

    def __init__(self, out: Path) -> None:
        self.folder = snapshot_directory(out)

    def evaluate(self, step: int) -> dict[str, float]:
        from safetensors.torch import load_file

        weights = load_file(self.folder / "model.safetensors")
        moved = float(sum(each.double().abs().sum() for each in weights.values()))
        return {"quality": -abs(step - 4), "seen": moved}


def evaluated(policy: Path, out: Path, progress: Any) -> None:
    """Ten steps planned; stopped after step 8 as two evaluations are no better than that of step 4."""
    config = SFTConfig(
        steps=10, batch_size=3, learning_rate=2e-3, checkpoint_every=3, evaluate_every=2, patience=2
    )
    train_sft(config, make_examples(9), policy=policy, out=out, progress=progress, evaluator=Falling(out))


def arm(place: str) -> Callable[..., None] | None:
    """Prepare death at `place`; what to hand to the training as its progress."""
    name, _, number = place.partition(":")
    match name:
        case "step":
            return lambda step, steps, figures: die() if step == int(number) else None
        case "reference":
            reference.LogpCache.keep = lambda *_: die()
        case "checkpoint":  # half of it is on disk
            state.save_file = half_then_die(state.save_file, int(number))
        case "export":  # the weights are in place, the tokenizer is not
            replaced = os.replace

            def replace_some(source: Any, target: Any) -> None:
                replaced(source, target)
                if Path(target).name == "model.safetensors" and "adapter" not in str(target):
                    die()

            models.os = type("os", (), {"replace": staticmethod(replace_some)})
        case "record":
            state.TrainingFolder.finish = lambda *_: die()
        case "cleanup":
            state.TrainingFolder.clear = lambda *_: die()
        case _:
            raise AssertionError(place)
    return lambda *_: None


def half_then_die(save: Callable[..., None], number: int) -> Callable[..., None]:
    """Write the first `number - 1` files whole, then half of one."""
    calls = iter(range(1, 1000))

    def dying(tensors: Any, path: Path, metadata: Any) -> None:
        save(tensors, path, metadata)
        if next(calls) == number:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            die()

    return dying


def serve() -> None:
    """For each line of arguments, fork a training that dies; answer with the signal that ended it."""
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    for line in sys.stdin:
        place, method, lora, policy, out = json.loads(line)
        child = os.fork()
        if child == 0:
            train(method, lora, Path(policy), Path(out), arm(place))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.WTERMSIG(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
