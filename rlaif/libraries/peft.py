"""The one place that knows peft: adapters put on, read, merged, and how their parts are called."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from safetensors import safe_open

from rlaif.libraries.versions import importing

with importing("peft"):
    from peft import LoraConfig, PeftModel, TaskType, get_peft_model

NAME = "peft"
_DROPOUT = ".lora_dropout."

_FUSED = frozenset({"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"})
_FUSED_LAYERS = ("conv1d", "out_proj")
"""What peft refuses of these makes: where one kernel does the whole mixer, it reads these weights past their module."""

_log = logging.getLogger(__name__)


def with_lora(model: Any, *, rank: int, alpha: float, dropout: float, classifies: bool) -> Any:
    """The model with a new LoRA adapter on all its linear layers, the only weights that train.

    Layers whose weights a fused kernel reads past their module (those of Mamba's mixers) cannot have one: they are
    left out, and said.
    """
    fused = getattr(model.config, "model_type", None) in _FUSED
    if fused:
        _log.warning(
            "%s: peft puts no adapter on its layers %s; its other linear layers train",
            type(model).__name__,
            ", ".join(_FUSED_LAYERS),
        )
    lora = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="all-linear",
        exclude_modules=list(_FUSED_LAYERS) if fused else None,
        task_type=TaskType.SEQ_CLS if classifies else TaskType.CAUSAL_LM,
    )
    return get_peft_model(model, lora)


def is_dropout(name: str) -> bool:
    """Whether a module of this name, within a model with an adapter, is the adapter's own dropout."""
    return _DROPOUT in name


def merged(model: Any, adapter: Path | None = None) -> Any:
    """The model with an adapter merged into its weights: the one it has, or the one in a directory."""
    if adapter is None:
        return model.merge_and_unload()
    if rows := _embedded(model, adapter):
        # tokens were added where it was trained: the base grows to what the adapter holds
        model.resize_token_embeddings(rows)
    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


def _embedded(model: Any, adapter: Path) -> int | None:
    """The tokens of the embeddings that an adapter brings whole, where they are others than the model's."""
    own = model.get_input_embeddings()
    name = next(name for name, module in model.named_modules() if module is own)
    with safe_open(adapter / "adapter_model.safetensors", framework="pt") as tensors:
        for key in tensors.keys():  # noqa: SIM118 - safe_open is no mapping
            if key.endswith(f"{name.rpartition('.')[2]}.weight"):
                rows = int(tensors.get_slice(key).get_shape()[0])
                return rows if rows != own.weight.shape[0] else None
    return None


def without_adapter(model: Any) -> Any:
    """The model inside of one with an adapter, whose layers hold the adapter's; any other model as it is."""
    return model.get_base_model() if isinstance(model, PeftModel) else model
