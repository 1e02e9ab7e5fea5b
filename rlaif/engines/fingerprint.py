"""What a model is, as a digest: equal means that its calls are interchangeable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.errors import ModelError
from rlaif.hashing import digest, digest_files

WEIGHTS = (".safetensors",)
_SETTINGS = frozenset(
    {
        "config.json",
        "generation_config.json",
        "adapter_config.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "chat_template.jinja",
        "chat_template.json",
    }
)


def model_fingerprint(
    directory: Path, dtype: str = "float32", chat_template_kwargs: Mapping[str, Any] | None = None
) -> str:
    """Digest of weights, adapter and its base, tokenizer, template and number format.

    A README, logs or optimizer states beside the weights do not count.
    """
    files = [path for path in directory.iterdir() if path.name in _SETTINGS or path.suffix in WEIGHTS]
    parts: list[Any] = [digest_files(files), dtype, dict(chat_template_kwargs or {})]
    if base := adapter_base(directory):
        parts.append(model_fingerprint(base, dtype))
    return digest("model", *parts)


def adapter_base(directory: Path) -> Path | None:
    """The directory of the model that an adapter sits on; None for a whole model."""
    path = directory / "adapter_config.json"
    if not path.is_file() or (directory / "config.json").is_file():
        return None
    base = Path(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    if not base.is_dir():
        raise ModelError(
            f"{path}: the adapter's base model {base} is not a directory; put it there, or merge the adapter into it"
        )
    return base
