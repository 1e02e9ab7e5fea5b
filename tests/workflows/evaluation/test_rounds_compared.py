"""Rounds against each other: who beat whom is read by prompt, and the table counts what was compared."""

from __future__ import annotations

import math

import pytest

from rlaif.exchange.measured import MeasuredAnswer
from rlaif.records import Completion, Message, Prompt
from rlaif.workflows.evaluation.rounds_compared import called, controlled_rate, strength_rows
from rlaif.workflows.evaluation.win_rate import AnswersCompared, WinRate


def prompt(number: int) -> Prompt:
    return Prompt(messages=(Message(role="user", content=f"question {number}"),))


def answered(number: int, *, beats: dict[int, str], text: str = "so") -> list[MeasuredAnswer]:
    """Ten answers; `beats` says of each earlier round how they fared: w, l or e, or . where the judge failed."""
    value = {"w": 1.0, "l": 0.0, "e": 0.5}
    return [
        MeasuredAnswer(
            model="policy",
            prompt=prompt(place),
            answer=Completion(prompt_id=prompt(place).id, text=text, policy=f"round-{number}"),
            beats={called(other): value[said[place]] for other, said in beats.items() if said[place] != "."},
        )
        for place in range(10)
    ]


def test_the_table_has_a_row_for_each_round_and_counts_what_was_compared() -> None:
    rows = strength_rows({0: answered(0, beats={}), 1: answered(1, beats={0: "wwwwwl...."})}, seed=0)
    assert [row["round"] for row in rows] == [0, 1]
    # 5 wins and a loss, and half a win each
    assert rows[1]["value"] == pytest.approx(math.log(5.5 / 1.5), abs=1e-6)


def test_a_round_that_was_compared_with_none_leaves_no_table() -> None:
    assert strength_rows({0: answered(0, beats={}), 1: answered(1, beats={})}, seed=0) == []
    assert strength_rows({0: answered(0, beats={})}, seed=0) == []


def test_lengths_are_those_of_the_two_answers_to_a_prompt() -> None:
    # a judge of length: the later round's answers are longer wherever they win
    first = answered(0, beats={}, text="a" * 50)
    later = [
        MeasuredAnswer(
            model="policy",
            prompt=each.prompt,
            answer=Completion(prompt_id=each.prompt.id, text="a" * (90 if place < 8 else 40), policy="p"),
            beats={called(0): 1.0 if place < 8 else 0.0},
        )
        for place, each in enumerate(first)
    ]
    _, row = strength_rows({0: first, 1: later}, seed=0)
    assert row["at_equal_length"] < row["value"]


def test_the_win_rate_at_equal_lengths_is_none_of_one_prompt() -> None:
    rate = WinRate(against="x", win_rate=1.0, low=0.2, high=1.0, wins=1, losses=0, even=0, failed=0)
    found = AnswersCompared(rate, {prompt(0).id: 1.0}, {})
    side = [Completion(prompt_id=prompt(0).id, text="so", policy="p")]
    assert controlled_rate(found, side, side, 0) is None
