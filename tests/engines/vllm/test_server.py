"""vLLM's own OpenAI server behind `openai:`: generate, every protocol, an adapter, guided JSON, its prefix cache."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

import rlaif
from rlaif.engines.open import open_engine
from rlaif.engines.openai.label_scores import FLOOR
from rlaif.judging import ModelJudge
from rlaif.judging.protocols import protocols
from rlaif.records import Engine, Message, ScoreRequest
from rlaif.runs.claim import read_run

from .conftest import Server
from .questions import SCHEMA, guided, scoring

pytestmark = pytest.mark.heavy
EXACT = ("checklist", "compare", "score")
"""Protocols that read log-probabilities and write nothing: what they say is comparable call by call."""
TALKATIVE = ("compare-json", "score-json")
ASKING = sorted(name for name, each in protocols().items() if not each.judges or ModelJudge in each.judges)


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Policy and judge on the server."""
    return rlaif.generate(
        out=tmp_path_factory.mktemp("generate") / "run",
        policy=server.named(),
        judge=server.named(),
        prompts="micro:train",
        limit=6,
        n=4,
        trainer="micro",
        drift=4,
    )


@pytest.fixture(scope="module")
def adapted(server: Server, served: dict[str, Path]) -> str:
    """The adapter, loaded while the server runs."""
    wanted = {"lora_name": "round", "lora_path": str(served["round"])}
    httpx.post(f"{server.root}/v1/load_lora_adapter", json=wanted, timeout=60).raise_for_status()
    return server.named("round")


def test_generate_makes_pairs(made: Any) -> None:
    assert made.calls["failed"] == 0
    assert made.funnel["completions"] == 24
    assert made.pairs
    assert set(made.counts.states) <= {"score", "preference"}


def test_the_drift_between_server_and_trainer_is_kept(made: Any) -> None:
    (drift,) = read_run(made.run)["summary"]["drift"]
    assert drift["trainer"] == "micro"
    assert drift["completions"] == 4
    assert drift["max_abs"] < 1e-3
    assert f"{drift['mean_abs']:.2g}" in made.summary


def judged(made: Any, judge: str, protocol: str, out: Path) -> Any:
    # JSON nobody was trained on is written to the last token that there is room for
    limit = 1 if protocol in TALKATIVE else 2
    return rlaif.judge(
        source=made.run,
        judge=judge,
        protocol=protocol,
        out=out,
        limit=limit,
        critique=False,
        min_pair_share=0.0,
    )


def said(run: Path) -> dict[tuple[Any, ...], float]:
    """Judgments that carry a number, by what was asked."""
    rows = [
        json.loads(line)
        for name in ("judgments.jsonl", "comparisons.jsonl")
        for line in (run / name).read_text().splitlines()
    ]
    return {
        (row["protocol"], row["principle_id"], *row["completion_ids"]): row["value"]
        for row in rows
        if row["value"] is not None
    }


@pytest.mark.parametrize("protocol", ASKING)
def test_every_protocol_that_asks_models_asks_vllm(
    made: Any, server: Server, tmp_path: Path, protocol: str
) -> None:
    found = judged(made, server.named(), protocol, tmp_path / "vllm")
    assert found.calls["failed"] == 0
    assert found.counts.states
    assert "transport" not in found.counts.states
    if protocol in EXACT:
        judged(made, "micro", protocol, tmp_path / "hf")
        ours, theirs = said(tmp_path / "hf"), said(tmp_path / "vllm")
        assert ours
        assert theirs == pytest.approx(ours, abs=1e-3)


def test_a_panel_seats_models_of_the_server(made: Any, server: Server, tmp_path: Path) -> None:
    seats = [server.named(), "micro"]
    (tmp_path / "panel.yaml").write_text(
        json.dumps({"judges": [{"judge": name, "group": f"g{n}"} for n, name in enumerate(seats)]})
    )
    found = judged(made, f"panel:{tmp_path / 'panel.yaml'}", "panel", tmp_path / "out")
    assert found.calls["failed"] == 0
    assert found.panel is not None


def test_gold_is_that_of_the_local_model_within_sampling_error(server: Server, tmp_path: Path) -> None:
    """Intervals of 95 % each: a gap of three standard errors of the difference is no accident."""
    both = {}
    for name in (server.named(), "micro"):
        # other seeds: else the same calls might come out of the store
        found = rlaif.evaluate(
            policy=name, prompts="micro:held-out", gold=True, limit=80, seed=len(both), store=tmp_path / "s"
        )
        both[name] = found.gold[0]
    one, other = both.values()
    error = (((one.high - one.low) / 3.92) ** 2 + ((other.high - other.low) / 3.92) ** 2) ** 0.5
    assert 0 < error < 0.1
    assert abs(one.mean - other.mean) < 3 * error


def test_the_adapter_of_a_round_is_run(server: Server, adapted: str, trained: Path) -> None:
    local, plain = open_engine(str(trained)), open_engine("micro")
    questions = [_labels(each) for each in scoring()]
    theirs = _scores(open_engine(adapted), questions)
    ours, before = _scores(local, questions), _scores(plain, questions)
    # a server tells of the 20 likeliest tokens; what is not among them is the floor
    told = [key for key in theirs if theirs[key] > math.log(FLOOR) + 1]
    assert len(told) >= len(questions)
    assert [theirs[key] for key in told] == pytest.approx([ours[key] for key in told], abs=1e-3)
    assert all(ours[key] < math.log(1 / 20) for key in theirs if key not in told)
    assert max(abs(theirs[key] - before[key]) for key in told) > 0.01


def test_json_is_guided(server: Server) -> None:
    for reply in open_engine(server.named()).generate(guided()):
        assert reply.error is None
        jsonschema.validate(json.loads(reply.text), SCHEMA)


def test_principles_behind_a_shared_beginning_hit_the_prefix_cache(server: Server) -> None:
    """vLLM's own counters, in tokens; the questions are new to the server."""
    tokenizer = open_engine("micro").chat  # type: ignore[attr-defined]
    questions = [_labels(replace(each, messages=_changed(each.messages))) for each in scoring()]
    prompts = tokenizer.prompt_ids([each.messages for each in questions])
    common = next(place for place, ids in enumerate(zip(*prompts, strict=False)) if len(set(ids)) > 1)
    engine = open_engine(server.named())
    list(engine.score(questions[:1]))
    before = server.counters()
    replies = list(engine.score(questions[1:]))
    after = server.counters()
    assert [each.error for each in replies] == [None] * len(replies)
    assert after["queries"] - before["queries"] >= sum(map(len, prompts[1:]))
    assert after["hits"] - before["hits"] >= len(replies) * (common // 32 * 32) > 0


def _labels(request: ScoreRequest) -> ScoreRequest:
    """Single labels only: what else is asked needs log-probabilities of prompts, which adapters do not stand."""
    return replace(request, continuations=("yes", "no"))


def _changed(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return (replace(messages[0], content="Read this with care. " + messages[0].content),)


def _scores(engine: Engine, requests: list[ScoreRequest]) -> dict[tuple[str, int], float]:
    found = list(engine.score(requests))
    assert [each.error for each in found] == [None] * len(requests)
    return {(each.request_id, place): value for each in found for place, value in enumerate(each.logprobs)}
