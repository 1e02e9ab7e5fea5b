"""ms-swift's shape: a conversation a row, the answer as its last turn."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shapes.swift import SHAPE


def turns(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in said]


def test_all_turns_but_the_last_are_the_prompt() -> None:
    row = turns(("system", "s"), ("user", "hi"), ("assistant", "ho"), ("user", "and"), ("assistant", "so"))
    found = SHAPE.read({"messages": [row]})
    assert [each.content for each in found.prompts[0].messages] == ["s", "hi", "ho", "and"]
    assert found.completions[0].text == "so"
    assert SHAPE.write({}, [None, 1.0]) == {"rewards": [None, 1.0]}


@pytest.mark.parametrize(
    "row",
    [
        [],
        turns(("user", "hi")),
        turns(("user", "hi"), ("user", "ho")),
        turns(("assistant", "a"), ("assistant", "b")),
    ],
)
def test_a_row_without_a_prompt_and_an_answer_is_refused(row: Any) -> None:
    with pytest.raises(InputError, match=r"messages\[0\]"):
        SHAPE.read({"messages": [row]})
