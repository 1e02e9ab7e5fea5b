"""OpenAI's preference fine-tuning: told by its first row, whole, and refused where it cannot be kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.formats.openai_preference import USER_IN_SIDE
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.preferences.writing import preference_rows
from tests.exchange.preferences.builders import pair, turn

GOOD = [{"role": "assistant", "content": "11 degrees."}]
BAD = [{"role": "assistant", "content": "Not sure."}]
ROW: dict[str, Any] = {
    "input": {
        "messages": [{"role": "user", "content": "How cold is it?"}],
        "tools": [],
        "parallel_tool_calls": True,
    },
    "preferred_output": GOOD,
    "non_preferred_output": BAD,
}


def saved(folder: Path, row: Any) -> Path:
    (path := folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    return path


def test_the_published_row_is_told_by_its_columns(tmp_path: Path) -> None:
    found = read_preferences(saved(tmp_path, ROW))
    assert (found.format, found.columns_left) == ("openai-preference", ())
    (one,) = found.pairs
    assert (one.prompt[0].content, one.chosen[0].content) == ("How cold is it?", "11 degrees.")
    assert one.rejected[0].content == "Not sure."
    assert one.provenance["request"] == {"tools": [], "parallel_tool_calls": True}


def test_a_side_with_a_users_turn_is_left_out_with_its_reason() -> None:
    asks_again = (turn("assistant", "Where?"), turn("user", "Here."), turn("assistant", "11 degrees."))
    given = replace(pair(), chosen=asks_again)
    assert preference_rows([given], format="openai-preference") == ([], {USER_IN_SIDE: 1})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"input": [{"role": "user", "content": "q"}]}, "'input' must be an object with `messages`"),
        ({"input": {"messages": []}}, "'input' must be an object with `messages`"),
        ({"preferred_output": "11 degrees."}, "'preferred_output' must be a list of turns"),
        ({"non_preferred_output": None}, "'non_preferred_output' must be a list of turns"),
        ({"input": {**ROW["input"], "images": ["a.png"]}}, "column `images` is filled"),
        (
            {"input": {"messages": ROW["input"]["messages"] + GOOD}},
            "the last turn of 'prompt' is of assistant",
        ),
    ],
)
def test_what_cannot_be_kept_is_one_message_with_its_place(tmp_path: Path, changed: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=r"rows\.jsonl:1: .*") as told:
        read_preferences(saved(tmp_path, ROW | changed))
    assert said in str(told.value)
