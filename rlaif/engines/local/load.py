"""Model directories to models and tokenizers. Owns what a user is told when one cannot be used."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rlaif.engines.fingerprint import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS, adapter_base
from rlaif.errors import ModelError
from rlaif.libraries.versions import said
from rlaif.records import Message

if TYPE_CHECKING:
    from rlaif.engines.chat_template import Chat

Task = Literal["causal", "reward"]
DTYPES = ("float32", "bfloat16", "float16")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")


def check_directory(directory: Path) -> None:
    """Raise ModelError for what can be seen to be wrong without loading anything."""
    if not directory.is_dir():
        raise ModelError(f"{directory}: no such model directory")
    config = directory / "config.json"
    adapter = directory / ADAPTER_CONFIG
    if not config.is_file() and not adapter.is_file():
        raise ModelError(
            f"{directory}: no config.json; a model directory is what save_pretrained() of transformers writes"
        )
    for path in (config, adapter):
        if path.is_file():
            _check_json(path)
    if not any(path.suffix in WEIGHTS for path in directory.iterdir()):
        raise ModelError(
            f"{directory}: no *.safetensors file; pickled weights are not loaded: "
            "convert them once with save_pretrained(), which writes safetensors"
        )
    base = adapter_base(directory)
    if base is not None:
        _check_adapter(directory, base)
    if not any((place / name).is_file() for place in filter(None, (directory, base)) for name in _TOKENIZERS):
        raise ModelError(
            f"{directory}: no tokenizer; save the model's tokenizer there too: "
            "AutoTokenizer.from_pretrained(<where the model came from>).save_pretrained(<this directory>)"
        )


def _check_adapter(directory: Path, base: Path) -> None:
    if not (directory / ADAPTER_WEIGHTS).is_file():
        # whatever other tensors lie there, these are what would be loaded, and pickles run code
        raise ModelError(
            f"{directory}: an adapter's weights lie in {ADAPTER_WEIGHTS}, which is not there; pickled ones are not "
            "loaded: convert them once with save_pretrained() of peft, which writes safetensors"
        )
    if not any(path.suffix in WEIGHTS for path in base.iterdir()):
        raise ModelError(f"{directory}: its base model {base} has no *.safetensors file")


def load_tokenizer(directory: Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a model directory (of its base, for an adapter without its own)."""
    from rlaif.libraries.transformers import load_tokenizer as load
    from rlaif.libraries.transformers import said_by

    place = _with_tokenizer(directory)
    try:
        return load(place, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as problem:
        raise ModelError(
            f"{place}: the tokenizer cannot be loaded: {_own_code(problem) or said_by(problem)}; save it again"
        ) from problem


def load_counting_tokenizer(directory: Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a model directory for counting: without torch, where its files are enough."""
    from rlaif.libraries.transformers_tokenizers import light_tokenizer

    found = light_tokenizer(_with_tokenizer(directory))
    return found or load_tokenizer(directory, trust_remote_code=trust_remote_code)


def _with_tokenizer(directory: Path) -> Path:
    """Where the tokenizer of a model lies: in its directory, or, for an adapter without its own, in its base's."""
    base = adapter_base(directory)
    own = any((directory / name).is_file() for name in _TOKENIZERS)
    return directory if own or base is None else base


def load_model(
    directory: Path,
    *,
    task: Task = "causal",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    device_map: str | None = None,
) -> Any:
    """The model of a directory, ready to be asked: on the CPU, or spread as the device map says."""
    import torch
    from safetensors import SafetensorError

    from rlaif.libraries.peft import merged
    from rlaif.libraries.transformers import load_causal, load_classifier, said_by

    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not known; known: {', '.join(DTYPES)}")
    load = load_causal if task == "causal" else load_classifier
    base = adapter_base(directory)
    try:
        model = load(
            base or directory,
            dtype=getattr(torch, dtype),
            trust_remote_code=trust_remote_code,
            device_map=device_map,
        )
        if base is not None:
            model = merged(model, directory)
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as problem:
        raise ModelError(
            f"{directory}: the model cannot be loaded: {_own_code(problem) or said_by(problem)}"
        ) from problem
    return model.eval().requires_grad_(False)


def check_vocabulary(directory: Path, chat: Chat, model: Any) -> None:
    """Raise ModelError where a text may become a token that has no place in the model's embeddings.

    Some makes have spare special tokens beyond them, for images: those no text can spell.
    """
    from rlaif.libraries.transformers import embedded_tokens

    rows, tokenizer = embedded_tokens(model), chat.tokenizer
    special = set(tokenizer.all_special_ids)
    special |= {each for each, added in tokenizer.added_tokens_decoder.items() if added.special}
    written = max(chat.prompt_ids([[Message(role="user", content="a")]])[0], default=0)
    beyond = [each for each in tokenizer.get_vocab().values() if each >= rows and each not in special]
    if beyond or written >= rows:
        raise ModelError(
            f"{directory}: the tokenizer knows tokens up to {max([*beyond, written])}, and the model has embeddings of "
            f"{rows} only; resize_token_embeddings() and save it again, or save the tokenizer that belongs to it"
        )


def load_placed(
    directory: Path,
    *,
    device: str,
    device_map: str | None,
    task: Task = "causal",
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> Any:
    """Load the model of `directory` to one `device`, or spread it over several by `device_map`."""
    if device_map is not None and device != "auto":
        raise ModelError(f"--device {device} and --device-map {device_map} contradict each other; name one")
    place = None if device_map is not None else pick_device(device)
    model = load_model(
        directory, task=task, dtype=dtype, trust_remote_code=trust_remote_code, device_map=device_map
    )
    return model if place is None else model.to(place)


def pick_device(device: str) -> str:
    """`auto` is the accelerator if there is one."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as problem:
        raise ModelError(
            f"device {device!r} cannot be used here: {_first_line(problem)}; use auto or cpu, or install a torch "
            f"that is built for it: {said('torch')}"
        ) from problem
    return device


def free_accelerator() -> None:
    """Give memory of models that nobody holds any more back to the accelerator, where there is one.

    Models that are spread over devices hang in reference circles, which wait for the collector.
    """
    import torch

    if torch.accelerator.is_available():
        gc.collect()
        torch.accelerator.empty_cache()


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path}: not JSON: {problem}; save the model again") from problem


def _own_code(problem: BaseException) -> str:
    if "trust_remote_code" not in str(problem):
        return ""
    return (
        "it needs the code that comes with it, which is run only where that is asked for: --trust-remote-code (and "
        "read it first)"
    )


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
