"""Who draws a training's rollouts, by name: the training itself, a vLLM that it starts, or a vLLM server."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx

from rlaif.engines.openai.key import key_of
from rlaif.engines.samplers import Sampler
from rlaif.errors import ModelError

LIVE, STARTED, SOCKET = "live", "vllm", "unix:"
FORM = "live, vllm, http://<host>:<port>, or unix:<socket>"


def check_sampler_name(name: str) -> None:
    """Raise ModelError for a name that names nobody."""
    if name in (LIVE, STARTED):
        return
    if not name.removeprefix(SOCKET) or not name.startswith((SOCKET, "http://", "https://")):
        raise ModelError(f"rollouts is {name!r}; say {FORM}")
    if not name.startswith(SOCKET):
        _address(name)


def require_sampler(name: str) -> None:
    """Raise ModelError where what a name names is not installed, or its key is not set; asks nobody."""
    check_sampler_name(name)
    if name == STARTED:
        from rlaif.engines.vllm.started import interpreter

        interpreter()
    elif name != LIVE and not name.startswith(SOCKET) and (variable := _address(name)[1]):
        key_of(variable)


def open_sampler(name: str) -> Sampler | None:
    """The sampler of a name; None for the training itself. Nothing is asked yet. Raises ModelError."""
    check_sampler_name(name)
    if name == LIVE:
        return None
    if name == STARTED:
        from rlaif.engines.vllm.started import StartedVllm

        return StartedVllm()
    from rlaif.engines.vllm.served import ServedVllm

    if name.startswith(SOCKET):
        path = name.removeprefix(SOCKET)
        return ServedVllm(f"vLLM at {path}", "http://vllm", transport=httpx.HTTPTransport(uds=path))
    url, variable = _address(name)
    return ServedVllm(f"vLLM at {url}", url, key=key_of(variable) if variable else None)


def _address(name: str) -> tuple[str, str]:
    """The address without /v1, and the variable that holds its key."""
    try:
        parts = urlsplit(name)
        told = dict(parse_qsl(parts.query, keep_blank_values=True))
        known = parts.hostname and not parts.username and not parts.fragment and not set(told) - {"key"}
    except ValueError:
        known = None
    if not known:
        raise ModelError(
            "rollouts: an address is http://<host>:<port>, with ?key=VARIABLE where an environment variable holds the "
            "server's key; no user, no model and nothing else stands in it"
        )
    path = parts.path.rstrip("/").removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), told.get("key", "")
