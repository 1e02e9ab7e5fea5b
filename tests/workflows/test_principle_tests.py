"""Does this judge apply a principle as its author means it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.workflows.generate import generate

from .conftest import CONSTITUTION, Configured, Write, judge_rows

TESTED = CONSTITUTION.replace(
    "  - id: brief",
    """    tests:
      - {prompt: Hi., better: Hello. It is 7., worse: It is 7.}
      - {prompt: Hi., better: Hello. It is 8., worse: It is 8.}
  - id: brief""",
)


@pytest.fixture
def tested(tmp_path: Path) -> str:
    path = tmp_path / "tested.yaml"
    path.write_text(TESTED)
    return str(path)


def test_a_judge_that_understands_passes(
    tested: str, judge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "constitution",
        "test",
        tested,
        "--judge",
        judge,
        "--store",
        str(tmp_path / "s.sqlite"),
        "--json",
    ]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"greet": {"tests": 2, "passed": 2}}


@pytest.mark.parametrize(
    "labels", [{"A": 0.9, "B": 0.1}, {"A": 0.1, "B": 0.1}], ids=["position", "unreadable"]
)
def test_a_judge_that_does_not_fails_and_each_failed_test_is_shown(
    tested: str, script: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: dict[str, float]
) -> None:
    judge = script("bad", [{"labels": labels}])
    assert (
        main(["constitution", "test", tested, "--judge", judge, "--store", str(tmp_path / "s.sqlite")]) == 3
    )
    shown = capsys.readouterr()
    assert "'Hello. It is 7.'" in shown.out
    assert "2 tests failed" in shown.err


def test_generate_names_a_principle_that_fails_its_own_tests(
    configured: Configured, tested: str, script: Write
) -> None:
    made = generate(configured(constitution=tested, judge=script("other", judge_rows(likes="It is"))))
    assert [each for each in made.warnings if "'greet'" in each and "0 of its own 2 tests" in each]
    assert made.as_dict()["tests"] == {"greet": {"tests": 2, "passed": 0}}


def test_a_control_is_not_tested(
    configured: Configured, tested: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generate(configured(constitution=tested, judge="gold:"))
    assert made.tests == {}
    assert made.warnings == []
    assert main(["constitution", "test", tested, "--judge", "gold:"]) == 2
    assert "is a control" in capsys.readouterr().err


def test_a_constitution_without_tests_says_so(
    constitution: Path, judge: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["constitution", "test", str(constitution), "--judge", judge]) == 2
    assert "no principle has tests" in capsys.readouterr().err
