"""Waves that several answer: batches, order and counts are those of one, whoever answers and whoever dies."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.costs import Budget
from rlaif.engines.local.process_worker import Changed, Opening, WorkerTask
from rlaif.engines.local.processes import ProcessShard
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import BudgetError, EngineError, ModelError
from rlaif.records import GenerateRequest
from rlaif.store import Store
from tests.engines.test_recorded import Echo, draw, draws

AT_ONCE, LATER, LEFT, DIES = "at once", "later", "left", "dies"


class Deal:
    """Processes that are nowhere: each wave is dealt a fate."""

    def __init__(self, fates: Sequence[str] = (), ready: int = 2) -> None:
        self.ready = ready
        self.fates = deque(fates)
        self.model = Echo()
        self.left: list[ProcessShard] = []
        self.later: list[ProcessShard] = []
        self.calls = 0

    def count_calls(self, calls: int) -> None:
        self.calls += calls

    def submit(
        self, opening: Opening, verb: str, requests: Sequence[Any], to: SimpleQueue[ProcessShard]
    ) -> ProcessShard:
        shard = ProcessShard(WorkerTask(opening, verb, requests, ()), to)
        match self.fates.popleft() if self.fates else AT_ONCE:
            case "at once":
                self.answer(shard)
            case "later":
                self.later.append(shard)
            case "left":
                self.left.append(shard)
            case _:
                shard.take_in(None)
        return shard

    def answer(self, shard: ProcessShard) -> None:
        shard.take_in(list(getattr(self.model, shard.task.verb)(shard.task.requests)))

    def take_back(self, to: SimpleQueue[ProcessShard]) -> ProcessShard | None:
        # whoever asks is about to wait: what was late is done by now, the last first
        while self.later:
            self.answer(self.later.pop())
        return self.left.pop(0) if self.left else None


class Beside:
    """A model on them."""

    opening = Opening("echo", "b2:echo", {}, ".", 1)

    def __init__(self, deal: Deal) -> None:
        self.processes = deal

    def submit(self, verb: str, requests: Sequence[Any], to: SimpleQueue[ProcessShard]) -> ProcessShard:
        return self.processes.submit(self.opening, verb, requests, to)


def beside(store: Store, deal: Deal, **how: Any) -> RecordedEngine:
    return RecordedEngine(Echo(), store, beside=Beside(deal), **{"wave": 3, **how})  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


def alone(asked: list[GenerateRequest], known: list[GenerateRequest]) -> tuple[list[Any], RecordedEngine]:
    with fresh() as other:
        list(RecordedEngine(Echo(), other, wave=3).generate(known))
        engine = RecordedEngine(Echo(), other, wave=3)
        return list(engine.generate(asked)), engine


@contextmanager
def fresh() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as place, Store.open(Path(place) / "store.sqlite") as opened:
        yield opened


@given(
    st.lists(st.sampled_from([AT_ONCE, LATER, LEFT, DIES]), max_size=10),
    st.lists(st.integers(0, 11), max_size=24),
    st.sets(st.integers(0, 11), max_size=4),
    st.integers(0, 3),
)
def test_whoever_answers_the_replies_the_batches_and_the_counts_are_those_of_one(
    fates: list[str], texts: list[int], known: set[int], ready: int
) -> None:
    """Requests that send the same, in one wave or in several, and some that the store holds already."""
    asked = [draw(f"r{place}", f"text {text}") for place, text in enumerate(texts)]
    before = [draw(f"known {text}", f"text {text}") for text in known]
    wanted, one = alone(asked, before)
    with fresh() as store:
        list(RecordedEngine(Echo(), store, wave=3).generate(before))
        deal = Deal(fates, ready)
        engine = beside(store, deal)
        assert list(engine.generate(iter(asked))) == wanted
    assert (engine.new_calls, engine.reused_calls) == (one.new_calls, one.reused_calls)
    assert engine.usage == one.usage
    assert deal.calls == engine.new_calls
    ran = [*engine.engine.batches, *deal.model.batches]  # type: ignore[attr-defined]
    assert sorted(ran) == sorted(one.engine.batches)  # type: ignore[attr-defined]


def test_waves_are_handed_over_before_the_first_is_read(store: Store) -> None:
    deal = Deal(ready=2)
    replies = beside(store, deal).generate(iter(draws(30)))
    next(replies)
    assert len(deal.model.batches) == 6


def test_while_nobody_is_there_no_wave_is_planned_ahead(store: Store) -> None:
    taken: list[str] = []

    def asked() -> Iterator[GenerateRequest]:
        for each in draws(12):
            taken.append(each.id)
            yield each

    next(beside(store, Deal(ready=0)).generate(asked()))
    assert len(taken) == 3


def test_a_wave_is_kept_as_soon_as_it_is_answered(store: Store) -> None:
    """The first is still to be answered here, and the others are in the store when it fails."""
    engine = beside(store, Deal([LEFT]))
    engine.engine.dies_in = 1  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        list(engine.generate(draws(9)))
    assert store.counts()["calls"] == 6
    again = beside(store, Deal(), wave=3)
    wanted, _ = alone(draws(9), [])
    assert list(again.generate(draws(9))) == wanted
    assert (again.new_calls, again.reused_calls) == (3, 6)


def test_whoever_reads_no_further_leaves_nothing_behind_to_be_begun(store: Store) -> None:
    deal = Deal([AT_ONCE, LEFT, LEFT])
    replies = beside(store, deal).generate(draws(9))
    next(replies)
    replies.close()  # type: ignore[attr-defined]
    assert not deal.left


def test_a_budget_of_calls_is_never_passed_and_what_is_under_way_is_kept(store: Store) -> None:
    engine = beside(store, Deal([LATER, LATER, LATER]), budget=Budget(limits={"calls": 7}))
    replies, got = engine.generate(draws(12)), []

    def read() -> None:
        for each in replies:
            got.append(each.request_id)

    with pytest.raises(BudgetError, match="6 of 7 calls"):
        read()
    assert got == [f"r{n}" for n in range(6)]
    assert store.counts()["calls"] == 6


def test_a_budget_smaller_than_the_first_wave_is_used_up_all_the_same(store: Store) -> None:
    engine = beside(store, Deal(), budget=Budget(limits={"calls": 2}))
    with pytest.raises(BudgetError):
        list(engine.generate(draws(6)))
    assert store.counts()["calls"] == 2


def test_no_wave_starts_once_the_tokens_are_used_up(store: Store) -> None:
    engine = beside(store, Deal(ready=0), budget=Budget(limits={"tokens": 4}))
    with pytest.raises(BudgetError):
        list(engine.generate(draws(9)))
    assert store.counts()["calls"] == 3


def test_an_answer_that_never_came_stops_the_work(store: Store) -> None:
    deal = Deal()
    deal.model.loses = {"r4"}
    with pytest.raises(EngineError, match="1 of 3 calls came back without an answer"):
        list(beside(store, deal).generate(draws(9)))


def test_a_model_whose_files_changed_is_one_sentence(store: Store) -> None:
    class Other(Deal):
        def answer(self, shard: ProcessShard) -> None:
            shard.take_in(Changed("echo"))

    with pytest.raises(ModelError, match="its files have changed since"):
        list(beside(store, Other()).generate(draws(9)))
