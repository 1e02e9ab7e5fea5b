"""The canary says what moved, what broke by its first error line, and whether advisories were asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest

from rlaif.cli.main import cli

Tool = Callable[[str], Any]
TRACE = 'Traceback (most recent call last):\n  File "x"\nValueError: no such cache\n'


def test_names_stand_without_ranges_and_only_torch_is_held(tool: Tool) -> None:
    names = tool("canary").newest()
    assert "transformers" in names
    assert "ray" in names
    assert [name for name in names if any(sign in name for sign in "<>=~!")] == [
        f"torch=={tool('lock').TORCH}"
    ]


def test_what_moved_is_what_has_another_version_or_is_gone(tool: Tool) -> None:
    locked = [
        tool("pins").Pin(name, version, ("rlaif",)) for name, version in (("a", "1"), ("b", "2"), ("c", "3"))
    ]
    assert tool("canary").moved(locked, {"A": "1", "b": "2.1", "new": "9"}) == [
        ("b", "2", "2.1"),
        ("c", "3", "-"),
    ]
    torch = tool("pins").Pin("torch", "2.13.0", ("rlaif",))
    assert tool("canary").moved([torch], {"torch": "2.13.0+cpu"}) == []


@pytest.mark.parametrize(
    ("code", "err", "state", "line"),
    [
        (0, "", "ok", ""),
        (1, TRACE, "broke", "ValueError: no such cache"),
        (2, "some progress\nerror: no model\nhint\n", "broke", "error: no model"),
        (0, TRACE, "broke", "ValueError: no such cache"),
        (3, "", "broke", "exit code 3"),
    ],
)
def test_a_step_broke_by_its_code_or_a_traceback(
    tool: Tool, code: int, err: str, state: str, line: str
) -> None:
    found = tool("canary").judged("step", code, "", err)
    assert (found.state, found.line) == (state, line)


def test_warnings_of_what_will_break_are_kept(tool: Tool) -> None:
    err = (
        "lib.py:3: FutureWarning: `past` goes in 6.0\n  call()\nlib.py:3: FutureWarning: `past` goes in 6.0\n"
    )
    assert tool("canary").judged("step", 0, "", err).warns == ("FutureWarning: `past` goes in 6.0",)


@pytest.mark.parametrize(
    ("report", "state", "said"),
    [
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', "ok", "1 packages"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "V-1"}]}]}', "broke", "a 1: V-1"),
        (
            '{"dependencies": [{"name": "a", "skip_reason": "a: no answer"}]}',
            "not asked",
            "1 are .* a: no answer",
        ),
        ('{"dependencies": []}', "not asked", "of 0 packages"),
        ("", "not asked", "connection refused"),
        ("[]", "not asked", "connection refused"),
    ],
)
def test_advisories_that_were_not_asked_are_no_clean_bill(
    tool: Tool, report: str, state: str, said: str
) -> None:
    found = tool("canary").advised("a", report, "warned\nconnection refused\n")
    assert found.state == state
    assert re.search(said, found.line)


@pytest.mark.parametrize(
    ("states", "code"),
    [(["ok"], 0), (["ok", "broke", "not asked"], 1), (["ok", "not asked"], 3)],
)
def test_the_exit_code_says_which(tool: Tool, states: list[str], code: int) -> None:
    canary = tool("canary")
    assert canary.exit_code([canary.Tried("x", state) for state in states]) == code


def test_the_tables_name_each_step_and_each_version(tool: Tool) -> None:
    canary = tool("canary")
    shown = canary.show([canary.Tried("train", "broke", "a | b")], [("t", "1", "2")])
    assert "| t | 1 | 2 |" in shown
    assert "| train | broke | a \\| b |" in shown


def test_every_command_that_it_runs_is_one_with_these_options(tool: Tool) -> None:
    for words in tool("canary").commands("http://127.0.0.1:1/v1").values():
        if words[0] != "--help":
            command = cli.commands[words[0]]
            known = {option for each in command.params for option in each.opts}
            assert {word for word in words if word.startswith("--")} <= known


def test_its_server_answers_and_counts(tool: Tool) -> None:
    with tool("canary").serving() as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/v1/chat/completions"
        body = json.dumps({"model": "m", "seed": 4, "messages": []}).encode()
        with urlopen(Request(url, body, {"Content-Type": "application/json"})) as answer:
            told = json.loads(answer.read())
        assert told["model"] == "m"
        assert "Answer 4" in told["choices"][0]["message"]["content"]
        assert server.answered == 1
