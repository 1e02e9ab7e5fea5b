"""The place of an answer, and cycles, by hand."""

from __future__ import annotations

import math

import pytest

from rlaif.auditing.orders import order_figures
from rlaif.auditing.verdicts import verdicts

from .small import NONE, evidence, value


def figures(
    said: list[tuple[int, int, int, float]], prompt_of: list[int], principles: int = 1
) -> dict[str, float]:
    held = evidence(prompt_of, said=said, principles=principles)
    return {name: value(tally, name) for name, tally in order_figures(held, verdicts(held)).items()}


def test_orders_that_name_one_answer_agree_and_no_place_is_favoured() -> None:
    # two prompts; the first answer wins in both orders of the one, the second of the other
    found = figures([(0, 1, 0, 0.9), (1, 0, 0, 0.2), (2, 3, 0, 0.3), (3, 2, 0, 0.8)], [0, 0, 1, 1])
    assert found["order_disagreement"] == 0.0
    assert found["first_slot"] == 0.5


def test_a_judge_that_follows_the_place_disagrees_with_itself() -> None:
    found = figures([(0, 1, 0, 0.9), (1, 0, 0, 0.7), (2, 3, 0, 0.9), (3, 2, 0, 0.2)], [0, 0, 1, 1])
    assert found["order_disagreement"] == 0.5
    # of four verdicts three are for the answer shown first
    assert found["first_slot"] == 0.75


def test_ties_and_what_cannot_be_read_are_no_verdicts() -> None:
    said = [(0, 1, 0, 0.5), (1, 0, 0, 0.9), (2, 3, 0, NONE), (3, 2, 0, 0.9), (4, 5, 0, 0.9), (5, 4, 0, 0.1)]
    found = figures(said, [0, 0, 1, 1, 2, 2])
    assert found["order_disagreement"] == 0.0
    # of the pair with a tie one order says something; the pair with one order says nothing of orders
    assert found["first_slot"] == pytest.approx(2 / 3)


def test_principles_are_held_against_themselves_only_where_one_order_is_firm() -> None:
    said = [
        (0, 1, 0, 0.9), (1, 0, 0, 0.9), (0, 1, 1, 0.55), (1, 0, 1, 0.55),
        (2, 3, 0, 0.9), (3, 2, 0, 0.1), (2, 3, 1, 0.9), (3, 2, 1, 0.1),
    ]  # fmt: skip
    found = figures(said, [0, 0, 1, 1], principles=2)
    assert found["order_disagreement:rule-0"] == 0.5
    # 0.55 twice is a judge that sees no difference, not one that contradicts itself
    assert found["order_disagreement:rule-1"] == 0.0


def test_two_orders_are_compared_over_the_principles_that_were_read_in_both() -> None:
    # the second principle speaks for the other answer, and could be read in one order only
    said = [(0, 1, 0, 0.9), (1, 0, 0, 0.1), (0, 1, 1, NONE), (1, 0, 1, 0.97)]
    assert figures(said, [0, 0], principles=2)["order_disagreement"] == 0.0
    # where no principle was, each order says what it can
    assert figures([(0, 1, 0, 0.9), (1, 0, 1, 0.97)], [0, 0], principles=2)["order_disagreement"] == 1.0


@pytest.mark.parametrize(
    ("third", "cyclic"),
    [(0.9, 0.0), (0.1, 1.0)],
)
def test_three_answers_that_beat_each_other_in_a_circle(third: float, cyclic: float) -> None:
    both = [(0, 1, 0.9), (1, 2, 0.9), (0, 2, third)]
    said = [row for a, b, p in both for row in ((a, b, 0, p), (b, a, 0, 1 - p))]
    assert figures(said, [0, 0, 0])["cyclic"] == cyclic


def test_two_answers_make_no_circle() -> None:
    assert math.isnan(figures([(0, 1, 0, 0.9), (1, 0, 0, 0.1)], [0, 0])["cyclic"])
