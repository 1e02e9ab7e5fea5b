"""Dropout and jitter: activations are computed again in training mode, where nothing may be random even so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlaif.libraries.transformers.configuration import parts_of, text_config
from rlaif.libraries.transformers.messages import quiet, said_by
from rlaif.libraries.versions import importing

with importing("torch"):
    import torch
    from torch.nn.modules.dropout import _DropoutNd
with importing("transformers"):
    from transformers import AutoConfig, AutoModelForCausalLM

_RANDOM = re.compile("drop|jitter")
_STILLED = "_rlaif_stilled"


def checkpoint_gradients(model: Any) -> str:
    """Compute activations again in the backward pass, which needs training mode, where nothing may be random even so.

    Returns why this cannot be done with the model; nothing where it is done. Tried on the model: in training mode it
    must give what it gives outside, twice.
    """
    try:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    except (ValueError, AttributeError, NotImplementedError) as problem:
        return said_by(problem)
    wanted = _probed(model.eval())
    for module in model.modules():
        for name in _random_settings(module):
            setattr(module, name, 0.0)
    model.train()
    if not _same_twice(model, wanted):
        # some layers ask their configuration at each pass; what is written out has its own values (`written_as_it_was`)
        _still(model.config)
    if _same_twice(model, wanted):
        return ""
    model.eval()
    return "it computes at random in training mode, and no setting of its layers says why"


def drops_unseen(folder: Path) -> bool:
    """Whether a causal model drops out, or jitters, by more than modules of torch and `attention_dropout`.

    Older versions left the dropout of such models on under gradient checkpointing.
    """
    try:
        with quiet(), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    except Exception:  # noqa: BLE001 - what cannot be built so says nothing here; opening it will
        return False
    return any(
        not isinstance(module, _DropoutNd) and set(_random_settings(module)) - {"attention_dropout"}
        for module in model.modules()
    )


@contextmanager
def written_as_it_was(model: Any) -> Iterator[None]:
    """Around writing a model: its configuration has the values that it was loaded with."""
    stilled = [(part, getattr(part, _STILLED, {})) for part in parts_of(model.config)]
    try:
        for part, values in stilled:
            vars(part).update(values)
            vars(part).pop(_STILLED, None)
        yield
    finally:
        for part, values in stilled:
            if values:
                vars(part).update({name: 0.0 for name in values})
                setattr(part, _STILLED, values)


def _random_settings(module: Any) -> list[str]:
    """What of a module's own settings is a rate of dropping or jitter above zero."""
    if isinstance(module, _DropoutNd):
        return ["p"] if module.p else []
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, float) and value and _RANDOM.search(name)
    ]


def _still(config: Any) -> None:
    for part in parts_of(config):
        held = {name: value for name in _random_settings(part) if (value := getattr(part, name))}
        vars(part).update({name: 0.0 for name in held})
        setattr(part, _STILLED, {**held, **getattr(part, _STILLED, {})})


@torch.no_grad()
def _probed(model: Any) -> torch.Tensor:
    top = int(text_config(model.config).vocab_size)
    ids = torch.tensor([[37 * number % top for number in range(1, 33)]], device=model.device)
    found: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    return found.float()


def _same_twice(model: Any, wanted: torch.Tensor) -> bool:
    near = 1e-4 if next(model.parameters()).dtype == torch.float32 else 5e-2
    scale = wanted.abs().max().clamp(min=1.0)
    return all(float((_probed(model) - wanted).abs().max() / scale) < near for _ in range(2))
