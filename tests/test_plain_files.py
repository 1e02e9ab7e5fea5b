"""Files from outside: what is no regular file, too long or broken is one sentence, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.plain_files import json_items, kind_of_bytes, open_regular, parse_json, read_json, read_whole


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: os.mkfifo(path), "is a pipe or a device"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_regular_file_is_told_and_not_waited_for(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "x.json"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=said):
        open_regular(path, InputError)


@pytest.mark.parametrize(
    ("name", "said"), [("/dev/zero", "device"), ("a\0b", "no file"), ("a" * 300, "too long")]
)
def test_devices_and_names_that_no_file_has_are_told(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_whole(Path(name), InputError)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_whole(path, InputError, 5) == b"12345"
    with pytest.raises(InputError, match="longer than 4 bytes"):
        read_whole(path, InputError, 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe{\0}\0", "is UTF-16, not UTF-8"),
        (b"\x1f\x8b\x08\0", "is packed with gzip"),
        (b"\xe9", "not UTF-8"),
        (b'{"a": \n', r"x\.json:2: broken JSON"),
        (b"[" * 200_000, "nested without end"),
    ],
)
def test_a_json_file_that_is_none_is_one_message(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        read_json(path, InputError, "mend it")
    assert "\n" not in str(caught.value)


def test_a_number_longer_than_python_reads_is_kept_as_its_digits() -> None:
    digits = "9" * 5000
    assert parse_json(f'{{"a": {digits}, "b": 7}}', "x", InputError, "") == {"a": digits, "b": 7}
    assert list(json_items(f"[{digits}, 7]", "x", InputError, "")) == [digits, 7]


def test_items_of_a_list_come_one_after_another() -> None:
    assert list(json_items(' [ {"a": [1]} ,\n"x" , null ] \n', "x", InputError, "")) == [
        {"a": [1]},
        "x",
        None,
    ]
    assert list(json_items("[]", "x", InputError, "")) == []


@pytest.mark.parametrize("text", ["[1,]", "[1", "[1 2]", "[1] 2", "[", '[{"a": 1}\n{"a": 2}]'])
def test_a_broken_list_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(InputError, match=r"x:\d: broken JSON"):
        list(json_items(text, "x", InputError, "mend it"))


def test_a_pointer_of_lfs_is_known_by_its_first_bytes() -> None:
    assert "LFS" in str(kind_of_bytes(b"version https://git-lfs.github.com/spec/v1\n"))
    assert kind_of_bytes(b'{"prompt": "a"}') is None
