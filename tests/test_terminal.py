"""No text of a model, a file or a library moves a cursor, sets a title or hides a word on a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from rlaif.errors import DiskError
from rlaif.terminal import Screen, first_word, forget_first_word, printable

HOSTILE = {
    "title": "\x1b]0;pwned\x07",
    "clear": "\x1b[2J\x1b[H",
    "colour": "\x1b[31mred",
    "link": "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\",
    "c1": "\x9b31m\x9d0;pwned\x9c",
    "backspace": "no\x08\x08yes",
    "return": "no\ryes",
    "bell": "\x07",
    "delete": "\x7f",
    "override": "\u202e\u2066evil\u2069\u202c",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_control_character_is_written_as_an_escape_that_json_reads_back(name: str) -> None:
    assert printable(HOSTILE[name]).isprintable()
    in_json = json.dumps(HOSTILE[name], ensure_ascii=False)
    assert json.loads(printable(in_json)) == HOSTILE[name]


def test_lines_tabs_and_letters_of_all_scripts_stay_as_they_are() -> None:
    text = "a\tb\nü 道 😀 👩‍👩‍👧 עברית\n"
    assert printable(text) == text
    assert printable("two\r\nlines") == "two\nlines"


def run_on_terminal(command: list[str], folder: Path) -> bytes:
    """What a command writes to a terminal, both streams."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    process.wait()
    os.close(ours)
    return said


RULES = """name: evil
version: 1.0.0
title: {text}
principles:
  - {{id: one, text: {text}}}
"""
COMMANDS = [
    ["constitution", "show", "evil.yaml"],
    ["constitution", "show", "evil.yaml", "--json"],
    ["constitution", "diff", "micro-default", "evil.yaml"],
    ["constitution", "check", "evil.yaml"],
    ["constitution", "show", HOSTILE["title"]],
    ["status", HOSTILE["colour"]],
    [HOSTILE["clear"]],
    ["export", "--format", HOSTILE["override"], "x"],
]


def behind_first_word(said: str) -> str:
    """What is on a terminal once the first word is taken away: that word and its erasing are ours."""
    word, erased, rest = said.partition("\r\x1b[K")
    assert erased
    assert word.isprintable()
    return rest


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
def test_a_command_lets_no_control_character_of_its_data_reach_a_terminal(
    command: list[str], tmp_path: Path
) -> None:
    text = json.dumps("".join(HOSTILE.values()))
    (tmp_path / "evil.yaml").write_text(RULES.format(text=text), encoding="utf-8")
    said = run_on_terminal([sys.executable, "-m", "rlaif", *command], tmp_path).decode()
    assert said
    plain = behind_first_word(said).replace("\r\n", "").replace("\n", "").replace("\t", "")
    assert {each for each in plain if not each.isprintable()} == set()


def test_a_file_gets_every_character_as_it_is(tmp_path: Path) -> None:
    text = json.dumps("\x1b[31mred\u202e")
    (tmp_path / "evil.yaml").write_text(RULES.format(text=text), encoding="utf-8")
    command = [sys.executable, "-m", "rlaif", "constitution", "show", "evil.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert "one: \x1b[31mred\u202e" in done.stdout.decode()


def test_a_stream_that_takes_no_more_is_said_once_and_flushed_in_peace() -> None:
    screen = Screen(Path("/dev/full").open("w"), exact=True, needed=True)  # noqa: SIM115
    with pytest.raises(DiskError, match="standard output: the disk is full"):
        screen.write("x" * 100_000)
    screen.flush()


def test_a_stream_nobody_needs_may_be_full() -> None:
    screen = Screen(Path("/dev/full").open("w"), exact=False, needed=False)  # noqa: SIM115
    screen.write("x" * 100_000)
    screen.flush()


def test_a_screen_has_no_way_around_it() -> None:
    assert not hasattr(Screen(io.StringIO(), exact=False, needed=True), "buffer")


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("{} --version > /dev/full", 1, "standard output: the disk is full"),
        ("{} --version >&-", 0, ""),
        ("{} status nix 2>&-", 2, ""),
        ("{} status nix 2> /dev/full", 2, ""),
        ("mkdir d && cd d && rmdir ../d && {} audit show 123456", 2, "the working directory was deleted"),
        ("PYTHONIOENCODING=ascii {} status nü", 2, "n\\xfc"),
        ("LC_ALL=C {} status $(printf 'n\\377')", 2, "Directory 'n"),
    ],
)
def test_streams_that_are_closed_full_or_narrow_end_in_no_traceback(
    shell: str, code: int, said: str, tmp_path: Path
) -> None:
    command = shell.format(f"{sys.executable} -m rlaif")
    done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_the_shell_gets_what_it_completes(tmp_path: Path) -> None:
    words = {"_RLAIF_COMPLETE": "bash_complete", "COMP_WORDS": "rlaif run smo", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "rlaif"],
        cwd=tmp_path,
        env={**os.environ, **words},
        capture_output=True,
        text=True,
    )
    assert "plain,smoke\n" in done.stdout
    assert done.stderr == ""


def test_bytes_are_read_as_utf8_and_screened_like_texts() -> None:
    held = io.StringIO()
    screen = Screen(held, exact=False, needed=True)
    screen.write("ü\x1b[31m".encode() + b"\xff")
    assert held.getvalue() == "ü\\u001b[31m\\xff"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_first_word_stands_on_a_terminal_until_anything_else_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", shown)
    first_word()
    assert shown.getvalue() == "loading ..."
    Screen(shown, exact=False, needed=False).write("done\n")
    assert shown.getvalue() == "loading ...\r\x1b[Kdone\n"
    forget_first_word()
    assert shown.getvalue().endswith("done\n")


def test_a_pipe_gets_no_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    first_word()
    assert shown.getvalue() == ""
