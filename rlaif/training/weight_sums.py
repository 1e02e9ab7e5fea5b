"""A model whose weights are a weighted sum of others': one training's change and .25 of the next (2511.01689)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from rlaif.atomic import disk_told
from rlaif.engines.local.load import load_counting_tokenizer, load_model, load_tokenizer
from rlaif.errors import ModelError
from rlaif.libraries.transformers import quiet
from rlaif.training.models import stored_dtype


def sum_weights(models: Mapping[Path, float], out: Path, *, trust_remote_code: bool = False) -> None:
    """Write the model directory of sum_i share_i * weights_i, in the data type of the first; computed in float32.

    Raises ModelError where the models have other tensors, or other tokenizers.
    """
    (first, _), *others = models.items()
    vocabulary = load_counting_tokenizer(first).get_vocab()
    for other, _ in others:
        if load_counting_tokenizer(other).get_vocab() != vocabulary:
            raise ModelError(f"{other} has another tokenizer than {first}: their weights are of other tokens")
    total = load_model(first, trust_remote_code=trust_remote_code)
    held = {name: each.detach() * models[first] for name, each in total.state_dict().items()}
    for other, share in others:
        further = load_model(other, trust_remote_code=trust_remote_code).state_dict()
        shapes = {name: tuple(each.shape) for name, each in further.items()}
        own = {name: tuple(each.shape) for name, each in held.items()}
        if shapes != own:
            differ = sorted(name for name in shapes.keys() | own.keys() if shapes.get(name) != own.get(name))
            raise ModelError(f"{other} has other tensors than {first} ({len(differ)}, the first {differ[0]})")
        for name, each in further.items():
            held[name] = held[name] + share * each
    _write(total, held, first, out, trust_remote_code)


def _write(
    model: torch.nn.Module, held: Mapping[str, torch.Tensor], first: Path, out: Path, trust_remote_code: bool
) -> None:
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with disk_told(out), quiet():
            model.load_state_dict(dict(held))
            model.to(stored_dtype(first)).save_pretrained(draft)  # type: ignore[operator]
            load_tokenizer(first, trust_remote_code=trust_remote_code).save_pretrained(draft)
            shutil.rmtree(out, ignore_errors=True)
            draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
