"""Files of text from outside: packed ones, tables, other encodings; what is no text is called what it is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.rows import read_rows

ROWS = [{"prompt": "a, b"}, {"prompt": "é"}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def values(ref: Any) -> list[Any]:
    return [row.value for row in read_rows(ref)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.jsonl.gz", LINES),
        ("x.json.gz", json.dumps(ROWS)),
        ("x.csv.gz", 'prompt\n"a, b"\né\n'),
        ("x.tsv.gz", "prompt\na, b\né\n"),
        ("x.txt.gz", "a, b\né\n"),
    ],
)
def test_every_kind_of_text_may_be_packed(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert values(tmp_path / name) == ROWS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_has_any_ends_of_lines(tmp_path: Path, end: str) -> None:
    (tmp_path / "x.csv").write_bytes(f'\ufeffprompt{end}"a, b"{end}é'.encode())
    assert values(tmp_path / "x.csv") == ROWS


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.csv", "prompt\né\n".encode("utf-16"), "is UTF-16, not UTF-8"),
        ("x.csv", "prompt\né\n".encode("latin-1"), r"x\.csv:2: not UTF-8"),
        ("x.csv", b"PK\x03\x04....", "a zip archive"),
        ("x.csv", b'prompt\n"' + b"a" * 200, "broken CSV"),
        ("x.jsonl", gzip.compress(b"{}", mtime=0), r"packed with gzip; let its name end in \.gz"),
        (
            "x.jsonl",
            b"version https://git-lfs.github.com/spec/v1\n",
            "pointer of Git LFS, not the file; fetch",
        ),
        ("x.jsonl", b"PAR1....", r"let its name end in \.parquet"),
        ("x.json", '[{"prompt": "a"}]'.encode("utf-32"), "is UTF-32"),
        ("x.jsonl.gz", b'{"prompt": "a"}', "broken gzip"),
        ("x.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-9], "broken gzip"),
    ],
)
def test_what_is_no_text_in_utf8_is_called_what_it_is(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PromptFileError, match=said) as caught:
        values(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_packed_bomb_is_refused_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlaif.exchange.text_files.MAX_UNPACKED", 100_000)
    monkeypatch.setattr("rlaif.exchange.text_files.MAX_RATIO", 20)
    row = json.dumps({"prompt": "a" * 1000}).encode() + b"\n"
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(row * 1000))
    with pytest.raises(PromptFileError, match=r"bytes unpack to more than 100,000"):
        values(tmp_path / "x.jsonl.gz")
    assert len(list(read_rows(tmp_path / "x.jsonl.gz", limit=3))) == 3


def test_a_list_in_a_file_is_read_one_row_after_another(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"prompt": "a"}, {"prompt": "b"}, {"prompt"')
    rows = read_rows(tmp_path / "x.json")
    assert [next(rows).value, next(rows).value] == [{"prompt": "a"}, {"prompt": "b"}]
    with pytest.raises(PromptFileError, match=r"x\.json:1: broken JSON"):
        next(rows)


def test_a_link_to_nothing_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").symlink_to(tmp_path / "gone.jsonl")
    with pytest.raises(PromptFileError, match="is a link to what is not there"):
        values(tmp_path / "x.jsonl")
