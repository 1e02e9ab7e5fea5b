"""A judge behind a server that gives no log-probabilities: every command works in writing, or says why not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.engines.openai.capabilities import forget
from rlaif.exchange.judgments import read_judgments
from rlaif.exchange.pairs import read_pairs

from .conftest import CONSTITUTION, GREETS, SILENT, asked

LABELS = ("logprobs", "top_logprobs", "prompt_logprobs")
REFUSAL = "Unsupported parameter: 'logprobs' is not supported with this model."


class Writer(BaseHTTPRequestHandler):
    """Likes whoever greets, and says so in words; of log-probabilities and `n` it knows what `how` says."""

    protocol_version = "HTTP/1.1"
    how = "refuses"
    bodies: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.bodies.append(body)
        if self.how == "refuses" and any(name in body for name in LABELS):
            self.answer(400, {"error": {"message": REFUSAL}})
        elif self.how == "refuses" and body.get("n", 1) > 1:
            self.answer(400, {"error": {"message": "'n' : number must be at most 1"}})
        else:
            text = written(body["messages"][-1]["content"], body.get("max_tokens", 99))
            used = {"prompt_tokens": 3, "completion_tokens": 2}
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self.answer(200, {"model": body["model"], "choices": [choice], "usage": used})

    def answer(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quietly."""


def written(question: str, room: int) -> str:
    """The verdict in the form that the question asks for."""
    answers = [part.partition("```\n")[2] for part in question.split("Response")[1:] if "```\n" in part]
    likes = [each.startswith(GREETS) for each in answers]
    first = question.splitlines()[0]
    if "JSON" in first and "rating" in first:
        return json.dumps({"reason": "r", "rating": 5 if likes[0] else 2})
    better = "A" if likes[0] else "B"
    if "JSON" in first:
        return json.dumps({"reason": "r", "better": better})
    label = ("yes" if likes[0] else "no") if "yes" in first else better
    if room < 10:
        return label
    return f"It was read.\nAnswer: {label}" if "follow" in first else "It does not greet."


@pytest.fixture(params=["refuses", "takes no notice"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    forget()
    monkeypatch.setattr(Writer, "how", request.param)
    monkeypatch.setattr(Writer, "bodies", [], raising=False)
    served = ThreadingHTTPServer(("127.0.0.1", 0), Writer)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"openai:http://127.0.0.1:{served.server_port}/v1?wait=0.001&tries=2"
    served.shutdown()
    served.server_close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    prompts = [{"prompt": asked(n), "tags": ["sum"]} for n in range(3)]
    for name, rows in {"prompts": prompts, "policy": [{"contains": [], "texts": [GREETS, SILENT]}]}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tests = f"    tests:\n      - {{prompt: Hi, better: {GREETS!r}, worse: {SILENT!r}}}\n"
    rules = CONSTITUTION.replace("greets the user.\n", f"greets the user.\n    hard: true\n{tests}")
    (tmp_path / "tiny.yaml").write_text(rules)
    return tmp_path


COMMON = ["--prompts", "prompts.jsonl", "--constitution", "tiny.yaml", "--policy", "script:policy.jsonl"]


def labels_asked() -> int:
    return sum(any(name in body for name in LABELS) for body in Writer.bodies)


@pytest.mark.parametrize("protocol", ["compare-cot", "compare-json", "score-json", "checklist-cot"])
def test_pairs_are_made_and_nothing_asks_for_a_log_probability(
    protocol: str, server: str, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "generate",
        *COMMON,
        "--judge",
        f"{server}#m@1",
        "--n",
        "2",
        "--protocol",
        protocol,
        "--out",
        "run",
    ]
    assert main([*words, "--dry-run"]) == 0
    planned = capsys.readouterr().out
    assert ("checklist-cot on each" in planned) == (protocol not in ("score-json",))
    assert main([*words, "--full"]) == 0
    pairs = read_pairs(world / "run/pairs.jsonl")
    assert [each.chosen[-1].content for each in pairs] == [GREETS] * 3
    assert labels_asked() == 0
    protocols = {each.protocol for each in read_judgments(world / "run/judgments.jsonl")}
    assert protocols == ({"score-json"} if protocol == "score-json" else {"checklist-cot"})
    shown = capsys.readouterr()
    assert "1 of 1" in shown.out  # the principle's own test was put too
    assert main(["judge", "run", "--judge", f"{server}#m@1", "--protocol", protocol, "--out", "again"]) == 0
    assert labels_asked() == 0
    assert main(["audit", "run"]) == 0
    assert "no judgment came back" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [["compare"], ["checklist"]])
@pytest.mark.parametrize("setting", ["&logprobs=0", "&votes=3"])
def test_a_name_says_how_else_the_judge_is_asked_by_any_protocol(
    words: list[str], setting: str, server: str, world: Path
) -> None:
    name = f"{server}{setting}#m@1"
    line = [
        "generate",
        *COMMON,
        "--judge",
        name,
        "--n",
        "2",
        "--protocol",
        *words,
        "--out",
        "run",
        "--no-critique",
    ]
    assert main(line) == 0
    assert [each.chosen[-1].content for each in read_pairs(world / "run/pairs.jsonl")] == [GREETS] * 3
    assert (labels_asked() == 0) == (setting == "&logprobs=0")
    if setting == "&votes=3":
        # once it is known that several answers to one call are not to be had, each draw is a call
        assert all(body.get("n", 1) == 1 for body in Writer.bodies[-20:])
    assert main(["constitution", "test", "tiny.yaml", "--judge", name]) == 0
    evaluated = ["evaluate", *COMMON, "--against", "script:policy.jsonl", "--judge", name]
    assert main(evaluated) == 0


RECIPE = """\
name: tiny
models: {{policy: "script:policy.jsonl", judge: "{judge}"}}
constitution: tiny.yaml
prompts: {{train: prompts.jsonl, held_out: prompts.jsonl}}
rounds: 1
round:
  - {{step: sample, n: 2, prompts: 3}}
  - {{step: judge, protocol: checklist}}
  - {{step: pairs, then: compare-cot}}
  - {{step: evaluate}}
"""


def test_a_recipe_that_compares_in_writing_plans_no_checklist_that_needs_log_probabilities(
    server: str, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "recipe.yaml").write_text(RECIPE.format(judge=f"{server}#m@1"))
    assert main(["run", "recipe.yaml", "--out", "run"]) == 0
    assert labels_asked() == 0
    assert len(read_pairs(world / "run/round-1/pairs.jsonl")) == 3
    calls = len(Writer.bodies)
    assert main(["run", "recipe.yaml", "--out", "run"]) == 0
    assert len(Writer.bodies) == calls


def test_why_every_call_failed_is_on_the_screen_in_status_in_the_audit_and_in_the_report(
    server: str, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["generate", *COMMON, "--judge", f"{server}#m@1", "--n", "2", "--out", "run"]
    assert main(words) == 3
    for line, file in (
        (None, None),
        (["status", "run"], None),
        (["audit", "run"], None),
        (None, "report.html"),
    ):
        if line is not None:
            assert main(line) == 0
        shown = capsys.readouterr()
        if not (line or file):
            last = shown.err.strip().splitlines()[-1]
            assert "judgments failed" in last
            assert last.count("most often with") == 1
        told = (world / "run" / file).read_text() if file else shown.out + shown.err
        told = " ".join(told.split())
        assert "log-prob" in told
        assert "compare-cot" in told
    assert main(["audit", "run"]) == 0
    told = capsys.readouterr().out
    assert "no judgment came back" in told
    assert "nothing found" not in told
    assert main(["audit", "run", "--strict"]) == 3
    capsys.readouterr()
    assert main(["audit", "run", "--json"]) == 0
    assert "log-prob" in json.loads(capsys.readouterr().out)["failures"][0]


def test_a_wrong_port_is_a_message_and_not_two_minutes_of_silence(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        name = f"openai:http://127.0.0.1:{taken.getsockname()[1]}/v1?wait=0.01&reach=0.2#m@1"
        assert main(["generate", *COMMON, "--judge", name, "--n", "2", "--out", "run"]) == 1
    told = capsys.readouterr().err
    assert "no server was reached for 0.2 s" in told
    assert "Is the address right?" in told


def test_a_run_that_was_read_by_labels_before_goes_on_so(server: str, world: Path) -> None:
    """What an earlier version asked by log-probabilities is not paid again."""
    judge = f"{server}#m@1"
    line = ["generate", *COMMON, "--judge", judge, "--n", "2", "--protocol", "compare-cot", "--out", "run"]
    assert main(line) == 0
    rows = (world / "run/judgments.jsonl").read_text().replace('"checklist-cot"', '"checklist"')
    (world / "run/judgments.jsonl").write_text(rows)
    before = labels_asked()
    main(line)
    assert labels_asked() > before
