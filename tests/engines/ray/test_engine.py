"""A small local Ray cluster of two workers: the same answers, whatever dies, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif.engines.open import open_engine
from rlaif.engines.ray import cluster as cluster_module
from rlaif.engines.ray.engine import RayEngine, open_ray
from rlaif.engines.ray.worker import SHARDS
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import EngineError, ModelError
from rlaif.records import GenerateRequest, Message, Sampling
from rlaif.store import Store

pytestmark = pytest.mark.heavy
OPTIONS: dict[str, Any] = {
    "dtype": "float32",
    "device": "auto",
    "chat_template_kwargs": None,
    "trust_remote_code": False,
    "batch_tokens": 16384,
}
SHARD = 32


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two CPUs, whatever this machine has."""
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small shards, so that many go round in little time."""
    monkeypatch.setattr("rlaif.engines.ray.engine.WAVE", SHARD)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


def requests(count: int, tokens: int = 6) -> list[GenerateRequest]:
    return [
        GenerateRequest(
            id=f"r{n}",
            messages=(Message(role="user", content=f"How do I bake bread number {n // 4}?"),),
            sampling=Sampling(max_tokens=tokens),
            seed=n,
            draw=n % 4,
        )
        for n in range(count)
    ]


def opened(store: Store, workers: int = 2) -> RayEngine:
    engine = open_ray("micro", OPTIONS, workers)
    engine.collect(store)
    return engine


def alone(asked: list[GenerateRequest]) -> dict[str, str]:
    """What one engine answers to the same shards."""
    engine, found = open_engine("micro"), {}
    for start in range(0, len(asked), SHARD):
        found |= texts(engine.generate(asked[start : start + SHARD]))
    return found


def texts(replies: Any) -> dict[str, str]:
    return {each.request_id: each.text for each in replies if each.error is None}


@pytest.mark.usefixtures("small")
def test_a_killed_worker_loses_nothing_and_answers_stay_the_same(store: Store) -> None:
    engine = opened(store)
    victims = engine.pids()
    assert len(set(victims)) == 2
    found: dict[str, str] = {}
    for place, reply in enumerate(engine.generate(requests(8 * SHARD))):
        assert reply.request_id not in found
        found[reply.request_id] = reply.text
        if place == 0:
            os.kill(victims[0], signal.SIGKILL)
    assert victims[0] not in engine.pids()
    assert found == alone(requests(8 * SHARD))
    engine.close()


@pytest.mark.usefixtures("small")
def test_a_killed_drivers_finished_shards_are_merged_and_not_asked_again(store: Store) -> None:
    """The driver dies between the worker's last answer and its own commit: nothing is in the project's store."""
    first = opened(store)
    answered = texts(first.generate(requests(2 * SHARD)))
    assert len(list((store.path.parent / SHARDS).glob("*.sqlite"))) == 2
    assert store.counts()["calls"] == 0
    # a killed driver takes its workers along and tells them nothing
    first._kept = []
    first.close()

    second = open_ray("micro", OPTIONS, 2)
    assert second.collect(store) == 2 * SHARD
    assert second.collect(store) == 0
    recorded = RecordedEngine(second, store, wave=second.wave)
    assert texts(recorded.generate(requests(3 * SHARD)))
    assert (recorded.reused_calls, recorded.new_calls) == (2 * SHARD, SHARD)
    assert texts(recorded.generate(requests(2 * SHARD))) == answered
    second.close()
    assert not list((store.path.parent / SHARDS).glob("*.sqlite"))


@pytest.mark.usefixtures("small")
def test_two_models_that_need_all_cpus_take_turns(tmp_path: Path) -> None:
    engines = []
    for name in ("micro", "micro:weak"):
        with Store.open(tmp_path / name.replace(":", "-") / "store.sqlite") as kept:
            engines.append(open_ray(name, OPTIONS, 2))
            engines[-1].collect(kept)
    said = [texts(each.generate(requests(SHARD))) for each in (*engines, engines[0])]
    assert said[0] == said[2] != said[1]
    assert len(said[1]) == SHARD
    for each in engines:
        each.close()


@pytest.mark.usefixtures("small")
def test_a_request_that_kills_every_worker_ends_the_run_and_keeps_what_is_done(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlaif.engines.ray.engine.RESTARTS", 0)
    engine = opened(store)
    stream = engine.generate(requests(6 * SHARD))
    first = next(stream)
    for pid in engine.pids():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="every worker on the cluster died"):
        list(stream)
    engine.close()
    # the shard that was answered lies where the next driver finds it
    second = opened(store)
    assert store.counts()["calls"] >= SHARD
    (asked,) = [each for each in requests(6 * SHARD) if each.id == first.request_id]
    assert texts(RecordedEngine(second, store).generate([asked])) == {first.request_id: first.text}
    second.close()


def test_other_weights_on_a_node_are_refused(store: Store) -> None:
    engine = RayEngine("micro", "b2:another", OPTIONS, 1)
    engine.collect(store)
    with pytest.raises(ModelError, match="another model"):
        list(engine.generate(requests(1)))
    engine.close()


def made(out: Path, **changed: Any) -> Any:
    own: dict[str, Any] = {"limit": 40, "n": 4, "store": out.parent / out.name / "own" / "store.sqlite"}
    return rlaif.generate(out=out / "run", critique=False, drift=4, **(own | changed))


def pairs(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "pairs.jsonl").read_text().splitlines()]


def test_a_run_on_the_cluster_makes_the_pairs_of_a_local_run_and_repeats_nothing(tmp_path: Path) -> None:
    local, spread = made(tmp_path / "local"), made(tmp_path / "ray", on="ray", workers=2)
    assert pairs(spread.run) == pairs(local.run)
    assert len(pairs(spread.run)) > 20
    assert (spread.calls["new"], spread.calls["failed"]) == (local.calls["new"], 0)
    store = tmp_path / "ray" / "own" / "store.sqlite"
    again = rlaif.generate(
        out=tmp_path / "ray" / "again",
        critique=False,
        drift=4,
        limit=40,
        n=4,
        store=store,
        on="ray",
        workers=2,
    )
    assert again.calls["new"] == 0
    assert (again.run / "pairs.jsonl").read_bytes() == (spread.run / "pairs.jsonl").read_bytes()
    # and judged again, from the store alone
    judged = rlaif.judge(
        source=spread.run, judge="micro", out=tmp_path / "judged", critique=False, store=store, on="ray"
    )
    assert judged.calls["new"] == 0
    assert len(judged.pairs) == len(pairs(spread.run))


def test_workers_have_the_variables_that_say_how_a_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RLAIF_VLLM", "HF_HOME", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RLAIF_VLLM", '{"tensor_parallel_size": 2}')
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    carried = cluster_module.worker_environment()
    assert carried["RLAIF_VLLM"] == '{"tensor_parallel_size": 2}'
    assert "OPENAI_API_KEY" not in carried


@pytest.mark.parametrize(
    ("gpus", "each", "workers"),
    [((3, 3), 2, 2), ((4, 4), 2, 4), ((8,), 4, 2), ((1, 1), 1, 2), ((3, 0), 1, 3), ((5, 2), 2, 3)],
)
def test_gpus_are_counted_by_node(
    gpus: tuple[int, ...], each: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    nodes = [{"Alive": True, "Resources": {"CPU": 8.0, **({"GPU": float(n)} if n else {})}} for n in gpus]
    monkeypatch.setattr(ray, "nodes", lambda: [*nodes, {"Alive": False, "Resources": {"GPU": 8.0}}])
    monkeypatch.setenv("RLAIF_VLLM", json.dumps({"tensor_parallel_size": each}))
    assert cluster_module.size(None, local=True) == (workers, each)
    assert cluster_module.size(1, local=True) == (1, each)
    assert cluster_module.size(None, local=False).gpus == 0


def test_a_model_that_fits_on_no_node_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    nodes = [{"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}] * 2
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setenv("RLAIF_VLLM", '{"tensor_parallel_size": 4}')
    with pytest.raises(EngineError, match="takes 4 GPUs"):
        cluster_module.size(None, local=True)
    with pytest.raises(EngineError, match="takes 4 GPUs"):  # before long work, and no worker is started
        open_ray("micro", OPTIONS, None).reach()


@pytest.mark.usefixtures("small")
def test_start_up_is_shown_and_models_are_loaded_before_the_first_shard(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = opened(store)
    assert engine._workers == {}
    assert len(texts(engine.generate(requests(SHARD)))) == SHARD
    said = capsys.readouterr().err
    assert "starting 2 workers" in said
    assert "2 of 2 workers are ready" in said
    engine.close()
