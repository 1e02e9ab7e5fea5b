"""The store keeps what finished, once, whole, for every process that asks."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import DiskError, StoreError
from rlaif.hashing import digest_bytes
from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.store import Store, call_key


def ask(text: str, **changes: Any) -> ScoreRequest:
    plain: dict[str, Any] = {"id": text, "messages": (Message(role="user", content=text),)}
    return ScoreRequest(**{**plain, "continuations": ("yes", "no"), **changes})


def draw(text: str, seed: int = 0) -> GenerateRequest:
    turns = (Message(role="system", content="Be kind."), Message(role="user", content=text))
    return GenerateRequest(id=f"{text}/{seed}", messages=turns, sampling=Sampling(stop=("\n",)), seed=seed)


SCORED = Score(request_id="r", logprobs=(-0.1, float("-inf")), usage=Usage(prompt_tokens=7))
WRITTEN = Generation(
    request_id="r",
    text="Hé\n",
    finish="length",
    token_ids=(3, 4),
    logprob=-1.25,
    usage=Usage(completion_tokens=2),
)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / ".rlaif" / "store.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(("request_", "reply"), [(ask("a\nb"), SCORED), (draw("hi"), WRITTEN)])
def test_a_call_comes_back_exactly_with_what_was_sent(store: Store, request_: Any, reply: Any) -> None:
    key = call_key("m", request_)
    store.put_many("m", [(key, request_, reply)], run_id="run")
    assert store.get_many([key, "absent"], ["r", "s"]) == {key: reply}
    call = store.call(key)
    assert call is not None
    assert (call.fingerprint, call.error, call.tries) == ("m", None, 1)
    assert call.request.messages == request_.messages
    assert call_key("m", call.request) == key
    assert store.call("absent") is None


def test_a_failure_is_kept_as_one_and_never_found(store: Store) -> None:
    failed = Score(request_id="r", logprobs=(), error="connection reset")
    store.put_many("m", [("k", ask("a"), failed)])
    assert store.get_many(["k"], ["r"]) == {}
    assert store.counts()["failed_calls"] == 1
    call = store.call("k")
    assert call is not None
    assert (call.reply, call.error) == (None, "connection reset")


def test_nan_is_a_failure(store: Store) -> None:
    store.put_many("m", [("k", ask("a"), Score(request_id="r", logprobs=(float("nan"), 0.0)))])
    assert store.get_many(["k"], ["r"]) == {}


def test_a_reply_takes_the_place_of_a_failure_and_nothing_takes_its_own(store: Store) -> None:
    failed = Score(request_id="r", logprobs=(), error="busy")
    for reply in (failed, SCORED, failed, Score(request_id="r", logprobs=(-9.0, -9.0))):
        store.put_many("m", [("k", ask("a"), reply)])
    assert store.get_many(["k"], ["r"]) == {"k": SCORED}
    call = store.call("k")
    assert call is not None
    assert (call.error, call.tries) == (None, 2)


def test_a_beginning_shared_by_neighbours_is_stored_once(store: Store) -> None:
    shared = "Prompt:\n" + "long " * 500 + "\n"
    requests = [ask(f"{shared}Rule: {n}") for n in range(16)]
    store.put_many("m", [(call_key("m", each), each, SCORED) for each in requests])
    assert store.counts()["blobs"] == 17
    assert store.blob(digest_bytes(shared.encode())) == shared.encode()


def test_more_keys_than_one_statement_takes(store: Store) -> None:
    requests = [ask(str(n)) for n in range(1200)]
    keys = [call_key("m", each) for each in requests]
    store.put_many("m", [(key, each, SCORED) for key, each in zip(keys, requests, strict=True)])
    assert len(store.get_many(keys, [each.id for each in requests])) == 1200


def test_a_broken_wave_leaves_nothing(store: Store) -> None:
    odd = Generation(request_id="r", text="x", finish="stop", logprob=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        store.put_many("m", [("k", draw("a"), WRITTEN), ("l", draw("b"), odd)])
    assert store.counts() == dict.fromkeys(store.counts(), 0)


def _die_in_a_wave(path: Path) -> None:
    store = Store.open(path)
    store.put_many("m", [("first", ask("a"), SCORED)])
    with store.transaction():
        store._db.execute("INSERT INTO blobs VALUES ('x', 'y')")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.timing
def test_a_kill_inside_a_wave_keeps_earlier_waves_and_nothing_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    process = multiprocessing.get_context("fork").Process(target=_die_in_a_wave, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with Store.open(path) as store:
        assert store.get_many(["first"], ["r"]) == {"first": SCORED}
        with pytest.raises(StoreError, match="has no text x"):
            store.blob("x")


@pytest.mark.timing
def test_many_processes_may_make_and_fill_one_store(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from rlaif.records import Message, Score, ScoreRequest
from rlaif.store import Store
with Store.open(Path(sys.argv[1])) as store:
    for wave in range(5):
        names = [f"{sys.argv[2]}-{wave}-{n}" for n in range(20)] + [f"shared-{wave}"]
        turns = (Message(role="user", content="a"),)
        store.put_many("m", [(n, ScoreRequest(id=n, messages=turns, continuations=()), Score(request_id=n, logprobs=()))
                             for n in names])
"""
    path = tmp_path / "store.sqlite"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(4)]
    assert [each.wait() for each in processes] == [0] * 4
    with Store.open(path) as store:
        assert store.counts()["calls"] == 4 * 5 * 20 + 5


@pytest.mark.timing
def test_threads_may_share_one_store(store: Store) -> None:
    found: list[Any] = []
    store.put_many("m", [("k", ask("a"), SCORED)])
    threads = [threading.Thread(target=lambda: found.append(store.get_many(["k"], ["r"]))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [{"k": SCORED}] * 4


def test_prompts_completions_pairs_and_usage_are_kept(store: Store) -> None:
    store.put_prompts({"p1": {"prompt": "Hi"}, "p2": {"prompt": "Bye"}})
    store.put_completions(
        [("c1", "p1", "m", 0, {"completion": "Yes"}), ("c1", "p1", "m", 1, {"completion": "Yes"})]
    )
    store.put_usage("train", 3, ["pair1", "pair2"])
    counts = store.counts()
    assert (counts["prompts"], counts["completions"], counts["usage"]) == (2, 2, 2)


def test_a_pair_leads_to_the_raw_answers_behind_it(store: Store) -> None:
    store.put_many("m", [("k", ask("a"), SCORED), ("other", ask("b"), SCORED)])
    store.put_pairs("run", [{"id": "pair", "provenance": {"calls": ["k", "gone"]}}])
    rows = store._db.execute("SELECT run_id, pair_id, key, judge, kind FROM judgments").fetchall()
    assert rows == [("run", "pair", "k", "m", "score")]


def test_pairs_of_a_run_are_replaced_whole(store: Store) -> None:
    store.put_pairs("run", [{"id": "a"}, {"id": "b"}])
    store.put_pairs("other", [{"id": "a"}])
    store.put_pairs("run", [{"id": "c"}])
    assert store.counts()["pairs"] == 2


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look", b"\0" * 4096])
def test_a_file_that_is_no_store_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="--store"):
        Store.open(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (id)")
    with pytest.raises(StoreError, match="another program's database"):
        Store.open(path)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store.open(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="version 99"):
        Store.open(path)


def test_a_place_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "store.sqlite", tmp_path, Path("/proc/nothing/store.sqlite")):
        with pytest.raises(StoreError, match="cannot be used"):
            Store.open(path)


def test_a_folder_that_can_only_be_read_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(path := tmp_path / "store.sqlite").close()
    refused = sqlite3.OperationalError("unable to open database file")
    refused.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN

    def connect(*_: object, **__: object) -> sqlite3.Connection:
        raise refused

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != tmp_path)
    with pytest.raises(StoreError, match=r"its folder can only be read.*--store"):
        Store.open(path)


def test_a_full_disk_loses_the_wave_and_nothing_else(store: Store) -> None:
    store.put_many("m", [("first", ask("a"), SCORED)])
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    big = [(f"k{n}", ask("x" * 9000 + str(n)), SCORED) for n in range(50)]
    with pytest.raises(DiskError, match="the disk is full"):
        store.put_many("m", big)
    assert store.counts()["calls"] == 1
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.put_many("m", big)
    assert store.counts()["calls"] == 51


def test_a_damaged_store_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store.open(path) as store:
        store.put_many("m", [(f"k{n}", ask("x" * 900 + str(n)), SCORED) for n in range(50)])
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    names = [f"k{n}" for n in range(50)]
    with Store.open(path) as store, pytest.raises(StoreError, match="malformed"):
        store.get_many(names, names)


def test_a_busy_store_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlaif.store.store.BUSY_S", 0.05)
    path = tmp_path / "store.sqlite"
    with (
        Store.open(path) as one,
        Store.open(path) as other,
        one.transaction(),
        pytest.raises(StoreError, match="database is locked"),
    ):
        other.put_prompts({"p1": {"prompt": "Hi"}})
