"""Tests that a habit passes are told; figures by hand."""

from __future__ import annotations

import pytest

from rlaif.constitution import lint
from rlaif.constitution.baselines import BASELINES, baseline_scores, too_easy
from rlaif.records import Constitution, Principle, PrincipleTest

LONG, SHORT = "a fairly long answer about nothing", "brief"


def principle(*sides: tuple[str, str], text: str = "Greet the user.", prompt: str = "Q") -> Principle:
    tests = tuple(PrincipleTest(prompt=prompt, better=better, worse=worse) for better, worse in sides)
    return Principle(id="rule", text=text, tests=tests)


def constitution(*principles: Principle) -> Constitution:
    named = [
        Principle(id=f"p{place}", text=each.text, tests=each.tests) for place, each in enumerate(principles)
    ]
    return Constitution(name="house", version="1.0.0", title="House", principles=tuple(named))


def test_each_baseline_by_hand() -> None:
    # better longer 3 of 4, shorter 1 of 4
    sides = [(LONG, SHORT)] * 3 + [(SHORT, LONG)]
    scores = baseline_scores(constitution(principle(*sides)))
    assert scores == {
        "longer": 0.75,
        "shorter": 0.25,
        "first": 0.5,
        "prompt-overlap": 0.5,
        "principle-overlap": 0.5,
    }


def test_overlap_counts_words_shared_by_words_in_all() -> None:
    # with the rule {greet, the, user}: "Greet the user" 3/3, "greet" 1/3; with the prompt {how, are, you}: 0, 0
    found = baseline_scores(
        constitution(principle(("Greet, the USER!", "greet"), prompt="How are you?")),
    )
    assert (found["principle-overlap"], found["prompt-overlap"]) == (1.0, 0.5)
    # more shared words, but drowned in others: 2/6 against 1/1 with the prompt {hello}
    found = baseline_scores(
        constitution(principle(("hello", "hello there my good old friend"), prompt="Hello"))
    )
    assert found["prompt-overlap"] == 1.0


def test_a_tie_is_half_right() -> None:
    scores = baseline_scores(constitution(principle(("same", "size"), ("fits", "well"))))
    assert (scores["longer"], scores["shorter"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("longer", "of", "flagged"),
    [(6, 10, []), (7, 10, ["longer"]), (3, 10, ["shorter"]), (4, 10, []), (10, 10, ["longer"])],
)
def test_above_six_in_ten_is_too_easy(longer: int, of: int, flagged: list[str]) -> None:
    sides = [(LONG, SHORT)] * longer + [(SHORT, LONG)] * (of - longer)
    assert list(too_easy(constitution(principle(*sides)))) == flagged


@pytest.mark.parametrize(
    ("sides", "flagged"),
    [
        ([(LONG, SHORT)], []),
        ([(LONG, SHORT), (SHORT, LONG)], []),
        ([(LONG, SHORT)] * 2, ["longer"]),
        ([(LONG, SHORT)] * 2 + [(SHORT, LONG)], []),
        ([(SHORT, LONG)] * 3, ["shorter"]),
        ([(LONG, SHORT)] * 3 + [(SHORT, LONG)], ["longer"]),
    ],
)
def test_of_few_tests_the_evenest_split_is_allowed(sides: list[tuple[str, str]], flagged: list[str]) -> None:
    assert list(too_easy(constitution(principle(*sides)))) == flagged


def test_it_counts_over_the_whole_file_and_not_by_principle() -> None:
    assert too_easy(constitution(principle(*[(LONG, SHORT)] * 3), principle(*[(SHORT, LONG)] * 3))) == {}


@pytest.mark.parametrize("habit", ["longer", "shorter", "prompt-overlap", "principle-overlap"])
def test_check_fails_a_file_whose_tests_reward_a_habit(habit: str) -> None:
    sides = {
        "longer": (LONG, SHORT),
        "shorter": (SHORT, LONG),
        "prompt-overlap": ("bake good bread", "fly large kites"),
        "principle-overlap": ("greet the user", "skip any words"),
    }[habit]
    planted = constitution(principle(*[sides] * 4, prompt="bake bread"))
    errors = [each.message for each in lint(planted) if each.level == "error"]
    assert any(f"`{habit}` alone passes 100% of the tests" in each for each in errors)


def test_no_tests_no_figures() -> None:
    assert baseline_scores(constitution(principle())) == {}
    assert too_easy(constitution(principle())) == {}


def test_no_baseline_knows_which_side_is_better() -> None:
    # swapping the sides of every test turns every score around
    sides = [(LONG, SHORT), ("greet the user now", "no"), (SHORT, LONG), ("Q", "x y z")]
    one = baseline_scores(constitution(principle(*sides)))
    other = baseline_scores(constitution(principle(*[(worse, better) for better, worse in sides])))
    assert {name: round(1 - score, 9) for name, score in one.items()} == other
    assert set(one) == set(BASELINES)
