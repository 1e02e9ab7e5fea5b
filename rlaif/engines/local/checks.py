"""What can be seen to be wrong with a model directory before anything of it is loaded, or room is made for it.

Its files are somebody else's: JSON of any shape, weights of any size. What a library would stumble over, or work on
without end, is found here by reading a few small files and the headers of the weights.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlaif.boundary import told as told_in_words
from rlaif.engines.fingerprint import ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_base
from rlaif.engines.foreign_directories import CONVERT, DOWNLOAD, SERVE, stands_in, told
from rlaif.engines.weights import INDEX, WEIGHTS, read_header
from rlaif.errors import ModelError

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")
MOST_JSON = 100 << 20
"""Bytes of a settings file."""
_SETTINGS = (
    "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    ADAPTER_CONFIG, INDEX,
)  # fmt: skip
_LINKED = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "spiece.model",
)
_LAYERS = re.compile(r"(^|_)(n|num)_(hidden_|encoder_|decoder_)?(layers?|blocks?)$|^depth$")
_SIZE = re.compile(
    r"vocab_size|hidden|intermediate|n_embd|n_inner|d_model|d_ff|ffn|d_kv|d_state|d_inner|head_dim|heads|experts?$|"
    r"channels|state_size|lora_rank|conv_kernel|kernel_size|^n_head|groups$"
)
_SLACK = 1024
_BITS = 8
"""Numbers of a byte of packed weights, at most."""
_PARTS_OF_FEW = 4
_MERGED = frozenset(
    {
        "LORA",
        "ADALORA",
        "LOHA",
        "LOKR",
        "IA3",
        "OFT",
        "BOFT",
        "VERA",
        "HRA",
        "FOURIERFT",
        "RANDLORA",
        "SHIRA",
        "C3A",
    }
)
"""Kinds of adapters that can be merged into their model and read nothing but their own directory."""


def check_directory(directory: Path) -> None:
    """Raise ModelError for what can be seen to be wrong without loading anything."""
    try:
        _check(directory)
    except OSError as problem:
        raise ModelError(
            f"{problem.filename or directory}: cannot be read: {problem.strerror}; let this user read it"
        ) from problem


def _check(directory: Path) -> None:
    if not directory.is_dir():
        raise ModelError(f"{directory}: no such model directory")
    _check_listed(directory)
    if not (directory / "config.json").is_file() and not (directory / ADAPTER_CONFIG).is_file():
        raise ModelError(f"{directory}: no config.json; it {told(directory)}")
    base = adapter_base(directory)
    if base is None:
        _check_model(directory)
    else:
        _check_adapter(directory)
        _check_listed(base)
        _check_model(base)
    if not any((place / name).is_file() for place in filter(None, (directory, base)) for name in TOKENIZERS):
        raise ModelError(
            f"{directory}: no tokenizer; save the model's tokenizer there too: "
            "AutoTokenizer.from_pretrained(<where the model came from>).save_pretrained(<this directory>)"
        )


def settings_of(path: Path) -> dict[str, Any]:
    """An object of JSON. Raises ModelError for anything else."""
    if problem := stands_in(path):
        raise ModelError(problem)
    try:
        size = path.stat().st_size
        if size > MOST_JSON:
            raise ModelError(f"{path}: has {size >> 20} MB, where a settings file has some KB; {DOWNLOAD}")
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ModelError:
        raise
    except (ValueError, RecursionError) as fault:
        raise ModelError(f"{path}: not JSON: {told_in_words(fault)}; save the model again") from fault
    if not isinstance(found, dict):
        raise ModelError(f"{path}: is no object of JSON; save the model again")
    return found


def _check_listed(directory: Path) -> None:
    """What lies there is what it is called, and settings are objects."""
    for path in sorted(directory.iterdir()):
        if path.name in _SETTINGS:
            if path.is_file() or path.is_symlink():
                settings_of(path)
        elif (path.name in _LINKED or path.suffix in WEIGHTS) and (problem := stands_in(path)):
            raise ModelError(problem)


def _check_model(directory: Path) -> None:
    config_path = directory / "config.json"
    if not config_path.is_file():
        raise ModelError(f"{directory}: no config.json; it {told(directory)}")
    config = settings_of(config_path)
    _check_kind(directory, config)
    files = _weights(directory)
    tensors = list(_tensors(files))
    elements = _BITS * sum(math.prod(shape) for shape in tensors) + _SLACK
    for name, value in _sizes(config):
        limit = _PARTS_OF_FEW * len(tensors) + _SLACK if _LAYERS.search(name) else elements
        if not 0 <= value <= limit:
            raise ModelError(
                f"{config_path}: {name} is {value}, and the weights beside it are {len(tensors)} tensors of "
                f"{sum(map(math.prod, tensors))} numbers in all; {DOWNLOAD}"
            )


def _check_kind(directory: Path, config: Mapping[str, Any]) -> None:
    path = directory / "config.json"
    for name in ("architectures",):
        value = config.get(name)
        if value is not None and not (
            isinstance(value, list) and all(isinstance(each, str) for each in value)
        ):
            raise ModelError(f"{path}: {name} is no list of names; save the model again")
    kind = config.get("model_type")
    if kind is not None and not isinstance(kind, str):
        raise ModelError(f"{path}: model_type is {kind!r}, and no name; save the model again")
    packed = config.get("quantization")
    if isinstance(packed, Mapping) and "bits" in packed:
        raise ModelError(
            f"{directory}: holds weights that MLX rounded to {packed['bits']} bits, which transformers cannot read; "
            + SERVE
        )
    if any((directory / each).is_file() for each in ("modules.json", "config_sentence_transformers.json")):
        raise ModelError(f"{directory}: {told(directory)}")


def _weights(directory: Path) -> list[Path]:
    """The files of a model's weights: those of its index, if it has one, and no others. Raises ModelError."""
    found = sorted(path for path in directory.iterdir() if path.suffix in WEIGHTS and path.is_file())
    if not found:
        raise ModelError(f"{directory}: no *.safetensors file; it {told(directory)}; {CONVERT}")
    index = directory / INDEX
    if not index.is_file() or (directory / "model.safetensors").is_file():
        return found
    named = settings_of(index).get("weight_map")
    if not isinstance(named, dict) or not named or not all(isinstance(each, str) for each in named.values()):
        raise ModelError(f"{index}: has no weight_map of names to files; {DOWNLOAD}")
    files = sorted(set(named.values()))
    if outside := [each for each in files if Path(each).name != each]:
        raise ModelError(
            f"{index}: names {outside[0]}, which lies outside of the directory; files of a model lie in it; {DOWNLOAD}"
        )
    if missing := [each for each in files if not (directory / each).is_file()]:
        raise ModelError(
            f"{directory}: {len(missing)} of its {len(files)} files of weights are not there ({missing[0]}); {DOWNLOAD}"
        )
    return [directory / each for each in files]


def _tensors(files: list[Path]) -> Iterator[tuple[int, ...]]:
    for path in files:
        for tensor in read_header(path).values():
            shape = tensor.get("shape") if isinstance(tensor, dict) else None
            if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in shape):
                raise ModelError(f"{path}: its header is not that of safetensors; {DOWNLOAD}")
            yield tuple(shape)


def _sizes(config: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """Names and values of a configuration by which room is made."""
    if isinstance(config, dict):
        for key, value in config.items():
            yield from _sizes(value, str(key))
    elif isinstance(config, list):
        for each in config:
            yield from _sizes(each, name)
    elif (
        isinstance(config, int)
        and not isinstance(config, bool)
        and (_LAYERS.search(name) or _SIZE.search(name))
    ):
        yield name, config


def _check_adapter(directory: Path) -> None:
    path = directory / ADAPTER_CONFIG
    config = settings_of(path)
    if not (directory / ADAPTER_WEIGHTS).is_file():
        # whatever other tensors lie there, these are what would be loaded, and pickles run code
        raise ModelError(
            f"{directory}: an adapter's weights lie in {ADAPTER_WEIGHTS}, which is not there; pickled ones are not "
            "loaded: convert them once with save_pretrained() of peft, which writes safetensors"
        )
    kind = config.get("peft_type")
    if kind not in _MERGED:
        raise ModelError(
            f"{path}: an adapter of kind {kind} (peft_type) cannot be merged into its model; those that can are "
            f"{', '.join(sorted(_MERGED))}"
        )
    for _ in _tensors([directory / ADAPTER_WEIGHTS]):
        pass
