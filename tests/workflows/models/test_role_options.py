"""What is said of a role: read from mappings, laid over others, and no part of an identity where it is not set."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.workflows.models.role_options import LENGTHS, NOTHING, RoleOptions, role_options, told_options


def test_only_what_is_set_is_told() -> None:
    assert NOTHING.set_ones == {}
    assert told_options(NOTHING) == told_options(None) == {}
    said = RoleOptions(enable_thinking=False, max_thought_tokens=0, chat_template_kwargs={"a": 1})
    assert told_options(said) == {
        "options": {"enable_thinking": False, "max_thought_tokens": 0, "chat_template_kwargs": {"a": 1}}
    }


def test_a_mapping_is_read_as_a_recipe_writes_it() -> None:
    found = role_options({"enable_thinking": True, "thought_marks": ["<a>", "</a>"]}, "judge_options")
    assert found == RoleOptions(enable_thinking=True, thought_marks=("<a>", "</a>"))
    assert found.marks == ("<a>", "</a>")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"enable_thinkin": True}, "unknown key 'enable_thinkin' .did you mean 'enable_thinking'"),
        ({"max_tokens": 0}, "max_tokens is 0; it must be a whole number, 1 or above"),
        ({"dtype": "int4"}, "dtype must be one of float32, bfloat16, float16"),
        ({"thought_marks": ["<a>"]}, "give two marks: START END"),
        ({"enable_thinking": True, "chat_template_kwargs": {"enable_thinking": False}}, "say the opposite"),
    ],
)
def test_what_is_no_option_is_refused_with_its_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        role_options(given, "judge_options")


def test_budgets_that_a_command_has_options_for_are_refused_in_either_form() -> None:
    for given in ({"max_tokens": 9}, RoleOptions(max_tokens=9)):
        with pytest.raises(InputError, match=r"policy_options.*unknown key 'max_tokens'"):
            role_options(given, "policy_options", without=LENGTHS)


def test_options_go_before_those_that_they_are_laid_over() -> None:
    over = RoleOptions(max_tokens=9).over(RoleOptions(max_tokens=5, enable_thinking=True))
    assert over == RoleOptions(max_tokens=9, enable_thinking=True)


def test_what_is_no_mapping_is_refused_with_an_example() -> None:
    with pytest.raises(InputError, match="judge_options is True; give a mapping, such as"):
        role_options(True, "judge_options")  # type: ignore[arg-type]
