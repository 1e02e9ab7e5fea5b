"""Rows of other projects are read whole: what belongs to the question is in the prompt, the rest is said or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.formats.trl import CONTINUES, NOT_CONTINUED
from rlaif.exchange.preferences.reading import ReadPreferences, read_preferences

SIDES = {"chosen": "The sky is blue.", "rejected": "The sky is green."}


def read(tmp_path: Path, *rows: Any, name: str = "rows.jsonl", format: str | None = None) -> ReadPreferences:
    (path := tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_preferences(path, format=format)


def turns(*said: str) -> list[dict[str, str]]:
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[each[0]], "content": each[2:]} for each in said]


def shared(*said: str) -> list[dict[str, str]]:
    roles = {"s": "system", "u": "human", "a": "gpt"}
    return [{"from": roles[each[0]], "value": each[2:]} for each in said]


QUESTION = [
    # orca, axolotl's chatml.intel
    ({"system": "Be a pirate.", "question": "Sky?", **SIDES}, ["s:Be a pirate.", "u:Sky?"]),
    ({"system": "", "question": "Sky?", **SIDES}, ["u:Sky?"]),
    # LLaMA-Factory's alpaca layout, with history
    ({"instruction": "Say.", "input": "Sky", **SIDES}, ["u:Say.\nSky"]),
    ({"instruction": "Say.", "input": "", **SIDES}, ["u:Say."]),
    (
        {"instruction": "Say.", "history": [["Hi", "Hello"]], "system": "S", **SIDES},
        ["s:S", "u:Hi", "a:Hello", "u:Say."],
    ),
    (
        {"instruction": "Say.", "input": "Sky", "output": [SIDES["chosen"], SIDES["rejected"]]},
        ["u:Say.\nSky"],
    ),
    # distilabel, axolotl's chatml.icr and chatml.argilla
    ({"system": "Be exact.", "input": "Sky?", **SIDES}, ["s:Be exact.", "u:Sky?"]),
    (
        {
            "system": "S",
            "instruction": "Sky?",
            "chosen_response": SIDES["chosen"],
            "rejected_response": SIDES["rejected"],
        },
        ["s:S", "u:Sky?"],
    ),
    # paired answers of a forum
    ({"question": "Sky?", "response_j": SIDES["chosen"], "response_k": SIDES["rejected"]}, ["u:Sky?"]),
    # TRL with a column beside
    ({"system": "S", "prompt": "Sky?", **SIDES}, ["s:S", "u:Sky?"]),
    ({"system_prompt": "S", "prompt": turns("u:Sky?"), **SIDES}, ["s:S", "u:Sky?"]),
    ({"system": "S", "prompt": turns("s:S", "u:Sky?"), **SIDES}, ["s:S", "u:Sky?"]),
    ({"prompt": "Sky?", "question": "Sky?", **SIDES}, ["u:Sky?"]),
    (
        {
            "system": "S",
            "chosen": turns("u:Sky?", "a:The sky is blue."),
            "rejected": turns("u:Sky?", "a:The sky is green."),
        },
        ["s:S", "u:Sky?"],
    ),
    # a text prompt whose sides are whole conversations
    (
        {
            "prompt": "Sky?",
            "chosen": turns("s:S", "u:Sky?", "a:The sky is blue."),
            "rejected": turns("s:S", "u:Sky?", "a:The sky is green."),
            "messages": turns("s:S", "u:Sky?", "a:The sky is blue."),
        },
        ["s:S", "u:Sky?"],
    ),
    (
        {
            "prompt": "Sky?",
            "chosen": turns("u:Hi", "a:Hello", "u:Sky?", "a:The sky is blue."),
            "rejected": turns("u:Hi", "a:Hello", "u:Sky?", "a:The sky is green."),
        },
        ["u:Hi", "a:Hello", "u:Sky?"],
    ),
    # LLaMA-Factory's sharegpt layout, axolotl's chat_template
    (
        {
            "conversations": shared("u:Sky?"),
            "system": "S",
            "chosen": shared("a:The sky is blue.")[0],
            "rejected": shared("a:The sky is green.")[0],
        },
        ["s:S", "u:Sky?"],
    ),
    (
        {
            "messages": turns("u:Sky?"),
            "system": "S",
            "chosen": turns("a:The sky is blue.")[0],
            "rejected": turns("a:The sky is green.")[0],
        },
        ["s:S", "u:Sky?"],
    ),
    # text parts, and a developer's turn
    (
        {
            "prompt": [
                {"role": "developer", "content": "S"},
                {"role": "user", "content": [{"type": "text", "text": "Sk"}, {"type": "text", "text": "y?"}]},
            ],
            "chosen": [{"role": "assistant", "content": [{"type": "text", "text": "The sky is blue."}]}],
            "rejected": turns("a:The sky is green."),
        },
        ["d:S", "u:Sky?"],
    ),
    # a dialogue as text, repeated by both sides or not
    (
        {
            "prompt": "\n\nHuman: Sky?\n\nAssistant:",
            "chosen": "\n\nHuman: Sky?\n\nAssistant: The sky is blue.",
            "rejected": "\n\nHuman: Sky?\n\nAssistant: The sky is green.",
        },
        ["u:Sky?"],
    ),
    (
        {
            "prompt": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Sky?\n\nAssistant:",
            "chosen": " The sky is blue.",
            "rejected": " The sky is green.",
        },
        ["u:Hi", "a:Hello", "u:Sky?"],
    ),
]


@pytest.mark.parametrize(("row", "wanted"), QUESTION)
def test_the_prompt_is_all_that_was_asked(tmp_path: Path, row: Any, wanted: list[str]) -> None:
    (pair,) = read(tmp_path, row).pairs
    assert [f"{each.role[0]}:{each.content}" for each in pair.prompt] == wanted
    assert [pair.chosen[0].content, pair.rejected[0].content] == list(SIDES.values())
    assert len(pair.chosen) == len(pair.rejected) == 1


def test_texts_that_repeat_a_text_prompt_are_cut_where_both_do(tmp_path: Path) -> None:
    whole = {
        "prompt": "Best pet?\nAnswer:",
        "chosen": "Best pet?\nAnswer: cats",
        "rejected": "Best pet?\nAnswer: x",
    }
    (pair,) = read(tmp_path, whole).pairs
    assert (pair.chosen[0].content, pair.rejected[0].content) == (" cats", " x")
    (pair,) = read(tmp_path, {**whole, "rejected": "rats"}).pairs
    assert pair.chosen[0].content == "Best pet?\nAnswer: cats"
    # two answers may begin with the prompt's one word
    (pair,) = read(tmp_path, {"prompt": "Hello", "chosen": "Hello there", "rejected": "Hello you"}).pairs
    assert (pair.chosen[0].content, pair.rejected[0].content) == ("Hello there", "Hello you")


@pytest.mark.parametrize("column", ["Question", "ask", "post", "user_query", "scenario"])
def test_a_question_under_an_unknown_name_is_never_thrown_away(tmp_path: Path, column: str) -> None:
    with pytest.raises(PromptFileError, match=rf"rows\.jsonl:1: .*{column}.*; (rename|join)"):
        read(tmp_path, {column: "What colour is the sky?", **SIDES})


def test_two_texts_alone_are_still_cut_where_they_part(tmp_path: Path) -> None:
    found = read(tmp_path, {"id": "a long id of words", "source_model": "some model", "n": 3, **SIDES})
    assert found.pairs[0].prompt[0].content == "The sky is"
    assert set(found.columns_left) == {"id", "source_model", "n"}


CALL = [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
UNKEPT = [
    (
        {"chosen": [{"role": "assistant", "content": "a", "tool_calls": [{"type": "custom", "name": "f"}]}]},
        r"chosen\[0\].tool_calls\[0\] is a call of type 'custom'",
    ),
    (
        {"rejected": [{"role": "assistant", "content": "a", "reasoning": ["hm"]}]},
        "`reasoning`, which is no text",
    ),
    (
        {"rejected": [{"role": "assistant", "content": "a", "thinking": "hm", "thought": "ha"}]},
        "which differ",
    ),
    ({"tools": [{"type": "function"}]}, r"`tools`\[0\] is no schema of a function"),
    ({"tools": [TOOL], "functions": [TOOL]}, "both `tools` and `functions`"),
    (
        {"chosen": [{"role": "assistant", "tool_calls": CALL + CALL}, {"role": "assistant", "content": "a"}]},
        "a second call with the id 'c'",
    ),
    ({"prompt": turns("s:A", "s:B", "u:Sky?")}, r"prompt\[1\] is a second system turn"),
    ({"reasoning": "Whose?"}, "column `reasoning` is filled"),
    ({"images": ["a.png"]}, "column `images` is filled"),
    ({"history": "x", "prompt": "Sky?", "question": "Another?"}, "column `question` is filled"),
    (
        {"prompt": [{"role": "user", "content": "w"}, {"role": "tool", "content": "22C"}]},
        r"prompt\[1\] is the result of a tool that nobody called before it",
    ),
    (
        {"prompt": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "part of type 'image_url'; only text",
    ),
    ({"prompt": turns("s:A", "u:Sky?"), "system": "B"}, "a `system` column beside turns"),
]


@pytest.mark.parametrize(("row", "said"), UNKEPT)
def test_what_cannot_be_kept_costs_its_row_and_is_said(
    tmp_path: Path, row: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"prompt": "Sky?", **SIDES}
    with pytest.raises(UnkeptError, match=rf"rows\.jsonl:1: .*{said}.*; "):
        read(tmp_path, {**good, **row})
    found = read(tmp_path, good, {**good, **row})
    assert len(found.pairs) == 1
    assert list(found.left_out.values()) == [1]
    assert f"{tmp_path / 'rows.jsonl'}:2: " in caplog.text


def test_empty_parts_of_turns_and_rows_are_no_harm(tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": "a", "tool_calls": None, "reasoning_content": "", "name": None}
    row = {"prompt": "Sky?", "chosen": [turn], "rejected": "b", "tools": [], "system": None, "images": []}
    assert len(read(tmp_path, row).pairs) == 1


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"score_chosen": "4.5", "score_rejected": "2"}, (4.5, 2.0, 2.5)),
        ({"score_chosen": 3, "score_rejected": 2.0}, (3.0, 2.0, 1.0)),
        ({"chosen_score": float("nan"), "rejected_score": 2}, (None, 2.0, None)),
        ({"chosen_rating": "", "rejected_rating": "nan"}, (None, None, None)),
        ({"chosen-rating": "5", "rejected-rating": 1}, (5.0, 1.0, 4.0)),
        ({"score_gap": "0.25"}, (None, None, 0.25)),
    ],
)
def test_scores_are_numbers_however_they_are_written(tmp_path: Path, row: Any, wanted: Any) -> None:
    (pair,) = read(tmp_path, {"prompt": "Sky?", **SIDES, **row}).pairs
    assert (pair.chosen_score, pair.rejected_score, pair.score_gap) == wanted


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"score_chosen": "high"}, "`score_chosen` is 'high'; it must be a number"),
        ({"chosen-rating": [1]}, r"`chosen-rating` is \[1\]"),
        ({"label_prob": "nan"}, "`label_prob` is 'nan'"),
        ({"label_prob": "1.5"}, "`label_prob` is 1.5"),
    ],
)
def test_a_wrong_number_is_told_by_the_files_own_column(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=rf"rows\.jsonl:1: {said}"):
        read(tmp_path, {"prompt": "Sky?", **SIDES, **row})


def test_a_table_of_text_is_read_as_its_numbers(tmp_path: Path) -> None:
    (path := tmp_path / "scores.csv").write_text(
        "prompt,chosen,rejected,score_chosen,score_rejected,label_prob,system\nHello,Hi,No,4.5,2,0.75,S\nBye,Hi,No,,,,\n"
    )
    first, second = read_preferences(path).pairs
    assert (first.score_gap, first.label_prob, first.prompt[0].content) == (2.5, 0.75, "S")
    assert (second.score_gap, second.label_prob, len(second.prompt)) == (None, 1.0, 1)


THUMBS = [
    [
        {"instruction": "Say.", "input": "Sky", "output": text, "kto_tag": up}
        for text, up in (("a", True), ("b", False))
    ],
    [
        {"messages": turns("u:Say.\nSky", f"a:{text}"), "label": up}
        for text, up in (("a", True), ("b", False))
    ],
    [
        {"conversations": shared("u:Say.\nSky", f"a:{text}"), "kto_tag": up}
        for text, up in (("a", 1), ("b", 0))
    ],
    [{"question": "Say.\nSky", "completion": text, "label": up} for text, up in (("a", True), ("b", False))],
]


@pytest.mark.parametrize("rows", THUMBS)
def test_thumbs_in_the_layouts_of_other_trainers(tmp_path: Path, rows: Any) -> None:
    found = read(tmp_path, *[{**row, "system": "S"} for row in rows])
    (pair,) = found.pairs
    assert [each.content for each in (*pair.prompt, *pair.chosen, *pair.rejected)] == [
        "S",
        "Say.\nSky",
        "a",
        "b",
    ]
    assert found.format == "kto"


def test_columns_that_mean_nothing_are_said_once_and_none_are_quiet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = {"prompt": "Sky?", **SIDES}
    read(tmp_path, row, row)
    assert caplog.text == ""
    read(tmp_path, {**row, "source": "x"}, {**row, "source": "y", "id": None, "lang": "en"})
    assert caplog.messages == [f"{tmp_path / 'rows.jsonl'}: left out: source, lang (no meaning here)"]


def test_reasons_of_before_stand(tmp_path: Path) -> None:
    good = {"prompt": "Sky?", **SIDES}
    other = {**good, "chosen": turns("u:Else?", "a:x"), "rejected": turns("u:Sky?", "a:x")}
    found = read(tmp_path, good, other, {"chosen": "Sky? Blue", "rejected": "Sky? Blue sky"})
    assert found.left_out == {NOT_CONTINUED: 1, CONTINUES: 1}
