"""Rules in one's own words: what the bundled judge cannot read is said first; what no judge applies is held back."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.constitution import load_principles
from rlaif.exchange.pairs import read_pairs
from rlaif.microworld.readable import rule_words
from rlaif.shipped import shipped_model, shipped_words
from rlaif.workflows.generate.known_words import is_bundled_judge, unknown_words, unread
from rlaif.workflows.generate.unfit import held_back, unfit_principles, warned

from .conftest import GREETS, SILENT, judge_rows

ROOT = Path(__file__).parents[2]
OWN = """\
name: own
version: 1.0.0
title: In one's own words
principles:
  - id: greet
    text: The response greets the user.
  - id: cheer
    text: The response greets each customer cheerfully, without jargon.
  - id: umlaut
    text: Die Antwort grüßt.
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(OWN)
    return "own.yaml"


def test_the_words_on_file_and_in_the_docs_are_those_of_the_rules_that_can_be_composed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sorted(shipped_words()) == rule_words()
    assert main(["micro", "words"]) == 0
    assert capsys.readouterr().out.split() == rule_words()
    page = (ROOT / "docs/microworld.md").read_text().partition("## The words that the judge knows")[2]
    assert re.findall(r"```text\n(.*?)```", page, re.DOTALL)[0].split() == rule_words()


@pytest.mark.parametrize("name", ["micro-default", "micro-terse"])
def test_the_bundled_judge_knows_every_word_of_its_own_constitutions(name: str) -> None:
    assert unknown_words(load_principles(name)) == {}


def test_unknown_words_are_named_by_principle(own: str) -> None:
    found = unknown_words(load_principles(own))
    assert "greet" not in found
    assert found["cheer"] == ["customer", "cheerfully", "without", "jargon"]
    assert found["umlaut"] == ["die", "antwort", "grüßt"]


def test_only_judges_of_the_bundled_world_are_said_not_to_know_them(own: str, tmp_path: Path) -> None:
    rules = load_principles(own)
    copy = tmp_path / "trained"
    bundled = shipped_model("micro")
    assert bundled is not None
    copy.mkdir()
    shutil.copy(bundled / "tokenizer.json", copy)
    (tmp_path / "panel.yaml").write_text(
        "quorum: 1\njudges:\n  - {judge: micro, protocol: compare, group: a}\n"
        "  - {judge: 'random:1', protocol: compare, group: b}\n"
    )
    for name in ("micro", "micro:weak", str(copy), f"hf:{copy}", "panel:panel.yaml"):
        assert is_bundled_judge(name), name
        assert len(unread(name, rules)) == 2
    for name in (
        "openai:http://h/v1#m",
        "gold:",
        "random:1",
        "script:judge.jsonl",
        "hf:nowhere",
        "panel:none.yaml",
    ):
        assert unread(name, rules) == []


def test_they_are_said_by_the_check_and_by_every_command_before_it_asks(
    own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["constitution", "check", own]) == 0
    assert "cheer: the judge `micro` does not know 'customer', 'cheerfully'" in capsys.readouterr().out
    assert main(["constitution", "check", own, "--json"]) == 0
    assert "jargon" in json.loads(capsys.readouterr().out)["unknown_to_micro"]["cheer"]
    (tmp_path / "tested.yaml").write_text(OWN + "    tests: [{prompt: Hi, better: Hallo., worse: Weg.}]\n")
    for words in (
        ["generate", "--constitution", own, "--policy", "micro", "--judge", "micro", "--out", "o", "--limit", "2",
         "--dry-run"],
        ["run", "self-rewarding", "--constitution", own, "--out", "o", "--dry-run", "--limit", "2"],
        ["evaluate", "--policy", "micro", "--against", "micro", "--judge", "micro", "--constitution", own,
         "--limit", "2", "--dry-run"],
        ["judge", "check", "--constitution", "tested.yaml", "--ignore-flags"],
        ["constitution", "test", "tested.yaml"],
    ):  # fmt: skip
        main(words)
        assert "the bundled judge does not know 'customer'" in capsys.readouterr().err, words


def _rules(greet_tests: str) -> str:
    return f"""\
name: tiny
version: 1.0.0
title: A rule that this judge turns round
principles:
  - id: greet
    text: The response greets the user.
    tests:
      - {greet_tests}
"""


@pytest.fixture
def turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A judge that fails the only principle's own test."""
    monkeypatch.chdir(tmp_path)
    test = json.dumps({"prompt": "Hi", "better": SILENT, "worse": GREETS})
    (tmp_path / "tiny.yaml").write_text(_rules(test))
    files = {
        "policy": [{"contains": [], "texts": [GREETS, SILENT]}],
        "judge": judge_rows(),
        "prompts": [{"prompt": f"What is {n} plus 2?"} for n in range(3)],
    }
    for name, rows in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["generate", "--policy", "script:policy.jsonl", "--judge", "script:judge.jsonl", "--prompts",
            "prompts.jsonl", "--constitution", "tiny.yaml", "--n", "2"]  # fmt: skip


def test_pairs_that_only_an_unfit_principle_decides_are_held_back(
    turned: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*turned, "--out", "run", "--full"]) == 3
    shown = capsys.readouterr()
    assert "3 pairs are held back" in shown.err
    assert "passes 0 of its own 1 tests" in shown.err
    assert "--accept-unfit" in shown.err
    assert "no pair: unfit" in shown.out
    assert read_pairs(tmp_path / "run/pairs.jsonl") == []
    assert len(read_pairs(tmp_path / "run/held-back.jsonl")) == 3
    summary = json.loads((tmp_path / "run/run.json").read_text())["summary"]
    assert summary["funnel"]["candidates"] == 3
    assert summary["funnel"]["no pair: unfit"] == 3


def test_they_are_kept_where_that_is_wanted_and_training_says_so(
    turned: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*turned, "--accept-unfit", "--out", "run"]) == 0
    assert len(read_pairs(tmp_path / "run/pairs.jsonl")) == 3
    capsys.readouterr()
    assert main(["train", "run", "--policy", "micro", "--out", "m", "--dry-run"]) == 0
    assert "3 of 3 pairs are labelled by nothing but principles" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("principles", "held"),
    [
        ([("good", 0.9), ("bad", 0.9)], False),
        ([("good", 0.4), ("bad", 0.9)], True),
        ([("bad", 0.9)], True),
        ([("good", 0.9), ("bad", 0.1)], False),
        ([], False),
        ([("bad", 0.5)], False),
    ],
)
def test_a_pair_is_held_back_when_all_that_speak_for_its_label_are_unfit(
    principles: list[tuple[str, float]], held: bool
) -> None:
    from rlaif.records import Message, Pair

    turns = [(Message(role="assistant", content=each),) for each in "ab"]
    pair = Pair(
        prompt=(Message(role="user", content="?"),), chosen=turns[0], rejected=turns[1], label_prob=0.8,
        principles=tuple({"id": name, "p": p} for name, p in principles),
    )  # fmt: skip
    assert held_back([pair], {"bad"}) == (([], [pair]) if held else ([pair], []))


def test_what_is_unfit_is_told_by_its_tests_or_by_its_orders() -> None:
    table = {
        "turns": {"told_apart": 20, "order_consistency": 0.5},
        "few": {"told_apart": 5, "order_consistency": 0.0},
        "steady": {"told_apart": 20, "order_consistency": 0.9},
        "alike": {"told_apart": 0, "order_consistency": None},
    }
    tests = {
        "fails": {"tests": 3, "passed": 1},
        "passes": {"tests": 3, "passed": 2},
        "steady": {"tests": 0, "passed": 0},
    }
    assert set(unfit_principles(table, tests)) == {"turns", "fails"}
    assert warned([], {"principles": table, "tests": tests}) == []
