"""What a run has spent: sums by model, judge and principle, against hand arithmetic and against the store."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.records import Judgment, Message, Score, ScoreRequest, State, Usage
from rlaif.store import Store, call_key
from rlaif.workflows.configs import GenerateConfig, ModelOptions
from rlaif.workflows.generate.run import generate
from rlaif.workflows.models.defaults import choose_generate
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.usage import NO_PRINCIPLE, cost_rows, usage

PRICES = """\
currency: EUR
models:
  - {model: "micro", prompt: 1000, completion: 0}
"""


def judgment(name: str | None, *calls: str) -> Judgment:
    return Judgment(
        protocol="compare", judge="j", prompt_id="p", completion_ids=("a", "b"), principle_id=name,
        state=State.TIE, value=None, calls=calls,
    )  # fmt: skip


def kept(store: Store, fingerprint: str, name: str, sent: int) -> str:
    request = ScoreRequest(id=name, messages=(Message(role="user", content=name),), continuations=("A", "B"))
    key = call_key(fingerprint, request)
    reply = Score(
        request_id=name, logprobs=(-1.0, -2.0), usage=Usage(prompt_tokens=sent, completion_tokens=1)
    )
    store.put_many(fingerprint, [(key, request, reply)])
    return key


def test_each_call_counts_once_for_a_judge_and_a_principle(tmp_path: Path) -> None:
    table = tmp_path / "prices.yaml"
    table.write_text(PRICES)
    models = ModelPool(ModelOptions(prices=table))
    with Store.open(tmp_path / "s.sqlite") as store:
        one, two = (kept(store, models.fingerprint("micro"), name, 10) for name in ("one", "two"))
        other = kept(store, "another", "three", 500)
        judged = [judgment("greet", one, two), judgment("greet", two), judgment("brief", two, other)]
        found = usage(models, store, [*judged, judgment(None, one, "no such call")], ["micro"])
    micro = found["judges"]["micro"]
    assert {name: row["calls"] for name, row in micro["principles"].items()} == {
        "greet": 2,
        "brief": 1,
        NO_PRINCIPLE: 1,
    }
    assert (micro["calls"], micro["prompt_tokens"], micro["completion_tokens"]) == (4, 40, 4)
    assert micro["cost"] == pytest.approx(40 * 1000 / 1e6)
    assert found["judges"]["another"]["cost"] is None
    assert found["principles"]["brief"] == {
        "calls": 2, "prompt_tokens": 510, "completion_tokens": 2, "cost": None,
    }  # fmt: skip
    assert found["currency"] == "EUR"
    assert len(cost_rows(found)) == 3 + 1 + 1 + 1


def test_a_runs_own_figures_are_those_of_its_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how: dict[str, Any] = {"policy": ("micro",), "judge": "micro:weak", "constitution": "micro-default"}
    config = GenerateConfig(
        out=tmp_path / "r", limit=2, n=2, prompts="micro:train", min_pair_share=0.0, **how
    )
    made = generate(choose_generate(config))
    with sqlite3.connect(tmp_path / ".rlaif/store.sqlite") as database:
        sums = "sum(prompt_tokens), sum(completion_tokens), count(*)"
        rows = database.execute(f"SELECT fingerprint, {sums} FROM calls GROUP BY fingerprint").fetchall()
    models = made.costs["models"].values()
    told = {(row["prompt_tokens"], row["completion_tokens"], row["calls"]) for row in models}
    assert told == {row[1:] for row in rows}
    assert set(made.costs["judges"]) == {"micro:weak"}
    assert (
        sum(row["calls"] for row in made.costs["principles"].values())
        == made.costs["judges"]["micro:weak"]["calls"]
    )
    assert main(["status", str(tmp_path / "r"), "--full"]) == 0
    said = capsys.readouterr().out
    assert "tokens sent" in said
    assert "greet" in said
