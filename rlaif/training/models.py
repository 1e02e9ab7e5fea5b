"""Model directories in and out of training; what is written loads anywhere."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from rlaif.atomic import disk_told
from rlaif.engines.chat_template import Chat
from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.local.checks import check_directory
from rlaif.engines.local.load import check_vocabulary, load_model, load_tokenizer, loading
from rlaif.errors import ModelError, RecipeError
from rlaif.libraries.peft import is_dropout, merged, with_lora
from rlaif.libraries.transformers import (
    architectures,
    checkpoint_gradients,
    classifies,
    context_of,
    end_ids_of,
    is_encoder,
    is_four_bit,
    is_four_bit_checkpoint,
    library_changed,
    load_classifier,
    new_score_head,
    quiet,
    said_by,
    set_padding,
    written_as_it_was,
)
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.configs.rates import rate_of_size
from rlaif.training.configs.reward import RewardConfig
from rlaif.training.quantized import load_quantized

ADAPTER = "adapter"
REWARD_LABEL = "reward"
"""Name of a reward model's first label; further ones are principles."""
_TORCH_DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A model ready to train, with its tokenizer."""

    model: Any
    chat: Chat
    end_id: int
    """What ends an answer."""
    ends: frozenset[int]
    """All that ends a turn."""
    pad_id: int
    room: int
    """Tokens a row may have."""
    source_dtype: torch.dtype


def open_causal(folder: Path, config: LoopConfig) -> Opened:
    """A causal language model in float32, dropout off. Raises ModelError."""
    check_directory(folder)
    _refuse_four_bits(folder)
    if config.quantize != "none":
        return _opened(load_quantized(folder, config.trust_remote_code), folder, config)
    # the engine's models are for asking only
    model = load_model(folder, trust_remote_code=config.trust_remote_code).requires_grad_(True)
    return _opened(model, folder, config)


def open_classifier(folder: Path, config: LoopConfig) -> Opened:
    """A sequence classifier over the model in `folder`, with a label for the reward and one for each head of `config`.

    A new head is drawn from the seed.
    """
    check_directory(folder)
    if adapter_base(folder) is not None:
        raise ModelError(
            f"{folder} is an adapter; merge it into its model first, a reward model needs a whole one"
        )
    if config.quantize != "none":
        raise RecipeError(
            f"{config.method}: quantize is for policies; a reward model is trained in full precision"
        )
    _refuse_four_bits(folder)
    if is_encoder(folder):
        raise ModelError(
            f"{folder}: is an encoder, which reads no answer at its end; a reward model is trained over a causal "
            "language model"
        )
    heads = config.heads if isinstance(config, RewardConfig) else ()
    labels = dict(enumerate((REWARD_LABEL, *heads)))
    with loading(folder, "no reward model can be made of it"):
        model = load_classifier(
            folder, dtype=torch.float32, trust_remote_code=config.trust_remote_code, id2label=labels
        )
    opened = _opened(model, folder, config)
    tokenizer = opened.chat.tokenizer
    set_padding(model.config, opened.pad_id)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(opened.pad_id)
    if not any("SequenceClassification" in name for name in architectures(folder, config.trust_remote_code)):
        new_score_head(model, config.seed)
    return opened


def _refuse_four_bits(folder: Path) -> None:
    base = adapter_base(folder) or folder
    if is_four_bit_checkpoint(base):
        raise ModelError(
            f"{base}: was saved in few bits, and rounded weights are not trained; name the model that it was made of, "
            "with --lora and --loop quantize=4bit where memory is short: that trains an adapter over four bits"
        )


def add_adapter(model: Any, config: LoopConfig) -> Any:
    """The model with a LoRA adapter on all its linear layers, the only weights that train."""
    torch.manual_seed(config.seed)
    try:
        wrapped = with_lora(
            model,
            rank=config.lora,
            alpha=config.lora_alpha if config.lora_alpha is not None else 2 * config.lora,
            dropout=config.lora_dropout,
            classifies=classifies(model),
        )
    except (ValueError, TypeError, NotImplementedError) as problem:
        raise ModelError(
            f"lora: no adapter can be put on {type(model).__name__}: {said_by(problem)}; leave lora out"
        ) from problem
    # checkpointing is for training mode only; without it nothing but the adapter's own dropout may be random
    wrapped.train(config.gradient_checkpointing)
    for name, module in wrapped.named_modules():
        # four-bit layers not in training mode take a path on CPUs that has no backward pass
        if is_dropout(name) or is_four_bit(module):
            module.train()
    return wrapped


def default_learning_rate(model: Any, config: LoopConfig) -> float:
    """By size, as small models need large steps: 3e-4 up to 10 M parameters .. 5e-7; adapters 20 times that."""
    return rate_of_size(sum(each.numel() for each in model.parameters()), adapter=bool(config.lora))


def export(opened: Opened, model: Any, out: Path, base: Path, config: LoopConfig, readme: str) -> None:
    """Write the model directory into `out`, file by file, each whole.

    With an adapter: the merged model, which loads anywhere and is what a next round starts from and is held to;
    beside it, in `out/adapter`, the adapter alone.
    """
    draft = out / ".draft-model"
    shutil.rmtree(draft, ignore_errors=True)
    dtype = opened.source_dtype if config.save_dtype == "source" else getattr(torch, config.save_dtype)
    try:
        with disk_told(out), quiet(), written_as_it_was(model):
            if config.lora:
                model.save_pretrained(draft / ADAPTER)
                model = _merged(model, draft / ADAPTER, base, config)
            model.to(dtype).save_pretrained(draft)
            opened.chat.tokenizer.save_pretrained(draft)
            (draft / "README.md").write_text(readme, encoding="utf-8")
            for path in sorted(each for each in draft.rglob("*") if each.is_file()):
                target = out / path.relative_to(draft)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
    finally:
        # where the disk is full, half a model must not keep it so
        shutil.rmtree(draft, ignore_errors=True)


def write_snapshot(opened: Opened, model: Any, folder: Path, base: Path, config: LoopConfig) -> None:
    """Write a whole model directory of the weights as they are; the model goes on training."""
    shutil.rmtree(folder, ignore_errors=True)
    with disk_told(folder), quiet(), written_as_it_was(model):
        if config.lora:
            model.save_pretrained(folder / ADAPTER)
            kept = copy.deepcopy(model) if config.quantize == "none" else model
            model = _merged(kept, folder / ADAPTER, base, config)
        model.save_pretrained(folder)
        opened.chat.tokenizer.save_pretrained(folder)


def write_adapter(model: Any, folder: Path) -> None:
    """Write the LoRA adapter of a model alone; the model goes on training."""
    shutil.rmtree(folder, ignore_errors=True)
    with disk_told(folder), quiet():
        model.save_pretrained(folder)


def _merged(model: Any, adapter: Path, base: Path, config: LoopConfig) -> Any:
    if config.quantize == "none":
        return merged(model)
    # what was trained over four bits is merged into the weights those were rounded from
    return merged(load_model(base, trust_remote_code=config.trust_remote_code), adapter)


def card(method: str, base: str, entries: Mapping[str, str], figures: Mapping[str, float]) -> str:
    """The README.md of a trained model: what made it, for a reader who has only the directory."""
    lines = ["---", "library_name: transformers", "tags: [rlaif, " + method + "]", "---", ""]
    lines += [f"# A model trained by {method} from AI feedback", "", f"Trained from `{base}` by `rlaif`.", ""]
    lines += [
        "| made with | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in entries.items()),
        "",
    ]
    lines += ["| at the last step | |", "|---|---|"]
    lines += [f"| {name} | {value:.4g} |" for name, value in figures.items()]
    return "\n".join(
        [*lines, "", "The full record is in `train.json`, one line a step in `metrics.jsonl`.", ""]
    )


def _opened(model: Any, folder: Path, config: LoopConfig) -> Opened:
    tokenizer = load_tokenizer(folder, trust_remote_code=config.trust_remote_code)
    chat = Chat(tokenizer, config.chat_template_kwargs, config.thought_marks)
    _quiet_dropout(model, config.gradient_checkpointing)
    check_vocabulary(folder, chat, model)
    ends = end_ids_of(model)
    end_id = chat.end_token(ends)
    room = context_of(model.config)
    return Opened(
        model=model,
        chat=chat,
        end_id=end_id,
        ends=chat.end_ids(ends),
        pad_id=_pad_id(chat.tokenizer, end_id),
        room=min(room, config.max_length or room),
        source_dtype=stored_dtype(folder),
    )


def _quiet_dropout(model: Any, checkpointing: bool) -> None:
    # the reference comparison must be exact, so nothing random may happen in a forward pass
    model.eval()
    if not checkpointing:
        return
    if problem := checkpoint_gradients(model):
        if broken := library_changed(lambda plain: not checkpoint_gradients(plain), "gradient_checkpointing"):
            raise broken
        raise ModelError(
            f"gradient_checkpointing: {type(model).__name__} cannot be trained so: {problem}; leave it out, with a "
            "smaller batch_tokens where memory is short"
        )


def _pad_id(tokenizer: Any, end_id: int) -> int:
    # a classifier takes the last token that is not padding for a row's end: that token cannot be padding too
    for token in (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id, 0, 1):
        if token is not None and token != end_id:
            return int(token)
    raise AssertionError("0 and 1 cannot both be the end token")


def stored_dtype(folder: Path) -> torch.dtype:
    """The data type of a directory's weights on disk."""
    base = adapter_base(folder)
    for path in sorted((base or folder).glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - safe_open is no mapping
                kind = tensors.get_slice(name).get_dtype()
                if kind in _TORCH_DTYPES:
                    return _TORCH_DTYPES[kind]
    return torch.float32
