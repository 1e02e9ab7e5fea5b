"""Thoughts as servers send them apart from the text: the fields and the parts that hold them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
"""Of a message. Some servers send one thought in several of them: the first that tells something holds it.

vLLM and OpenRouter write `reasoning`, older vLLM, SGLang, llama.cpp, DeepSeek, Qwen and xAI `reasoning_content`, Ollama
and LM Studio either; OpenRouter adds `reasoning_details`, LiteLLM Anthropic's `thinking_blocks`.
"""
PARTS = ("thinking", "reasoning", "reasoning_content", "redacted_thinking", "reasoning_text")
"""Types of content parts: Mistral's, Anthropic's, Databricks'."""
_TEXTS = ("thinking", "reasoning", "reasoning_content", "reasoning_text", "text", "summary", "content")
"""Fields of a part or block in which its words stand; what is encrypted has none of them."""
_DEEPEST = 4


def thought_field(message: Mapping[str, Any]) -> str:
    """The field that holds a thought, or one that is withheld; "" where none does."""
    return next((name for name in FIELDS if message.get(name)), "")


def thought_of(message: Mapping[str, Any]) -> str:
    """The thought that a message tells in a field or in parts of its content; empty where it tells none."""
    for name in FIELDS:
        if found := _told(message.get(name)):
            return found
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return _told([each for each in parts if isinstance(each, Mapping) and each.get("type") in PARTS])


def _told(value: object) -> str:
    return "\n\n".join(filter(None, (each.strip() for each in _words(value, 0))))


def _words(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < _DEEPEST:
        for each in value:
            yield from _words(each, depth + 1)
    elif isinstance(value, Mapping) and depth < _DEEPEST:
        name = next((each for each in _TEXTS if value.get(each)), "")
        yield from _words(value.get(name), depth + 1)
