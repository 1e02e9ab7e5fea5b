"""kill -9 at any point of a run, then the same work again: nothing is repeated, no byte differs."""

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rlaif.engines.recorded import RecordedEngine
from rlaif.exchange.pairs import write_pairs
from rlaif.records import GenerateRequest, Generation, Message, Pair, Sampling, ScoreRequest
from rlaif.runs.claim import claim, read_run
from rlaif.store import Store, find_store

pytestmark = pytest.mark.timing
REQUESTS, WAVE = 20, 4
NEVER = 10**9


class Mortal:
    """Its texts depend on the whole batch, as float noise does; the process dies at its `dies_at`-th step."""

    name = "mortal"
    fingerprint = "b2:mortal"

    def __init__(self, dies_at: int) -> None:
        self.steps, self.dies_at = 0, dies_at

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        asked = list(requests)
        for each in asked:
            self.step()
            batch = "+".join(other.id for other in asked)
            yield Generation(request_id=each.id, text=f"{each.id} among {batch}", finish="stop")

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[object]:
        raise NotImplementedError


def work(out: Path, dies_at: int, counted: Path) -> None:
    """A small run: claim, generate in waves, write pairs, finish."""
    engine = Mortal(dies_at)
    with claim(out, {"requests": REQUESTS}, command="generate") as run, Store.open(find_store(out)) as store:
        recorded = RecordedEngine(engine, store, wave=WAVE)  # type: ignore[arg-type]
        turn = Message(role="user", content="Hi")
        requests = [
            GenerateRequest(id=f"r{n}", messages=(turn,), sampling=Sampling(), draw=n)
            for n in range(REQUESTS)
        ]
        replies = list(recorded.generate(requests))

        def pairs() -> Iterator[Pair]:
            for one, other in zip(replies[::2], replies[1::2], strict=True):
                engine.step()
                said = [(Message(role="assistant", content=each.text),) for each in (one, other)]
                yield Pair(prompt=(turn,), chosen=said[0], rejected=said[1], label_prob=1 / 3)

        write_pairs(out / "pairs.jsonl", pairs())
        engine.step()
        run.finish({"pairs": REQUESTS // 2})
        counted.write_text(str(recorded.new_calls))


def in_a_process(out: Path, dies_at: int, counted: Path) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=work, args=(out, dies_at, counted))
    process.start()
    process.join()
    return process.exitcode


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    assert in_a_process(folder / "project" / "run", NEVER, folder / "calls") == 0
    return (folder / "project" / "run" / "pairs.jsonl").read_bytes()


# in the first wave, at the border of two, in the middle, in the last wave, while pairs are written, before the end
@pytest.mark.parametrize("dies_at", [1, 3, 5, 10, 20, 21, 27, 31])
def test_a_killed_run_ends_like_one_that_was_not(tmp_path: Path, wanted: bytes, dies_at: int) -> None:
    out, calls = tmp_path / "project" / "run", tmp_path / "calls"
    assert in_a_process(out, dies_at, calls) == -signal.SIGKILL
    assert not (out / "run.json").exists()
    if dies_at <= REQUESTS + REQUESTS // 2:
        assert not (out / "pairs.jsonl").exists()
    assert in_a_process(out, NEVER, calls) == 0
    assert (out / "pairs.jsonl").read_bytes() == wanted
    assert read_run(out)["status"] == "done"
    finished_waves = min(dies_at - 1, REQUESTS) // WAVE
    assert int(calls.read_text()) == REQUESTS - finished_waves * WAVE


def test_a_run_killed_again_and_again_still_ends_the_same(tmp_path: Path, wanted: bytes) -> None:
    out, calls = tmp_path / "project" / "run", tmp_path / "calls"
    ends = [in_a_process(out, dies_at, calls) for dies_at in range(5, 14)]
    assert ends[:4] == [-signal.SIGKILL] * 4
    assert ends[-1] == 0
    assert (out / "pairs.jsonl").read_bytes() == wanted
