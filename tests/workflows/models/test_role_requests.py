"""A role's options reach a model in its own way, and what it cannot honour is refused by name before it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.kinds import ENGINES
from rlaif.errors import InputError
from rlaif.records import Sampling
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.models.role_requests import RoleRequests, requests_of

QWEN = frozenset({"messages", "tools", "add_generation_prompt", "enable_thinking"})
DEEPSEEK = frozenset({"messages", "thinking"})
GPT_OSS = frozenset({"messages", "reasoning_effort", "model_identity"})


def asked(kind: str, variables: frozenset[str] | None = None, **options: Any) -> RoleRequests:
    return requests_of(RoleOptions(**options), f"{kind}:x", ENGINES.get(kind), variables)


@pytest.mark.parametrize(("variables", "name"), [(QWEN, "enable_thinking"), (DEEPSEEK, "thinking")])
def test_a_template_is_told_to_think_by_the_variable_that_it_reads(
    variables: frozenset[str], name: str
) -> None:
    assert asked("hf", variables, enable_thinking=True).chat_template_kwargs == {name: True}


def test_effort_goes_to_the_template_of_a_local_model_and_into_the_request_to_a_server() -> None:
    local, served = (
        asked("hf", GPT_OSS, reasoning_effort="low"),
        asked("openai", reasoning_effort="low", request_body={"top_k": 3}, enable_thinking=False),
    )
    assert (local.chat_template_kwargs, local.body) == ({"reasoning_effort": "low"}, {})
    assert served.body == {"reasoning_effort": "low", "top_k": 3}
    assert served.chat_template_kwargs == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("kind", "variables", "options", "told"),
    [
        ("hf", QWEN, {"request_body": {"a": 1}}, "no use for request_body"),
        (
            "hf",
            GPT_OSS,
            {"enable_thinking": True},
            "enable_thinking.*it reads model_identity, reasoning_effort",
        ),
        ("hf", QWEN, {"reasoning_effort": "low"}, "reads no `reasoning_effort`"),
        ("hf", QWEN, {"chat_template_kwargs": {"think": 1}}, "chat_template_kwargs.*reads no `think`"),
        ("hf", frozenset(), {"enable_thinking": True}, "reads no such variable at all"),
        ("hf", QWEN, {"chat_template_kwargs": {"tools": []}}, "cannot set tools, which each request sets"),
        ("openai", None, {"dtype": "float16"}, "no use for dtype .its weights are not here"),
        ("script", None, {"enable_thinking": False}, "renders no chat template"),
        ("reward", None, {"max_tokens": 9}, "writes no text"),
    ],
)
def test_an_option_without_use_is_refused_with_the_model_and_the_reason(
    kind: str, variables: frozenset[str] | None, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=f"{kind}:x.*{told}"):
        asked(kind, variables, **options)


def test_lengths_replace_those_that_were_asked_for_and_only_where_they_are_set() -> None:
    how = Sampling(max_tokens=32)
    assert RoleRequests().sampling(how) is how
    found = RoleRequests(max_tokens=9, max_thought_tokens=0).sampling(how)
    assert (found.max_tokens, found.max_thought_tokens) == (9, 0)
