"""Conversations are read as prompts that can be cut at any of the assistant's turns."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from rlaif.workflows.generate.asked_prompts import asked_prompts

U, A = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
MORE = {"role": "user", "content": "c"}


def written(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [U, A, MORE, A]},
        {"messages": [U, A, MORE]},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"},
                           {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]},
    ],
)  # fmt: skip
def test_a_conversation_with_or_without_its_last_answer_has_the_same_turns(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    path = written(tmp_path / "talk.jsonl", row)
    assert [each.text for each in asked_prompts(path, from_turn="each")] == ["a", "c"]
    assert [each.text for each in asked_prompts(path, from_turn="last")] == ["c"]


def test_the_limit_counts_conversations_and_what_is_too_short_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "talk.jsonl", {"prompt": "x"}, {"messages": [U, A, MORE]}, {"prompt": "y"})
    with caplog.at_level(logging.WARNING):
        found = asked_prompts(path, from_turn="2", limit=2)
    assert [each.text for each in found] == ["c"]
    assert "1 of 2 conversations have no turn 2" in caplog.text


def test_without_it_prompts_are_read_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path / "talk.jsonl", {"messages": [U, A, MORE]})
    [found] = asked_prompts(path)
    assert (found.text, found.meta) == ("c", {})
