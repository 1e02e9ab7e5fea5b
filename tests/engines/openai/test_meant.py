"""Words for servers, providers and served models, and the name that they come closest to."""

from __future__ import annotations

import pytest

from rlaif.engines.openai.meant import meant_address, meant_server

OPENAI = "openai:https://api.openai.com/v1?key=OPENAI_API_KEY"
OLLAMA = "openai:http://127.0.0.1:11434/v1"
MEANT = {
    "http://127.0.0.1:8000/v1": "openai:http://127.0.0.1:8000/v1#MODEL",
    "http://127.0.0.1:8000": "openai:http://127.0.0.1:8000/v1#MODEL",
    "http://127.0.0.1:8000/v1#judge": "openai:http://127.0.0.1:8000/v1#judge",
    "https://api.openai.com/v1/chat/completions": "openai:https://api.openai.com/v1#MODEL",
    "http://10.0.0.7:8000/v1/models/": "openai:http://10.0.0.7:8000/v1#MODEL",
    "http://127.0.0.1:11434/api/chat": "openai:http://127.0.0.1:11434/v1#MODEL",
    "http://me:secret@127.0.0.1:8000/v1": "openai:http://127.0.0.1:8000/v1#MODEL",
    "localhost:8000": "openai:http://localhost:8000/v1#MODEL",
    "127.0.0.1:8000/v1": "openai:http://127.0.0.1:8000/v1#MODEL",
    "gpt-4o": f"{OPENAI}#gpt-4o",
    "o3-mini": f"{OPENAI}#o3-mini",
    "openai/gpt-4o": f"{OPENAI}#gpt-4o",
    "claude-sonnet-4-5": "openai:https://api.anthropic.com/v1?key=ANTHROPIC_API_KEY#claude-sonnet-4-5",
    "deepseek-chat": "openai:https://api.deepseek.com/v1?key=DEEPSEEK_API_KEY#deepseek-chat",
    "ollama": f"{OLLAMA}#MODEL",
    "ollama:llama3:8b": f"{OLLAMA}#llama3:8b",
    "ollama/llama3": f"{OLLAMA}#llama3",
    "llama3:8b": f"{OLLAMA}#llama3:8b",
    "hf.co/someone/model-GGUF:Q4_K_M": None,
    "lm-studio": "openai:http://127.0.0.1:1234/v1#MODEL",
    "LM Studio": "openai:http://127.0.0.1:1234/v1#MODEL",
    "Qwen/Qwen3-0.6B": None,
    "nonsense": None,
    "C:\\models\\x": None,
    "https://huggingface.co/Qwen/Qwen3-0.6B": None,
}


@pytest.mark.parametrize(("name", "meant"), MEANT.items(), ids=MEANT)
def test_words_for_a_server_come_closest_to_its_name(name: str, meant: str | None) -> None:
    assert meant_server(name) == meant


@pytest.mark.parametrize(
    ("rest", "meant"),
    [
        ("localhost:8000#m", "openai:http://localhost:8000/v1#m"),
        ("http://127.0.0.1:8000/v1", "openai:http://127.0.0.1:8000/v1#MODEL"),
        ("gpt-4o", f"{OPENAI}#gpt-4o"),
        ("llama3:8b", f"{OLLAMA}#llama3:8b"),
        ("", None),
        ("#m", None),
        ("http://a:1/v1,http://a:1/v1", None),
    ],
)
def test_what_stands_behind_the_colon_is_put_right(rest: str, meant: str | None) -> None:
    assert meant_address(rest) == meant
