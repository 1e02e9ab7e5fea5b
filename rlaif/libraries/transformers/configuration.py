"""What a model's configuration says: its classes, context and end tokens, in the words that the library uses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import ModelError
from rlaif.libraries.transformers.messages import quiet
from rlaif.libraries.versions import importing

with importing("transformers"):
    from transformers import AutoConfig


def load_config(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The configuration of a model directory."""
    with quiet():
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)


def architectures(folder: Path, trust_remote_code: bool = False) -> Sequence[str]:
    """The classes that a model directory says it was saved from."""
    with quiet():
        found = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code).architectures
    return tuple(found or ())


def is_encoder(folder: Path) -> bool:
    """Whether a directory says that its model reads to both sides, or writes from an encoder: no causal one."""
    config = _written_config(folder)
    masked = any(
        re.search("MaskedLM|ForPreTraining$", str(each)) for each in config.get("architectures") or ()
    )
    return masked or bool(config.get("is_encoder_decoder"))


def is_four_bit_checkpoint(folder: Path) -> bool:
    """Whether a directory was saved in few bits (by bitsandbytes, GPTQ, AWQ, ...)."""
    return bool(_written_config(folder).get("quantization_config"))


def _written_config(folder: Path) -> Mapping[str, Any]:
    # as it stands: to open it, the library may ask for the code that comes with a model
    found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found if isinstance(found, Mapping) else {}


def text_config(config: Any) -> Any:
    """The part of a configuration that is about text."""
    return config.get_text_config(decoder=True)


def parts_of(config: Any) -> list[Any]:
    """A configuration and, where it is another object, its part about text."""
    text = text_config(config)
    return [config] if text is config else [config, text]


def end_ids_of(model: Any) -> list[int]:
    """The end tokens that a model's settings, or a configuration alone, name: for generation first, then the others.

    Raises ModelError for what is no token id.
    """
    config = getattr(model, "config", model)
    parts = (getattr(model, "generation_config", None), config, text_config(config))
    found = [getattr(part, "eos_token_id", None) for part in parts]
    ids = [one for each in found for one in (each if isinstance(each, list) else [each]) if one is not None]
    if odd := [one for one in ids if not isinstance(one, int) or one < 0]:
        raise ModelError(
            f"{getattr(config, '_name_or_path', '')}: eos_token_id {odd[0]!r} is no token; mend it in "
            "generation_config.json or config.json"
        )
    return list(dict.fromkeys(ids))


def context_of(config: Any) -> int:
    """The positions that a model has; without a stated limit, as good as any number."""
    limit = getattr(text_config(config), "max_position_embeddings", None)
    return int(limit) if limit else 1 << 30


def set_padding(config: Any, token: int) -> None:
    """Tell a classifier which token is padding, in every part of its configuration that it may ask."""
    for part in parts_of(config):
        part.pad_token_id = token


def classifies(model: Any) -> bool:
    """Whether the model is a sequence classifier, by the library's naming of classes."""
    return type(model).__name__.endswith("ForSequenceClassification")


def embedded_tokens(model: Any) -> int:
    """How many tokens have a place in the model's input embeddings."""
    return int(model.get_input_embeddings().weight.shape[0])


def is_four_bit(module: Any) -> bool:
    """Whether a layer was quantised to four bits by bitsandbytes."""
    return type(module).__name__ == "Linear4bit"
