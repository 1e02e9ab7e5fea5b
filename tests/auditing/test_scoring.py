"""The published ways of counting, by hand arithmetic on cases that tell them apart from the plain mean."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rlaif.auditing.scoring import (
    MATH_WEIGHT,
    RatedChoice,
    credit,
    judgebench,
    rewardbench,
    rewardbench_2,
    ties,
)
from rlaif.exchange.benchmarks import LOST, GoldChoice, RecordedVerdict
from rlaif.records import Message, Prompt, State

from .test_comparisons import TIE, Judged, judged, pair, verdict

RIGHT, WRONG = verdict(1.0), verdict(0.0)


def test_judgebench_counts_right_and_tie_but_not_right_and_wrong() -> None:
    orders: list[tuple[RecordedVerdict, RecordedVerdict]] = [
        (RIGHT, RIGHT),
        (RIGHT, TIE),
        (RIGHT, WRONG),
        (RIGHT, LOST),
        (WRONG, WRONG),
        (LOST, LOST),
        (TIE, TIE),
        (LOST, TIE),
    ]
    rows = [judged(pair("a", "b", name=str(n)), *each) for n, each in enumerate(orders)]
    assert judgebench(rows) == {
        "official": 100 * 3 / 8,
        "both_correct": 100 * 1 / 8,
        "inconsistent": 100 * 4 / 8,
        "null_pairs": 3.0,
    }


def test_judgebench_scores_each_source_too() -> None:
    sources = [("mmlu-pro", RIGHT, RIGHT), ("mmlu-pro", WRONG, WRONG), ("livecodebench", RIGHT, LOST)]
    rows = [
        Judged(
            pair=replace(pair("a", "b", name=str(n)), category=source),
            orders=judged(pair("a", "b"), *said).orders,
        )
        for n, (source, *said) in enumerate(sources)
    ]
    found = judgebench(rows)
    assert found["official"] == pytest.approx(100 * 2 / 3)
    assert (found["official: mmlu-pro"], found["official: livecodebench"]) == (50.0, 100.0)


def of(subset: str, *rights: RecordedVerdict) -> list[Judged]:
    return [
        judged(pair("a", "b", category=subset, name=f"{subset}{n}"), each, each)
        for n, each in enumerate(rights)
    ]


def test_rewardbench_1_weighs_subsets_by_rows_and_math_as_much_as_code() -> None:
    rows = [
        *of("alpacaeval-easy", RIGHT, RIGHT, RIGHT),
        *of("mt-bench-med", WRONG),
        *of("math-prm", RIGHT),
        *of("hep-cpp", WRONG, LOST),
    ]
    found = rewardbench(rows)
    # what cannot be read has half a credit here, and only here
    reasoning = 100 * (MATH_WEIGHT * 1 + 2 * 0.25) / (MATH_WEIGHT + 2)
    assert found == pytest.approx({"Chat": 75.0, "Reasoning": reasoning, "total": (75 + reasoning) / 2})


def choice(name: str, right: int, *numbers: float | None, subset: str = "Ties") -> RatedChoice:
    prompt = Prompt(messages=(Message(role="user", content=name),))
    texts = tuple(f"{name} {n}" for n in range(len(numbers)))
    return RatedChoice(
        choice=GoldChoice(id=name, prompt=prompt, texts=texts, right=right, category=subset), numbers=numbers
    )


@pytest.mark.parametrize(
    ("numbers", "worth"),
    [
        ((0.9, 0.1, 0.2, 0.3), 1.0),
        ((0.9, 0.9, 0.2, 0.3), 0.5),
        ((0.5, 0.5, 0.5, 0.5), 0.25),
        ((0.1, 0.9, 0.2, 0.3), 0.0),
        ((0.9, None, 0.2, 0.3), 0.25),
    ],
)
def test_rewardbench_2_shares_a_point_among_equals(numbers: tuple[float | None, ...], worth: float) -> None:
    assert credit(choice("1", 1, *numbers)) == worth


def test_the_score_of_ties_is_the_value_by_hand() -> None:
    rows = [
        # several right: apart by .2, above the wrong one by .3
        choice("tied:0", 2, 0.9, 0.7, 0.4),
        choice("ref:0", 1, 0.8, 0.7),
        # several right, one of them below the wrong one
        choice("tied:1", 2, 0.9, 0.3, 0.4),
        choice("ref:1", 1, 0.8, 0.2),
    ]
    bends = [math.tanh(0.1 / 0.2 - 1), math.tanh(-0.1 / 0.6 - 1)]
    expected = 0.3 * 0.5 + 0.3 * 1.0 + 0.2 * 0.5 + 0.2 * 0.0 + 0.01 * sum(bends) / 2
    assert ties(rows) == pytest.approx(expected)


def test_the_total_of_rewardbench_2_is_the_mean_of_its_subsets() -> None:
    rows = [
        choice("1", 1, 0.9, 0.1, subset="Math"),
        choice("2", 1, 0.1, 0.9, subset="Math"),
        choice("3", 1, 0.9, 0.1, subset="Focus"),
    ]
    assert rewardbench_2(rows) == {"Math": 50.0, "Focus": 100.0, "total": 75.0}


def test_what_could_not_be_read_is_above_nothing() -> None:
    assert ties([choice("tied:0", 2, 0.9, None, 0.1), choice("ref:0", 1, None, 0.1)]) < 0.01
    assert State.UNREADABLE is LOST.state
