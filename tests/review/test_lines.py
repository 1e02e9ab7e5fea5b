"""Lines are found by their places, whatever stands around them, and searched as a whole."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rlaif.review import lines
from rlaif.review.lines import LineFile


def test_blank_lines_and_one_without_an_end_are_as_people_mean_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\n   \n{"a": 2}\r\n{"a": 3}')
    file = LineFile(path)
    assert [each.strip() for each in file.lines()] == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}']
    assert [file.number(place) for place in range(3)] == [1, 4, 5]


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2, "te')
    assert len(LineFile(path)) == 1


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert len(LineFile(tmp_path / "none.jsonl")) == 0


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_lines_and_hits_are_those_of_a_plain_walk_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(lines, "BLOCK", block)
    chance = random.Random(block)
    texts = [
        "".join(chance.choice("abAB é\u00dc{}") for _ in range(chance.randrange(40))) + "}"
        for _ in range(200)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    kept = [each for each in texts if each.strip()]
    file = LineFile(path)
    assert [each.decode().rstrip("\n") for each in file.lines()] == kept
    assert file.line(150).decode().rstrip("\n") == kept[150]
    for needle in ("ab", "BA", "é", "\u00fcé", "a{}"):
        assert file.holding(needle) == [n for n, each in enumerate(kept) if needle.lower() in each.lower()]


def test_a_hit_never_spans_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("one}\ntwo}\n", encoding="utf-8")
    assert LineFile(path).holding("}\nt") == []
