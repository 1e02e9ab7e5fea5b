"""Rows, differences and corrections of the table, from records that are made up here."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rlaif.workflows.lab.table.result import summed
from rlaif.workflows.lab.table.tables import across, grids, markdown, reasons

PROMPTS = [f"p{n}" for n in range(30)]


def record(recipe: str, column: str, seed: int, gain: float, **more: Any) -> dict[str, Any]:
    rng = random.Random(f"{recipe} {seed}")
    start = {name: rng.uniform(0.3, 0.5) for name in PROMPTS}
    return {
        "cell": {"recipe": recipe, "column": column, "seed": seed},
        "key": "",
        "figure": "gold",
        "by_prompt": {name: value + gain + rng.gauss(0, 0.02) for name, value in start.items()},
        "start": start,
        "won": dict.fromkeys(PROMPTS, 0.75),
        "kl": 2.0,
        "words": 30.0,
        "start_words": 35.0,
        "spent": {"answers": 100, "judge_calls": 1000, "tokens": 5000},
        "labels": {"pairs": 50, "wrong": 5, "answers": 200, "dealt": 40},
        "seconds": 20.0,
        **more,
    }


def failed(recipe: str, column: str, seed: int, why: str) -> dict[str, Any]:
    spent = {"answers": 100, "judge_calls": 1000, "tokens": 5000}
    cell = {"recipe": recipe, "column": column, "seed": seed}
    return {"cell": cell, "key": "", "failed": why, "spent": spent, "seconds": 3.0}


def whole(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {**summed(records), "quick": False, "measured": 30, "draws": 1}


def rows(found: dict[str, Any], column: str) -> dict[str, dict[str, Any]]:
    return {
        row["recipe"]: row for each in found["columns"] if each["column"] == column for row in each["rows"]
    }


def test_a_recipe_that_gains_in_all_seeds_beats_its_start_and_one_that_gains_nothing_does_not() -> None:
    found = summed(
        [
            *(record("ai-feedback", "good", seed, 0.2) for seed in range(3)),
            *(record("thumbs", "good", seed, 0.0) for seed in range(3)),
            *(record("rlcd", "good", seed, -0.2) for seed in range(3)),
        ]
    )
    own = rows(found, "good")
    assert own["ai-feedback"]["verdict"] == "beats its start"
    assert own["thumbs"]["verdict"] == "no clear change"
    assert own["rlcd"]["verdict"] == "worse than its start"
    assert found["beat"] == {"good": ["ai-feedback"]}
    assert own["ai-feedback"]["gain"]["value"] == pytest.approx(0.2, abs=0.02)
    assert own["ai-feedback"]["chance"] >= own["ai-feedback"]["gain"]["chance"]


def test_baselines_are_no_part_of_the_correction() -> None:
    alone = rows(summed([record("ai-feedback", "good", 0, 0.02)]), "good")["ai-feedback"]
    beside = summed([record("ai-feedback", "good", 0, 0.02), record("gold-judge", "good", 0, 0.02)])
    assert rows(beside, "good")["ai-feedback"]["chance"] == alone["chance"]
    assert rows(beside, "good")["gold-judge"]["chance"] is None


def test_a_worse_judge_is_held_against_the_good_one_on_the_seeds_that_both_have() -> None:
    found = summed(
        [
            *(record("ai-feedback", "good", seed, 0.3) for seed in range(5)),
            *(record("ai-feedback", "noisy", seed, 0.1) for seed in range(3)),
        ]
    )
    against = rows(found, "noisy")["ai-feedback"]["against_good"]
    assert against["seeds"] == 3
    assert against["value"] == pytest.approx(-0.2, abs=0.02)


def test_a_failed_cell_has_its_reason_and_no_figure_and_what_it_spent_counts() -> None:
    found = whole(
        [record("ai-feedback", "good", 0, 0.2), failed("ai-feedback", "failing", 0, "no pair was made")]
    )
    row = rows(found, "failing")["ai-feedback"]
    assert (row["gain"], row["value"], row["verdict"]) == (None, None, "failed")
    assert row["judge_calls"] == 1000
    assert ["ai-feedback", "failing, seed 0: no pair was made"] in reasons(found)


def test_the_label_error_is_of_pairs_that_gold_distinguishes_and_what_was_dealt_stands_beside_it() -> None:
    row = rows(summed([record("ai-feedback", "noisy", seed, 0.1) for seed in range(2)]), "noisy")[
        "ai-feedback"
    ]
    assert row["label_error"] == pytest.approx(0.1)
    assert row["dealt"] == pytest.approx(0.2)


def test_side_by_side_a_recipe_without_an_outside_judge_is_not_applicable_with_the_reason() -> None:
    found = whole(
        [
            record("rlcd", "good", 0, 0.1),
            record("ai-feedback", "good", 0, 0.2),
            record("ai-feedback", "weak", 0, 0.1),
        ]
    )
    head, listed = across(found)
    assert head == ["recipe", "good: micro", "weak: micro:weak"]
    assert next(row for row in listed if row[0] == "rlcd")[2] == "n/a"
    assert ["rlcd", "n/a: contrasting instructions make both sides"] in reasons(found)


def test_the_page_in_markdown_has_all_tables_with_rows_as_wide_as_their_heads() -> None:
    found = whole([record("ai-feedback", "good", 0, 0.2), record("ai-feedback", "noisy", 0, 0.1)])
    text = markdown(found)
    assert all(f"## {title}" in text for title, _, _ in grids(found))
    assert all(len(row) == len(head) for _, head, listed in grids(found) for row in listed)
    assert "budget" in text.casefold()
