"""The server from its start to its end: what it says, how it stops, and what it refuses before it listens."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import rlaif
from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.judging.rewards import REWARDS
from rlaif.records import Completion, Prompt
from rlaif.workflows.listening import listen
from rlaif.workflows.reward.clients.trl import TrlReward
from rlaif.workflows.reward.serve.config import ServeRewardConfig
from rlaif.workflows.reward.serve.run import TELLING, ServedReward, serve
from tests.workflows.reward.serving import HANG_S, until

HOUSE = "name: house\nversion: 1.0.0\ntitle: T\nprinciples:\n  - {id: brief, text: The response is brief.}\n"
SECRET = "Rosebud was the name of his sledge"
pytestmark = pytest.mark.timing


class Judge:
    """A reward function that waits for an event, and says that it was asked."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    def __call__(self, prompt: Prompt, completion: Completion) -> float:
        self.asked.set()
        assert self.go.wait(HANG_S)
        return float(len(completion.text))


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Judge]:
    monkeypatch.chdir(tmp_path)
    Path("house.yaml").write_text(HOUSE)
    made = Judge()
    rlaif.register.reward(name="held", version="1")(lambda prompt, completion: made(prompt, completion))
    yield made
    made.go.set()
    REWARDS._added.pop("held")


def config(judge: str = "held", **changed: Any) -> ServeRewardConfig:
    return ServeRewardConfig(judge=judge, constitution="house.yaml", store=Path("s.sqlite"), **changed)


class Trainer:
    """Asks as soon as there is an address, in a thread of its own."""

    def __init__(self, *said: str) -> None:
        self.port = 0
        self.said, self.found, self._thread = said, list[Any](), threading.Thread(target=lambda: None)

    def __call__(self, served: ServedReward) -> None:
        self.port = int(served.address.rpartition(":")[2])
        reward = TrlReward(served.address, tries=1)

        def ask() -> None:
            try:
                self.found.append(reward(["hi"] * len(self.said), self.said))
            except RuntimeError as wrong:
                self.found.append(wrong)

        self._thread = threading.Thread(target=ask, daemon=True)
        self._thread.start()

    def is_refused(self) -> bool:
        """Whether the server takes no connection any more."""
        try:
            socket.create_connection(("127.0.0.1", self.port), HANG_S).close()
        except OSError:
            return True
        return False

    def has(self) -> Any:
        self._thread.join(HANG_S)
        return self.found[0]


def signals(judge: Judge, trainer: Trainer, *numbers: int, go: bool) -> None:
    """Sends them to this process in a thread: the first once the judge is asked, each other one when it was met."""

    def send() -> None:
        assert judge.asked.wait(HANG_S)
        for number in numbers:
            os.kill(os.getpid(), number)
            until(trainer.is_refused)
        if go:
            judge.go.set()

    threading.Thread(target=send, daemon=True).start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_the_requests_that_are_under_way(judge: Judge, number: int) -> None:
    trainer = Trainer("four", "fives")
    signals(judge, trainer, number, go=True)
    before = signal.getsignal(number)
    counts = serve(config(), said=trainer)
    assert trainer.has() == [4.0, 5.0]
    assert (counts["requests"], counts["rows"], counts["failed"]) == (1, 2, 0)
    assert signal.getsignal(number) is before


def test_asked_to_stop_twice_it_ends_at_once(judge: Judge) -> None:
    trainer = Trainer("four")
    signals(judge, trainer, signal.SIGTERM, signal.SIGTERM, go=False)
    with pytest.raises(KeyboardInterrupt):
        serve(config(), said=trainer)
    judge.go.set()
    assert isinstance(trainer.has(), RuntimeError)  # and no number


def asked_and_stopped(judge: str, *said: str) -> tuple[Any, dict[str, Any]]:
    """What a trainer gets of a judge for these rows, and what `/health` then says."""
    trainer, health = Trainer(*said), dict[str, Any]()

    def listens(served: ServedReward) -> None:
        trainer(served)

        def stop() -> None:
            trainer.has()
            with urlopen(f"{served.address}/health") as answer:
                health.update(json.load(answer))
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=stop, daemon=True).start()

    counts = serve(config(judge), said=listens)
    assert counts["failed"] == health["failed"]
    return trainer.has(), health


def test_why_a_call_failed_is_told_once_and_without_a_text(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    Path("mute.jsonl").write_text('{"texts": ["no verdict"]}\n')
    with caplog.at_level(logging.DEBUG):
        found, health = asked_and_stopped("script:mute.jsonl", SECRET, SECRET + ".")
    assert found == [None, None]
    assert health["calls"]["failed"] == health["calls"]["new"] > 0
    told = [each.getMessage() for each in caplog.records if each.name.startswith("rlaif")]
    assert sum("no reward where a call failed" in each for each in told) == 1
    assert not any(SECRET[:12] in each.getMessage() for each in caplog.records)


@pytest.mark.parametrize(("rows", "told"), [(TELLING - 1, False), (TELLING, True)])
def test_a_judge_that_never_gives_a_reward_is_told_of(
    judge: Judge, caplog: pytest.LogCaptureFixture, rows: int, told: bool
) -> None:
    Path("mute.jsonl").write_text('{"texts": ["no verdict"]}\n')
    found, _ = asked_and_stopped("script:mute.jsonl", *(f"text {row}" for row in range(rows)))
    assert found == [None] * rows
    assert any("rows has a reward" in each.getMessage() for each in caplog.records) is told


def test_what_is_wrong_is_said_before_anything_listens(judge: Judge, tmp_path: Path) -> None:
    def said(served: ServedReward) -> None:
        raise AssertionError("it listens")

    with pytest.raises(InputError, match="nobody"):
        serve(config("nobody"), said=said)
    with pytest.raises(InputError, match="no protocol that judges one completion"):
        serve(config(protocol="compare"), said=said)
    with pytest.raises(InputError, match="--token-env NAME"):
        serve(config(host="0.0.0.0"), said=said)
    with listen(0) as held, pytest.raises(InputError, match="Address already in use"):
        serve(config(port=held.getsockname()[1]), said=said)


def test_the_command_prints_a_line_listens_and_ends_with_zero(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE)
    (tmp_path / "limits.yaml").write_text("rules:\n  - {principle: brief, length: {max_words: 2}}\n")
    words = [
        "serve-reward",
        "--judge",
        "rules:limits.yaml",
        "--constitution",
        "house.yaml",
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "rlaif", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        told = json.loads(server.stdout.readline())
        assert told["shapes"]["verl"] == f"{told['address']}/verl"
        assert (told["judge"], told["protocol"], told["token_env"]) == (
            "rules:limits.yaml",
            "checklist",
            None,
        )
        assert TrlReward(told["address"])(["hi", "hi"], ["go on", f"{SECRET}"]) == [1.0, 0.0]
        server.send_signal(signal.SIGTERM)
        assert server.wait(HANG_S) == 0
        assert server.stdout.read() == ""
        assert server.stderr.read() == "stopped: 1 requests, 2 rows, 0 without a reward\n"


def test_the_command_says_in_one_sentence_what_is_wrong(
    judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    with listen(0) as held:
        port = str(held.getsockname()[1])
        assert main(["serve-reward", "--judge", "held", "--constitution", "house.yaml", "--port", port]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert (
        line == f"error: --port {port}: cannot be used (Address already in use); leave it out for a free one"
    )
