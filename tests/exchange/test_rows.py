"""Files as they come: JSON of any shape, shards, directories of a hub. What is told and what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.rows import read_rows

ROWS = [{"prompt": "a", "n": 1}, {"prompt": "b", "n": 2}]
TURNS = [{"role": "user", "content": "a"}]


def values(ref: Any) -> list[Any]:
    return [row.value for row in read_rows(ref)]


def put(path: Path, whole: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole))
    return path


@pytest.mark.parametrize(
    "whole",
    [
        ROWS,
        "".join(json.dumps(row) + "\n" for row in ROWS),
        "\ufeff" + "\r\n".join(json.dumps(row) for row in ROWS),
        {"data": ROWS},
        {"version": "1.0", "meta": {"by": "x"}, "examples": ROWS},
        {"features": [], "rows": [{"row_idx": place, "row": row} for place, row in enumerate(ROWS)]},
        {"prompt": ["a", "b"], "n": [1, 2]},
        {"prompt": {"0": "a", "1": "b"}, "n": {"0": 1, "1": 2}},
        {"0": ROWS[0], "1": ROWS[1]},
        {"columns": ["prompt", "n"], "index": [0, 1], "data": [["a", 1], ["b", 2]]},
    ],
)
def test_json_of_other_shapes_is_the_same_rows(tmp_path: Path, whole: Any) -> None:
    assert values(put(tmp_path / "rows.json", whole)) == ROWS


def test_columns_of_conversations_are_rows_and_one_row_is_no_table(tmp_path: Path) -> None:
    assert values(put(tmp_path / "x.json", {"messages": [TURNS, TURNS]})) == [{"messages": TURNS}] * 2
    with pytest.raises(PromptFileError, match="must be a list of rows"):
        values(put(tmp_path / "y.json", {"prompt": TURNS, "chosen": TURNS, "rejected": TURNS}))


def test_several_lists_want_one_named(tmp_path: Path) -> None:
    path = put(tmp_path / "x.json", {"train": ROWS, "test": ROWS[:1]})
    with pytest.raises(PromptFileError, match=r"holds the lists train, test; name one as .*x\.json#train"):
        values(path)
    assert values(f"{path}#test") == ROWS[:1]
    assert next(iter(read_rows(f"{path}#train"))).where == f"{path}, train[0]"
    with pytest.raises(PromptFileError, match="holds the lists"):
        values(f"{path}#dev")


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ({"prompt": ["a", "b"], "n": [1]}, "different lengths"),
        ({"prompt": "a"}, "must be a list of rows"),
        ({}, "must be a list of rows"),
        (3, "must be a list of rows"),
        ('{"prompt": "a"}\n{"prompt": \n', "broken JSON"),
        ('[{"prompt": "a"},\n{"prompt": "b"}\n', r"x\.json:\d: broken JSON"),
    ],
)
def test_what_holds_no_rows_is_one_message(tmp_path: Path, whole: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=said) as caught:
        values(put(tmp_path / "x.json", whole))
    assert "\n" not in str(caught.value)


def test_lines_that_are_called_json_keep_their_lines(tmp_path: Path) -> None:
    path = put(tmp_path / "x.json", "".join(json.dumps(row) + "\n\n" for row in ROWS))
    assert [row.where for row in read_rows(path)] == [f"{path}:1", f"{path}:3"]


def shard(path: Path, row: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    for place, row in enumerate(ROWS):
        shard(tmp_path / "hub" / "data" / f"train-0000{place}-of-00002.parquet", row)
    put(tmp_path / "hub" / ".gitattributes", "x")
    put(tmp_path / "hub" / "README.md", "# A set\n")
    return tmp_path / "hub"


def test_all_shards_of_a_split_are_read_in_order(hub: Path) -> None:
    for ref in (hub, f"{hub}#train", hub / "data", f"{hub}/data/*.parquet", f"{hub}/**/train-*.parquet"):
        assert values(ref) == ROWS
    assert next(iter(read_rows(hub))).where == f"{hub / 'data' / 'train-00000-of-00002.parquet'}, row 1"


def test_several_splits_want_one_named(hub: Path) -> None:
    shard(hub / "data" / "test_prefs-00000-of-00001.parquet", {"prompt": "t"})
    with pytest.raises(PromptFileError, match=r"has the splits test_prefs, train; name one as .*#test_prefs"):
        values(hub)
    with pytest.raises(PromptFileError, match="has the splits"):
        values(f"{hub}#dev")
    assert values(f"{hub}#test_prefs") == [{"prompt": "t"}]
    assert values(f"{hub}#train") == ROWS


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["train.jsonl", "test.jsonl", "valid.jsonl"], {"train", "test", "validation"}),
        (["en/dev.jsonl", "en/train.jsonl"], {"validation", "train"}),
        (["default/train/0000.jsonl", "default/test/0000.jsonl"], {"train", "test"}),
        (["my-set-train-v2.jsonl", "my-set-eval.jsonl"], {"train", "test"}),
    ],
)
def test_a_split_is_recognised_by_its_name(tmp_path: Path, names: list[str], wanted: set[str]) -> None:
    for name in names:
        put(tmp_path / "d" / name, json.dumps({"prompt": name}))
    with pytest.raises(PromptFileError, match="has the splits"):
        values(tmp_path / "d")
    assert sorted(values(f"{tmp_path}/d#{split}")[0]["prompt"] for split in wanted) == sorted(names)


@pytest.mark.parametrize(
    "files",
    [
        "    data_files:\n    - split: train\n      path: one/part-*\n    - split: test\n      path: [two/a.jsonl]\n",
        "    data_files:\n      train: one/*.jsonl\n      test: two/*.jsonl\n",
    ],
)
def test_the_readme_says_which_files_a_split_is(tmp_path: Path, files: str) -> None:
    put(
        tmp_path / "d" / "README.md",
        f"---\nlicense: mit\nconfigs:\n  - config_name: main\n{files}---\n# Set\n",
    )
    for name, row in (("one/part-1.jsonl", ROWS[0]), ("one/part-2.jsonl", ROWS[1]), ("two/a.jsonl", ROWS[0])):
        put(tmp_path / "d" / name, json.dumps(row))
    put(tmp_path / "d" / "other.jsonl", json.dumps({"prompt": "no"}))
    assert values(f"{tmp_path}/d#train") == ROWS
    assert values(f"{tmp_path}/d#test") == ROWS[:1]


def test_several_configurations_are_named_with_their_split(tmp_path: Path) -> None:
    configs = [("a", "x.jsonl"), ("b", "y.jsonl")]
    told = "".join(f"- config_name: {name}\n  data_files: {file}\n" for name, file in configs)
    put(tmp_path / "d" / "README.md", f"---\nconfigs:\n{told}---\n")
    for place, (_, file) in enumerate(configs):
        put(tmp_path / "d" / file, json.dumps(ROWS[place]))
    with pytest.raises(PromptFileError, match="has the splits a/train, b/train"):
        values(tmp_path / "d")
    assert values(f"{tmp_path}/d#b/train") == ROWS[1:]


@pytest.mark.parametrize("pattern", ["../*.jsonl", "/etc/*"])
def test_a_readme_reaches_no_other_directory(tmp_path: Path, pattern: str) -> None:
    put(tmp_path / "d" / "README.md", f"---\nconfigs:\n- config_name: a\n  data_files: '{pattern}'\n---\n")
    with pytest.raises(PromptFileError, match="not in this directory"):
        values(tmp_path / "d")


@pytest.mark.parametrize("text", ["no front matter", "---\n[\n---\n", "---\nconfigs: 3\n---\n", "---\n"])
def test_a_readme_that_says_nothing_leaves_it_to_names(hub: Path, text: str) -> None:
    put(hub / "README.md", text)
    if text.startswith("---\n["):
        with pytest.raises(PromptFileError, match=r"README\.md"):
            values(hub)
    else:
        assert values(hub) == ROWS


def test_a_split_of_a_plain_file_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "x.jsonl", json.dumps(ROWS[0]))
    with pytest.raises(PromptFileError, match="is one list of rows; leave `#train` out"):
        values(f"{path}#train")
    with pytest.raises(PromptFileError, match="no such file"):
        values(f"{tmp_path}/*.csv")


@pytest.mark.parametrize(
    "written", [json.dumps(TURNS), str(TURNS), json.dumps([{"from": "human", "value": "a"}])]
)
def test_turns_in_a_cell_of_a_table_are_turns(tmp_path: Path, written: str) -> None:
    import csv

    with (tmp_path / "x.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["chosen", "n"], [written, "[1]"], ['[{"role": "x"}]', "[{'a': 1}]"]])
    first, second = values(tmp_path / "x.csv")
    assert first["chosen"] in (TURNS, [{"from": "human", "value": "a"}])
    assert (first["n"], second) == ("[1]", {"chosen": '[{"role": "x"}]', "n": "[{'a': 1}]"})


def test_turns_as_a_library_shows_them_are_no_text(tmp_path: Path) -> None:
    put(
        tmp_path / "x.tsv",
        "chosen\n[{'role': 'user', 'content': 'a'} {'role': 'assistant', 'content': 'b'}]\n",
    )
    with pytest.raises(PromptFileError, match=r"x\.tsv:2: 'chosen' holds turns as some library shows them"):
        values(tmp_path / "x.tsv")
