"""Servers fail in every way we know, on real sockets: nothing is lost, doubled or taken for an answer."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.openai.capabilities import forget
from rlaif.engines.openai.engine import OpenAIEngine, open_openai
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import EngineError, ModelError
from rlaif.records import GenerateRequest, Message, Sampling
from rlaif.store import Store
from tests.engines.openai.faulty_server import FAULTS, MODEL, FaultyServer
from tests.ports import closed_port

pytestmark = pytest.mark.timing
QUICK = "tries=20&wait=0.02&total=4"


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    forget()


def asks(count: int, start: int = 0) -> Any:
    for n in range(start, start + count):
        turns = (Message(role="user", content=f"text {n}"),)
        yield GenerateRequest(id=f"r{n}", messages=turns, sampling=Sampling(max_tokens=8), seed=n)


def opened(*urls: str, query: str = QUICK) -> OpenAIEngine:
    rest = f"{','.join(urls)}?{query}#{MODEL}@1"
    return open_openai(f"openai:{rest}", rest, chat_template_kwargs=None)


def take(replies: Iterable[Any], count: int) -> None:
    for place, _ in enumerate(replies, 1):
        if place == count:
            raise KeyboardInterrupt


def survive(tmp_path: Path, server: FaultyServer, count: int, *more_urls: str) -> RecordedEngine:
    """Ask `count` calls; each has its own answer, once, in the reply and in the store."""
    with Store.open(tmp_path / "store.sqlite") as store:
        engine = RecordedEngine(opened(server.url, *more_urls), store, commit="call")
        found: dict[str, str] = {}
        for reply in engine.generate(asks(count)):
            assert reply.error is None
            assert reply.request_id not in found
            found[reply.request_id] = reply.text
        assert found == {f"r{n}": f"TEXT {n}" for n in range(count)}
        assert store.counts()["calls"] == count
        assert store.counts()["failed_calls"] == 0
        keys = [engine.key(each) for each in asks(count)]
        kept = store.get_many(keys, keys)
        assert [kept[key].text for key in keys] == [f"TEXT {n}" for n in range(count)]  # type: ignore[union-attr]
        return engine


@pytest.mark.parametrize("fault", FAULTS)
def test_each_single_fault_is_survived(tmp_path: Path, fault: str) -> None:
    with FaultyServer(share=0.2, faults=[fault], seed=3) as server:
        survive(tmp_path, server, 24)
        assert server.dealt[fault] > 1


def test_all_faults_together_are_survived_and_nothing_is_asked_twice_by_a_second_run(tmp_path: Path) -> None:
    with FaultyServer(share=0.3, seed=1) as server:
        survive(tmp_path, server, 150)
        assert len(server.dealt) > 10
        asked = server.asked
        engine = survive(tmp_path, server, 150)
        assert (server.asked, engine.new_calls, engine.reused_calls) == (asked, 0, 150)


@pytest.mark.parametrize(
    "calls", [pytest.param(3_000, marks=pytest.mark.heavy), pytest.param(10_000, marks=pytest.mark.long)]
)
def test_thousands_of_calls_at_thirty_percent_faults_in_flat_memory(tmp_path: Path, calls: int) -> None:
    """Ten thousand take a minute; the most memory that the process ever took grows by little from the first calls on.

    Beside the server that fails there is one that refuses TLS.
    """
    with FaultyServer() as plain, FaultyServer(share=0.3, seed=5, keep_calls=False) as server:
        refuses_tls = plain.url.replace("http:", "https:")
        survive(tmp_path, server, 1_000, refuses_tls)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        survive(tmp_path, server, calls, refuses_tls)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert sum(server.dealt.values()) > 0.35 * calls
        assert set(server.dealt) == set(FAULTS)
        assert plain.asked == 0
    assert grown < 96 * 1024  # KiB: the test itself keeps two texts a call, and the server counts them


def test_a_server_that_speaks_no_tls_and_one_that_is_not_there_are_set_aside(tmp_path: Path) -> None:
    with FaultyServer() as plain, FaultyServer() as right, closed_port() as port:
        dead = f"http://127.0.0.1:{port}/v1"
        engine = survive(tmp_path, right, 60, plain.url.replace("http:", "https:"), dead)
        assert engine.failed_calls == 0
        assert right.asked >= 60


def test_a_server_that_takes_calls_and_never_answers_is_set_aside() -> None:
    """The other one takes 4 s at least for its answers, so that there are calls left after the first silence."""
    with FaultyServer(share=1.0, faults=["hang"]) as silent, FaultyServer(delay=lambda _: 0.05) as right:
        engine = opened(silent.url, right.url, query="tries=20&wait=0.5&total=2&at_once=4")
        replies = list(engine.generate(asks(300)))
        assert [each.error for each in replies] == [None] * 300
        # at first four at once, then a call now and then
        assert silent.asked < 20


def test_a_dead_server_is_probed_and_used_again(tmp_path: Path) -> None:
    with closed_port() as port, FaultyServer() as other:
        engine = opened(f"http://127.0.0.1:{port}/v1", other.url)
        list(engine.generate(asks(20)))
        with FaultyServer(port=port) as back:
            start, hang = 20, time.monotonic() + 300
            while back.asked <= 5 and time.monotonic() < hang:
                list(engine.generate(asks(20, start)))
                start += 20
            assert back.asked > 5


def test_the_least_loaded_server_is_asked(tmp_path: Path) -> None:
    """The slow one answers after the quick one has been asked 60 times, whatever the clock says."""
    with FaultyServer() as quick, FaultyServer(holds=lambda: quick.asked < 60) as slow:
        engine = opened(slow.url, quick.url, query="at_once=4")
        assert len(list(engine.generate(asks(100)))) == 100
        assert quick.asked > slow.asked > 0
        assert max(slow.most_at_once, quick.most_at_once) <= 4


def test_when_no_server_is_reached_the_run_stops_and_says_so(tmp_path: Path) -> None:
    with closed_port() as port:
        engine = opened(f"http://127.0.0.1:{port}/v1", query="wait=0.01&patience=0.3&tries=1000")
        with pytest.raises(EngineError, match="no server was reached"):
            list(engine.generate(asks(30)))


def test_a_server_of_another_model_is_refused_and_the_other_one_used(tmp_path: Path) -> None:
    with FaultyServer(model="another") as wrong, FaultyServer() as right:
        survive(tmp_path, right, 60, wrong.url)
        with pytest.raises(ModelError, match="answers as 'another', not as 'org/model'"):
            list(opened(wrong.url).generate(asks(10)))


@pytest.mark.parametrize("name", ["org/model-2026-01-31", "ORG/Model", "model"])
def test_a_dated_or_shortened_name_is_the_same_model(name: str) -> None:
    with FaultyServer(model=name) as server:
        assert next(opened(server.url).generate(asks(1))).text == "TEXT 0"


def test_calls_in_flight_are_bounded_and_the_stream_is_read_as_it_goes() -> None:
    with FaultyServer(delay=lambda _: 0.01) as server:
        pulled = 0

        def counted() -> Any:
            nonlocal pulled
            for each in asks(10_000):
                pulled += 1
                yield each

        engine = opened(server.url, query="at_once=8")
        replies = engine.generate(counted())
        for _ in range(40):
            next(replies)
        assert server.most_at_once <= 8
        assert pulled <= 40 + 8 * 5
        replies.close()


def test_an_interrupted_stream_keeps_what_had_arrived_and_goes_on_with_the_rest(tmp_path: Path) -> None:
    with FaultyServer(delay=lambda _: 0.005) as server, Store.open(tmp_path / "s.sqlite") as store:
        first = RecordedEngine(opened(server.url, query="at_once=8"), store, commit="call")
        with pytest.raises(KeyboardInterrupt):
            take(first.generate(asks(200)), 50)
        kept = store.counts()["calls"]
        assert 50 <= kept < 200
        again = RecordedEngine(opened(server.url, query="at_once=8"), store, commit="call")
        assert len(list(again.generate(asks(200)))) == 200
        assert (again.reused_calls, again.new_calls) == (kept, 200 - kept)


def test_a_reply_that_nobody_takes_is_committed_all_the_same(tmp_path: Path) -> None:
    with FaultyServer() as server, Store.open(tmp_path / "s.sqlite") as store:
        replies = RecordedEngine(opened(server.url), store, commit="call").generate(asks(20))
        next(replies)
        with Store.open(tmp_path / "s.sqlite") as other:
            hang = time.monotonic() + 300
            while other.counts()["calls"] < 20 and time.monotonic() < hang:
                time.sleep(0.05)
            assert other.counts()["calls"] == 20
        replies.close()
