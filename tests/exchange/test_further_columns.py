"""A prompt file may have any further columns: what is made of it is read back, whatever they are called and hold."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import records
from rlaif.errors import UnkeptError
from rlaif.exchange.columns import ASKED_TOO, MEANT, SAID_TOO, TOOLS
from rlaif.exchange.completions import read_completions, write_completions
from rlaif.exchange.prompts import read_prompts, row_prompt, write_prompts
from rlaif.records import Completion, Prompt

FIELDS = {
    field.name
    for each in (
        records.Prompt,
        records.Completion,
        records.Pair,
        records.Judgment,
        records.Example,
        records.Message,
    )
    for field in dataclasses.fields(each)
}
OWN = sorted(
    {
        *FIELDS, *MEANT, *SAID_TOO, "columns", "completion", "completions", "text", "thought", "critique",
        "gold", "tags", "label", "chosen", "rejected", "output", "answer", "response", "class", "propositions", "where",
        "step", "Prompt", "", " ", "a.b", "é", "prompt ",
        "instruction", "conversations", "finish", "token_ids", "policy", "draw",
    }
    - {"prompt", "tags", "gold"}
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIXED: list[Any] = [
    "x",
    5,
    0.5,
    True,
    ["a"],
    [{"role": "user", "content": "q"}],
    {"prompt": "p", "messages": []},
    None,
]


def through(prompt: Prompt, folder: Path) -> None:
    """Written as completions and as prompts, and read again."""
    said = Completion(prompt_id=prompt.id, text="a", policy="m", draw=3, finish="stop", token_ids=(1, 2))
    write_completions(folder / "completions.jsonl", [(prompt, said)])
    assert read_completions(folder / "completions.jsonl") == [(prompt, said)]
    write_prompts(folder / "prompts.jsonl", [prompt])
    assert read_prompts(folder / "prompts.jsonl") == [prompt]


def read(row: dict[str, Any], column: str | None = None) -> Prompt | None:
    """The prompt of a row; None where a column is refused as a part of what is asked."""
    try:
        return row_prompt(json.loads(json.dumps(row)), "x:1", column)
    except UnkeptError:
        assert any(name.lower() in (*ASKED_TOO, *TOOLS) for name in row)
        return None


@pytest.mark.parametrize("name", OWN)
def test_a_column_called_as_one_of_ours_stands_in_the_way_of_nothing(tmp_path: Path, name: str) -> None:
    for value in FIXED:
        if name in ("system", "system_prompt", "history") and not isinstance(value, str | None):
            continue  # a part of the prompt, and checked as such
        if name == "history" and value is not None:
            continue
        found = read({"prompt": "q", name: value}, "prompt")
        if found is not None:
            through(found, tmp_path)


@given(
    st.dictionaries(
        st.sampled_from(OWN) | st.text(st.characters(exclude_categories=["Cs"])), JSON, max_size=4
    )
)
def test_any_columns_of_any_value_come_back(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, Any]
) -> None:
    kept = {key: value for key, value in columns.items() if key not in ("system", "system_prompt", "history")}
    found = read({**kept, "prompt": "q", "tags": ["t"], "gold": None}, "prompt")
    if found is not None:
        through(found, tmp_path_factory.mktemp("x"))
