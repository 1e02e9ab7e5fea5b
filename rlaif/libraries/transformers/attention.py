"""The attention that a model is set to, and attentions of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlaif.libraries.versions import importing

with importing("transformers"):
    from transformers import AttentionInterface, AttentionMaskInterface


def attention_of(config: Any) -> str:
    """The attention that a model was set to: `sdpa`, `eager`, `flex_attention`, ..."""
    return getattr(config, "_attn_implementation", None) or ""


def set_attention(model: Any, attention: str) -> None:
    """Set the attention of all layers, where it is another."""
    if attention != attention_of(model.config):
        model.set_attn_implementation(attention)


def register_attention(name: str, attention: Callable[..., Any], *, masks_of: str = "") -> None:
    """Make a function an attention that models can be set to, with the masks that another one gets from the library.

    Without `masks_of` it gets those only that the model is handed.
    """
    AttentionInterface.register(name, attention)
    if masks_of:
        AttentionMaskInterface.register(name, AttentionMaskInterface()[masks_of])


def usual_attention(name: str) -> Callable[..., Any]:
    """One of the library's own attentions: of a layer, (R, H, L, E) queries, keys and values, and a mask."""
    found: Callable[..., Any] = AttentionInterface()[name]
    return found
