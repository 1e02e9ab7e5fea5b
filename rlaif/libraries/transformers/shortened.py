"""The first layers of a language model as a model of its own: what a smaller model of the same family is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.libraries.transformers.configuration import text_config
from rlaif.libraries.transformers.messages import quiet
from rlaif.libraries.versions import importing

with importing("torch"):
    import torch
    from torch import nn
with importing("transformers"):
    from transformers import AutoModelForCausalLM, AutoTokenizer


def layers_of(folder: Path, *, trust_remote_code: bool = False) -> int:
    """How many layers a model has, by its configuration."""
    from rlaif.libraries.transformers.configuration import load_config

    config = text_config(load_config(folder, trust_remote_code=trust_remote_code))
    return int(config.num_hidden_layers)


def write_first_layers(folder: Path, count: int, out: Path, *, trust_remote_code: bool = False) -> int:
    """Write the model of `folder` with its first `count` layers at `out`; returns its number of parameters.

    Embeddings, last norm and head stay. Raises InputError where the model has fewer layers, or keeps them elsewhere
    than in one list.
    """
    with quiet():
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=trust_remote_code
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    config = text_config(model.config)
    whole = int(config.num_hidden_layers)
    if not 1 <= count <= whole:
        raise InputError(f"{folder}: has {whole} layers, and {count} are asked for; name 1 to {whole}")
    lists = [
        (owner, name)
        for owner in model.modules()
        for name, child in owner.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == whole
    ]
    if len(lists) != 1:
        raise InputError(
            f"{folder}: its layers are not in one list, so that no shorter model can be made of it; name model "
            "directories as sizes"
        )
    [(owner, name)] = lists
    setattr(owner, name, getattr(owner, name)[:count])
    config.num_hidden_layers = count
    # newer configurations say of each layer of what kind it is
    if getattr(config, "layer_types", None):
        config.layer_types = list(config.layer_types[:count])
    with quiet():
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    return sum(each.numel() for each in model.parameters())
