"""Waves: only what is missing runs, all of a wave is kept or none of it, and failures are asked again."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.base import BaseEngine
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import EngineError
from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.store import Store


class Echo:
    """Answers with the question, last asked first; what it writes names the batch that it was written in."""

    name = "echo"
    fingerprint = "b2:echo"

    def __init__(self, *, fails: Iterable[str] = (), dies_in: int = 0, loses: Iterable[str] = ()) -> None:
        self.fails, self.loses, self.dies_in = set(fails), set(loses), dies_in
        self.batches: list[list[str]] = []

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        asked = list(requests)
        self.batches.append([each.id for each in asked])
        for place, each in enumerate(reversed(asked)):
            if len(self.batches) == self.dies_in and place == len(asked) // 2:
                raise KeyboardInterrupt
            if each.id in self.loses:
                continue
            error = "busy" if each.id in self.fails else None
            text = "" if error else f"{each.messages[-1].content} in {'+'.join(self.batches[-1])}"
            used = Usage(prompt_tokens=2, completion_tokens=1)
            yield Generation(request_id=each.id, text=text, finish="stop", usage=used, error=error)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            yield Score(request_id=each.id, logprobs=tuple(-float(len(text)) for text in each.continuations))


def draw(name: str, text: str = "", seed: int = 0) -> GenerateRequest:
    turns = (Message(role="user", content=text or name),)
    return GenerateRequest(id=name, messages=turns, sampling=Sampling(), seed=seed)


def draws(count: int) -> list[GenerateRequest]:
    return [draw(f"r{n}") for n in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


def test_replies_come_in_the_order_of_the_requests(store: Store) -> None:
    engine = RecordedEngine(Echo(), store, wave=3)
    assert [each.request_id for each in engine.generate(iter(draws(7)))] == [f"r{n}" for n in range(7)]
    assert [len(batch) for batch in engine.engine.batches] == [3, 3, 1]  # type: ignore[attr-defined]


def test_what_is_known_is_not_asked_again(store: Store) -> None:
    first, second = RecordedEngine(Echo(), store, wave=3), RecordedEngine(Echo(), store, wave=5)
    before = list(first.generate(draws(4)))
    after = list(second.generate(draws(6)))
    assert after[:4] == before
    assert second.engine.batches == [["r4"], ["r5"]]  # type: ignore[attr-defined]
    assert (second.new_calls, second.reused_calls, first.new_calls) == (2, 4, 4)
    assert second.usage == Usage(prompt_tokens=4, completion_tokens=2)


def test_scores_are_kept_too(store: Store) -> None:
    asks = [ScoreRequest(id=f"s{n}", messages=(), continuations=("yes", str(n))) for n in range(3)]
    first, second = RecordedEngine(Echo(), store), RecordedEngine(Echo(), store)
    before = list(first.score(asks))
    assert before[0].logprobs == (-3.0, -1.0)
    assert list(second.score(asks)) == before
    assert (first.new_calls, second.new_calls, second.reused_calls) == (3, 0, 3)


def test_two_requests_that_send_the_same_are_one_call(store: Store) -> None:
    engine = RecordedEngine(Echo(), store)
    one, other = engine.generate([draw("a", "same"), draw("b", "same")])
    assert (one.text, one.request_id, other.request_id) == (other.text, "a", "b")
    assert (engine.new_calls, engine.reused_calls) == (1, 1)


def test_different_requests_under_one_id_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="same id"):
        list(RecordedEngine(Echo(), store).generate([draw("a", "one"), draw("a", "two")]))


def test_another_model_asks_for_itself(store: Store) -> None:
    list(RecordedEngine(Echo(), store).generate(draws(2)))
    other = Echo()
    other.fingerprint = "b2:other"
    engine = RecordedEngine(other, store)
    list(engine.generate(draws(2)))
    assert (engine.new_calls, engine.reused_calls) == (2, 0)


@pytest.mark.parametrize("dies_in", [1, 2, 3])
def test_after_an_interrupt_the_same_batches_run_and_the_same_texts_come(
    tmp_path: Path, store: Store, dies_in: int
) -> None:
    with Store.open(tmp_path / "whole.sqlite") as other:
        wanted = list(RecordedEngine(Echo(), other, wave=4).generate(draws(10)))
    dying = Echo(dies_in=dies_in)
    with pytest.raises(KeyboardInterrupt):
        list(RecordedEngine(dying, store, wave=4).generate(draws(10)))
    assert store.counts()["calls"] == 4 * (dies_in - 1)
    again = RecordedEngine(Echo(), store, wave=4)
    assert list(again.generate(draws(10))) == wanted
    assert again.reused_calls == 4 * (dies_in - 1)


def test_a_failure_is_passed_on_kept_and_asked_again(store: Store) -> None:
    engine = RecordedEngine(Echo(fails=["r1"]), store)
    replies = list(engine.generate(draws(3)))
    assert [each.error for each in replies] == [None, "busy", None]
    assert (engine.new_calls, engine.failed_calls) == (3, 1)
    assert store.counts()["failed_calls"] == 1
    again = RecordedEngine(Echo(), store)
    assert [each.error for each in again.generate(draws(3))] == [None] * 3
    assert again.engine.batches == [["r1"]]  # type: ignore[attr-defined]
    assert (again.reused_calls, store.counts()["failed_calls"]) == (2, 0)


def test_nan_is_passed_on_as_a_failure(store: Store) -> None:
    class Broken(Echo):
        def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
            return (Score(request_id=each.id, logprobs=(float("nan"),)) for each in requests)

    (reply,) = RecordedEngine(Broken(), store).score(
        [ScoreRequest(id="s", messages=(), continuations=("a",))]
    )
    assert reply.error == "the model returned NaN"
    assert store.counts()["failed_calls"] == 1


def test_an_answer_that_never_came_stops_the_work(store: Store) -> None:
    with pytest.raises(EngineError, match="1 of 3 calls came back without an answer"):
        list(RecordedEngine(Echo(loses=["r1"]), store).generate(draws(3)))
    assert store.counts()["calls"] == 0


def test_a_servers_replies_are_kept_as_they_arrive(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(RecordedEngine(Echo(dies_in=1), store, commit="call").generate(draws(4)))
    assert store.counts()["calls"] == 2


def test_a_model_of_no_declared_revision_is_asked_anew_by_each_run(store: Store) -> None:
    for run_id, known in (("one", 0), ("one", 3), ("two", 0)):
        engine = RecordedEngine(Echo(), store, run_id=run_id, within_run=True)
        list(engine.generate(draws(3)))
        assert engine.reused_calls == known


def test_progress_is_told_after_each_count_with_new_and_reused_calls_apart(store: Store) -> None:
    told: list[tuple[int, int]] = []

    def tell(engine: RecordedEngine) -> None:
        told.append((engine.reused_calls, engine.new_calls))

    list(RecordedEngine(Echo(), store, wave=2).generate(draws(2)))
    list(RecordedEngine(Echo(), store, wave=3, progress=tell).generate(draws(4)))
    assert told == [(2, 0), (2, 1), (2, 2)]


def test_new_texts_that_ran_out_of_tokens_are_counted_and_those_of_the_store_are_not(store: Store) -> None:
    class Cut(Echo):
        def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
            return (replace(each, finish="length") for each in Echo.generate(self, requests))

    first, again = (RecordedEngine(Cut(), store) for _ in range(2))
    list(first.generate(draws(3)))
    list(again.generate(draws(3)))
    assert (first.cut_texts, again.cut_texts) == (3, 0)


def test_a_call_is_noted_with_its_run_and_its_text_can_be_audited(store: Store) -> None:
    engine = RecordedEngine(Echo(), store, run_id="run-7")
    request = draw("a", "What is it?")
    (reply,) = engine.generate([request])
    call = store.call(engine.key(request))
    assert call is not None
    assert call.request.messages == request.messages
    assert isinstance(call.reply, Generation)
    assert call.reply.text == reply.text
    assert store._db.execute("SELECT run_id FROM calls").fetchone() == ("run-7",)


class Alike(Echo, BaseEngine):
    """Its tokenizer writes the first two continuations with the same tokens."""

    def alike(self, continuations: tuple[str, ...]) -> tuple[int, ...]:
        return (0, 0, *range(2, len(continuations)))


def test_which_labels_are_the_same_tokens_is_told_of_stored_scores_too(store: Store) -> None:
    # kept by an earlier version, which did not know of it
    asked = ScoreRequest(id="s", messages=(), continuations=("A", " A", "B"))
    list(RecordedEngine(Echo(), store).score([asked]))
    again = RecordedEngine(Alike(), store)
    (reply,) = again.score([asked])
    assert (reply.alike, again.new_calls) == ((0, 0, 2), 0)


class Unguided(Echo, BaseEngine):
    """Reads no schema, as engines do that guide no decoding."""

    guides_decoding = False


def test_engines_of_one_model_share_no_guided_text_where_one_reads_no_schema(store: Store) -> None:
    asked = GenerateRequest(
        id="a", messages=(Message(role="user", content="x"),), sampling=Sampling(), schema={"type": "object"}
    )
    keys = [RecordedEngine(kind(), store).key(asked) for kind in (Echo, Unguided)]
    assert keys[0] != keys[1]
    assert keys[1] == RecordedEngine(Unguided(), store).key(replace(asked, schema=None))


def test_whether_a_model_writes_thoughts_is_asked_of_it_only_when_somebody_asks(store: Store) -> None:
    class Asked(BaseEngine):
        name, fingerprint = "asked", "b2:asked"
        times = 0

        def marks_thoughts(self) -> bool:
            self.times += 1
            return True

        generate, score = Echo().generate, Echo().score

    behind = Asked()
    engine = RecordedEngine(behind, store)
    list(engine.generate(draws(2)))
    assert behind.times == 0
    assert engine.marks_thoughts()
    assert behind.times == 1
