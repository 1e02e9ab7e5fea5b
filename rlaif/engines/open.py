"""Model names to engines. Cheap checks come first; torch is loaded only for what needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import ModelError
from rlaif.libraries.versions import LOCAL, require
from rlaif.records import Engine
from rlaif.shipped import MODELS, shipped_model

__all__ = [
    "KINDS",
    "check_name",
    "judges_in_writing",
    "model_fingerprint",
    "open_engine",
    "resolve_directory",
]

KINDS = ("hf", "vllm", "openai", "reward", "script", "replay")


def open_engine(
    name: str,
    *,
    dtype: str = "float32",
    device: str = "auto",
    device_map: str | None = None,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    batch_tokens: int = 16384,
) -> Engine:
    """The engine that `name` names (DESIGN, "Model names"). Raises ModelError with the remedy."""
    kind, rest = split_name(name)
    if kind == "script":
        from rlaif.engines.scripted.script import ScriptEngine

        return ScriptEngine(name, Path(rest))
    if kind == "replay":
        from rlaif.engines.scripted.replay import ReplayEngine

        return ReplayEngine(name, Path(rest))
    if kind == "openai":
        from rlaif.engines.openai.engine import open_openai

        return open_openai(name, rest, chat_template_kwargs=chat_template_kwargs)
    if kind == "vllm":
        from rlaif.engines.vllm.open import require_vllm

        require_vllm(name, device)
    require(*LOCAL)
    from rlaif.engines.local.load import check_directory

    directory = resolve_directory(rest)
    check_directory(directory)
    how: dict[str, Any] = {
        "dtype": dtype,
        "device": device,
        "device_map": device_map,
        "chat_template_kwargs": chat_template_kwargs,
        "trust_remote_code": trust_remote_code,
        "batch_tokens": batch_tokens,
    }
    if kind == "reward":
        from rlaif.engines.local.reward import open_reward

        return open_reward(name, directory, **how)
    if kind == "vllm":
        from rlaif.engines.vllm.open import open_vllm

        if how.pop("device_map"):
            raise ModelError(f"{name}: vLLM takes no --device-map; leave it out")
        return open_vllm(name, directory, **how)
    from rlaif.engines.local.engine import open_hf

    return open_hf(name, directory, **how)


def resolve_directory(rest: str) -> Path:
    """The local directory of a bundled name, a path or a hub id (`@rev` behind it), fetched if it must be."""
    bundled = shipped_model(rest)
    if bundled is not None:
        return bundled
    try:
        path = Path(rest).expanduser()
    except RuntimeError as problem:  # `~` and nobody knows whose home
        raise ModelError(f"{rest}: no such model directory: {problem}") from problem
    if path.is_dir():
        return path
    looks_like_id = rest.count("/") <= 1 and not rest.startswith((".", "/", "~")) and rest
    if not looks_like_id:
        raise ModelError(f"{rest}: no such model directory")
    return _from_hub(rest)


def split_name(name: str) -> tuple[str, str]:
    """The kind of a model name and what follows it. Raises ModelError for a name of no kind."""
    if name in MODELS or Path(name).is_dir():
        return "hf", name
    kind, colon, rest = name.partition(":")
    if not colon or kind not in KINDS:
        known = ", ".join([*(f"{each}:" for each in KINDS), *MODELS])
        raise ModelError(f"{name!r} names no model: neither a directory nor one of {known}")
    if not rest:
        raise ModelError(f"{name!r}: what follows {kind}: is missing")
    return kind, rest


def judges_in_writing(name: str, wanted: bool) -> bool:
    """Whether a judge of this name writes its verdicts: behind a server, where that is wanted or nothing else is told.

    Sampled votes (`?votes=`) read labels without log-probabilities; a local model tells its own.
    """
    kind, _, rest = name.partition(":")
    if kind != "openai":
        return False
    from rlaif.engines.openai.name import parse_name

    settings = parse_name(name, rest).settings
    return not settings.votes and (wanted or not settings.logprobs)


def check_name(name: str) -> None:
    """Raise ModelError for a name of a server that none can have, before anything else is said of it."""
    kind, _, rest = name.partition(":")
    if kind == "openai" and rest:
        from rlaif.engines.openai.key import key_of
        from rlaif.engines.openai.name import parse_name

        key_of(parse_name(name, rest).settings.key)


def _from_hub(rest: str) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    repository, _, revision = rest.partition("@")
    patterns = ["*.json", "*.safetensors", "*.model", "*.tiktoken", "*.spm", "*.txt", "*.jinja", "*.py"]
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, httpx.HTTPError, OSError, ValueError) as problem:
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        raise ModelError(
            f"{rest}: neither a directory here nor a model that the hub gives: {reason}"
        ) from problem
