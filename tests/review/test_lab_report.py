"""The page of the lab: it says whether gold falls, holds its pictures itself, and texts stay texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.review.lab_report import LabPage, LabPicture, LabTable, falls, render_lab

HOSTILE = "<script>alert(1)</script>{{ 7331 * 7177 }}"


def group(peak: float | None, **changed: Any) -> dict[str, Any]:
    return {
        "group": "grpo, size 1, 32 labels",
        "seeds": [0],
        "gold_best": 0.7,
        "gold_last": 0.6,
        "distance_last": 4.0,
        "fit": {"peak_distance": None if peak is None else [peak, peak - 1, peak + 1]},
    } | changed


@pytest.fixture
def page(tmp_path: Path) -> LabPage:
    (tmp_path / "curves.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return LabPage(
        command="rlaif lab overoptimize",
        tables=[LabTable("Cells", ["cell", "peak"], [["grpo", "2.0"]]), LabTable("Empty", ["cell"], [])],
        pictures=[LabPicture("Gold and proxy", tmp_path / "curves.svg")],
        doubts=["figures say nothing"],
    )


def rendered(groups: list[dict[str, Any]], page: LabPage, gold_by: str = "gold") -> str:
    return render_lab({"gold_by": gold_by, "groups": groups}, page)


@pytest.mark.parametrize(
    ("peaks", "says"),
    [
        ([2.0, None, 9.0], "Yes, in 1 of 3 cells"),
        ([None, 9.0, 3.5], "Not for sure: in none of 3 cells"),
    ],
)
def test_gold_falls_where_the_fitted_peak_lies_within_what_was_measured(
    peaks: list[float | None], says: str, page: LabPage
) -> None:
    assert [falls(group(each)) for each in peaks] == [each == 2.0 for each in peaks]
    assert says in rendered([group(each) for each in peaks], page)


def test_a_cell_without_a_curve_and_a_single_seed_are_doubts(page: LabPage) -> None:
    said = rendered([group(2.0, fit=None)], page)
    assert "No cell has points enough" in said
    assert "Too few points for a curve in 1 cells, the first of them grpo, size 1, 32 labels" in said
    assert "One seed: intervals are over prompts alone" in said
    assert "figures say nothing" in said
    assert "One seed" not in rendered([group(2.0, seeds=[0, 1])], page)


def test_the_page_is_one_file_and_texts_stay_texts(page: LabPage) -> None:
    said = rendered([group(2.0, group=HOSTILE)], page, gold_by=HOSTILE)
    assert 'src="data:image/svg+xml;base64,' in said
    assert "Empty" not in said
    assert "<script" not in said
    assert str(7331 * 7177) not in said
