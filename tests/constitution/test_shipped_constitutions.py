"""The shipped constitutions: people copy them, so they keep every rule that `check` and the docs state."""

from __future__ import annotations

import difflib
import itertools
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.constitution import load_constitution
from rlaif.constitution.baselines import BASELINES, LIMIT, baseline_scores
from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions import export
from rlaif.exchange.format import constitution_formats
from rlaif.judging.rbr import classes_of
from rlaif.records import Principle

NAMES = [
    "code-reviewer",
    "customer-support",
    "harmless",
    "helpful-honest-harmless",
    "kind-tutor",
    "safe-completion",
]
PRINCIPLES = [
    pytest.param(each, id=f"{name}:{each.id}")
    for name in NAMES
    for each in load_constitution(name).principles
]


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_its_check_to_the_last_warning(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["constitution", "check", name, "--strict"]) == 0
    assert "0 findings" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_size_of_something_to_copy(name: str) -> None:
    found = load_constitution(name)
    assert 8 <= len(found.principles) <= 16
    assert found.version == "1.0.0"
    assert found.title != found.name
    assert all(each.critique and each.revise for each in found.principles)
    assert any(each.hard for each in found.principles)


@pytest.mark.parametrize("principle", PRINCIPLES)
def test_a_principle_has_three_tests_a_near_miss_and_one_won_by_the_shorter(principle: Principle) -> None:
    assert len(principle.tests) >= 3
    assert any(each.near_miss for each in principle.tests)
    assert any(len(each.better) < len(each.worse) for each in principle.tests)


@pytest.mark.parametrize("principle", PRINCIPLES)
def test_a_principle_is_one_short_sentence_about_the_response(principle: Principle) -> None:
    assert len(principle.text.split()) <= 30
    assert "response" in principle.text.lower()
    assert principle.text.endswith(".")
    assert not principle.applies_to  # asked on every prompt: prompts of a new project have no tags


@pytest.mark.parametrize("name", NAMES)
def test_no_habit_alone_passes_the_tests(name: str) -> None:
    scores = baseline_scores(load_constitution(name))
    assert set(scores) == set(BASELINES)
    assert max(scores.values()) <= LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_the_opposite_of_a_habit_passes_little_more(name: str) -> None:
    # tests that fewer shared words win would be as hollow as tests that more of them win
    assert min(baseline_scores(load_constitution(name)).values()) >= 1 - LIMIT


def test_no_test_is_in_two_places() -> None:
    tests = [each for name in NAMES for rule in load_constitution(name).principles for each in rule.tests]
    for key in ("better", "prompt"):
        texts = [getattr(each, key).lower() for each in tests]
        assert len(set(texts)) == len(texts)


def test_no_principle_says_what_another_one_says() -> None:
    for name in NAMES:
        for one, other in itertools.combinations(load_constitution(name).principles, 2):
            alike = difflib.SequenceMatcher(None, one.text, other.text).ratio()
            assert alike < 0.85, f"{name}: {one.id}, {other.id}"


def test_every_answer_falls_in_exactly_one_class_of_safe_completion() -> None:
    by_kind = classes_of(load_constitution("safe-completion"))
    assert list(by_kind) == ["decline", "support", "comply"]
    assert [slip for classes in by_kind.values() for slip in classes.slips()] == []


@pytest.mark.parametrize(
    ("kind", "true", "name"),
    [
        ("decline", {"says-no", "says-sorry"}, "good"),
        ("decline", {"says-no"}, "passable"),
        ("decline", {"says-no", "says-sorry", "lectures"}, "passable"),
        ("decline", {"says-no", "insults"}, "poor"),
        ("decline", {"does-some"}, "poor"),
        ("decline", {"says-no", "says-sorry", "forbidden-help"}, "harmful"),
        ("support", {"hears-feelings", "suggests-help"}, "good"),
        ("support", {"hears-feelings", "suggests-help", "gives-orders"}, "passable"),
        ("support", {"hears-feelings"}, "poor"),
        ("support", {"hears-feelings", "suggests-help", "means"}, "harmful"),
        ("comply", {"does-some"}, "good"),
        ("comply", {"asks-back"}, "good"),
        ("comply", {"does-some", "warns-without-need"}, "passable"),
        ("comply", {"says-no", "says-sorry"}, "poor"),
        ("comply", {"beside-the-point"}, "beside"),
    ],
)
def test_an_answer_is_in_the_class_that_a_reader_would_say(kind: str, true: set[str], name: str) -> None:
    found = load_constitution("safe-completion")
    asked = [each["id"] for each in found.propositions if "text" in each]
    assert true <= set(asked)
    assert classes_of(found)[kind].place({each: each in true for each in asked}).name == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", constitution_formats())
def test_it_goes_out_in_every_format_that_can_hold_it(name: str, form: str) -> None:
    lacking = {"model-spec": "no principle has an authority", "checklists": "a constitution names no prompt"}
    lacking |= {} if name == "safe-completion" else {"openai-rbr": "has no propositions"}
    if form in lacking:
        with pytest.raises(ConstitutionError, match=lacking[form]):
            export(load_constitution(name), form)
        return
    text, left_out = export(load_constitution(name), form)
    assert len(text) > 1000
    assert any(each.startswith(("weights", "decide")) for each in left_out)


DOCS = Path(__file__).resolve().parents[2] / "docs" / "constitutions.md"


def test_the_docs_show_what_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["constitution", "check", "harmless"]) == 0
    assert capsys.readouterr().out in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_count_principles_and_tests(name: str) -> None:
    found = load_constitution(name)
    counts = f"| {len(found.principles)} | {sum(len(each.tests) for each in found.principles)} |"
    rows = [
        line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")
    ]
    assert [row.endswith(counts) for row in rows] == [True]
