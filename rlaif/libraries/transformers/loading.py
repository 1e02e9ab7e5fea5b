"""Models and tokenizers from their directories; weights that no file gives are refused, never drawn at random."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.errors import ModelError
from rlaif.libraries.transformers.attention import attention_of, set_attention
from rlaif.libraries.transformers.configuration import architectures
from rlaif.libraries.transformers.messages import quiet
from rlaif.libraries.versions import importing

with importing("torch"):
    import torch
with importing("transformers"):
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        BitsAndBytesConfig,
    )

_CLASSIFIER = re.compile("ForSequenceClassification|RewardModel")
_NO_WRITER = re.compile("For(Sequence|Token)Classification|RewardModel|ForQuestionAnswering|ForMaskedLM")


def load_causal(folder: Path, *, dtype: torch.dtype, trust_remote_code: bool, device_map: str | None) -> Any:
    """A causal language model from its safetensors. Raises ModelError where weights are missing."""
    if kind := next(
        (each for each in architectures(folder, trust_remote_code) if _NO_WRITER.search(each)), None
    ):
        raise ModelError(
            f"{folder}: is a {kind} and writes no text; a reward model is named reward:{folder}, and a policy or judge "
            "is a causal language model"
        )
    model, loaded = _loaded(
        AutoModelForCausalLM, folder, dtype=dtype, trust_remote_code=trust_remote_code, device_map=device_map
    )
    _require_whole(folder, model, loaded)
    return _capping(model)


def load_classifier(
    folder: Path,
    *,
    dtype: torch.dtype,
    trust_remote_code: bool = False,
    device_map: str | None = None,
    id2label: Mapping[int, str] | None = None,
) -> Any:
    """A sequence classifier from safetensors; with `id2label`, one that has these labels, its head perhaps fresh."""
    labels = {} if id2label is None else {"id2label": dict(id2label)}
    model, loaded = _loaded(
        AutoModelForSequenceClassification,
        folder,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        device_map=device_map,
        **labels,
    )
    if id2label is not None and not hasattr(model, "score"):
        raise ModelError(
            f"{folder}: {type(model).__name__} reads no answer at its end, as an encoder does not; a reward model is "
            "trained over a causal language model"
        )
    # over a language model the head is fresh, and meant to be
    fresh = id2label is not None and not any(
        map(_CLASSIFIER.search, architectures(folder, trust_remote_code))
    )
    _require_whole(folder, model, loaded, fresh="score" if fresh else None)
    return _capping(model)


def load_in_four_bits(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """A causal language model, its linear layers in 4-bit normal floats of bitsandbytes, the rest in float32."""
    on_gpu = torch.cuda.is_available()
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if on_gpu else torch.float32,
    )
    model, loaded = _loaded(
        AutoModelForCausalLM,
        folder,
        quantization_config=four_bits,
        trust_remote_code=trust_remote_code,
        dtype=torch.float32,
        device_map={"": torch.cuda.current_device() if on_gpu else "cpu"},
    )
    _require_whole(folder, model, loaded)
    return _capping(model)


def load_tokenizer(folder: Path, *, trust_remote_code: bool) -> Any:
    """The tokenizer of a model directory."""
    with quiet():
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)


def new_score_head(model: Any, seed: int) -> None:
    """Draw the weights of a classifier's head anew from the seed."""
    head = model.score.weight
    drawn = torch.randn(head.shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        head.copy_(drawn / (head.shape[1] + 1) ** 0.5)


def _loaded(kind: Any, folder: Path, **how: Any) -> tuple[Any, Any]:
    """A model of this auto class from its safetensors, and what the library says of its weights."""
    with quiet():
        model, loaded = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **how)
    return model, loaded


def _capping(model: Any) -> Any:
    """The same model, set to an attention that caps its scores where its configuration asks for that.

    `sdpa` cannot. transformers 5.16 takes it all the same for some models, leaves the cap out and says nothing.
    """
    capped = getattr(model.config.get_text_config(), "attn_logit_softcapping", None) is not None
    if capped and attention_of(model.config) == "sdpa":
        set_attention(model, "eager")
    return model


def _require_whole(folder: Path, model: Any, loaded: Any, fresh: str | None = None) -> None:
    """Raise ModelError where a model has weights that no file gave it."""
    lacking = sorted(
        name for name in loaded["missing_keys"] if fresh is None or name.split(".", 1)[0] != fresh
    )
    odd = sorted(each[0] if isinstance(each, tuple) else each for each in loaded.get("mismatched_keys", ()))
    if not lacking and not odd:
        return
    named = ", ".join((lacking or odd)[:3]) + (", ..." if len(lacking or odd) > 3 else "")
    total = len(model.state_dict())
    what = (
        f"lacks {len(lacking)} of {total} weights"
        if lacking
        else f"has {len(odd)} weights of another size than its"
    )
    what += "" if lacking else " config.json says"
    spare = sorted(loaded.get("unexpected_keys", ()))
    hint = f"; it holds {len(spare)} that its class does not know, such as {spare[0]}" if spare else ""
    raise ModelError(
        f"{folder}: the checkpoint {what} ({named}){hint}. {type(model).__name__} would draw them at random, anew at "
        "each start; save the whole model again with save_pretrained(), without a wrapper's prefix, or mend its "
        "config.json (architectures, tie_word_embeddings)"
    )
