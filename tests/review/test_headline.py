"""The headline says whether it helped, and never more than its interval allows."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.review.headline import headline
from tests.review.view.projects import row

FACTS: dict[str, Any] = {
    "command": "run",
    "config": {
        "recipe": {"name": "rlaif", "rounds": 1, "models": {"policy": "hf:org/small", "judge": "previous"}}
    },
}


@pytest.mark.parametrize(
    ("low", "high", "verdict", "begins"),
    [
        (0.6, 0.9, "better", "Better"),
        (0.1, 0.4, "worse", "Worse"),
        (0.4, 0.7, "unclear", "No"),
        (None, None, "none", "Gold"),
    ],
)
def test_the_verdict_is_that_of_the_interval(
    low: float | None, high: float | None, verdict: str, begins: str
) -> None:
    won = {"initial": {"win_rate": 0.6, "low": low, "high": high}}
    found = headline(FACTS, [row(0, 0.5), row(1, 0.75, against=won)])
    assert (found.verdict, found.helped.split(":")[0].split(",")[0].split()[0]) == (verdict, begins)
    assert "0.500 to 0.750" in found.helped


def test_models_are_named_and_never_by_a_digest() -> None:
    found = headline(FACTS, [row(0, 0.5), row(1, 0.75)])
    assert "org/small" in found.done
    assert "the newest policy" in found.done
    assert "b2:" not in found.done + found.helped
    assert found.short == "gold 0.500 → 0.750"


def test_a_run_before_its_first_round_claims_nothing() -> None:
    found = headline(FACTS, [row(0, 0.5)])
    assert (found.helped, found.short) == ("", "")


def test_an_evaluation_that_lost_says_no() -> None:
    rate = {"against": "micro", "win_rate": 0.3, "low": 0.2, "high": 0.4, "wins": 3, "losses": 7, "even": 0}
    found = headline(
        {
            "command": "evaluate",
            "summary": {"policy": "models/new", "judge": "micro", "prompts": 1000, "win_rates": [rate]},
        }
    )
    assert found.verdict == "worse"
    assert "1,000 held-out prompts" in found.done
    assert "Worse: it wins 0.300 [0.200, 0.400] against micro" in found.helped


def test_pairs_are_counted_and_nothing_is_claimed_of_help() -> None:
    found = headline({"command": "generate", "summary": {"pairs": 3, "prompts": 4, "pair_share": 0.75}})
    assert (found.verdict, found.helped) == ("none", "")
    assert found.short == "3 pairs, 75 % of prompts"


def test_a_run_that_kept_its_answers_says_what_its_ending_said() -> None:
    changed = {"before": 0.5, "after": 0.75, "change": 0.25, "low": 0.1, "high": 0.4, "prompts": 24}
    helped = {"judge": "micro", "constitution": "house 1.0.0", "against": "initial"}
    helped |= {"by": {"gold": {**changed, "by_principle": {}}}, "won": None}
    found = headline({**FACTS, "summary": {"helped": {"initial": helped}}}, [row(0, 0.5), row(1, 0.75)])
    assert found.verdict == "better"
    assert found.helped == (
        "Better: answers meet 0.75 of house 1.0.0 by gold, 0.50 before: +0.25 [+0.10, +0.40] on 24 prompts."
    )


@pytest.mark.parametrize(
    ("summary", "done", "brief"),
    [
        (
            {
                "judge": "hf:org/judge",
                "gold_set": "llmbar",
                "count": 419,
                "figures": {"accuracy": {"value": 0.75, "low": 0.7, "high": 0.8}},
            },
            "Checked the judge org/judge on 419 items of llmbar.",
            "accuracy 0.750 [0.700, 0.800]",
        ),
        (
            {
                "reward": "models/rm",
                "prompts": 16,
                "figures": [{"attack": "cut", "success": None}, {"attack": "a", "success": {"value": 0.5}}],
            },
            "Attacked the reward models/rm on 16 prompts.",
            "1 of 2 attacks succeeded",
        ),
        ({"cells": 75, "gold_by": "gold"}, "Measured 75 cells of the lab, by gold.", ""),
        ({}, "`rlaif other`.", ""),
    ],
)
def test_what_measures_says_what_it_measured_and_found(
    summary: dict[str, Any], done: str, brief: str
) -> None:
    found = headline({"command": "other", "summary": summary})
    assert (found.done, found.short) == (done, brief)
