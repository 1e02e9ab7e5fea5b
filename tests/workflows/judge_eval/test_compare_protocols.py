"""`judge check --all`: one judge by every protocol, against gold; what cannot be asked says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.judging.protocols import protocols


def rows(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    assert main(["judge", "check", "--all", "--json", "--limit", "4", *words]) == 0
    return {each["protocol"]: each for each in json.loads(capsys.readouterr().out)["protocols"]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_truth_is_right_by_every_protocol_that_can_ask_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(["--judge", "gold:"], capsys)
    assert set(found) == set(protocols())
    for name in ("compare", "checklist"):
        assert found[name]["comparisons"]
        assert (found[name]["accuracy"], found[name]["label_accuracy"]) == (1.0, 1.0)
    assert found["compare"]["consistency"] == 1.0
    # who is judged alone has no order
    assert found["checklist"]["consistency"] is None
    for name, each in found.items():
        if name not in ("compare", "checklist", "rank", "rubric", "debate-quotes"):
            assert "not asked" in str(each["note"])
            assert each["accuracy"] is None
        assert each["says"] == protocols()[name].says


def test_chance_is_not_right(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(["--judge", "random:1"], capsys)
    accuracy = found["compare"]["accuracy"]
    assert isinstance(accuracy, float)
    assert 0.1 < accuracy < 0.9
    # it holds to what it said
    assert found["compare"]["consistency"] == 1.0


def test_a_judge_that_writes_nothing_readable_is_stopped_early(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"contains": [], "texts": ["hm"], "labels": {"A": 0.6, "yes": 0.4}}\n')
    found = rows(["--judge", f"script:{path}"], capsys)
    for name in ("compare-cot", "compare-json", "score-json"):
        assert "stopped after one prompt" in str(found[name]["note"])
        assert found[name]["calls"]
    assert found["compare"]["accuracy"] == 0.0
    # always A, in both orders
    assert found["compare"]["consistency"] == 0.0
