"""Prompt files of every format, and one clear message for each kind of broken row."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rlaif.checks import schema
from rlaif.errors import PromptFileError
from rlaif.exchange.prompts import prompt_row, read_prompts, write_prompts
from rlaif.records import Message, Prompt

ROWS: list[dict[str, Any]] = [
    {"prompt": "How do I bake bread?", "tags": ["how-to", "home"], "gold": "micro", "task": "bread"},
    {"prompt": '12 plus 7, with "steps", please', "task": "sum"},
]


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


WANTED = [
    Prompt(messages=user(ROWS[0]["prompt"]), tags=("how-to", "home"), gold="micro", meta={"task": "bread"}),
    Prompt(messages=user(ROWS[1]["prompt"]), meta={"task": "sum"}),
]


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_csv(path: Path, delimiter: str) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(["prompt", "tags", "gold", "task"])
        writer.writerow([ROWS[0]["prompt"], "how-to; home", "micro", "bread"])
        writer.writerow([ROWS[1]["prompt"], "", "", "sum"])
    return path


def write_parquet(path: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


def write_dataset(path: Path) -> Path:
    from datasets import Dataset

    Dataset.from_list(ROWS).save_to_disk(str(path))
    return path


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "dataset"])
def test_one_set_in_each_format_is_the_same_prompts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"set.{kind}"
    match kind:
        case "jsonl":
            write(path, jsonl(*ROWS) + "\n\n")
        case "json":
            write(path, json.dumps(ROWS, indent=1))
        case "csv" | "tsv":
            write_csv(path, "," if kind == "csv" else "\t")
        case "parquet":
            write_parquet(path)
        case _:
            path = write_dataset(tmp_path / "set")
    assert read_prompts(path) == WANTED
    assert read_prompts(str(path), limit=1) == WANTED[:1]


def test_plain_text_is_one_prompt_a_line(tmp_path: Path) -> None:
    found = read_prompts(
        write(tmp_path / "set.txt", b"\xef\xbb\xbfHow?\r\n\r\n  Why?  \nWhen\xe2\x80\xa8ever?")
    )
    assert [each.text for each in found] == ["How?", "Why?", "When\u2028ever?"]


def test_turns_are_read_under_either_name(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    longer = [
        *turns,
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Bye", "name": "x"},
    ]
    found = read_prompts(write(tmp_path / "set.jsonl", jsonl({"messages": turns}, {"prompt": longer})))
    assert [[each.role for each in prompt.messages] for prompt in found] == [
        ["system", "user"],
        ["system", "user", "assistant", "user"],
    ]
    assert found[1].text == "Bye"


def test_a_named_column_holds_the_prompt_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", jsonl({"question": "Why?", "prompt": "unused", "answer": 3}))
    (found,) = read_prompts(path, column="question")
    assert (found.text, dict(found.meta)) == ("Why?", {"prompt": "unused", "answer": 3})


def test_a_repeated_prompt_is_used_once_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "set.jsonl", jsonl({"prompt": "A"}, {"prompt": "B"}, {"prompt": "A"}))
    with caplog.at_level(logging.WARNING):
        assert [each.text for each in read_prompts(path)] == ["A", "B"]
    assert "1 repeated" in caplog.text


def test_a_limit_stops_before_a_later_broken_row(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", jsonl({"prompt": "A"}) + "{broken\n")
    assert [each.text for each in read_prompts(path, limit=1)] == ["A"]


GOOD = jsonl({"prompt": "A"})
BROKEN = [
    (GOOD + '{"prompt": "B"', ":2", "broken JSON"),
    (GOOD + "\n" + "[1]\n", ":3", "must be an object"),
    (GOOD + "3\n", ":2", "must be an object, not int"),
    (GOOD + jsonl({"text": "B"}), ":2", "no `prompt` or `messages` (columns: text)"),
    (GOOD + jsonl({"prompt": "B", "messages": []}), ":2", "both `prompt` and `messages`"),
    (GOOD + jsonl({"prompt": ""}), ":2", "blank"),
    (GOOD + jsonl({"prompt": " \n"}), ":2", "blank"),
    (GOOD + jsonl({"prompt": 3}), ":2", "must be text or a list of turns"),
    (GOOD + jsonl({"prompt": None}), ":2", "is empty"),
    (GOOD + jsonl({"messages": []}), ":2", "is empty"),
    (GOOD + jsonl({"messages": [{"role": "user"}]}), ":2", "`role` and `content`"),
    (
        GOOD + jsonl({"messages": [{"role": "human", "content": "x"}]}),
        ":2",
        "known roles: system, developer, user, assistant, tool",
    ),
    (GOOD + jsonl({"messages": [{"role": "user", "content": [{"text": "x"}]}]}), ":2", "only text"),
    (GOOD + jsonl({"messages": [{"role": "assistant", "content": "x"}]}), ":2", "ends with the user's"),
    (GOOD + jsonl({"prompt": "B", "tags": [1]}), ":2", "`tags` must be a list of words"),
    (GOOD + jsonl({"prompt": "B", "gold": 1}), ":2", "`gold` must be the name"),
    (GOOD + '{"prompt": "half \\ud800 a character"}\n', ":2", "surrogate"),
    (GOOD + "[" * 100_000 + "\n", ":2", "broken JSON"),
    ("", "", "holds no prompt"),
    ("\n \n", "", "holds no prompt"),
]


@pytest.mark.parametrize(("text", "place", "said"), BROKEN)
def test_a_broken_row_is_one_message_with_its_line(tmp_path: Path, text: str, place: str, said: str) -> None:
    path = write(tmp_path / "set.jsonl", text)
    with pytest.raises(PromptFileError) as caught:
        read_prompts(path)
    assert str(caught.value).startswith(f"{path}{place}: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("set.jsonl", b'{"prompt": "A"}\n{"prompt": "caf\xe9"}\n', "set.jsonl:2: not UTF-8"),
        ("set.txt", b"A\ncaf\xe9\n", "set.txt:2: not UTF-8"),
        ("set.csv", b"prompt\ncaf\xe9\n", "not UTF-8"),
        ("set.csv", b"", "holds no prompt"),
        ("set.csv", b"prompt\n", "holds no prompt"),
        ("set.csv", b"prompt,prompt\na,b\n", "set.csv:1: two columns have the same name"),
        ("set.csv", b"prompt,tags\nhow, why,x\n", "set.csv:2: 3 cells, 2 columns"),
        ("set.csv", b'prompt,tags\n"two\nlines",x\nshort\n', "set.csv:4: 1 cells, 2 columns"),
        ("set.csv", b'prompt,tags\na,b\n"open,x\n', "set.csv:3: broken CSV"),
        ("set.csv", b'prompt,tags\na,b\n"a"b,x\n', "set.csv:3: broken CSV"),
        ("set.csv", b"question\na\n", "set.csv:2: no `prompt` or `messages` (columns: question)"),
        ("set.json", b'{"prompt": "A"}', "must be a list of rows"),
        ("set.json", b'[{"prompt": "A"},\n\n{"prompt": }]', "set.json:3: broken JSON"),
        ("set.json", b'[{"prompt": "A"}, {"prompt": ""}]', "set.json, row 2: 'prompt' is blank"),
        ("set.json", b"[]", "holds no prompt"),
        ("set.json", b"", "broken JSON"),
        ("set.json", b"[" * 100_000, "broken JSON"),
        ("set.json", b"\xff\xfe", "not UTF-8"),
        ("set.parquet", b"PAR1 no", "no readable Parquet file"),
        ("set.parquet", b"", "no readable Parquet file"),
        ("set.xlsx", b"x", "do not know the ending '.xlsx'"),
        ("set", b"x", "do not know the ending ''"),
    ],
)
def test_a_broken_file_is_one_message(tmp_path: Path, name: str, text: bytes, said: str) -> None:
    with pytest.raises(PromptFileError) as caught:
        read_prompts(write(tmp_path / name, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_or_folder_that_is_not_there_or_no_set(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match="no such file"):
        read_prompts(tmp_path / "absent.jsonl")
    with pytest.raises(PromptFileError, match="not a directory saved by `datasets`"):
        read_prompts(tmp_path)
    with pytest.raises(
        PromptFileError, match="no such bundled set; there are micro:answers, micro:comparisons"
    ):
        read_prompts("micro:no-such-set")


def test_turns_in_a_cell_are_read_as_turns(tmp_path: Path) -> None:
    turns = json.dumps([{"role": "user", "content": "Hi"}])
    with (tmp_path / "set.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["messages"], [turns]])
    assert read_prompts(tmp_path / "set.csv")[0].messages == user("Hi")
    write(tmp_path / "set.csv", "messages\nHi there\n")
    with pytest.raises(PromptFileError, match="'messages' is empty"):
        read_prompts(tmp_path / "set.csv")


def test_turns_of_a_dataset_are_read(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_list([{"messages": [{"role": "user", "content": "Hi"}]}]).save_to_disk(str(tmp_path))
    assert read_prompts(tmp_path)[0].messages == user("Hi")


@pytest.mark.parametrize(
    "ref", ["x" * 5000 + ".jsonl", "How do I bake bread?", "a\0b.jsonl", "~nobody/x.jsonl"]
)
def test_a_text_that_names_no_file_is_said_to_be_none(ref: str) -> None:
    with pytest.raises(PromptFileError, match="no such file") as caught:
        read_prompts(ref)
    assert len(str(caught.value)) < 400


def test_a_column_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", jsonl({"question": "A", "answer": "B"}))
    with pytest.raises(PromptFileError, match="no column 'ask'; this row has: question, answer"):
        read_prompts(path, column="ask")


def test_a_set_with_splits_wants_one_named(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    whole = DatasetDict({"train": Dataset.from_list(ROWS), "test": Dataset.from_list(ROWS[1:])})
    whole.save_to_disk(str(tmp_path / "set"))
    assert read_prompts(f"{tmp_path}/set#test") == WANTED[1:]
    for ref in (f"{tmp_path}/set", f"{tmp_path}/set#dev"):
        with pytest.raises(PromptFileError, match="has the splits train, test"):
            read_prompts(ref)


SYSTEM = Message(role="system", content="")
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
messages = st.one_of(
    texts.map(user),
    st.lists(
        st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text(max_size=9)),
        max_size=3,
    ).flatmap(lambda before: texts.map(lambda text: (SYSTEM, *before, *user(text)))),
)
tags = st.lists(texts, max_size=3).map(tuple)
meta = st.dictionaries(
    st.sampled_from(["task", "kind", "n"]), st.one_of(st.none(), st.integers(), st.text(max_size=5))
)
prompts = st.builds(Prompt, messages=messages, tags=tags, gold=st.none() | texts, meta=meta)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(prompts, min_size=1, max_size=4, unique_by=lambda each: each.id))
def test_written_prompts_are_read_back_and_fit_the_schema(tmp_path: Path, wanted: list[Prompt]) -> None:
    path = tmp_path / "set.jsonl"
    write_prompts(path, wanted)
    assert read_prompts(path) == wanted
    validator = Draft202012Validator(schema("prompt"))
    assert all(validator.is_valid(prompt_row(each)) for each in wanted)


def test_a_repeated_prompt_has_the_tags_of_all_its_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        {"prompt": "A", "tags": ["x"]},
        {"prompt": "B"},
        {"prompt": "A", "tags": ["y", "x"], "gold": "micro"},
    ]
    path = write(tmp_path / "set.jsonl", jsonl(*rows))
    first, second = read_prompts(path)
    assert (first.tags, first.gold, second.tags) == (("x", "y"), "micro", ())
    assert "1 of them had other tags" in caplog.text
    write(path, jsonl({"prompt": "A", "gold": "micro"}, {"prompt": "A", "gold": "other"}))
    with pytest.raises(PromptFileError, match=r"set\.jsonl:2: `gold` is 'other', and 'micro'"):
        read_prompts(path)


@pytest.mark.parametrize(
    ("row", "column", "wanted"),
    [
        ({"instruction": "Translate.", "input": "Hi", "output": "x"}, "instruction", ["u:Translate.\nHi"]),
        ({"instruction": "Translate.", "input": "Hi", "output": "x"}, None, ["u:Translate.\nHi"]),
        ({"instruction": "Translate.", "input": "", "output": "x"}, None, ["u:Translate."]),
        ({"instruction": "Sum up.", "context": "Hi", "response": "x"}, None, ["u:Sum up.\nHi"]),
        ({"question": "Why?", "context": "Hi"}, "question", ["u:Why?\nHi"]),
        ({"prompt": "A", "system": "S"}, None, ["s:S", "u:A"]),
        ({"question": "A", "system_prompt": "S"}, "question", ["s:S", "u:A"]),
        ({"prompt": "A", "system": " ", "tools": []}, None, ["s: ", "u:A"]),
        ({"prompt": "A", "system": ""}, None, ["u:A"]),
        ({"instruction": "A", "input": "", "history": [["H", "J"]]}, None, ["u:H", "a:J", "u:A"]),
        ({"conversations": [{"from": "human", "value": "A"}]}, None, ["u:A"]),
        (
            {"messages": [{"role": "developer", "content": "S"}, {"role": "user", "content": "A"}]},
            None,
            ["d:S", "u:A"],
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "A"}]}]}, None, ["u:A"]),
    ],
)
def test_a_prompt_is_read_with_what_belongs_to_it(
    tmp_path: Path, row: Any, column: str | None, wanted: list[str]
) -> None:
    (prompt,) = read_prompts(write(tmp_path / "set.jsonl", jsonl(row)), column=column)
    assert [f"{each.role[0]}:{each.content}" for each in prompt.messages] == wanted
    assert not {name for name in ("input", "context", "system_prompt", "history") if prompt.meta.get(name)}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "A", "tools": [{"type": "function"}]}, r"`tools`\[0\] is no schema of a function"),
        ({"prompt": "A", "images": ["x.png"]}, "column `images` is filled"),
        (
            {
                "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A"}],
                "system": "T",
            },
            "another",
        ),
        (
            {"messages": [{"role": "user", "content": "A", "tool_calls": [{}]}]},
            r"messages\[0\]\.tool_calls\[0\] names no function",
        ),
        (
            {"messages": [{"role": "user", "content": "A"}, {"role": "tool", "content": "x"}]},
            r"messages\[1\] is the result of a tool that nobody called before it",
        ),
        ({"prompt": "A", "system": 3}, "'system' must be text"),
    ],
)
def test_what_a_prompt_cannot_hold_is_refused_with_its_place(tmp_path: Path, row: Any, said: str) -> None:
    path = write(tmp_path / "set.jsonl", jsonl({"prompt": "B"}, row))
    with pytest.raises(PromptFileError, match=rf"set\.jsonl:2: .*{said}"):
        read_prompts(path)


def test_columns_that_may_ask_and_rendered_prompts_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "set.jsonl", jsonl({"prompt": "A", "source": "s"}))
    read_prompts(path)
    assert caplog.text == ""
    read_prompts(write(path, jsonl({"prompt": "A", "question": "B"}, {"prompt": "<|im_start|>user\nHi"})))
    assert "question: kept, and not shown to a model" in caplog.text
    assert "1 prompts hold a chat template's marks" in caplog.text


CALLED = [
    {"role": "user", "content": "What is 2 + 2?", "name": "Ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "4"},
]
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    "row",
    [
        {"messages": CALLED, "tools": [TOOL], "tags": ["x"], "parallel_tool_calls": False},
        {"messages": CALLED[:1]},
        {"prompt": "A", "tools": [TOOL]},
        {"prompt": "A", "tools": [], "thought": "", "turn_keys": None},
        {"prompt": "A"},
    ],
)
def test_a_row_with_turns_and_tools_is_written_as_it_was_read(tmp_path: Path, row: dict[str, Any]) -> None:
    (prompt,) = read_prompts(write(tmp_path / "set.jsonl", jsonl(row)))
    assert prompt_row(prompt) == row
    assert Draft202012Validator(schema("prompt")).is_valid(row)


def test_tools_and_turns_are_read_from_tables_too(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    texts = {"messages": json.dumps(CALLED), "tools": json.dumps([TOOL])}
    with (tmp_path / "set.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([texts.keys(), texts.values()])
    rows = [{"messages": CALLED, "tools": texts["tools"]}, {"messages": [{"role": "user", "content": "A"}]}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "set.parquet")
    for name in ("set.csv", "set.parquet"):
        prompt = read_prompts(tmp_path / name)[0]
        assert prompt_row(prompt) == {"messages": CALLED, "tools": [TOOL]}
    assert prompt_row(read_prompts(tmp_path / "set.parquet")[1]) == {"prompt": "A"}
