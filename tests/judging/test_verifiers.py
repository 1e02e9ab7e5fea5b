from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import InputError
from rlaif.judging import VerifierJudge, verifiers
from rlaif.judging.kinds import judge_kind
from rlaif.judging.protocols import Asking, pointwise
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


@pytest.mark.parametrize(
    ("asks", "text", "right"),
    [
        ("How much is 2 + 3 + 4?", "2 + 3 + 4 = 9", True),
        ("How much is 12 + 7 - 3?", "It is 16.", True),
        ("How much is 2 + 3 + 4?", "It is 5.", False),
        ("How much is 1,000 + 2,000?", "It is 3,000.", True),
        ("How much is 1,000 + 2,000?", "It is 2 thousand.", False),
        ("How much is 12 plus 7?", "12 plus 7 is 19.", True),
        ("How much is 12 plus 7?", "12 + 7 = 20, no: 12 + 7 = 19", False),
        ("What happened on 2024-05-01?", "The parade began.", None),
        ("How much is 3 + 4 * 2?", "3 + 4 * 2 = 11", True),
        ("How much is 3 + 4 * 2?", "4 * 2 = 8, and 3 + 8 = 11", True),
        ("Call me at 555-1234, please.", "I will call you.", None),
        ("How much is 5-3?", "5-3=2", True),
        ("How much is 5 - -3?", "5 - -3 = 8", True),
        ("How much is 2 x 3?", "2 x 3 is 6", True),
        ("How much is 1/2 + 1/4?", "It is 3/4.", True),
        ("How much is 7 minus 10?", "7-10=-3", True),
        ("How much is 6 − 2?", "6 − 2 = 5", False),
        ("What is 10 / 3?", "10 / 3 = 3.33", None),
        ("What is 10 / 3?", "10 / 3 = 5", False),
        ("What is 10 / 3?", "It is 10/3.", False),
        ("What is (2 + 3) * 4?", "(2 + 3) * 4 = 5 * 4 = 20", True),
        ("What is (2 + 3) * 4?", "It is 14.", False),
        ("What is 8 - 3 - 2?", "8 - 3 - 2 = 3", True),
        ("What is 24 / 4 / 2?", "The answer is 3.", True),
        ("What is 2^3 + 1?", "2^3 + 1 = 9", True),
        ("How much is 19 plus 5?", "19 + 5 = **24**", True),
        ("How much is 19 plus 5?", "$19 + 5 = \\boxed{24}$", True),
        ("How much is 19 plus 5?", "- 19 + 5 = 24", True),
        ("How much is 19 plus 5?", "1. 19 + 5 = 24", True),
        ("Is open 24/7?", "Yes, always.", None),
        ("Give me 5-10 examples of fish.", "Here are some.", None),
        ("I was here 2010-2015.", "Nice.", None),
        ("Score was 3-1, who won?", "The first.", None),
        ("What fits a 1920x1080 screen?", "A picture.", None),
        ("My number is +1 555 123 4567", "ok", None),
        ("We meet 12/05/2024 at 10:30", "ok", None),
        ("It is 9/11 today", "ok", None),
        ("Add 50% + 20", "I can't", None),
        ("Solve 2x + 3 = 7", "x = 2", None),
        ("Solve for x: x + 3 = 7", "x + 3 = 7, so x = 7 - 3 = 4", True),
        ("How much is 1,234,567 + 1?", "1,234,568", True),
        ("How much is 1 000 + 1?", "It is 1001", True),
        ("How much is 0.1 + 0.2?", "0.3", True),
        ("How much is 0.1 + 0.2?", "0.30", True),
        ("How much is 5 + 4?", "It is nine.", True),
        ("How much is 20 + 3?", "That's twenty-three.", True),
        ("How much is 3 - 2?", "That's a hard one", False),
        ("How much is 7 / 2?", "It is 3,5.", True),
        ("How much is 3/2 + 0?", "It is 1 1/2.", True),
        ("What is 2 + 3 and 4 + 5?", "5 and 9", True),
        ("What is 2 + 3 and 4 + 5?", "5", False),
        ("How much is 3 million + 2 million?", "5 million", True),
        ("How much is 7 / 0?", "Nothing", None),
        ("2 + 2", "4", True),
        ("12 - 5", "7", True),
        ("12-5=?", "7", True),
        ("Is 2 + 2 = 5?", "No, it is 4.", None),
        ("Hi", "From 2010-2015 is 5 years", None),
        ("Hi", "3 x 4 = 12 and 3 × 5 = 15", True),
        ("Hi", "$5 + $3 = $8", True),
        ("Hi", "5 + 3 = 8 apples", True),
        ("Hi", "2 + 2 = 1 + 3", True),
        ("Hi", "2 + 2 = 5 - 0", False),
        ("Hi", "12 ÷ 4 = 3", True),
        ("Hi", "\\frac{1}{2} + \\frac{1}{4} = \\frac{3}{4}", True),
        ("Hi", "7 is 3 + 4", True),
        ("Hi", "3 + 4 is about 7", None),
        ("Hi", "(3 + 4", None),
        ("Hi", "9^9^9^9 = 3", None),
        ("Hi", "1 + 1 = 2, 2 + 2 = 4, 3 + 3 = 7", False),
        ("Hi", "Room 3 - 4 people", None),
        ("Hi", "- - - - 5", None),
        ("What is 5 times 6?", "5 times 6 equals 30.", True),
        ("What is 12 divided by 4?", "12 divided by 4 makes 3", True),
        ("What's 2 + 2", "Four: 4", True),
        ("How much is 1/2 + 1/4?", "It is 0.75", True),
        ("How much is 6/8?", "6/8 = 3/4", True),
        ("How much is 1/3 + 1/3?", "2/3", True),
        ("Hi", "1/3 = 0.333", None),
        ("How much is 19 plus 5?", "The answer is 24.0", True),
        ("How much is 2 + 3?", "2 + 3 = 5!", True),
        ("Hi", "It costs 3 - 5 dollars and is 4 stars", None),
        ("Hi", "x = 2 + 3 = 5", True),
        ("Hi", "y + 3 = 7", None),
        ("Hi", "3 + 4 = 7y", None),
        ("Hi", "1 + 2 + ... + 5 = 15", None),
    ],
)
def test_sums_are_read_as_people_write_them(asks: str, text: str, right: bool | None) -> None:
    assert verifiers.arithmetic(prompt(asks), text) is right


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "1+1", "9" * 5000 + " + 1 = 2", "- " * 5000 + "5", "9^9^9^9 = 3"]
)
def test_hostile_sums_say_nothing(text: str) -> None:
    assert verifiers.arithmetic(prompt("Hi"), text) is None


@given(
    st.lists(st.integers(-99, 99), min_size=2, max_size=5),
    st.lists(st.sampled_from("+-*"), min_size=4, max_size=4),
    st.integers(-3, 3),
)
def test_any_sum_is_right_exactly_where_python_says_so(
    numbers: list[int], signs: list[str], off: int
) -> None:
    first, *rest = numbers
    written = str(first) + "".join(f" {sign} {each}" for sign, each in zip(signs, rest, strict=False))
    result = eval(written)
    assert verifiers.arithmetic(prompt(f"How much is {written}?"), f"{written} = {result + off}") is (
        off == 0
    )


def test_length_counts_words_and_characters_with_their_limits() -> None:
    check = verifiers.length({"min_words": 2, "max_words": 3, "max_characters": 11})
    assert [check(SUM, text) for text in ("one", "one two", "a b c", "a b c d", "one two three")] == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_a_pattern_is_searched_and_a_schema_takes_bare_json_only() -> None:
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
    found = pointwise("rules").ask(
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
        ("rules:\n  - principle: a\n    python: nobody\n", 3, "rule 'nobody' is not installed"),
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Hello. 16 plus 4 is 20. 20 plus 2 is 22. The answer is 22.", 1.0),
        ("16 plus 4 is 20. 20 plus 2 is 22. It is 21.", 1.0),
        ("16 plus 4 is 20. Good luck. 20 plus 2 is 22. It is 22.", 0.0),
        ("16 plus 4 is 20. It is 22.", 0.0),
        ("It is 22.", 0.0),
    ],
)
def test_a_shipped_file_of_rules_is_known_by_its_name(text: str, value: float) -> None:
    """The form of a worked sum: two steps, and an answer right behind them, be it right or wrong."""
    name = "rules:micro-working"
    shipped_judge = judge_kind(name).open(name, None)  # type: ignore[arg-type] # it asks its context for nothing
    (found,) = shipped_judge.checklist([(prompt("Add 16 and 6."), completion(text))], [principle("working")])
    assert (found.state, found.value) == (State.SCORE, value)


def test_a_file_of_ones_own_comes_before_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("micro-working").write_text("rules:\n  - {principle: working, matches: 'mine'}\n")
    own = judge_kind("rules:micro-working").open("rules:micro-working", None)  # type: ignore[arg-type]
    (found,) = own.checklist([(prompt("q"), completion("mine"))], [principle("working")])
    assert found.value == 1.0
