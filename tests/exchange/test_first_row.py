"""A file whose name promises rows of JSON and that holds something else is called what it is."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.benchmarks import read_gold
from rlaif.exchange.first_row import first_row
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.rows import read_rows

KINDS = {
    b"# Rules\n\nBe kind.\n": "is Markdown, not JSON",
    b"<!DOCTYPE html><html></html>": "is an HTML page, not JSON",
    b"<?xml version='1.0'?><rows/>": "is XML, not JSON",
    b"name: x\nrows: []\n": "is YAML, not JSON",
    b"Be kind.": "is plain text, not JSON",
    pickle.dumps([{"prompt": "a"}]): "is a pickled object, which can run code when it is opened, not JSON",
}


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
@pytest.mark.parametrize(("data", "said"), KINDS.items())
def test_what_is_no_json_is_called_what_it_is(tmp_path: Path, data: bytes, said: str, name: str) -> None:
    (path := tmp_path / name).write_bytes(data)
    for read in (read_preferences, read_gold, lambda each: read_preferences(each, format="kto")):
        with pytest.raises(PromptFileError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: {said}; give rows: .jsonl")


def test_json_that_is_broken_is_still_told_with_its_line(tmp_path: Path) -> None:
    (path := tmp_path / "rows.jsonl").write_text('{"prompt": \n')
    with pytest.raises(PromptFileError, match=r"rows\.jsonl:1: broken JSON"):
        read_preferences(path)


def test_no_row_is_lost_by_looking_at_the_first(tmp_path: Path) -> None:
    (path := tmp_path / "rows.jsonl").write_text("".join(json.dumps({"n": n}) + "\n" for n in range(3)))
    first, rows = first_row(path, read_rows(path))
    assert first is not None
    assert first.value == {"n": 0}
    assert [row.value["n"] for row in rows] == [0, 1, 2]
    path.write_text("")
    first, rows = first_row(path, read_rows(path))
    assert (first, list(rows)) == (None, [])
