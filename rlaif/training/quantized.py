"""A frozen model in four bits for an adapter to train on (QLoRA, Dettmers et al. 2023), where bitsandbytes is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from rlaif.engines.fingerprint import adapter_base
from rlaif.errors import ModelError

PACKAGE = "bitsandbytes"


def load_quantized(folder: Path) -> Any:
    """A causal language model, its linear layers in 4-bit normal floats. Raises ModelError."""
    if find_spec(PACKAGE) is None:
        raise ModelError(
            f"quantize is 4bit, and {PACKAGE} is not installed here; `pip install {PACKAGE}`, or leave quantize out:"
            " lora alone trains the same weights in full precision"
        )
    if adapter_base(folder) is not None:
        raise ModelError(
            f"{folder} is an adapter; merge it into its model first, only whole weights are quantised"
        )
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    on_gpu = torch.cuda.is_available()
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if on_gpu else torch.float32,
    )
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            quantization_config=four_bits,
            dtype=torch.float32,
            device_map={"": torch.cuda.current_device() if on_gpu else "cpu"},
            use_safetensors=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as problem:
        raise ModelError(f"{folder}: cannot be quantised to 4 bits: {problem}") from problem
