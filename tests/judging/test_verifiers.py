from __future__ import annotations

import re
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.judging import VerifierJudge, verifiers
from rlaif.judging.protocols import Asking, alone
from rlaif.records import Prompt, State

from .builders import completion, principle, prompt

SUM = prompt("How much is 19 plus 5?")


@pytest.mark.parametrize(
    ("to", "text", "right"),
    [
        (SUM, "19 plus 5 is 24.", True),
        (SUM, "It is 24.", True),
        (SUM, "19 + 1 = 20. 20 + 4 = 24.", True),
        (SUM, "19 plus 1 is 21. So it is 24.", False),  # a wrong step
        (SUM, "19 plus 5 is 25.", False),
        (SUM, "You said 19 plus 5.", False),  # nothing is answered
        (SUM, "It is 240.", False),
        (prompt("What is 7 / 2?"), "7 / 2 = 3.5", True),
        (prompt("What is 7 / 0?"), "Nothing.", None),
        (prompt("Say hello"), "Hello", None),
        (prompt("Say hello"), "1 + 1 = 3", False),
    ],
)
def test_arithmetic_reads_every_sum_and_the_asked_one(to: Prompt, text: str, right: bool | None) -> None:
    assert verifiers.arithmetic(to, text) is right


def test_length_counts_words_and_characters_with_their_limits() -> None:
    check = verifiers.length({"min_words": 2, "max_words": 3, "max_characters": 11})
    assert [check(SUM, text) for text in ("one", "one two", "a b c", "a b c d", "one two three")] == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_patterns_and_schemas() -> None:
    assert verifiers.matches(r"\bbecause\b")(SUM, "so\nbecause of it")
    assert not verifiers.forbids("fool")(SUM, "You fool")
    check = verifiers.json_schema({"type": "object", "required": ["a"]})
    assert [check(SUM, text) for text in ('{"a": 1}', "{}", "a", '```{"a": 1}```')] == [
        True,
        False,
        False,
        False,
    ]


RULES = """rules:
  - principle: brief
    length: {max_words: 3}
  - principle: brief
    forbids: because
  - principle: sum
    arithmetic: true
"""


def judge(tmp_path: Path, text: str = RULES) -> VerifierJudge:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return VerifierJudge(f"rules:{path}", path)


def test_all_programs_of_a_principle_must_be_satisfied(tmp_path: Path) -> None:
    items = [(SUM, completion(text, SUM)) for text in ("It is 24", "because 24", "no one two three")]
    found = alone("rules").ask(
        judge(tmp_path), items, [principle("brief"), principle("sum"), principle("other")], Asking()
    )
    assert [each.value for each in found] == [1.0, 1.0, None, 0.0, 1.0, None, 0.0, 0.0, None]
    assert {each.state for each in found if each.principle_id == "other"} == {State.ABSTAIN}


def test_a_comparison_is_what_the_programs_tell_apart(tmp_path: Path) -> None:
    good, bad = completion("It is 24", SUM), completion("It is 25", SUM)
    found = judge(tmp_path).compare([(SUM, good, bad)], [principle("sum"), principle("brief")])
    assert [(each.completion_ids[0] == good.id, each.state.value, each.value) for each in found] == [
        (True, "preference", 1.0), (True, "tie", None), (False, "preference", 0.0), (False, "tie", None),
    ]  # fmt: skip


def test_equal_rules_are_one_judge_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert judge(tmp_path).fingerprint == judge(tmp_path / "other", f"# a comment\n{RULES}").fingerprint


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rules:\n  - principle: a\n    matches: '('\n", 3, "no regular expression"),
        ("rules:\n  - principle: a\n    json_schema: {type: nonsense}\n", 3, "no JSON Schema"),
        ("rules:\n  - principle: a\n    python: nobody\n", 3, "no entry point 'nobody' in group rlaif.rules"),
        ("rules:\n  - principle: a\n    lenght: {max_words: 3}\n", 3, "did you mean 'length'?"),
        ("rules: []\n", 1, "at least one"),
    ],
)
def test_a_rule_that_cannot_be_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        judge(tmp_path, text)
    assert f"rules.yaml:{line}: " in str(caught.value)
