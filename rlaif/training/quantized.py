"""A frozen model in four bits for an adapter to train on (QLoRA, Dettmers et al. 2023), where bitsandbytes is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.local.load import loading
from rlaif.errors import ModelError

PACKAGE = "bitsandbytes"


def load_quantized(folder: Path, trust_remote_code: bool = False) -> Any:
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
    from rlaif.libraries.transformers import load_in_four_bits

    with loading(folder, "cannot be quantised to 4 bits"):
        return load_in_four_bits(folder, trust_remote_code=trust_remote_code)
