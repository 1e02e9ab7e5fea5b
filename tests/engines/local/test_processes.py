"""Processes beside this one: the same answers whatever the make, nothing lost when one dies, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif.engines.local import processes
from rlaif.engines.local.processes import Beside, Processes, workers_for
from rlaif.engines.open import open_engine
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import InputError, ModelError
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models.pool import ModelPool
from tests.engines.conftest import ModelDir
from tests.engines.tiny import draw, question, write_model
from tests.pids import runs

OPTIONS: dict[str, Any] = {
    "dtype": "float32",
    "device": "cpu",
    "device_map": None,
    "chat_template_kwargs": None,
    "trust_remote_code": False,
    "batch_tokens": 16384,
}
pytestmark = pytest.mark.timing
WAVE = 8
WAIT_S = 300.0
"""Longer than any start takes on a machine that others use too; whoever waits so long fails."""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def one() -> Iterator[Processes]:
    """One process beside this one, for all tests: a start takes seconds."""
    made = Processes(1)
    made.hold("nobody's, so that they stay")
    made.count_calls(1)
    until(lambda: made.ready == 1)
    yield made
    made.close()


@contextmanager
def store(place: Path, name: str = "store") -> Iterator[Store]:
    with Store.open(place / f"{name}.sqlite") as opened:
        yield opened


def draws(count: int) -> list[Any]:
    return [draw(f"how do I bake bread {n // 3}", n, max_tokens=8 + n % 5) for n in range(count)]


def asks(count: int) -> list[Any]:
    return [question(f"is it warm {n // 3}, number {n}", "yes", "no", "not sure") for n in range(count)]


def answered(
    place: Path, name: str, pool: Processes | None, directory: str, verb: str, asked: Any
) -> list[Any]:
    engine = open_engine(directory, **OPTIONS)
    beside = None if pool is None else Beside(pool, directory, engine.fingerprint, OPTIONS)
    if pool is not None:
        pool.hold(engine.fingerprint)
    with store(place, name) as kept:
        recorded = RecordedEngine(engine, kept, wave=WAVE, beside=beside)
        return list(getattr(recorded, verb)(iter(asked)))


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "gemma3", "mistral", "gpt2", "lfm2"])
def test_texts_and_scores_are_the_same_bit_by_bit_with_one_process_and_with_two(
    tmp_path: Path, one: Processes, model_dir: ModelDir, kind: str
) -> None:
    directory = str(model_dir(kind))
    for verb, asked in (("generate", draws(5 * WAVE + 3)), ("score", asks(5 * WAVE + 3))):
        alone = answered(tmp_path, f"alone-{verb}", None, directory, verb, asked)
        both = answered(tmp_path, f"both-{verb}", one, directory, verb, asked)
        assert both == alone
        assert [each.request_id for each in both] == [each.id for each in asked]


def test_the_bundled_model_answers_the_same_too(tmp_path: Path, one: Processes) -> None:
    assert answered(tmp_path, "both", one, "micro", "generate", draws(3 * WAVE)) == answered(
        tmp_path, "alone", None, "micro", "generate", draws(3 * WAVE)
    )


def test_the_process_does_answer(model_dir: ModelDir, one: Processes) -> None:
    """Or all of the above would say nothing."""
    directory = str(model_dir())
    engine = open_engine(directory, **OPTIONS)
    one.hold(engine.fingerprint)
    beside, finished = Beside(one, directory, engine.fingerprint, OPTIONS), processes.SimpleQueue[Any]()
    shard = beside.submit("score", asks(3), finished)
    assert finished.get(timeout=WAIT_S) is shard
    assert shard.replies == list(engine.score(asks(3)))


def test_a_killed_process_loses_nothing_and_is_started_anew(tmp_path: Path, model_dir: ModelDir) -> None:
    directory = str(model_dir())
    pool = Processes(1)
    pool.hold("nobody's")
    pool.count_calls(1)
    until(lambda: pool.ready == 1)
    (victim,) = pool.pids
    os.kill(victim, signal.SIGKILL)
    both = answered(tmp_path, "both", pool, directory, "generate", draws(4 * WAVE))
    assert both == answered(tmp_path, "alone", None, directory, "generate", draws(4 * WAVE))
    until(lambda: pool.ready == 1)
    assert pool.pids != [victim]
    (second,) = pool.pids
    pool.close()
    assert not runs(second)
    assert pool.pids == []


def test_what_a_process_cannot_do_is_told_by_the_one_that_asked(
    tmp_path: Path, one: Processes, model_dir: ModelDir
) -> None:
    engine = open_engine(str(model_dir()), **OPTIONS)
    one.hold(engine.fingerprint)
    beside = Beside(one, str(tmp_path / "gone"), engine.fingerprint, OPTIONS)
    with store(tmp_path) as kept:
        recorded = RecordedEngine(engine, kept, wave=WAVE, beside=beside)
        assert len(list(recorded.score(asks(4 * WAVE)))) == 4 * WAVE


def test_a_model_directory_that_was_written_over_is_refused(
    tmp_path: Path, one: Processes, model_dir: ModelDir
) -> None:
    directory = write_model(tmp_path / "model", seed=7)
    engine = open_engine(str(directory), **OPTIONS)
    one.hold(engine.fingerprint)
    shutil.rmtree(directory)
    shutil.copytree(model_dir("qwen3"), directory)
    beside = Beside(one, str(directory), engine.fingerprint, OPTIONS)
    with store(tmp_path) as kept, pytest.raises(ModelError, match="its files have changed"):
        list(RecordedEngine(engine, kept, wave=WAVE, beside=beside).score(asks(6 * WAVE)))


PARENT = """
import sys, time
from rlaif.engines.open import open_engine
from rlaif.engines.local.processes import Beside, Processes
from rlaif.engines.recorded import RecordedEngine
from rlaif.store import Store
from pathlib import Path
from tests.engines.local.test_processes import OPTIONS, draws

engine = open_engine("micro", **OPTIONS)
pool = Processes(1)
pool.hold(engine.fingerprint)
pool.count_calls(1)
while not pool.ready:
    time.sleep(0.02)
print(pool.pids[0], flush=True)
recorded = RecordedEngine(
    engine, Store.open(Path(sys.argv[1])), wave=64, beside=Beside(pool, "micro", engine.fingerprint, OPTIONS)
)
for reply in recorded.generate(draws(100_000)):
    print("answered", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    """In the middle of a wave, whatever ended it."""
    root = Path(rlaif.__file__).parent.parent
    command = [sys.executable, "-c", PARENT, str(tmp_path / "store.sqlite")]
    with subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "answered\n"
        assert runs(child)
        # the terminal tells all processes of a command
        (os.killpg if how == signal.SIGINT else os.kill)(parent.pid, how)
        parent.stdout.close()
        assert parent.wait(WAIT_S) != 0
    until(lambda: not runs(child))


def test_with_the_last_model_the_processes_end(one: Processes) -> None:
    pool = Processes(1)
    pool.hold("b2:one")
    pool.hold("b2:one")
    pool.hold("b2:two")
    pool.count_calls(1)
    until(lambda: bool(pool.pids))
    pids = pool.pids
    pool.let_go("b2:two")
    pool.let_go("b2:one")
    assert pool.pids == pids
    pool.let_go("b2:one")
    assert pool.pids == []
    assert not any(map(runs, pids))


def test_the_line_to_a_process_is_closed_once_by_the_thread_that_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[str] = []
    close = Connection.close
    before = threading.enumerate()

    def counted(line: Connection) -> None:
        # a thread of an earlier test may still be at its own line
        if threading.current_thread() not in before:
            closed.append(threading.current_thread().name)
        close(line)

    monkeypatch.setattr(Connection, "close", counted)
    pool = Processes(1)
    pool.hold("b2:one")
    pool.count_calls(1)
    until(lambda: pool.ready == 1)
    pool.close()
    until(lambda: bool(closed))
    until(
        lambda: not any(each.name == "rlaif-process" for each in threading.enumerate() if each not in before)
    )
    assert closed == ["rlaif-process"]


def test_nothing_is_started_before_it_is_worth_it() -> None:
    pool = Processes(1, after=100)
    pool.hold("b2:one")
    pool.count_calls(60)
    assert pool.pids == []
    pool.count_calls(60)
    until(lambda: bool(pool.pids))
    pool.close()


@pytest.mark.parametrize(
    ("threads", "cores", "workers"),
    [("1", 2, 2), ("1", 64, 4), ("2", 4, 2), ("4", 4, 1), ("", 8, 1), ("many", 8, 1)],
)
def test_unasked_there_are_as_many_as_the_cores_that_would_idle(
    monkeypatch: pytest.MonkeyPatch, threads: str, cores: int, workers: int
) -> None:
    micro = shipped_model("micro")
    assert micro is not None
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(processes, "_cores", lambda: cores)
    assert workers_for(micro, "cpu", None) == workers
    assert workers_for(micro, "auto", "balanced") == 1
    monkeypatch.setattr(processes, "SMALL", 1)
    assert workers_for(micro, "cpu", None) == 1


@pytest.fixture
def scripted(tmp_path: Path) -> str:
    (tmp_path / "script.jsonl").write_text('{"contains": [], "texts": ["Hi."]}\n')
    return f"script:{tmp_path / 'script.jsonl'}"


def test_workers_that_no_model_can_have_are_refused(scripted: str) -> None:
    with pytest.raises(InputError, match=r"--workers 2: .*script:.* runs in none; leave it out"):
        ModelPool(ModelOptions(workers=2)).open(scripted)
    ModelPool(ModelOptions(workers=1)).open(scripted)
    ModelPool(ModelOptions()).open(scripted)


def test_workers_are_for_those_models_that_can_have_them(scripted: str, tmp_path: Path) -> None:
    models = ModelPool(ModelOptions(workers=3))
    models.open(scripted, "micro")
    with store(tmp_path) as kept:
        models.record(kept, "")
        assert models.engine(scripted).beside is None
        beside = models.engine("micro").beside
    assert beside is not None
    assert (beside.processes.count, beside.opening.name) == (2, "micro")


def test_one_worker_is_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(processes, "_cores", lambda: 8)
    models = ModelPool(ModelOptions(workers=1))
    models.open("micro")
    with store(tmp_path) as kept:
        models.record(kept, "")
        assert models.engine("micro").beside is None
