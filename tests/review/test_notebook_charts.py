"""Pictures in notebooks: colours as attributes, for there is no style sheet; labels stay labels."""

from __future__ import annotations

from rlaif.review.charts import PrincipleChange
from rlaif.review.notebook_charts import notebook_charts
from rlaif.review.panels import ChangePanel, LinePanel
from rlaif.review.plots.style import COLOURS

HOSTILE = '"><script>alert(1)</script><line class="l0"'


def panel(name: str = "gold") -> LinePanel:
    return LinePanel(
        title=name, x="round", y="share", series={name: [0.1, 0.4], "b": [0.3, None]}, at=[0.0, 1.0]
    )


def test_a_line_has_its_colour_and_its_dash_as_attributes_and_no_class_of_a_sheet() -> None:
    drawn = notebook_charts([panel()])
    assert f'stroke="{COLOURS[0]}"' in drawn
    assert f'stroke="{COLOURS[1]}" stroke-width="2" stroke-dasharray="6 3"' in drawn
    assert 'class="l0"' not in drawn
    assert "currentColor" in drawn


def test_hostile_names_stay_text() -> None:
    changed = ChangePanel(title="", x="", rows=[PrincipleChange(HOSTILE, 0.1, 0.2)], names=(HOSTILE, "after"))
    drawn = notebook_charts([panel(HOSTILE), changed])
    assert "<script" not in drawn
    assert HOSTILE not in drawn


def test_nothing_known_draws_nothing() -> None:
    empty = LinePanel(title="x", x="", y="", series={"a": [None]}, at=[0.0])
    assert notebook_charts([empty]) == ""
