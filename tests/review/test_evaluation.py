"""The page and the tables of an evaluation show its figures."""

from __future__ import annotations

from pathlib import Path

from rlaif.review.evaluation import WON, evaluation_tables
from rlaif.review.report import render_report

SUMMARY = {
    "policy": "models/r1",
    "judge": "micro",
    "prompts": 6,
    "win_rates": [
        {
            "against": "micro",
            "win_rate": 0.75,
            "low": 0.5,
            "high": 1.0,
            "wins": 4,
            "losses": 1,
            "even": 1,
            "failed": 0,
        }
    ],
    "gold": {
        "models/r1": {"mean": 0.5, "low": 0.4, "high": 0.6, "by_principle": {"greet": 1.0}},
        "micro": {"mean": 0.3, "low": 0.2, "high": 0.4, "by_principle": {"greet": 0.0, "brief": None}},
    },
}


def test_an_evaluation_has_a_table_of_win_rates_and_one_of_gold() -> None:
    won, gold = evaluation_tables(SUMMARY)
    assert won.title == "models/r1, judged by micro on 6 prompts"
    assert (won.head, won.rows) == (WON, [["micro", 0.75, 0.5, 1.0, 4, 1, 1, 0]])
    assert gold.title == ""
    assert gold.head == ("gold", "models/r1", "micro")
    assert ["brief", None, None] in gold.rows


def test_other_commands_have_no_such_tables() -> None:
    assert evaluation_tables({"pairs": 3}) == []
    assert evaluation_tables(None) == []


def test_the_page_of_an_evaluation_shows_its_figures_and_asks_for_no_review(tmp_path: Path) -> None:
    page = render_report(tmp_path, {"command": "evaluate", "status": "done", "summary": SUMMARY})
    assert "models/r1, judged by micro on 6 prompts" in page
    assert "0.750" in page
    assert "rlaif review" not in page


def test_the_page_of_a_run_that_was_interrupted_says_that_it_goes_on(tmp_path: Path) -> None:
    page = render_report(tmp_path, {"command": "generate", "status": "interrupted"})
    assert "the run was interrupted, and the same command goes on" in page


def test_sets_kl_and_groups_of_judges_have_tables_of_their_own() -> None:
    def figure(model: str, value: float, change: float | None) -> dict[str, object]:
        return {
            "set": "sums", "figure": "sums", "model": model, "value": value, "low": 0.1, "high": 0.9, "answers": 8,
            "before": change is not None, "change": change, "change_low": change, "change_high": change,
        }  # fmt: skip

    more = {
        "sets": [figure("models/r1", 0.75, None), figure("micro", 0.5, 0.25)],
        "kl": {"micro": {"value": 1.5, "low": 1.0, "high": 2.0, "answers": 8}},
        "by_group": {
            "micro": {
                "groups": {"old": {"value": 0.8, "low": 0.6, "high": 0.9, "prompts": 6}},
                "apart": {"old / young": {"value": 0.4, "low": 0.2, "high": 0.6, "prompts": 5}},
            }
        },
    }
    _, _, sets, far, groups = evaluation_tables({**SUMMARY, **more})
    assert sets.rows == [["sums", "sums", "micro", 0.5, 0.75, 0.25, 0.25, 0.25]]
    assert far.rows == [["micro", 1.5, 1.0, 2.0, 8]]
    assert [row[1] for row in groups.rows] == ["win rate by old", "prompts on which old / young part"]
    alone = evaluation_tables({"sets": [figure("models/r1", 0.75, None)]})
    assert alone[0].rows == [["sums", "sums", 0.75, 0.1, 0.9, 8]]
