"""`rlaif chat`: lines in, answers out; commands, bad input, stopping."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.exchange.completions import read_completions
from tests.engines.tiny import write_model

Said = Callable[..., tuple[int, list[dict[str, Any]], str]]
ROWS = [
    {"contains": ["Be kind."], "texts": ["Gladly."]},
    {"contains": ["loop"], "texts": ["Again one.", "Again two."]},
    {"contains": [], "texts": ["Hello."]},
]
RULES = """\
name: kind
version: 1.0.0
title: kind
principles:
  - {id: kind, text: Be kind.}
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a talk of these lines; exit code, objects, messages."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "kind.yaml").write_text(RULES)

    def run(lines: str, *words: str, model: str = "script:m.jsonl") -> tuple[int, list[dict[str, Any]], str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        code = main(["chat", "--policy", model, "--json", *words])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


def test_a_line_is_a_turn_and_an_object_its_answers(said: Said) -> None:
    code, turns, _ = said(
        "Hi\n\nHow are you?\n", "--constitution", "kind.yaml", "--against", "script:m.jsonl"
    )
    assert code == 0
    assert turns[0] == {
        "turn": 1,
        "user": "Hi",
        "answers": [
            {"side": "policy", "model": "script:m.jsonl", "text": "Gladly.", "finish": "stop"},
            {"side": "against", "model": "script:m.jsonl", "text": "Hello.", "finish": "stop"},
        ],
    }
    assert [each["user"] for each in turns] == ["Hi", "How are you?"]


def test_the_other_side_may_have_rules_of_its_own(said: Said) -> None:
    words = ("--against", "script:m.jsonl", "--against-constitution", "kind.yaml")
    _, [turn], _ = said("Hi\n", *words)
    assert [each["text"] for each in turn["answers"]] == ["Hello.", "Gladly."]


def test_without_json_answers_are_plain_lines(
    said: Said, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Hi\n"))
    assert main(["chat", "--policy", "script:m.jsonl"]) == 0
    assert capsys.readouterr().out == "Hello.\n"


def test_each_command_does_what_help_says(said: Said, tmp_path: Path) -> None:
    save = "/save talk.jsonl"
    lines = ["loop", "/again", save, save, "/reset", "/system Be kind.", "//quit", save, "/quit", "Hi"]
    code, told, _ = said("\n".join(lines))
    assert code == 0
    assert [each["answers"][0]["text"] for each in told if "answers" in each] == [
        "Again one.",
        "Again two.",
        "Gladly.",
    ]
    assert told[-2]["user"] == "/quit"
    assert [each for each in told if "command" in each] == [
        {"command": "/save", "file": "talk.jsonl", "rows": 1},
        {"command": "/save", "file": "talk.jsonl", "rows": 1},
        {"command": "/reset"},
        {"command": "/system", "text": "Be kind."},
        {"command": "/save", "file": "talk.jsonl", "rows": 2},
    ]
    (loop, one), (kind, other) = read_completions(tmp_path / "talk.jsonl")
    assert (loop.text, one.text, one.draw) == ("loop", "Again two.", 1)
    assert [turn.content for turn in kind.messages] == ["Be kind.", "/quit"]
    assert other.text == "Gladly."


def test_the_same_talk_is_not_asked_again(said: Said, tmp_path: Path) -> None:
    first = said("Hi\nloop\n")[1]
    rows = [{**row, "texts": ["Other."]} for row in ROWS]
    before = (tmp_path / "m.jsonl").read_text()
    assert said("Hi\nloop\n")[1] == first
    # another model is another talk
    (tmp_path / "n.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert said("Hi\n", model="script:n.jsonl")[1][0]["answers"][0]["text"] == "Other."
    assert (tmp_path / "m.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("lines", "words", "message"),
    [
        ("Hi\n", ("--against", "nobody"), "'nobody' names no model"),
        ("Hi\n", ("--against", "script:gone.jsonl"), "gone.jsonl"),
        ("Hi\n", ("--constitution", "gone"), "no constitution named 'gone'"),
        ("Hi\n", ("--against-constitution", "kind.yaml"), "without a model: name one, --against MODEL"),
        ("Hi\n", ("--system", "constitution"), "name the constitution by --constitution"),
        ("Hi\n", ("--system", "gone.txt"), "no such file"),
        ("/nod\n", (), "/nod is no command; there are /again, /reset, /system"),
        ("/again\n", (), "nothing was asked yet"),
        ("/save a.jsonl\n", (), "nothing was answered yet"),
        ("Hi\n/save\n", (), "name a file"),
        ("Hi\n/save a.txt\n", (), "ends in .jsonl"),
        ("Hi\n/again 2\n", (), "/again takes nothing behind it, and '2' stands there"),
        ("Hi\n/reset all\n", (), "/reset takes nothing behind it"),
        ("Hi\n/quit now\n", (), "/quit takes nothing behind it"),
        ("Hi \udcff\n", (), "no UTF-8 text"),
        ("/system kind \udcff\n", (), "no UTF-8 text"),
    ],
)
def test_bad_input_is_refused(said: Said, lines: str, words: tuple[str, ...], message: str) -> None:
    code, _, err = said(lines, *words)
    assert code == 2
    assert message in err


def test_the_second_name_is_looked_at_before_the_first_model_is_loaded(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("rlaif.workflows.models.pool.ModelPool.open", load)
    code, _, err = said("Hi\n", "--against", "hf:gone")
    assert code == 2
    assert "gone" in err


class Slow(BaseHTTPRequestHandler):
    """Thinks, and does not answer what says `wait`."""

    protocol_version = "HTTP/1.1"
    asked = threading.Event()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        last = body["messages"][-1]["content"]
        if "wait" in last:
            self.asked.set()
            time.sleep(20)
            return
        if "fail" in last:
            self.reply(400, {"error": {"message": "not today"}})
            return
        message = {
            "role": "assistant",
            "content": f"You said: {last}",
            "reasoning_content": "Let me see.\nWell.",
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.reply(
            200,
            {
                "model": body["model"],
                "choices": [choice],
                "usage": {"prompt_tokens": 3, "completion_tokens": len(body["messages"])},
            },
        )

    def reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def server() -> Iterator[str]:
    Slow.asked.clear()
    served = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    served.daemon_threads = True
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"openai:http://127.0.0.1:{served.server_port}/v1?wait=0.001&tries=1#m"
    served.shutdown()
    served.server_close()


def test_a_servers_thought_stands_apart_and_a_failure_is_told_at_the_end(said: Said, server: str) -> None:
    code, turns, err = said("Hi\nfail\nBye\n", model=server)
    assert code == 1
    assert "1 answers failed" in err
    one, failed, last = (each["answers"][0] for each in turns)
    assert (one["text"], one["thought"]) == ("You said: Hi", "Let me see.\nWell.")
    assert "not today" in failed["error"]
    assert last["text"] == "You said: Bye"


def test_thoughts_are_marked_in_plain_output(
    said: Said, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Hi\n"))
    assert main(["chat", "--policy", server]) == 0
    assert capsys.readouterr().out == "| Let me see.\n| Well.\nYou said: Hi\n"


def test_ctrl_c_ends_an_answer_and_not_the_talk(server: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rlaif", "chat", "--policy", server, "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env=dict(os.environ),
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("Hi\nwait\n")
    process.stdin.flush()
    assert Slow.asked.wait(60)
    process.send_signal(signal.SIGINT)
    process.stdin.write("Bye\n")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "stopped; the turn is left out" in err
    assert [json.loads(line)["user"] for line in out.splitlines()] == ["Hi", "Bye"]


@pytest.mark.parametrize(("kind", "template"), [("llama", "system"), ("gemma2", "no-system")])
def test_any_local_model_talks_with_its_rules_or_without_a_system_role(
    said: Said, tmp_path: Path, kind: str, template: str
) -> None:
    name = f"hf:{write_model(tmp_path / kind, kind, template)}"
    words = ("--constitution", "kind.yaml", "--max-tokens", "6", "--seed", "1")
    code, turns, err = said("hello\nthank you\n", *words, model=name)
    assert code == 0, err
    assert [len(each["answers"]) for each in turns] == [1, 1]
    assert all(each["answers"][0]["finish"] in ("stop", "length") for each in turns)
    assert said("hello\nthank you\n", *words, model=name)[1] == turns
