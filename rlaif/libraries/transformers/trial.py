"""A small Llama on which a trial is repeated: where it fails there too, the library has changed and no model is odd."""

from __future__ import annotations

from typing import Any

from rlaif.errors import RlaifError
from rlaif.libraries.versions import changed, importing

with importing("torch"):
    import torch
with importing("transformers"):
    from transformers import LlamaConfig, LlamaForCausalLM

NAME = "transformers"


def plain_model() -> Any:
    """A small Llama with random weights, of which this package knows what it does in every tested version."""
    torch_state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3, bos_token_id=None,
            eos_token_id=2, pad_token_id=0,
        )  # fmt: skip
        return LlamaForCausalLM(config).eval().requires_grad_(False)
    finally:
        torch.set_rng_state(torch_state)


def library_changed(works: Any, what: str) -> RlaifError | None:
    """The error to raise in the place of one that blames a model, where a plain Llama fails the same trial.

    `works` takes a model and says whether the trial passes; what a broken library raises counts as failing.
    """
    try:
        passes = bool(works(plain_model()))
    except Exception:  # noqa: BLE001 - whatever it is, no model of a user's raised it
        passes = False
    return None if passes else changed(NAME, what)
