"""What a model is, as a digest: equal means that its calls are interchangeable."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.engines.weights import INDEX, WEIGHTS, read_header
from rlaif.errors import ModelError
from rlaif.hashing import digest, digest_files

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
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
_OF_A_TOKENIZER = re.compile(
    r".*\.(model|tiktoken|spm|vocab|bpe|codes)(\.v\d+)?"
    r"|(tokenizer|tekken|vocab|merges|dict|emoji|normalizer|entity_vocab|spiece|sentencepiece)[\w.-]*\.(json|txt)"
    r"|[\w.-]*vocab[\w.-]*\.(json|txt)"
)
"""Names under which some tokenizers keep what they read; those of `_SETTINGS` are the usual ones."""
_WITH_CODE = ("config.json", "tokenizer_config.json")
_WHOLE = re.compile(r"model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json")
TEMPLATES = "additional_chat_templates"


def model_fingerprint(
    directory: Path,
    dtype: str = "float32",
    chat_template_kwargs: Mapping[str, Any] | None = None,
    *,
    own_code: bool = True,
    thought_marks: tuple[str, str] | None = None,
) -> str:
    """Digest of weights, adapter and its base, tokenizer, template, number format, and the code that comes with it.

    A README, logs or optimizer states beside the weights do not count. Nor does the code of a directory that is opened
    without its own (`own_code`), as is all that is opened without --trust-remote-code.
    """
    files = [
        path
        for path in directory.iterdir()
        if path.is_file() and (path.name in _SETTINGS or path.suffix in WEIGHTS)
    ]
    parts: list[Any] = [digest_files(files), dtype, dict(chat_template_kwargs or {})]
    # what is rarely there comes behind, so that what was asked before it counted keeps its key
    if others := _others(directory):
        parts.append(["tokenizer", _contents(directory, others)])
    if _chooses(directory):
        parts.append(["index", _contents(directory, [directory / INDEX])])
    if own_code and (code := _code(directory)):
        parts.append(["code", _contents(directory, code)])
    if thought_marks:
        # by them texts are split
        parts.append(["thought_marks", list(thought_marks)])
    if base := adapter_base(directory):
        parts.append(model_fingerprint(base, dtype, own_code=own_code))
    return digest("model", *parts)


def adapter_base(directory: Path) -> Path | None:
    """Return the directory of the base model of a LoRA adapter, or None where `directory` holds a full model.

    Full weights decide, not a config.json, which some trainers leave beside an adapter. Raises ModelError where the
    base cannot be found, or the files contradict each other.
    """
    path = directory / ADAPTER_CONFIG
    if not path.is_file():
        return None
    if any(_WHOLE.fullmatch(each.name) for each in directory.iterdir()):
        if not (directory / ADAPTER_WEIGHTS).is_file():
            return None
        raise ModelError(
            f"{directory}: holds a whole model and an adapter ({ADAPTER_WEIGHTS}); put one of them elsewhere"
        )
    named = _base_name(path)
    # as it stands, then as seen from where the adapter lies
    base = next((each for each in (Path(named), directory / named) if each.is_dir()), None)
    if base is None:
        raise ModelError(
            f"{path}: the adapter's base model {named} is not a directory, neither from here nor from the adapter's; "
            "put it there, or merge the adapter into it"
        )
    if (base / ADAPTER_CONFIG).is_file():
        raise ModelError(
            f"{path}: the adapter's base model {named} is an adapter itself; merge that one first"
        )
    return base


def _base_name(path: Path) -> str:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise ModelError(f"{path}: not JSON: {problem}; save the adapter again") from problem
    named = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(named, str) or not named:
        raise ModelError(f"{path}: names no base model (base_model_name_or_path); name its directory there")
    return named


def _others(directory: Path) -> list[Path]:
    """Files that a tokenizer may read beside the usual ones: of known names, or named in its settings."""
    named = _values(_settings(directory / "tokenizer_config.json"))
    found = [
        path
        for path in directory.iterdir()
        if path.is_file()
        and path.name not in _SETTINGS
        and path.suffix not in WEIGHTS
        and (_OF_A_TOKENIZER.fullmatch(path.name) or path.name in named)
    ]
    return found + sorted((directory / TEMPLATES).glob("*.jinja"))


def _chooses(directory: Path) -> bool:
    """Whether the index of the weights says more than the weights: which of several files a tensor is taken from."""
    index = directory / INDEX
    if not index.is_file() or (directory / "model.safetensors").is_file():
        return False
    try:
        held = [(name, path.name) for path in directory.glob("*.safetensors") for name in read_header(path)]
    except ModelError:
        return True
    return len(dict(held)) < len(held) or dict(held) != _settings(index).get("weight_map")


def _code(directory: Path) -> list[Path]:
    """The code that comes with a model or tokenizer, all of it, where its settings name some."""
    named = any("auto_map" in _settings(directory / each) for each in _WITH_CODE)
    return [path for path in directory.rglob("*.py") if path.is_file()] if named else []


def _contents(directory: Path, files: list[Path]) -> list[list[str]]:
    names = {path.relative_to(directory).as_posix(): path for path in files}
    return [[name, digest_files([names[name]])] for name in sorted(names)]


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _values(settings: Mapping[str, Any]) -> set[str]:
    return {value for value in settings.values() if isinstance(value, str)}
