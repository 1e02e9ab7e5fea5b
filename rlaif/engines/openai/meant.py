"""What somebody may have meant who named a server, a provider or a served model in words of their own.

Addresses are the providers' own; of a local server its usual port.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class _Place(NamedTuple):
    url: str
    key: str = ""
    """The variable in which people keep the key of it."""


_LOCAL = "http://127.0.0.1"
_PLACES = {
    "ollama": _Place(f"{_LOCAL}:11434/v1"),
    "lmstudio": _Place(f"{_LOCAL}:1234/v1"),
    "llamacpp": _Place(f"{_LOCAL}:8080/v1"),
    "llamaserver": _Place(f"{_LOCAL}:8080/v1"),
    "sglang": _Place(f"{_LOCAL}:30000/v1"),
    "litellm": _Place(f"{_LOCAL}:4000/v1"),
    "tgi": _Place(f"{_LOCAL}:8080/v1"),
    "oai": _Place("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openai": _Place("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": _Place("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "google": _Place("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "gemini": _Place("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "mistral": _Place("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": _Place("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "xai": _Place("https://api.x.ai/v1", "XAI_API_KEY"),
    "groq": _Place("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together": _Place("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "openrouter": _Place("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
}
_FAMILIES = {
    re.compile(r"(gpt-|chatgpt|o[1-9](-|$)|davinci)"): "openai",
    re.compile(r"claude"): "anthropic",
    re.compile(r"gemini"): "gemini",
    re.compile(r"(open-)?(mistral|ministral|codestral|magistral)-[\w-]+-(latest|\d{4})$"): "mistral",
    re.compile(r"deepseek-(chat|reasoner)$"): "deepseek",
    re.compile(r"grok-"): "xai",
}
"""By the names of their own models, as their interfaces have them."""
_TAGGED = re.compile(r"[\w.-]+(/[\w.-]+)?:[\w.-]+")
_USER = re.compile(r"(?<=://)[^/@]*@")
_ADDRESS = re.compile(r"(https?://)?([\w.-]+:\d+|localhost|[\w-]+(\.[\w-]+)+:\d+|(\d+\.){3}\d+)(/.*)?$")
_PAGE = re.compile(r"https?://(www\.)?(huggingface\.co|hf\.co|github\.com)/")
"""Pages about models: no servers."""
_FURTHER = re.compile(r"/(chat/completions|completions|responses|models|api/(chat|generate|tags)|api)/*$")


def meant_server(name: str) -> str | None:
    """The `openai:` name that `name` comes closest to; None where nothing points to a server.

    Users and passwords in an address are left out.
    """
    text, _, model = _USER.sub("", name).partition("#")
    if _PAGE.match(text):
        return None
    if text.startswith(("http://", "https://")):
        return _at(text, model)
    head, mark, rest = _split(text)
    place = _PLACES.get(_plain(head)) if mark or "/" not in text else None
    if place is not None:
        return _named(place, rest or model)
    if _ADDRESS.fullmatch(text):
        return _at(f"http://{text}", model)
    if family := next((each for pattern, each in _FAMILIES.items() if pattern.match(text.lower())), None):
        return _named(_PLACES[family], text)
    # a tag behind a colon is how Ollama names what it serves
    return _named(_PLACES["ollama"], text) if _TAGGED.fullmatch(text) and not _is_drive(text) else None


def meant_address(rest: str) -> str | None:
    """What follows `openai:` in a name that cannot be read, put right; None where it says too little."""
    text = rest.strip()
    if not text or "," in text:
        return None
    model = text.partition("#")[2]
    found = meant_server(text) or (
        _named(_PLACES["openai"], text) if re.fullmatch(r"[\w.-]+", text) else None
    )
    return found if found is not None and (model or "#" in found) else None


def _split(text: str) -> tuple[str, str, str]:
    """Provider and model of `provider:model`, `provider/model`; the whole text where it has no such mark."""
    found = re.match(r"([\w .-]+?)(:/{0,2}|/)(.*)", text)
    return (found[1], found[2], found[3]) if found else (text, "", "")


def _plain(word: str) -> str:
    return re.sub(r"[ ._-]", "", word.lower())


def _at(text: str, model: str) -> str:
    address = _FURTHER.sub("", text.partition("?")[0].rstrip("/")).rstrip("/")
    host = address.partition("://")[2]
    versioned = "/" in host
    return f"openai:{address if versioned else f'{address}/v1'}#{model or 'MODEL'}"


def _named(place: _Place, model: str) -> str:
    setting = f"?key={place.key}" if place.key else ""
    return f"openai:{place.url}{setting}#{model or 'MODEL'}"


def _is_drive(text: str) -> bool:
    return re.match(r"[A-Za-z]:[\\/]", text) is not None
