"""Rules under limits: what takes too long, too much or raises is the failure of one text, and of no other."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from rlaif.judging import VerifierJudge, rule_process
from rlaif.judging.rule_process import RuleProcess
from rlaif.records import State

from .builders import completion, principle, prompt

ASKED = prompt("Say hello")
EVIL = "a" * 40 + "!"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with the rules of `CHECKS`."""
    names = ("shouts", "raises", "exits", "waits", "prints", "dies", "says_maybe")
    (tmp_path / "checks_of_others.py").write_text(CHECKS)
    info = tmp_path / "checks_of_others-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: checks-of-others\nVersion: 1\n")
    points = "".join(f"{name} = checks_of_others:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[rlaif.rules]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))


CHECKS = """
import os, sys, time
def shouts(prompt, text): return text.isupper()
def raises(prompt, text): raise KeyError("no such word")
def exits(prompt, text): sys.exit(3)
def waits(prompt, text): time.sleep(600)
def prints(prompt, text): print("hello"); return input() == "x"
def dies(prompt, text): os.kill(os.getpid(), 9)
def says_maybe(prompt, text): return "maybe"
"""


@pytest.mark.parametrize(
    ("kind", "value", "text", "said"),
    [
        ("matches", "(a+)+$", EVIL, "took more than"),
        ("forbids", "^(a|a)*$", EVIL, "took more than"),
        ("matches", r"^(\w+\s?)*$", "a" * 40 + "!", "took more than"),
        ("json_schema", {"pattern": "(a+)+$"}, f'"{EVIL}"', "took more than"),
        ("json_schema", {"patternProperties": {"(a+)+$": {}}}, f'{{"{EVIL}": 1}}', "took more than"),
        (
            "json_schema",
            {"uniqueItems": True},
            "[" + ",".join(f'{{"a":{n}}}' for n in range(20_000)) + "]",
            "took more",
        ),
        ("json_schema", {"type": "array"}, "[" * 100_000, "nested without end"),
        ("json_schema", {"type": "integer"}, "9" * 5000, "digits"),
        ("arithmetic", True, "1+" * 200_000 + "(", "took more than"),
        ("matches", "a", "a" * 1_000_001, "1,000,000 characters at most"),
    ],
)
def test_a_rule_that_exceeds_its_limits_fails_and_says_nothing(
    kind: str, value: Any, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = RuleProcess([(kind, value), ("length", {"min_words": 1})])
    found = rules.ask(0, ASKED, text)
    assert found.holds is None
    assert said in found.failed
    assert f"`{kind}`" in found.failed
    # the next text is checked as if nothing had been
    assert rules.ask(1, ASKED, "hello") == (True, "")


def test_many_levels_of_references_are_limited() -> None:
    defs: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    schema = {"$defs": {**defs, "d40": {"type": "integer"}}, "$ref": "#/$defs/d0"}
    assert "took more than" in RuleProcess([("json_schema", schema)]).ask(0, ASKED, "1").failed


def test_memory_is_limited() -> None:
    found = RuleProcess([("matches", "((a{0,60000}){0,60000}){0,60000}b")]).ask(0, ASKED, "a" * 100_000)
    assert found.holds is None
    assert found.failed


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "KeyError: rule 'raises': KeyError 'no such word' ("),
        ("exits", "SystemExit: rule 'exits'"),
        ("waits", "gave no answer within"),
        ("prints", "EOFError: rule 'prints'"),
        ("dies", "ended its process (signal 9)"),
        ("says_maybe", "a rule answers True, False or None"),
    ],
)
def test_what_a_function_of_another_package_does_costs_that_text_alone(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_process, "PLUGIN_SECONDS", 1.0)
    rules = RuleProcess([("python", name), ("python", "shouts")])
    found = rules.ask(0, ASKED, "hello")
    assert found.holds is None
    assert said in found.failed
    assert [rules.ask(1, ASKED, text).holds for text in ("HELLO", "hello")] == [True, False]


def test_a_failed_rule_is_an_unreadable_judgment_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "rules:\n  - {principle: calm, forbids: '(a+)+$'}\n  - {principle: brief, length: {max_words: 3}}\n"
    )
    judge = VerifierJudge(f"rules:{path}", path)
    evil, good = completion(EVIL, ASKED), completion("Hello.", ASKED)
    rules = [principle("calm"), principle("brief")]
    alone = judge.checklist([(ASKED, evil), (ASKED, good)], rules)
    assert [(each.state, each.value) for each in alone] == [
        (State.UNREADABLE, None), (State.SCORE, 1.0), (State.SCORE, 1.0), (State.SCORE, 1.0),
    ]  # fmt: skip
    assert alone[0].detail == "raised TimeoutError: `forbids` took more than 1 s for this text"
    compared = judge.compare([(ASKED, good, evil)], rules[:1])
    assert {(each.state, each.value) for each in compared} == {(State.UNREADABLE, None)}


def test_the_process_ends_with_whoever_started_it() -> None:
    rules = RuleProcess([("matches", "a")])
    assert rules.ask(0, ASKED, "a").holds
    assert rules._child is not None
    pid = rules._child.process.pid
    del rules
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    assert sys.exc_info() == (None, None, None)


def test_an_answer_is_remembered() -> None:
    rules = RuleProcess([("matches", "(a+)+$")])
    first = rules.ask(0, ASKED, EVIL)
    assert rules._child is None
    assert rules.ask(0, ASKED, EVIL) is first
    assert rules._child is None
