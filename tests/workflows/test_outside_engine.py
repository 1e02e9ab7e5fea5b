"""Engines of other people: named as policy and as judge, planned, kept in the store under their own fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.engines.base import BaseEngine
from rlaif.engines.function import function_kind
from rlaif.engines.kinds import ENGINES, ModelKind
from rlaif.errors import ModelError
from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.store import Store
from rlaif.workflows.models.judge_names import model_directory
from tests.workflows.conftest import GREETS, SILENT


class Alternating(BaseEngine):
    """Greets in every second draw, and says the word that follows the colon of its name."""

    def __init__(self, name: str, rest: str) -> None:
        self.name, self.rest, self.fingerprint = name, rest, f"alternating {rest}"

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in requests:
            text = f"{SILENT if each.draw % 2 else GREETS} {self.rest}"
            yield Generation(request_id=each.id, text=text, finish="stop", usage=Usage(completion_tokens=5))

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        raise NotImplementedError


def verdict(messages: Sequence[Message], sampling: Sampling) -> str:
    """Whoever greets is better, and follows every rule."""
    asked = messages[-1].content
    if "Response A" in asked:
        return f"One greets.\nAnswer: {'A' if asked.index('Hello') < asked.index('Response B') else 'B'}"
    return f"As it is.\nAnswer: {'yes' if 'Hello' in asked else 'no'}"


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINES, "_added", {})
    ENGINES.add(
        ModelKind(
            name="mine", help="alternates", open=lambda name, rest, _: Alternating(name, rest), server=True
        )
    )
    ENGINES.add(function_kind("ruling", verdict))


@pytest.fixture
def command(tmp_path: Path, prompts: Path, constitution: Path) -> list[str]:
    return [
        "generate", "--policy", "mine:Bye.", "--judge", "ruling:", "--prompts", str(prompts),
        "--constitution", str(constitution), "--n", "2", "--no-critique", "--json",
    ]  # fmt: skip


def test_they_are_policy_and_judge_and_their_calls_are_kept_under_their_fingerprints(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    first = json.loads(capsys.readouterr().out)
    pairs = [json.loads(line) for line in (tmp_path / "a" / "pairs.jsonl").read_text().splitlines()]
    assert len(pairs) == 8
    assert all(each["chosen"][-1]["content"] == f"{GREETS} Bye." for each in pairs)
    assert first["calls"]["failed"] == 0
    with Store.open(tmp_path / ".rlaif" / "store.sqlite") as store:
        kept = {row[0] for row in store.select("SELECT DISTINCT fingerprint FROM calls", [])}
    assert "alternating Bye." in kept
    judges = kept - {"alternating Bye."}
    assert len(judges) == 1
    assert judges.pop().startswith(f"function:{__name__}.verdict@source:b2:")
    assert main([*command, "--out", str(tmp_path / "b")]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["calls"]["new"], again["calls"]["reused"]) == (0, first["calls"]["new"])


def test_they_are_planned_as_a_server_is(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--out", str(tmp_path / "a"), "--dry-run"]) == 0
    planned = json.loads(capsys.readouterr().out)["models"]
    assert planned["mine:Bye."]["calls"] == 8 * 2
    assert planned["ruling:"]["calls"] > 0
    assert planned["ruling:"]["cost_most"] is None
    assert not (tmp_path / "a").exists()
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    made = json.loads(capsys.readouterr().out)["calls"]["new"]
    assert made <= planned["mine:Bye."]["calls"] + planned["ruling:"]["calls"]


def test_a_function_is_refused_where_another_machine_would_have_to_know_it(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlaif.engines.ray.engine.connect", lambda: None)
    assert main([*command, "--out", str(tmp_path / "a"), "--on", "ray"]) == 2
    assert "is known to this process alone" in capsys.readouterr().err


def test_a_policy_of_another_package_is_not_trained_here() -> None:
    with pytest.raises(ModelError, match="cannot be trained"):
        model_directory("mine:x")
