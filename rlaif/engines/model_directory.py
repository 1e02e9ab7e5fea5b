"""Where the weights of a model lie: a bundled name, a path or a hub id to a local directory."""

from __future__ import annotations

from pathlib import Path

from rlaif.engines.foreign_directories import file_told
from rlaif.errors import ModelError
from rlaif.shipped import shipped_model


def resolve_directory(rest: str) -> Path:
    """The local directory of a bundled name, a path or a hub id (`@rev` behind it), fetched if it must be.

    Raises ModelError where there is none.
    """
    bundled = shipped_model(rest)
    if bundled is not None:
        return bundled
    try:
        path = Path(rest).expanduser()
    except RuntimeError as problem:  # `~` and nobody knows whose home
        raise ModelError(f"{rest}: no such model directory: {problem}") from problem
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelError(file_told(path))
    looks_like_id = rest.count("/") <= 1 and not rest.startswith((".", "/", "~")) and rest
    if not looks_like_id:
        raise ModelError(
            f"{rest}: no such model directory, from {Path.cwd()}; name one that is there, or a hub id"
        )
    return _from_hub(rest)


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
