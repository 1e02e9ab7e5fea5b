"""Terminal captures: what a live display wrote over is gone, long lines go on, no font is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts import script

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures" / "terminal"
MOST_BYTES = 60_000


MAKER = script(ROOT / "docs" / "make_captures.py")


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("one\r\ntwo\r\n", "one\ntwo"),
        ("1 of 3\r\x1b[2K2 of 3\r\x1b[2Kdone\r\n", "done"),
        ("first\r\nbar\r\n\x1b[1A\x1b[2Kround 1: done\r\n", "first\nround 1: done"),
        ("\x1b[?25l\x1b[31mred\x1b[0m\x1b[?25h\n", "\x1b[31mred\x1b[0m"),
    ],
)
def test_what_is_left_on_a_terminal_is_what_was_not_written_over(written: str, left: str) -> None:
    assert MAKER.screen(written) == left


def test_a_line_longer_than_the_terminal_goes_on_in_the_next_and_no_font_is_asked_for() -> None:
    drawn = MAKER.drawn("rlaif status", "a" * 100 + "b")
    assert "a" * 100 in drawn
    assert ">b<" in drawn
    assert "@font-face" not in drawn
    assert "url(" not in drawn.replace("url(#", "")


def test_there_is_a_picture_of_each_command_and_none_is_large() -> None:
    assert {each.stem for each in PICTURES.glob("*.svg")} <= set(MAKER.COMMANDS)
    assert [each.name for each in PICTURES.glob("*.svg") if each.stat().st_size > MOST_BYTES] == []
