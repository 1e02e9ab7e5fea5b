from __future__ import annotations

from pathlib import Path
from typing import Any

from rlaif.review.table_report import table_verdict, write_table

GAIN = {"value": 0.2, "low": 0.1, "high": 0.3, "chance": 0.001, "prompts": 30, "seeds": 1}


def row(recipe: str, **more: Any) -> dict[str, Any]:
    usual = {"baseline": False, "measures": "gold", "seeds": [0], "failed": {}, "gain": GAIN, "seconds": 20.0}
    return {"recipe": recipe, **usual, **more}


def found(*rows: dict[str, Any], beat: list[str]) -> dict[str, Any]:
    column = {"column": "good", "judge": "micro", "says": "good", "not_played": {}, "rows": list(rows)}
    return {"columns": [column], "beat": {"good": beat}, "quick": False, "budget": {}}


def test_the_verdict_counts_policies_and_no_baselines() -> None:
    result = found(row("a<b"), row("c"), row("base", baseline=True), beat=["a<b"])
    assert table_verdict(result) == (
        "better",
        "Recipes whose policy beats its start, after Holm, by judge: good: 1 of 2.",
    )
    assert table_verdict(found(row("c"), beat=[]))[0] == "unclear"


def test_the_page_escapes_names_and_tells_doubts(tmp_path: Path) -> None:
    result = found(row("a<b"), row("gone", gain=None, failed={"0": "no pair"}), beat=["a<b"])
    page = write_table(result, [("Title", ["recipe"], [["a<b"]])], tmp_path / "page.html").read_text()
    assert "a<b" not in page
    assert "a&lt;b" in page
    assert "1 cell failed" in page
    assert "One seed in good" in page
    assert "<svg" in page
