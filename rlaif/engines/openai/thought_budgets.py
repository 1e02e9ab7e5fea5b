"""How servers are told the most tokens of a thought: a row for each way. Pure.

The limit of tokens that every server takes (`max_tokens`) counts thought and answer together, so it is the sum of both
whatever else is sent. A server that has no way, or takes no notice of it, is so held to the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Fields = Mapping[str, Any]


class Way(NamedTuple):
    """Fields of a request that limit a thought (0: there is to be none), and the hosts that are known to read them."""

    fields: Callable[[int], Fields]
    hosts: tuple[str, ...] = ()


WAYS: Mapping[str, Way] = {
    # vLLM from 0.18 on, with a reasoning parser; TensorRT-LLM
    "vllm": Way(lambda most: {"thinking_token_budget": most}),
    # its builds differ in the name that they read
    "llama.cpp": Way(lambda most: {"reasoning_budget_tokens": most, "thinking_budget_tokens": most}),
    # with --enable-strict-thinking
    "sglang": Way(lambda most: {"custom_params": {"thinking_budget": most}}),
    "qwen": Way(
        lambda most: (
            {"enable_thinking": True, "thinking_budget": most} if most else {"enable_thinking": False}
        ),
        ("aliyuncs.com", "siliconflow.com"),
    ),
    "openrouter": Way(
        lambda most: {"reasoning": {"max_tokens": most} if most else {"enabled": False}},
        ("openrouter.ai", "ai-gateway.vercel.sh"),
    ),
    # Anthropic's own compatible interface; LiteLLM and others in front of its models. At least 1,024.
    "anthropic": Way(
        lambda most: {
            "thinking": {"type": "enabled", "budget_tokens": most} if most else {"type": "disabled"}
        },
        ("anthropic.com",),
    ),
    "gemini": Way(
        lambda most: {
            "extra_body": {"google": {"thinking_config": {"thinking_budget": most, "include_thoughts": True}}}
        },
        ("generativelanguage.googleapis.com",),
    ),
    # FastDeploy
    "ernie": Way(lambda most: {"reasoning_max_tokens": most}),
    # read by the chat template of Seed-OSS, and of some Qwen and Nemotron
    "template": Way(lambda most: {"chat_template_kwargs": {"thinking_budget": most}}),
    "sum": Way(lambda most: {}),
}
"""By the name that `?budget_as=` says; `sum` sends nothing but the sum."""
UNKNOWN = ("vllm", "llama.cpp")
"""What is tried with a server of which nothing is known: fields that others ignore, or refuse by name."""
NAMES = frozenset(name for way in WAYS.values() for name in way.fields(1) if name != "chat_template_kwargs")
"""All fields of requests in which budgets stand."""


def budget_fields(most: int, url: str, chosen: str = "") -> Fields:
    """The fields that limit a thought to `most` tokens on the server at `url`; `chosen` is the user's way."""
    host = urlsplit(url).hostname or ""
    known = [name for name, way in WAYS.items() if any(_is_of(host, each) for each in way.hosts)]
    ways = [chosen] if chosen else known or UNKNOWN
    return {name: value for way in ways for name, value in WAYS[way].fields(most).items()}


def _is_of(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
