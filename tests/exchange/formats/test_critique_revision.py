"""Chains of critique and revision keep one text a stage; what is more than a text is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.preferences.reading import read_preferences

USER = {"role": "user", "content": "How late is it?"}
PLAIN = {"role": "assistant", "content": "Late."}
CALL = {"type": "function", "id": "c", "function": {"name": "clock", "arguments": "{}"}}


def chain(path: Path, draft: list[dict[str, Any]]) -> Path:
    row = {
        "init_prompt": [USER],
        "init_response": draft,
        "critic_prompt": "What is wrong?",
        "critic_response": "Vague.",
        "revision_prompt": "Mend it.",
        "revision_response": "It is ten.",
    }
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


def test_a_stage_may_repeat_what_was_asked(tmp_path: Path) -> None:
    found = read_preferences(chain(tmp_path / "c.jsonl", [USER, PLAIN]))
    assert [each.rejected[0].content for each in found.pairs] == ["Late."]


@pytest.mark.parametrize(
    "draft",
    [[{**PLAIN, "thought": "Hm."}], [{**PLAIN, "tool_calls": [CALL]}], [PLAIN, USER, PLAIN]],
    ids=["thought", "call", "several answers"],
)
def test_a_stage_that_is_more_than_a_text_is_refused_by_name(
    tmp_path: Path, draft: list[dict[str, Any]]
) -> None:
    with pytest.raises(PromptFileError, match="a chain keeps one text"):
        read_preferences(chain(tmp_path / "c.jsonl", draft))
