"""What a model wrote is the same behind every file of ours: turns, calls to the letter, and so all ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rlaif.exchange.completions import read_completions, write_completions
from rlaif.exchange.examples import read_examples, write_examples
from rlaif.exchange.format import About, written_formats
from rlaif.exchange.pairs import read_pairs, write_pairs
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.preferences.writing import write_preferences
from rlaif.exchange.prompts import read_prompts, write_prompts
from rlaif.exchange.row_text import row_json
from rlaif.hashing import canonical_json
from rlaif.records import Completion, Example, Message, Pair, Prompt, ToolCall

TEXT = st.sampled_from(
    ["a", "", " b\n", "é", "</think>", "```", "<|im_end|>", "null", "[]", "\x1b[1m", "\u2028"]
)
SAID = TEXT.filter(lambda text: bool(text.strip()))
OBJECT = st.dictionaries(st.sampled_from("zyxab"), st.sampled_from([1, 1.0, "é", None, [], {"b": 1, "a": 2}]))
ARGUMENTS = st.one_of(
    OBJECT.map(lambda each: json.dumps(each, ensure_ascii=False)),
    OBJECT.map(lambda each: json.dumps(each, separators=(",", ":"))),
    st.sampled_from(['{"a": 1', "", "[1]", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": 1e400}']),
)


def call(number: int) -> st.SearchStrategy[ToolCall]:
    return st.builds(
        ToolCall, name=SAID, arguments=ARGUMENTS, id=st.just(f"c{number}"), as_text=st.booleans()
    )


@st.composite
def before(draw: Callable[..., Any], first: int) -> tuple[Message, ...]:
    """Earlier turns: of the assistant, and what answers it."""
    found: list[Message] = []
    for number in range(first, first + draw(st.integers(0, 2))):
        asked = (draw(call(number)),) if draw(st.booleans()) else ()
        found.append(Message(role="assistant", content=draw(TEXT), thought=draw(SAID), tool_calls=asked))
        if asked:
            found.append(Message(role="tool", content=draw(TEXT), tool_call_id=asked[0].id))
        else:
            found.append(Message(role="user", content=draw(SAID)))
    return tuple(found)


@st.composite
def pairs(draw: Callable[..., Any]) -> Pair:
    prompt = (Message(role="user", content=draw(SAID)), *draw(before(0)))
    chosen, rejected = (
        (
            *draw(before(first)),
            Message(role="assistant", content=draw(SAID), thought=draw(st.just("") | SAID)),
        )
        for first in (10, 20)
    )
    tools = ({"type": "function", "function": {"name": "z", "description": "d", "parameters": draw(OBJECT)}},)
    assume(chosen != rejected)
    return Pair(
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        label_prob=0.9,
        tools=tools if draw(st.booleans()) else (),
    )


often = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@often
@given(pair=pairs())
def test_a_pair_is_the_same_behind_its_file(pair: Pair, ending: str, tmp_path: Path) -> None:
    write_pairs(tmp_path / f"p{ending}", [pair])
    (found,) = read_pairs(tmp_path / f"p{ending}")
    assert (found.id, found.completion_ids) == (pair.id, pair.completion_ids)
    assert (found.prompt, found.chosen, found.rejected) == (pair.prompt, pair.chosen, pair.rejected)
    assert json.dumps(found.tools) == json.dumps(pair.tools)


@often
@given(pair=pairs())
def test_prompts_completions_and_examples_are_the_same_behind_their_files(pair: Pair, tmp_path: Path) -> None:
    prompt = Prompt(messages=pair.prompt, tools=pair.tools)
    last = pair.chosen[-1]
    said = Completion(
        prompt_id=prompt.id, text=last.content, thought=last.thought, policy="m", lead=pair.chosen[:-1]
    )
    example = Example(messages=(*pair.prompt, *pair.chosen), tools=pair.tools, learned=len(pair.chosen))
    path = tmp_path / "rows.jsonl"
    write_prompts(path, [prompt])
    (asked,) = read_prompts(path)
    assert (asked.id, asked.messages) == (prompt.id, prompt.messages)
    assert json.dumps(asked.tools) == json.dumps(prompt.tools)
    write_completions(path, [(prompt, said)])
    ((_, answered),) = read_completions(path)
    assert (answered.id, answered.turns) == (said.id, said.turns)
    write_examples(path, [example])
    (learned,) = read_examples(path)
    assert (learned.messages, learned.learned) == (example.messages, example.learned)


@pytest.mark.parametrize(
    "name",
    [
        "trl",
        "openrlhf",
        "axolotl",
        "nemo-rl",
        "hh-rlhf",
        "ultrafeedback",
        "trl-parquet",
    ],
)
@often
@given(pair=pairs())
def test_a_pair_that_a_format_holds_keeps_its_id_in_it(pair: Pair, name: str, tmp_path: Path) -> None:
    assert name in written_formats()
    about = About("n", "2026-01-01", {})
    written = write_preferences(tmp_path, "train", [pair], format=name, about=about)
    if written.rows:
        (found,) = read_preferences(written.files[0], format=name).pairs
        assert found.id == pair.id


@given(OBJECT)
def test_a_row_without_calls_and_tools_is_canonical(row: dict[str, Any]) -> None:
    assert row_json({"messages": [row], "meta": row}) == canonical_json({"messages": [row], "meta": row})
