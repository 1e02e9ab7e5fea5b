"""Parquet and `datasets` directories: kinds that JSON has not, cells that cannot be read, files that are bombs."""

from __future__ import annotations

import datetime
import resource
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.rows import read_rows

LIMIT = 3 << 30
"""Bytes of address space in which a bomb is met."""


def values(ref: Any) -> list[Any]:
    return [row.value for row in read_rows(ref)]


def put(path: Path, **columns: Any) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_every_kind_of_column_is_read_in_its_json_form(tmp_path: Path) -> None:
    text = pyarrow.array(["q", "q"]).dictionary_encode()
    maps = pyarrow.array([[("a", 1)], []], pyarrow.map_(pyarrow.string(), pyarrow.int64()))
    path = put(
        tmp_path / "x.parquet",
        prompt=text,
        at=[datetime.datetime(2024, 1, 2), None],
        day=[datetime.date(2024, 1, 2), None],
        price=[Decimal("1.50"), None],
        raw=[b"\xff\xfe", b"text"],
        m=maps,
        turns=[[{"role": "user", "content": "hi"}], None],
        n=[1, 2],
    )
    first, second = values(path)
    assert first == {
        "prompt": "q",
        "at": "2024-01-02T00:00:00",
        "day": "2024-01-02",
        "price": "1.50",
        "raw": {"base64": "//4="},
        "m": {"a": 1},
        "turns": [{"role": "user", "content": "hi"}],
        "n": 1,
    }
    assert second == {"prompt": "q", "raw": "text", "m": [], "n": 2}


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([1, 2**62], pyarrow.timestamp("us")),
        pyarrow.StringArray.from_buffers(
            2, pyarrow.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pyarrow.py_buffer(b"a\xff")
        ),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_by_row_and_column(tmp_path: Path, column: Any) -> None:
    path = put(tmp_path / "x.parquet", odd=column)
    with pytest.raises(PromptFileError, match=r"x\.parquet, row 2: column 'odd' cannot be read"):
        values(path)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1", b"version https://git-lfs.github.com/"]
)
def test_a_file_that_is_no_parquet_is_one_message(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with pytest.raises(PromptFileError, match="Parquet") as caught:
        values(path)
    assert "\n" not in str(caught.value)


def long_word(path: Path) -> None:
    word = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 20_000), pyarrow.array(["a" * 1_000_000]))
    pyarrow.parquet.write_table(pyarrow.table({"prompt": word}), path, compression="zstd")


def long_list(path: Path) -> None:
    words = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 50_000), pyarrow.array(["a" * 100_000]))
    lists = pyarrow.ListArray.from_arrays(pyarrow.array([0, 50_000], pyarrow.int32()), words)
    pyarrow.parquet.write_table(pyarrow.table({"prompt": lists}), path, compression="zstd")


def many_rows(path: Path) -> None:
    schema = pyarrow.schema({"prompt": pyarrow.string()})
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for _ in range(4):
            writer.write_table(
                pyarrow.table({"prompt": pyarrow.array(["a"] * 2_000_000)}, schema), row_group_size=2_000_000
            )


def big_page(path: Path) -> None:
    rows = pyarrow.array(["a" * 100_000_000] * 3, pyarrow.large_string())
    pyarrow.parquet.write_table(
        pyarrow.table({"prompt": rows}), path, compression="zstd", use_dictionary=False
    )


READ = """
import resource, sys
import pyarrow.parquet, pyarrow.compute
from rlaif.errors import PromptFileError
from rlaif.exchange.rows import read_rows
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
try:
    held = sum(1 for _ in read_rows(sys.argv[1]))
except PromptFileError as told:
    print("told", told)
else:
    print("read", held)
"""


@pytest.mark.parametrize("make", [long_word, long_list, many_rows, big_page])
def test_a_file_that_unpacks_to_far_more_than_it_is_ends_in_one_sentence(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "bomb.parquet"
    make(path)
    assert path.stat().st_size < 100_000
    command = [sys.executable, "-c", READ.format(limit=LIMIT), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("told"), done.stdout[-300:] + done.stderr[-2000:]
    assert resource.getrlimit(resource.RLIMIT_AS)[0] in (-1, resource.RLIM_INFINITY)


def test_the_first_rows_are_read_without_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    long_word(path)
    assert [len(row.value["prompt"]) for row in read_rows(path, limit=3)] == [1_000_000] * 3


def test_pictures_of_a_saved_data_set_are_not_decoded(tmp_path: Path) -> None:
    from datasets import Dataset, Features, Image, Value

    features = Features({"prompt": Value("string"), "photo": Image()})
    rows = {"prompt": ["q"], "photo": [{"bytes": b"\x89PNG", "path": None}]}
    Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "d"))
    (row,) = values(tmp_path / "d")
    assert row["photo"] == {"bytes": {"base64": "iVBORw=="}, "path": None}
