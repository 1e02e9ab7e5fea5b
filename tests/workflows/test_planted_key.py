"""A key is planted, servers repeat it in every way, and no file and no stream of any command holds it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pytest

from rlaif.cli.main import main
from rlaif.engines.openai.capabilities import forget

from .conftest import CONSTITUTION, GREETS, SILENT, asked

KEY = "sk-pl4nted/Key+w1th=Signs_0123456789"
SAYS = "Incorrect API key provided: "
ENDED = {"finish_reason": "stop"}
WAYS = {
    "in clear": (401, SAYS + KEY),
    "as a header": (400, f"you sent Authorization: Bearer {KEY}"),
    "in JSON, by number": (
        400,
        json.dumps({"error": SAYS + KEY}).replace("-", "\\u002d").replace("4", "\\u0034"),
    ),
    "in an address": (500, f"cannot reach http://up/?key={quote(KEY, safe='')}"),
    "in base64": (500, "got " + base64.b64encode(f"Bearer {KEY}".encode()).decode()),
    "at the edge of what is shown": (400, "x" * 275 + KEY),
    "behind what is shown": (422, "x" * 5000 + KEY),
    "cut off": (403, SAYS + KEY[:20]),
    "in a page": (404, f"<html><pre>{KEY}</pre></html>"),
    "too many calls": (429, SAYS + KEY),
    "as an answer that is none": (200, SAYS + KEY),
    "as another model": (200, json.dumps({"model": KEY, "choices": [{"message": {"content": "x"}}]})),
    "as the text": (200, json.dumps({"choices": [{"message": {"content": f"I was told {KEY}"}, **ENDED}]})),
    "as a finish reason": (
        200,
        json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": f"no {KEY}"}]}),
    ),
    "as the kind of a part": (
        200,
        json.dumps({"choices": [{"message": {"content": [{"type": KEY}]}, **ENDED}]}),
    ),
    "as an error inside a 200": (200, json.dumps({"error": {"message": SAYS + KEY, "code": 400}})),
    "as an error of a choice": (
        200,
        json.dumps({"choices": [{"finish_reason": "error", "error": {"message": SAYS + KEY}}]}),
    ),
    "as a refusal": (200, json.dumps({"choices": [{"message": {"refusal": f"no, {KEY}"}, **ENDED}]})),
}


class Echo(BaseHTTPRequestHandler):
    """Repeats the key in the way that the server has."""

    protocol_version = "HTTP/1.1"
    way = ""
    keys: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.keys.append(self.headers["authorization"])
        status, body = WAYS[self.way]
        self.send_response(status, f"Key {KEY}")
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("X-Key", KEY)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Quietly."""


class Quiet(ThreadingHTTPServer):
    """Says nothing where a caller hangs up."""

    def handle_error(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Quiet(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    forget()
    monkeypatch.chdir(tmp_path)
    prompts = [{"prompt": asked(n), "tags": ["sum"], "gold": "micro"} for n in range(3)]
    answers = [{**row, "completion": text} for row in prompts for text in (GREETS, SILENT)]
    policy = [{"contains": [], "texts": [GREETS, SILENT]}]
    for name, rows in {"prompts": prompts, "answers": answers, "policy": policy}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tests = "    tests:\n      - {prompt: Hi, better: Hello., worse: Go.}\n"
    (tmp_path / "tiny.yaml").write_text(CONSTITUTION + tests)
    return tmp_path


def pieces(long: int) -> set[bytes]:
    forms = (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode())
    return {form.encode()[at : at + long] for form in forms for at in range(len(form) - long + 1)}


TOLD = pieces(9)


def bytes_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def holders(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(each in bytes_of(path) for each in TOLD)]


def told(words: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(words)
    shown = capfd.readouterr()
    text = shown.out + shown.err
    assert not any(each.decode() in text for each in TOLD), (words, text)
    assert "Traceback" not in text
    return code, text


@pytest.mark.parametrize("way", WAYS)
def test_no_file_and_no_stream_holds_the_key_whatever_a_server_does_with_it(
    way: str, world: Path, address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(Echo, "way", way)
    monkeypatch.setattr(Echo, "keys", [])
    model = f"openai:{address}?wait=0.001&tries=2&patience=0.2#m@1"
    common = ["--prompts", "prompts.jsonl", "--constitution", "tiny.yaml", "--n", "2"]
    script = ["--policy", "script:policy.jsonl"]
    lines = [
        ["generate", *common, "--policy", model, "--judge", model, "--out", "drawn"],
        ["generate", *common, *script, "--judge", model, "--out", "made"],
        ["generate", *common, *script, "--judge", model, "--protocol", "compare-cot", "--out", "cot"],
        ["judge", "made", "--judge", model, "--constitution", "tiny.yaml", "--out", "again"],
        ["constitution", "test", "tiny.yaml", "--judge", model],
        ["judge", "check", "--judge", model, "--constitution", "tiny.yaml", "--ignore-flags"],
        ["evaluate", *script, "--against", "script:policy.jsonl", "--judge", model, "--prompts", "prompts.jsonl",
         "--constitution", "tiny.yaml", "--out", "evaluated"],
    ]  # fmt: skip
    for run in ("drawn", "made", "cot", "again"):
        lines += [
            ["status", run],
            ["audit", run],
            ["report", run],
            ["pack", run],
            ["export", run, "--out", f"{run}.data"],
        ]
    for words in lines:
        told(words, capfd)
    assert Echo.keys
    assert set(Echo.keys) == {f"Bearer {KEY}"}
    assert holders(world) == []


BAD = {
    "line feed at the end": (KEY + "\n", "a line feed at its end"),
    "carriage return": (KEY + "\r", "a carriage return at its end"),
    "both": (KEY + "\r\n", "a carriage return in its middle"),
    "blank in front": (" " + KEY, "a blank in front"),
    "blank inside": (KEY[:9] + " " + KEY[9:], "a blank in its middle"),
    "tab": (KEY + "\t", "a tab at its end"),
    "typographic quotes": (f"\u201c{KEY}\u201d", "a typographic quotation mark in front"),
    "no ASCII": (KEY + "\u00e9", "not ASCII at its end"),
    "a byte that is no text": (os.fsdecode(KEY.encode() + b"\xff"), "not ASCII at its end"),
    "control character": (KEY + "\x1b", "a control character at its end"),
    "quotes": (f'"{KEY}"', "stands in quotation marks"),
}


@pytest.mark.parametrize(("key", "said"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "MY_KEY"])
def test_a_key_that_no_server_gave_out_is_refused_before_the_first_call(
    key: str, said: str, variable: str, world: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, key)
    named = "" if variable == "OPENAI_API_KEY" else f"?key={variable}"
    model = f"openai:http://127.0.0.1:9/v1{named}#m@1"
    for words in commands(model):
        code, text = told(words, capfd)
        assert code == 2
        assert f"the key in {variable} " in text or "--budget" in words
        assert said in text or "--budget" in words
    assert holders(world) == []
    assert not (world / "out").exists()


NAMES = {
    "a key for a variable": f"openai:http://h/v1?key={KEY}#m@1",
    "a key for a variable, in capitals": "openai:http://h/v1?key=SKPL4NTEDKEYW1TH#m@1",
    "a key as a setting": f"openai:http://h/v1?api_key={KEY}#m@1",
    "a key as the setting's name": f"openai:http://h/v1?{KEY}#m@1",
    "a key as a number": f"openai:http://h/v1?rpm={KEY}#m@1",
    "a password": f"openai:http://me:{KEY}@h/v1#m@1",
    "a password with a slash and a hash": f"openai:http://me:a/b#{KEY}@h/v1#m@1",
    "a user alone": f"openai:http://{KEY}@h/v1#m@1",
    "a password of the second server": f"openai:http://h/v1,http://me:{KEY}@g/v1#m@1",
    "a password and no model": f"openai:http://me:{KEY}@h/v1",
}


@pytest.mark.parametrize("model", NAMES.values(), ids=NAMES)
def test_a_name_that_holds_a_key_is_refused_without_a_letter_of_it(
    model: str, world: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in commands(model):
        code, text = told(words, capfd)
        assert code == 2
        assert "SKPL4NTED" not in text
    assert holders(world) == []
    assert not (world / "out").exists()


def test_a_variable_that_names_no_variable_is_refused_without_a_letter_of_it(
    world: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RLAIF_KEY_VARIABLE", KEY)
    for words in commands("openai:http://h/v1#m@1"):
        code, text = told(words, capfd)
        assert code == 2
        assert "RLAIF_KEY_VARIABLE= names no environment variable" in text or "--budget" in words


def test_a_proxys_password_is_told_by_no_message(
    world: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{KEY}@127.0.0.1:9")
    for words in commands("openai:http://h.invalid/v1?wait=0.001&tries=1&patience=0.01#m@1"):
        assert told(words, capfd)[0] != 0
    assert holders(world) == []


def commands(model: str) -> list[list[str]]:
    common = ["--prompts", "prompts.jsonl", "--constitution", "tiny.yaml"]
    script = "script:policy.jsonl"
    return [
        ["generate", *common, "--policy", script, "--judge", model, "--out", "out"],
        ["generate", *common, "--policy", model, "--judge", script, "--out", "out"],
        ["generate", *common, "--policy", model, "--judge", script, "--out", "out", "--dry-run"],
        ["generate", *common, "--policy", model, "--judge", script, "--out", "out", "--budget", "money=1"],
        ["evaluate", *common, "--policy", script, "--against", model, "--judge", script, "--out", "out"],
        ["constitution", "test", "tiny.yaml", "--judge", model],
        ["judge", "check", "--judge", model, "--constitution", "tiny.yaml"],
        ["judge", "answers.jsonl", "--judge", model, "--constitution", "tiny.yaml", "--out", "out"],
        ["run", "self-rewarding", "--judge", model, "--constitution", "tiny.yaml", "--out", "out"],
    ]
