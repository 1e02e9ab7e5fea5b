"""The attention that a model is set to, and attentions of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlaif.libraries.versions import importing

with importing("transformers"):
    from transformers import AttentionInterface


def attention_of(config: Any) -> str:
    """The attention that a model was set to: `sdpa`, `eager`, `flex_attention`, ..."""
    return getattr(config, "_attn_implementation", None) or ""


def set_attention(model: Any, attention: str) -> None:
    """Set the attention of all layers, where it is another."""
    if attention != attention_of(model.config):
        model.set_attn_implementation(attention)


def register_attention(name: str, attention: Callable[..., Any]) -> None:
    """Make a function an attention that models can be set to."""
    AttentionInterface.register(name, attention)
