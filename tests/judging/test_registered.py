"""Judges and rewards from outside count as ours: by name in commands, or as the object itself in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.judging import JUDGES, GoldJudge, JudgeKind, judge_kind
from rlaif.judging.function_judge import PairFunctionJudge
from rlaif.judging.registered import judge_name_of, register_judge, register_reward
from rlaif.judging.rewards import REWARDS, NamedRewardJudge
from rlaif.records import Completion, Prompt
from rlaif.workflows.configs import JudgeConfig
from rlaif.workflows.dry_run.generate import plan
from rlaif.workflows.generate.run import judge

CALLS: list[str] = []


def shorter(prompt: Prompt, first: Completion, second: Completion) -> float | None:
    """The shorter one is better."""
    CALLS.append(first.text)
    return float(len(first.text) < len(second.text))


def brevity(prompt: Prompt, completion: Completion) -> float | None:
    """Shorter is more."""
    CALLS.append(completion.text)
    return -float(len(completion.text))


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JUDGES, "_added", {})
    monkeypatch.setattr(REWARDS, "_added", {})
    CALLS.clear()


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    row = {"prompt": "Say hi.", "completions": ["hi", "hello there", "a very long hello indeed"]}
    (tmp_path / "texts.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path / "texts.jsonl"


def test_a_registered_function_is_a_judge_on_the_command_line(
    texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register_judge(shorter)
    words = ["judge", str(texts), "--judge", "shorter", "--constitution", "micro-default", "--out", "run"]
    assert main(words) == 0
    [row] = [json.loads(line) for line in Path("run/pairs.jsonl").read_text().splitlines()]
    assert row["chosen"][0]["content"] == "hi"
    recorded = json.loads(Path("run/run.json").read_text())["config"]["judge"]
    assert recorded["name"] == "shorter"
    assert recorded["fingerprint_from"].startswith("function:tests.judging.test_registered.shorter@source:")


def test_a_registered_reward_is_a_judge_too(texts: Path) -> None:
    register_reward(brevity, name="short", version="2")
    assert judge_kind("short").makes is NamedRewardJudge
    config = JudgeConfig(source=texts, judge="short", constitution="micro-default", out=Path("run"))
    [pair] = judge(config).pairs
    assert pair.chosen[0].content == "hi"
    assert pair.chosen_score == -2.0
    held = json.loads(Path("run/run.json").read_text())["config"]["judge"]
    assert held["fingerprint_from"].endswith("brevity@version:2")


@pytest.mark.parametrize("function", [shorter, brevity])
def test_a_dry_run_calls_no_function(texts: Path, function: Any) -> None:
    name = judge_name_of(function)
    config = JudgeConfig(source=texts, judge=name, constitution="micro-default", out=Path("run"))
    assert name in plan(config).text
    assert CALLS == []


def test_a_function_is_passed_where_a_name_is_taken() -> None:
    assert judge_name_of("micro") == "micro"
    assert judge_name_of(Path("models/r1")) == "models/r1"
    assert judge_name_of(shorter) == "function:shorter"
    assert judge_kind("function:shorter").makes is PairFunctionJudge
    assert judge_name_of(brevity) == "function:brevity"
    register_judge(shorter, name="mine")
    assert judge_name_of(shorter) in ("mine", "function:shorter")


def test_a_judge_object_is_passed_where_a_name_is_taken() -> None:
    gold = GoldJudge(None)  # type: ignore[arg-type]
    kind = judge_kind(judge_name_of(gold))
    assert kind.made_of is gold


def test_an_edited_function_is_another_judge(texts: Path) -> None:
    first = register_judge(shorter, name="mine", version="1").fingerprint_from
    assert register_judge(shorter, name="mine", version="2").fingerprint_from != first


def test_a_kind_of_judges_takes_what_follows_its_colon(texts: Path) -> None:
    opened = []

    def open_one(name: str, context: Any) -> Any:
        opened.append(name)
        return PairFunctionJudge(name, shorter, fingerprint="f")

    register_judge(JudgeKind(name="by", help="by anything", open=open_one))
    config = JudgeConfig(source=texts, judge="by:length", constitution="micro-default", out=Path("run"))
    assert judge(config).pairs[0].chosen[0].content == "hi"
    assert set(opened) == {"by:length"}


@pytest.mark.parametrize("name", ["a b", "a:b", "", "micro", "../x"])
def test_a_name_that_no_judge_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name"):
        register_judge(shorter, name=name or " ")


def test_ours_are_not_replaced() -> None:
    with pytest.raises(InputError, match="is a judge already"):
        register_judge(shorter, name="panel")


def test_one_name_is_not_a_judge_and_a_reward() -> None:
    register_judge(shorter, name="mine")
    with pytest.raises(InputError, match="is a judge already"):
        register_reward(brevity, name="mine")
    register_reward(brevity, name="short")
    with pytest.raises(InputError, match="is a reward already"):
        register_judge(shorter, name="short")


@pytest.mark.parametrize("thing", [lambda: 1.0, lambda a, b, c, d: 1.0])
def test_a_function_of_another_number_of_arguments_is_refused(thing: Any) -> None:
    with pytest.raises(InputError, match=r"a judge takes \(prompt, a, b\)"):
        register_judge(thing, name="mine", version="1")


def test_what_is_no_judge_is_refused() -> None:
    with pytest.raises(InputError, match="is no judge"):
        judge_name_of(3)
    with pytest.raises(InputError, match="is no reward"):
        register_reward(shorter)
