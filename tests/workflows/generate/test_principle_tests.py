"""Does this judge apply a principle as its author means it?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.constitution import load_principles
from rlaif.judging.controls import RandomJudge
from rlaif.judging.protocol import Judge
from rlaif.judging.protocols import PROTOCOLS, Asking, Pairwise, Pointwise
from rlaif.records import Judgment, State
from rlaif.review.principles import HEAD, applied
from rlaif.workflows.generate.principle_tests import misunderstood, own_tests
from rlaif.workflows.generate.run import generate
from tests.workflows.conftest import CONSTITUTION, Configured, Write, judge_rows

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
    said = json.loads(capsys.readouterr().out)
    results = said["principles"]["greet"].pop("results")
    assert said["principles"] == {"greet": {"tests": 2, "passed": 2, "failed": 0, "undecided": 0}}
    assert (said["passed"], said["failed"], said["undecided"]) == (2, 0, 0)
    assert said["untested"] == ["brief"]
    assert said["calls"] == {"new": 4, "reused": 0, "failed": 0}  # two tests in two orders
    assert [(each["verdict"], round(each["label_prob"], 6)) for each in results] == [("passed", 0.9)] * 2


def put(tested: str, judge: str, tmp_path: Path) -> int:
    return main(
        ["constitution", "test", tested, "--judge", judge, "--full", "--store", str(tmp_path / "s.sqlite")]
    )


def test_a_judge_that_decides_for_the_worse_text_fails(
    tested: str, script: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert put(tested, script("bad", judge_rows(likes="It is")), tmp_path) == 3
    shown = capsys.readouterr()
    assert (
        f"{tested}:5: greet: test 1: failed (P(better) 0.10): 'Hello. It is 7.' should be better" in shown.out
    )
    assert "2 tests failed" in shown.err
    assert "greet" in shown.err


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"A": 0.9, "B": 0.1}, "inconsistent"),
        ({"A": 0.1, "B": 0.1}, "unreadable"),
        ({"A": 0.5, "B": 0.5}, "tie"),
    ],
)
def test_a_judge_that_does_not_decide_has_failed_no_test_and_a_principle_that_passes_none_is_not_applied(
    tested: str,
    script: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    labels: dict[str, float],
    why: str,
) -> None:
    assert put(tested, script("bad", [{"labels": labels}]), tmp_path) == 3
    shown = capsys.readouterr()
    assert f"test 2: undecided ({why}): 'Hello. It is 8.'" in shown.out
    assert "0 tests failed" in shown.err
    one = script("one", [{"contains": ["is 8."], "labels": labels}, *judge_rows()])
    assert put(tested, one, tmp_path) == 0
    assert f"test 2: undecided ({why})" in capsys.readouterr().out


def test_two_tests_of_equal_texts_to_different_prompts_and_two_equal_sides_are_kept_apart(
    tmp_path: Path, judge: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(
        TESTED.replace(
            "      - {prompt: Hi., better: Hello. It is 8., worse: It is 8.}\n",
            """\
      - {prompt: Ho., better: Hello. It is 7., worse: It is 7.}
      - {prompt: Hi., better: It is 7., worse: Hello. It is 7.}
      - {prompt: Hi., better: It is 9., worse: It is 9.}
""",
        )
    )
    words = [
        "constitution",
        "test",
        str(path),
        "--judge",
        judge,
        "--full",
        "--store",
        str(tmp_path / "s.sqlite"),
    ]
    assert main([*words, "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    results = said["principles"]["greet"]["results"]
    assert [each["verdict"] for each in results] == ["passed", "passed", "failed", "undecided"]
    assert results[3]["reason"] == "duplicate"


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


def test_a_protocol_from_outside_that_decides_asks_the_tests_too(
    tested: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", {})

    def greets(judge: Judge, items: Any, principles: Any, how: Asking) -> list[Judgment]:
        said = judge.checklist(items, principles)
        texts = {each.id: each.text for _, each in items}
        return [replace(each, value=float("Hello" in texts[each.completion_ids[0]])) for each in said]

    def silent(judge: Judge, items: Any, principles: Any, how: Asking) -> list[Judgment]:
        return [replace(each, state=State.TIE, value=None) for each in judge.compare(items, principles)]

    PROTOCOLS.add(Pointwise(name="greets", says="", ask=greets))
    PROTOCOLS.add(Pairwise(name="silent", says="", ask=silent))
    judge, rules = RandomJudge(3), load_principles(tested)
    assert own_tests(judge, rules, ("greets", "none"))["greet"].passed == 2
    assert [each.reason for each in own_tests(judge, rules, ("checklist", "silent"))["greet"].results] == [
        "tie"
    ] * 2
    ours = own_tests(judge, rules)
    assert own_tests(judge, rules, ("checklist", "compare")) == ours
    assert own_tests(judge, rules, ("greets", "compare")) == ours


def test_principles_that_are_not_applied_are_named_in_one_sentence(tested: str) -> None:
    failed = own_tests(RandomJudge(3), load_principles(tested))["greet"]._replace(results=())
    failed = failed._replace(
        results=own_tests(RandomJudge(3), load_principles(tested))["greet"].results[:1] * 4
    )
    found = misunderstood({"greet": failed, "brief": failed})
    assert (failed.passed, len(found)) == (0, 1)
    assert found[0].startswith(
        "this judge cannot apply 2 principles (greet: it passes 0 of its own 4 tests; brief: "
    )


def test_a_principle_that_could_never_be_read_says_so_in_the_table(
    configured: Configured, tested: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", {})

    def lost(judge: Judge, items: Any, principles: Any, how: Asking) -> list[Judgment]:
        return [
            replace(each, state=State.UNREADABLE, value=None) for each in judge.checklist(items, principles)
        ]

    PROTOCOLS.add(Pointwise(name="lost", says="", ask=lost))
    summary = generate(configured(constitution=tested, protocol="lost")).as_dict()
    rows = {
        row[0]: dict(zip(HEAD, row, strict=True)) for row in applied(summary["principles"], summary["tests"])
    }
    row = summary["principles"]["greet"]
    assert row["unread"] == row["judged"] > 0
    assert rows["greet"]["unreadable"] == f"{row['unread']} of {row['unread']} (100%)"
