from __future__ import annotations

from typing import Any

import pytest

from rlaif.review.panels import inline
from rlaif.review.table_panels import table_panels


def gain(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def found(*columns: dict[str, float | None]) -> dict[str, Any]:
    listed = [
        {
            "column": f"c{place}",
            "judge": "micro",
            "rows": [
                {"recipe": name, "gain": None if value is None else gain(value)}
                for name, value in own.items()
            ],
        }
        for place, own in enumerate(columns)
    ]
    return {"columns": listed}


def test_the_picture_has_a_row_for_each_figure_the_highest_first() -> None:
    [panel] = table_panels(found({"low": 0.1, "high": 0.2, "none": None}))
    assert [each.name for each in panel.rows] == ["high", "low"]
    assert panel.reference == 0.0


def test_all_panels_have_one_scale_that_holds_every_interval() -> None:
    one, other = table_panels(found({"a": 0.33}, {"a": -0.12}))
    assert one.limits == other.limits == (pytest.approx(-0.2), pytest.approx(0.4))
    assert "a" in inline(other)


def test_where_nothing_has_a_figure_there_is_no_picture() -> None:
    assert list(table_panels(found({"none": None}))) == []
