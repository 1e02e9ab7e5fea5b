"""Two processes with one store make no call twice; one that dies or stands still keeps nobody waiting for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines import recorded
from rlaif.engines.recorded import RecordedEngine
from rlaif.records import GenerateRequest, Generation, Message, Sampling
from rlaif.store import Store
from rlaif.store.claims import CallClaims

pytestmark = pytest.mark.timing
HELD = """
import sys, time
from pathlib import Path
from rlaif.store.claims import CallClaims
claims = CallClaims(Path(sys.argv[1]))
print(len(claims.take(sys.argv[2:])), flush=True)
time.sleep(60)
"""
CALLER = """
import sys, time
from pathlib import Path
from rlaif.engines.recorded import RecordedEngine
from rlaif.records import GenerateRequest, Generation, Message, Sampling
from rlaif.store import Store

class Slow:
    name, fingerprint = "slow", "m"
    def generate(self, requests):
        for each in list(requests):
            print(each.id, flush=True)
            time.sleep(float(sys.argv[3]))
            yield Generation(request_id=each.id, text=each.id, finish="stop")
    score = generate

def asked(n):
    turns = (Message(role="user", content=str(n)),)
    return GenerateRequest(id=str(n), messages=turns, sampling=Sampling(), seed=0)

with Store.open(Path(sys.argv[1])) as store:
    engine = RecordedEngine(Slow(), store, wave=8, commit=sys.argv[2])
    got = [each.text for each in engine.generate(asked(n) for n in range(24))]
    assert got == [str(n) for n in range(24)], got
    print(f"made {engine.new_calls} reused {engine.reused_calls}", flush=True)
"""


def started(code: str, *given: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, given)], stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_what_another_process_makes_is_not_taken_until_it_ends(place: Path) -> None:
    other = started(HELD, place, "a", "b")
    assert first_line(other) == "2"
    claims = CallClaims(place)
    assert claims.take(["a", "b", "c"]) == {"c"}
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert claims.take(["a", "b", "c"]) == {"a", "b", "c"}
    claims.close()


def test_what_is_released_is_free_for_others(place: Path) -> None:
    claims = CallClaims(place)
    claims.take(["a"])
    claims.take(["b"], passive=True)
    claims.take(["c"])
    claims.release(["a"])
    claims.let_go()
    other = started(HELD, place, "a", "b", "c")
    assert first_line(other) == "2"
    other.kill()
    other.wait()
    claims.close()


def test_closing_one_of_two_stores_of_a_process_keeps_what_the_other_holds(place: Path) -> None:
    one, two = CallClaims(place), CallClaims(place)
    one.take(["a"])
    two.take(["b"])
    two.close()
    other = started(HELD, place, "a")
    assert first_line(other) == "0"
    other.kill()
    other.wait()
    one.close()


def test_where_no_file_can_be_made_everything_is_ours(tmp_path: Path) -> None:
    claims = CallClaims(tmp_path / "nowhere" / "store.sqlite")
    assert claims.take(["a", "b"]) == {"a", "b"}
    claims.release(["a"])
    claims.close()


@pytest.mark.parametrize("commit", ["wave", "call"])
def test_two_processes_at_once_make_each_call_once(place: Path, commit: str) -> None:
    Store.open(place).close()
    both = [started(CALLER, place, commit, 0.02) for _ in range(2)]
    made = [each.communicate(timeout=60)[0].splitlines() for each in both]
    assert [each.returncode for each in both] == [0, 0]
    asked = [line for lines in made for line in lines[:-1]]
    assert sorted(asked, key=int) == [str(n) for n in range(24)]
    with Store.open(place) as store:
        assert store.select("SELECT sum(tries), count(*) FROM calls", []) == [(24, 24)]


def test_a_process_goes_on_with_what_a_killed_one_had_begun(place: Path) -> None:
    Store.open(place).close()
    dying = started(CALLER, place, "wave", 0.3)
    assert first_line(dying) == "0"
    other = started(CALLER, place, "wave", 0.0)
    time.sleep(0.5)
    dying.kill()
    dying.wait()
    said, _ = other.communicate(timeout=60)
    assert said.splitlines()[-1] == "made 24 reused 0"


def ask(text: str) -> GenerateRequest:
    turns = (Message(role="user", content=text),)
    return GenerateRequest(id=text, messages=turns, sampling=Sampling(), seed=0)


class Quick:
    """Answers with the id."""

    name, fingerprint = "quick", "m"

    def generate(self, requests: Any) -> Any:
        return [Generation(request_id=each.id, text=each.id, finish="stop") for each in requests]

    score = generate


def test_a_process_that_stands_still_is_not_waited_for_without_end(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorded, "PATIENCE_S", 0.3)
    monkeypatch.setattr(recorded, "SAID_S", 0.1)
    with Store.open(place) as store:
        engine = RecordedEngine(Quick(), store)
        key = engine.key(ask("x"))
        other = started(HELD, place, key)
        assert first_line(other) == "1"
        os.kill(other.pid, signal.SIGSTOP)
        assert [each.text for each in engine.generate([ask("x"), ask("y")])] == ["x", "y"]
        assert (engine.new_calls, engine.reused_calls) == (2, 0)
        other.kill()
        other.wait()
    assert "waits for 1 calls that another process" in caplog.text


def test_an_engine_that_breaks_lets_go_of_its_calls(place: Path) -> None:
    class Broken(Quick):
        def generate(self, requests: Any) -> Any:
            raise RuntimeError("broken")

    with Store.open(place) as store:
        engine = RecordedEngine(Broken(), store)
        with pytest.raises(RuntimeError, match="broken"):
            list(engine.generate([ask("x")]))
        other = started(HELD, place, engine.key(ask("x")))
        assert first_line(other) == "1"
        other.kill()
        other.wait()
